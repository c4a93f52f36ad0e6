//! The words that the scanners know, in English, Spanish, French and Portuguese, already folded.

/// A dot in words.
pub const DOT_WORDS: &[&str] = &["dot", "d0t", "punto", "point", "ponto"];

/// With one of these before it "point" is a time or a place, not a dot: "at some point".
pub const DETERMINERS: &[&str] = &[
    "a", "another", "any", "certain", "each", "every", "one", "some", "that", "the", "this",
    "what", "which",
];

/// Words for the signs inside the part before the at sign.
pub const JOINERS: &[(&str, char)] = &[
    ("dot", '.'),
    ("d0t", '.'),
    ("punto", '.'),
    ("point", '.'),
    ("ponto", '.'),
    ("underscore", '_'),
    ("underline", '_'),
    ("subrayado", '_'),
    ("soulignement", '_'),
    ("dash", '-'),
    ("hyphen", '-'),
    ("guion", '-'),
    ("tiret", '-'),
    ("hifen", '-'),
    ("traco", '-'),
];

/// "guion bajo", "tiret bas", "traço baixo": the low dash.
pub const LOW: &[&str] = &["bajo", "bas", "baixo"];

/// What a reader takes for the end of a domain even where the dot is spaced or spelled.
#[rustfmt::skip]
pub const GENERIC: &[&str] = &[
    "com", "net", "org", "info", "biz", "edu", "gov", "io", "co", "app", "dev", "xyz", "me", "email",
    "online", "site", "shop", "store", "pro", "mail", "tech", "cloud", "website", "live", "services", "plumbing", "pm",
];

/// Country codes that are also words of our languages: only a dot without spaces makes them domains.
#[rustfmt::skip]
pub const WORDY: &[&str] = &[
    "ai", "al", "am", "ao", "as", "at", "be", "by", "ca", "de", "do", "es", "et", "eu",
    "id", "il", "im", "in", "is", "it", "je", "la", "ma", "me", "mo", "my", "na", "ne",
    "no", "pa", "pm", "ps", "re", "se", "si", "so", "st", "su", "to", "tu", "us", "va",
    "ve", "vi",
];

/// What may follow a provider with the dot left out: "gmailcom".
pub const GLUED: &[(&str, &str)] = &[
    ("com", "com"),
    ("comcom", "com"),
    ("es", "es"),
    ("fr", "fr"),
    ("net", "net"),
    ("couk", "co.uk"),
    ("combr", "com.br"),
    ("comar", "com.ar"),
    ("commx", "com.mx"),
    ("ptcom", "com"),
    ("me", "me"),
];

/// Words that stand before "at" or "@" in ordinary prose, so they are nobody's account.
#[rustfmt::skip]
pub const NOT_LOCAL: &[&str] = &[
    "a", "account", "address", "adresse", "an", "and", "are", "arrive", "arriving", "available", "back", "based", "be", "but",
    "buy", "by", "call", "check", "compte", "conta", "contact", "correo", "cost", "courriel", "cuenta", "day", "days", "direccion",
    "do", "done", "each", "email", "endereco", "esta", "estamos", "estoy", "find", "for", "found", "from", "get", "go",
    "good", "have", "he", "her", "here", "him", "his", "home", "hour", "hours", "i", "in", "inbox", "is",
    "it", "items", "job", "jobs", "listed", "live", "located", "log", "login", "look", "looking", "mail", "me", "meet",
    "mi", "mine", "moi", "my", "not", "now", "of", "off", "on", "one", "online", "only", "open", "or",
    "order", "our", "out", "over", "page", "paid", "para", "password", "pay", "por", "pour", "price", "prices", "pro",
    "reach", "sale", "saw", "see", "seen", "sell", "she", "shop", "show", "sign", "site", "sold", "start", "starting",
    "stay", "still", "stop", "store", "suis", "sur", "that", "the", "them", "there", "they", "this", "time", "to",
    "today", "tomorrow", "two", "up", "us", "visit", "was", "we", "website", "week", "were", "with", "work", "working",
    "works", "write", "you", "your",
];

/// What follows "my gmail is" when it is no account: "my gmail is full".
#[rustfmt::skip]
pub const NOT_ACCOUNT: &[&str] = &[
    "account", "acting", "also", "always", "back", "better", "broken", "disabled", "down", "empty", "fine", "full", "gone", "good",
    "hacked", "here", "inbox", "locked", "never", "offline", "okay", "old", "personal", "private", "same", "safe", "slow", "spam",
    "still", "there", "weird", "working", "llena", "lleno", "plein", "pleine", "cheia", "cheio", "bloqueada", "bloqueado", "bloque", "mejor",
    "nuevo", "nueva", "nouveau", "privado", "prive",
];
