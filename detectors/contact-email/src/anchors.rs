//! The one automaton over the text: where to look closer. Also the small ones that judge what
//! stands around an anchor.

use std::ops::Range;

use picket_sdk::text::Patterns;

/// A place that is worth a closer look.
pub enum Anchor {
    At {
        range: Range<usize>,
        strength: Strength,
    },
    Provider(Provider),
    /// "moc.liamg"
    Backwards(Range<usize>),
    /// "john88gmail.com": the range of "gmail.com".
    Glued(Range<usize>),
}

/// How clearly the at sign is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// `@`
    Sign,
    /// "(at)", "arroba": nobody writes that by chance.
    Marked,
    /// " at ", " chez ": ordinary words.
    Word,
}

/// A mention of a mail provider.
#[derive(Debug, Clone)]
pub struct Provider {
    pub range: Range<usize>,
    pub domain: &'static str,
    pub writing: Mention,
}

/// How the provider was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mention {
    Plain,
    /// Two words that may be meant as such: "hot mail".
    Split,
    /// "g-mail", "gma1l"
    Disguised,
}

impl Anchor {
    pub fn range(&self) -> &Range<usize> {
        match self {
            Self::At { range, .. } | Self::Backwards(range) | Self::Glued(range) => range,
            Self::Provider(provider) => &provider.range,
        }
    }

    pub fn provider(&self) -> Option<&Provider> {
        match self {
            Self::Provider(provider) => Some(provider),
            _ => None,
        }
    }
}

const AT: [(&str, Strength); 4] = [
    (r"[(\[{<*_|~-] ?(?:at|arroba|arobase?|aroba|@|a) ?[)\]}>*_|~-]", Strength::Marked),
    // A row of signs is one anchor.
    ("@+", Strength::Sign),
    (r"\b(?:arroba|arobase?|arobaze|at[ -]sign|at the rate(?: of)?)\b", Strength::Marked),
    (r"\b(?:at|chez)\b", Strength::Word),
];

const BACKWARDS: &str = r"\bmoc ?\. ?(?:liamg|liamtoh|oohay|kooltuo|duolci)\b";
const GLUED: &str = r"[a-z0-9_](?:gmail|hotmail|yahoo|outlook|icloud)\.?com\b";

/// A provider, the domain of its addresses, and whether a split by a space alone is a disguise.
const PROVIDERS: [(&str, &str, &str); 10] = [
    ("gmail", "gmail.com", r"\bg(?:ee)?[ ._*/-]{0,2}m[a4@](?:[i1!l][l1]l?|ial)"),
    ("googlemail", "gmail.com", r"\bgoogle[ ._-]?mail"),
    ("hotmail", "hotmail.com", r"\bh[o0]t[ ._*/-]{0,2}m[a4@][i1!][l1]"),
    ("yahoo", "yahoo.com", r"\by[a4@][ ._*/-]{0,2}h[o0][o0]"),
    ("outlook", "outlook.com", r"\b[o0]ut[ ._*/-]{0,2}l[o0][o0]k"),
    ("icloud", "icloud.com", r"\bi[ ._*/-]{0,2}cl[o0]ud"),
    ("protonmail", "proton.me", r"\bpr[o0]t[o0]n[ ._*/-]{0,2}m[a4@][i1!][l1]"),
    ("proton", "proton.me", r"\bpr[o0]t[o0]n"),
    ("ymail", "ymail.com", r"\by[._*-]?mail"),
    ("laposte", "laposte.net", r"\b(?:laposte)"),
];

/// The compiled tables.
pub struct Anchors {
    anchors: Patterns,
    cue: Patterns,
    link: Patterns,
    intro: Patterns,
    thing: Patterns,
}

impl Anchors {
    pub fn new() -> Result<Self, String> {
        let mut all: Vec<&str> = AT.iter().map(|(pattern, _)| *pattern).collect();
        all.extend([BACKWARDS, GLUED]);
        all.extend(PROVIDERS.iter().map(|(_, _, pattern)| *pattern));
        Ok(Self {
            anchors: Patterns::new(&all)?,
            cue: Patterns::new(&[
                r"\b(?:e-?mails?|mails?|correo|courriel|mel|adresse|address|direccion|endereco|inbox)\b",
                r"\b(?:write|reach|contact|escrib|ecri|escrev|hit me|send|envia|envoie|manda)",
            ])?,
            link: Patterns::new(&[concat!(
                r"^(?: (?:account|address|addy|adresse|direccion|endereco|cuenta|conta|compte|id|user|username|",
                r"usuario|name|nombre|nome|one|thing|handle))?",
                r"(?: ?[:=>-]{1,3} ?@?|,? (?:is|it'?s|es|est|e|eh|under|c'est) (?:just |simply )?)",
            )])?,
            intro: Patterns::new(&[
                r"\b(?:is|it'?s|its|es|est|c'est|e|eh|name|user|username|nombre|nom|nome|before|antes|avant|begins?|starts?|with|prefix|como|comme)[ :,]+$",
                r"[:=>] ?$",
            ])?,
            thing: Patterns::new(&[
                r"\b(?:the|my|your|via|on|through|mi|tu|mon|ma|ton|meu|minha|seu|sur|por|el|le|o) ?$",
            ])?,
        })
    }

    /// The anchors, from left to right.
    pub fn find_iter<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Anchor> + 'a {
        self.anchors.find_iter(text).map(move |found| {
            let range = found.range;
            match found.pattern.checked_sub(AT.len()) {
                None => Anchor::At { range, strength: AT[found.pattern].1 },
                Some(0) => Anchor::Backwards(range),
                Some(1) => Anchor::Glued(range.start + 1..range.end),
                Some(provider) => {
                    let (name, domain, _) = PROVIDERS[provider - 2];
                    let writing = mention(text.get(range.clone()).unwrap_or_default(), name);
                    Anchor::Provider(Provider { range, domain, writing })
                }
            }
        })
    }

    /// Whether `before` speaks of mail or of writing to somebody.
    pub fn speaks_of_mail(&self, before: &str) -> bool {
        self.cue.is_match(before)
    }

    /// How much of `after` leads from the name of a provider to the account there.
    pub fn link(&self, after: &str) -> Option<usize> {
        self.link.find_iter(after).next().map(|found| found.range.end)
    }

    /// Whether `before` announces an account.
    pub fn introduces(&self, before: &str) -> bool {
        self.intro.is_match(before)
    }

    /// Whether `before` ends in a word such as "the" or "my", which no bare adjective follows.
    pub fn points_at_a_thing(&self, before: &str) -> bool {
        self.thing.is_match(before)
    }
}

fn mention(written: &str, name: &str) -> Mention {
    if written == name {
        Mention::Plain
    } else if written.bytes().filter(|byte| *byte != b' ').eq(name.bytes()) && name != "gmail" {
        Mention::Split
    } else {
        Mention::Disguised
    }
}
