//! What is said around an account, as small automata over a bounded window.

use std::cell::OnceCell;
use std::ops::Range;

use picket_sdk::text::Patterns;

use crate::read;

/// The compiled phrases.
pub struct Phrases {
    pointer: Patterns,
    introduces: Patterns,
    seeks: Patterns,
    writes: Patterns,
    calls: Patterns,
}

const NAME: &str =
    r"(?:user ?names?|names?|handles?|id|nick(?:name)?|accounts?|profiles?|tag|user|pic|number)";

/// What goes on after a pointer: "same name as here".
#[rustfmt::skip]
const TAIL: &[&str] = &[
    "as", "on", "here", "i", "use", "my", "username", "name", "que", "aqui", "aca", "de", "usuario", "ici",
    "qu'ici", "daqui", "this", "app", "site", "profile", "utilisateur",
];
const TAIL_MAX: usize = 5;

/// Words of one's own: "my insta".
#[rustfmt::skip]
const MINE: &[&str] = &[
    "my", "mine", "our", "mi", "mis", "mon", "ma", "mes", "meu", "minha", "nosso", "nuestro", "notre", "username",
    "usuario", "handle", "pseudo", "account", "cuenta", "conta", "compte", "perfil", "profil",
];
const MINE_MAX: usize = 4;

/// Words that lead to a service: "on signal".
const LEADS: &[&str] =
    &["on", "in", "en", "sur", "no", "na", "at", "via", "over", "al", "por", "pelo"];
const ARTICLES: &[&str] = &["the", "le", "el", "la"];
const POSSESSIVES: &[&str] = &["my", "mi", "mon", "meu"];

impl Phrases {
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            pointer: Patterns::new(&[
                format!(r"\bsame (?:exact )?{NAME}\b"),
                format!(r"\b(?:look|search|looking|find|type|under|use)(?: for)?(?: up)? my (?:full |business )?{NAME}\b"),
                format!(r"\bmy {NAME} (?:from |on |as )?here\b"),
                r"\bsame as (?:on )?(?:here|this app|this one|my)\b".to_owned(),
                r"\b(?:name|username|user|handle|profile)(?:'s| is) (?:the )?same\b".to_owned(),
                r"\bmism[oa]s? (?:nombre|usuario|user|nick|cuenta|alias|perfil|arroba)\b".to_owned(),
                r"\b(?:igual que (?:aqui|aca)|(?:busca|buscame por|pon) mi (?:nombre|usuario|perfil))\b".to_owned(),
                r"\bmeme (?:pseudo|nom|compte|identifiant|profil|photo)\b".to_owned(),
                r"\b(?:comme ici|cherche mon (?:nom|pseudo|profil))\b".to_owned(),
                r"\bmesm[oa] (?:nome|usuario|user|nick|conta|perfil|arroba)\b".to_owned(),
                r"\b(?:igual (?:daqui|aqui)|procura (?:o )?meu (?:nome|usuario|perfil))\b".to_owned(),
            ])?,
            introduces: Patterns::new(&[
                r"\b(?:i'?m|i am|im|called|named|user|username|handle|under|soy|me llamo|je suis|j'suis|sou|sou o|sou a|usuario|pseudo|nick|name(?:'s| is))(?: is| es| est| e)?[ :]{1,2}$",
                r"\b(?:add|follow|agrega a|agrega|sigue a|ajoute|suis|adiciona|segue)(?: me)?[ :]{1,2}$",
            ])?,
            seeks: Patterns::new(&[
                r"\b(?:find|add|follow|search|look|see|catch|friend|check)(?: for)? (?:me|us)(?: up| out)?(?: over)? (?:on|in|at|via|through|by)(?: my| the| that)? ?",
                r"\b(?:my|our) (?:page|profile|account|portfolio)(?:'s| is)? on(?: my| the)? ?",
                r"\b(?:buscame|agregame|sigueme|encuentrame|anadame|anademe|anademe|me encuentras|me puedes encontrar|estoy)(?: como)?(?: en| al| por)(?: el| la| mi)? ?",
                r"\b(?:trouve|ajoute|cherche|suis)[zs]?[ -](?:moi|nous)(?: sur| dans| via)(?: l'| le| la| mon)? ?",
                r"\b(?:me (?:procura|procure|acha|ache|adiciona|adicione|segue|siga|encontra|encontre)|procura por mim)(?: no| na| pelo| la no)?(?: meu| minha| o)? ?",
            ])?,
            writes: Patterns::new(&[
                r"\b(?:hit|message|text|dm|msg|pm|reach|contact|chat|talk|ping|write|call|get)(?: to| with)? (?:me|us)(?: up| back)?(?: over)? (?:on|in|at|via|through|by)(?: my| the| that)? ?",
                r"\b(?:escribeme|escribame|hablame|mandame|contactame)(?: un mensaje)? (?:en|por|al|a)(?: el| la| mi)? ?",
                r"\b(?:ecris|ecrivez|parle|contacte|contactez)[ -]moi (?:sur|via|par)(?: l'| le| la)? ?",
                r"\bme (?:chama|chame|manda|escreve|escreva|liga)(?: uma mensagem)? (?:no|na|pelo|la no)(?: meu| minha| o)? ?",
            ])?,
            calls: Patterns::new(&[
                r"\b(?:find|add|follow|dm|message|msg|pm|hit|search|tag|ping|text|look)(?: for)? (?:me|us)(?: up)?(?: at| on| in| as| under)?(?: it'?s)?[ :,]{0,2}$",
                r"\b(?:dm|follow|add|pm|msg)[ :]{1,2}$",
                r"\b(?:my|our|mi|mon|meu) (?:handle|user ?name|user|socials?|tag|arroba|usuario|pseudo|nick|ig|profile|insta)(?: is| es| est| e|'s)?(?: on everything| elsewhere)?[ :,]{1,2}$",
                r"\b(?:buscame|agregame|sigueme|encuentrame)(?: como| en)?[ :,]{1,2}$",
                r"\b(?:ajoute|cherche|trouve|suis)[zs]?[ -]moi(?: sous| sur)?[ :,]{1,2}$",
                r"\bme (?:procura|acha|adiciona|segue|chama|encontra)(?: como| no| la)?[ :,]{1,2}$",
            ])?,
        })
    }

    /// Whether `before` says that a name follows: "I'm", "user".
    pub fn introduces(&self, before: &str) -> bool {
        self.introduces.is_match(before)
    }

    /// Where the words start that ask to be looked up under the name that follows `before`.
    pub fn calls(&self, before: &str) -> Option<usize> {
        self.calls.find_iter(before).next().map(|found| found.range.start)
    }
}

/// The phrases of one text. Each kind is looked for once, when a mention first asks: a text full of
/// mentions then costs what it is long.
pub struct Said<'a> {
    text: &'a str,
    pub phrases: &'a Phrases,
    pointers: OnceCell<Vec<Range<usize>>>,
    seeks: OnceCell<Vec<Range<usize>>>,
    writes: OnceCell<Vec<Range<usize>>>,
}

impl<'a> Said<'a> {
    pub fn new(text: &'a str, phrases: &'a Phrases) -> Self {
        let (pointers, seeks, writes) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { text, phrases, pointers, seeks, writes }
    }

    /// The last pointer that ends at or before `at`.
    pub fn pointer_before(&self, at: usize) -> Option<Range<usize>> {
        let pointers = self.pointers();
        let after = pointers.partition_point(|pointer| pointer.end <= at);
        pointers[..after].last().cloned()
    }

    /// The first pointer that starts at or after `at`.
    pub fn pointer_after(&self, at: usize) -> Option<Range<usize>> {
        let pointers = self.pointers();
        pointers.get(pointers.partition_point(|pointer| pointer.start < at)).cloned()
    }

    /// Where "find me on" starts that leads to a mention.
    pub fn seeks(&self, mention: &Range<usize>) -> Option<usize> {
        leads_to(self.seeks.get_or_init(|| all(&self.phrases.seeks, self.text)), mention)
    }

    /// Where "text me on" starts that leads to a mention.
    pub fn writes(&self, mention: &Range<usize>) -> Option<usize> {
        leads_to(self.writes.get_or_init(|| all(&self.phrases.writes, self.text)), mention)
    }

    fn pointers(&self) -> &[Range<usize>] {
        self.pointers.get_or_init(|| {
            let mut pointers = all(&self.phrases.pointer, self.text);
            for pointer in &mut pointers {
                pointer.end = tail(self.text, pointer.clone());
            }
            pointers
        })
    }
}

fn all(patterns: &Patterns, text: &str) -> Vec<Range<usize>> {
    patterns.find_iter(text).map(|found| found.range).collect()
}

/// Where the phrase starts that ends where `mention` starts, or in its article.
fn leads_to(phrases: &[Range<usize>], mention: &Range<usize>) -> Option<usize> {
    let phrase = phrases.get(phrases.partition_point(|phrase| phrase.end < mention.start))?;
    (phrase.start < mention.start && phrase.end <= mention.end).then_some(phrase.start)
}

/// Where a pointer ends with what goes on after it: "same name as here".
fn tail(text: &str, pointer: Range<usize>) -> usize {
    let mut end = pointer.end;
    for _ in 0..TAIL_MAX {
        let next = read::skip(text.as_bytes(), end);
        let word = read::word(text, next);
        if next == end || !TAIL.contains(&word) {
            break;
        }
        end = next + word.len();
    }
    // "on" belongs to what follows.
    let loose = [" on", " de", " as"].iter().any(|word| text[pointer.start..end].ends_with(word));
    if loose { end - 3 } else { end }
}

/// Whether `before` speaks of one's own account.
pub fn is_mine(before: &str) -> bool {
    let words = before.split_whitespace().rev().take(MINE_MAX);
    words.map(|word| word.trim_matches([',', ':'])).any(|word| MINE.contains(&word))
}

/// Whether `before` ends in a word that leads to a service, not to a thing.
pub fn leads(before: &str) -> bool {
    let mut words = before.split_whitespace().rev();
    match words.next() {
        Some(word) if ARTICLES.contains(&word) => {
            words.next().is_some_and(|word| LEADS.contains(&word))
        }
        Some(word) => LEADS.contains(&word) || POSSESSIVES.contains(&word),
        None => false,
    }
}
