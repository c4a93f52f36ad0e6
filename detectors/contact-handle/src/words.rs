//! The words that the rules know, in English, Spanish, French and Portuguese, already folded.

/// What may stand between a service and the account there: "insta username is".
#[rustfmt::skip]
pub const NOUNS: &[&str] = &[
    "id", "user", "username", "usuario", "usuaria", "handle", "account", "acct", "acc", "name", "nick", "nickname", "pseudo", "tag",
    "profile", "perfil", "profil", "page", "pagina", "cuenta", "conta", "compte", "nombre", "nom", "nome", "gamertag", "utilisateur", "identifiant",
    "alias", "app", "messenger", "arroba", "add",
];

/// What leads from a service to the account there.
#[rustfmt::skip]
pub const LINKS: &[&str] = &[
    "is", "its", "it's", "es", "est", "c'est", "e", "eh", "under", "called", "named", "as", "with", "como",
    "comme", "by", "sous", "con", "com", "avec", "bajo", "are",
];

/// What may stand between the link and the account.
#[rustfmt::skip]
pub const FILLERS: &[&str] = &["me", "i'm", "im", "i", "am", "soy", "sou", 
    "my", "the", "it's", "its", "just", "mi", "mon", "c'est", "meu", "o", "user", "add", "username", "usuario",
    "name",
];

/// What may stand between an account and a service that follows it.
#[rustfmt::skip]
pub const SMALL: &[&str] = &[
    "on", "in", "at", "via", "over", "my", "the", "en", "el", "la", "mi", "sur", "mon", "le",
    "no", "na", "meu", "o", "a", "por", "pelo", "del", "do", "for", "to", "from", "there", "also",
];

/// Those of [`SMALL`] that join an account to a service.
pub const PREPOSITIONS: &[&str] =
    &["on", "in", "at", "via", "en", "sur", "no", "na", "por", "pelo", "del", "do", "over"];

/// What goes on after an account that ends its phrase: "insta: name or call".
#[rustfmt::skip]
pub const CONNECTIVES: &[&str] = &[
    "and", "or", "if", "y", "o", "et", "ou", "e", "pls", "please", "for", "so", "but", "thanks",
    "ok", "por", "si", "se", "on", "in", "there", "gracias", "merci", "obrigado", "x", "when", "then", "msg",
    "add", "dm",
];

/// Endings of ordinary words of fewer than ten letters.
pub const ENDINGS: &[&str] = &["ing", "ed", "ly", "tion", "ment"];

/// Words that are nobody's account. Sorted: it is searched by halves.
#[rustfmt::skip]
pub const ORDINARY: &[&str] = &[
    "abajo", "about", "above", "active", "actually", "add", "after", "again", "ago", "agora", "ahi", "ahora", "ainda", "algo",
    "alguem", "alguien", "ali", "all", "alli", "almost", "already", "also", "although", "always", "amanha", "amazing", "amigo", "and",
    "another", "antes", "any", "anyone", "app", "aqui", "are", "around", "arriba", "asi", "ask", "assim", "ate", "aun",
    "aussi", "available", "avant", "avec", "avez", "avis", "away", "awesome", "awful", "bad", "bath", "bathroom", "beau", "beaucoup",
    "because", "been", "before", "being", "belle", "bem", "best", "better", "between", "bien", "big", "bill", "blocked", "boa",
    "board", "bom", "bon", "bonjour", "bonne", "booster", "both", "broken", "bruit", "buena", "bueno", "busca", "busy", "but",
    "buy", "cable", "cada", "call", "came", "can", "cannot", "car", "caro", "casa", "casi", "cela", "celui", "cerca",
    "chat", "cheap", "check", "cheio", "chez", "cima", "claro", "clean", "clear", "client", "cliente", "clientes", "clients", "closed",
    "coisa", "com", "come", "comme", "comment", "comments", "como", "company", "compte", "con", "connect", "conta", "contact", "cool",
    "cosa", "cosas", "could", "cual", "cualquier", "cuando", "cuenta", "customers", "daily", "dame", "dans", "dead", "deal", "debajo",
    "decir", "del", "dela", "dele", "deleted", "demain", "dentro", "depois", "depuis", "desde", "despues", "dessous", "dessus", "deux",
    "devis", "dia", "dias", "did", "different", "disabled", "dispo", "disponible", "does", "doing", "donc", "donde", "done", "dos",
    "down", "drawing", "dry", "each", "early", "easy", "ela", "ele", "eles", "ella", "elle", "elles", "ellos", "else",
    "email", "embora", "empty", "encore", "end", "entao", "entonces", "entre", "era", "eres", "ese", "eso", "essa", "esse",
    "est", "esta", "estan", "estao", "estar", "este", "esto", "estou", "estoy", "even", "ever", "every", "everyone", "everything",
    "faire", "fait", "fake", "fast", "favor", "few", "file", "find", "findable", "fine", "first", "five", "fix", "floor",
    "fois", "for", "fora", "foto", "fotos", "four", "free", "friend", "friends", "from", "front", "fuera", "full", "fun",
    "gallery", "gente", "get", "give", "gone", "good", "got", "gracias", "great", "group", "groupe", "groups", "grupo", "hace",
    "hacer", "hacked", "had", "half", "handy", "happy", "hard", "harder", "has", "hasta", "have", "hay", "help", "her",
    "here", "hers", "heure", "heures", "hier", "him", "his", "hoje", "hola", "home", "hora", "horas", "hot", "hour",
    "hours", "house", "how", "hoy", "ici", "idea", "ideas", "igual", "images", "inspiration", "instead", "interior", "into", "isso",
    "issue", "isto", "its", "jamais", "jammer", "job", "jobs", "jolies", "jolis", "jour", "jours", "junto", "just", "keep",
    "kind", "kitchen", "know", "lado", "las", "last", "late", "later", "leave", "legal", "less", "let", "leur", "libre",
    "life", "light", "like", "line", "link", "list", "listed", "little", "live", "local", "locked", "logo", "lol", "long",
    "longe", "look", "loose", "los", "lot", "love", "low", "luego", "lundi", "lunes", "made", "mail", "main", "mais",
    "maison", "make", "mal", "malo", "manana", "manha", "many", "marketplace", "mas", "matin", "maybe", "mejor", "melhor", "meme",
    "menos", "mensaje", "menu", "merci", "mesma", "mesmo", "message", "messages", "meu", "mia", "mieux", "might", "mine", "minha",
    "mio", "misma", "mismo", "missing", "moi", "moins", "mon", "more", "mort", "most", "moyen", "much", "mucho", "muito",
    "must", "muy", "nada", "nadie", "name", "nao", "near", "need", "neighbors", "neighbours", "nem", "nenhum", "never", "new",
    "news", "next", "nice", "nine", "nobody", "noche", "noise", "nom", "nombre", "nome", "non", "none", "nos", "nosotros",
    "nosso", "not", "nothing", "notre", "nous", "nouveau", "nouvelle", "nova", "novo", "now", "nuestra", "nuestro", "nueva", "nuevo",
    "nul", "number", "nunca", "obrigado", "off", "office", "often", "oito", "old", "once", "onde", "one", "online", "only",
    "ontem", "open", "order", "other", "otimo", "otra", "otro", "oui", "our", "ours", "out", "outra", "outro", "ouvert",
    "over", "own", "page", "pages", "paint", "par", "para", "parado", "parce", "pareil", "part", "pas", "pela", "pelo",
    "pendant", "people", "perfect", "perfil", "pero", "personal", "perto", "peu", "peut", "phone", "photo", "photos", "pic", "pics",
    "picture", "pictures", "pipe", "place", "plan", "please", "plein", "plus", "poco", "pode", "poor", "por", "porque", "post",
    "posting", "posts", "pouco", "pour", "pourquoi", "power", "precio", "precios", "preco", "precos", "price", "prices", "privado", "private",
    "prive", "prix", "problem", "problema", "probleme", "profile", "pronto", "public", "publique", "pues", "quand", "quando", "quase", "quatro",
    "que", "quel", "quelqu", "quem", "qui", "quick", "quien", "quiet", "quite", "quoi", "rapido", "reachable", "ready", "real",
    "really", "reels", "reliable", "review", "reviews", "rien", "right", "ruim", "salle", "same", "sans", "say", "see", "seen",
    "seguro", "selling", "sem", "sempre", "send", "ser", "servico", "ses", "set", "seu", "seven", "several", "shop", "short",
    "should", "show", "shower", "siempre", "sim", "sin", "sink", "site", "six", "size", "slow", "small", "sobre", "soir",
    "soit", "solo", "some", "someone", "something", "son", "sont", "soon", "sous", "souvent", "soy", "spam", "sports", "start",
    "status", "still", "stories", "story", "strength", "strong", "stuff", "sua", "such", "sunday", "sur", "sure", "tambem", "tambien",
    "tap", "tard", "tarde", "team", "tem", "ten", "tengo", "tenho", "tes", "test", "than", "thank", "thanks", "that",
    "the", "their", "them", "then", "there", "these", "they", "thing", "things", "think", "this", "those", "three", "tiempo",
    "tiene", "tile", "tiles", "time", "today", "todo", "todos", "tomorrow", "tonight", "too", "top", "tous", "tout", "toute",
    "town", "trabajo", "trabajos", "trabalho", "trabalhos", "travail", "travaux", "tres", "trois", "trop", "tudo", "tuesday", "tus", "two",
    "uma", "una", "under", "une", "uno", "until", "update", "use", "used", "useful", "user", "username", "usted", "vale",
    "ver", "vers", "very", "vez", "vide", "video", "videos", "viernes", "view", "vite", "vivo", "voce", "voici", "voir",
    "vos", "votre", "vous", "vrai", "wait", "wall", "was", "water", "way", "weak", "week", "weekend", "weird", "well",
    "went", "were", "wet", "what", "when", "where", "which", "while", "white", "who", "why", "will", "wire", "wiring",
    "with", "won", "work", "works", "worse", "would", "wrong", "yes", "yesterday", "yet", "you", "your", "yours", "zero",
];
