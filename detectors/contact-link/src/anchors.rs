//! The one automaton over the text: where to look closer. Also the small ones that judge what
//! stands before a host.

use std::ops::Range;

use picket_sdk::text::Patterns;

/// A place that is worth a closer look.
pub enum Anchor {
    /// "https://", "hxxp://", "tg://"
    Scheme(Range<usize>),
    /// A full stop.
    Dot(Range<usize>),
    /// "(dot)", "[.]"
    Bracketed(Range<usize>),
    /// "dot", "punto"
    Word(Range<usize>),
    /// A well-known host with its dot left out, and a path: "wa me/1555".
    Dotless(Range<usize>),
    /// "m y s i t e . c o m"
    Spelled(Range<usize>),
}

impl Anchor {
    pub fn range(&self) -> &Range<usize> {
        match self {
            Self::Scheme(range)
            | Self::Dot(range)
            | Self::Bracketed(range)
            | Self::Word(range)
            | Self::Dotless(range)
            | Self::Spelled(range) => range,
        }
    }
}

type Make = fn(Range<usize>) -> Anchor;

const ANCHORS: [(&str, Make); 8] = [
    (r"\bh(?:tt|xx|\*\*|__|t\*|\*t|t|ttt)ps?(?: ?: ?//?|\[:\]//|//)", Anchor::Scheme),
    (r"\b(?:ftp|tg|whatsapp|viber|skype|sgnl|line|discord|fb-messenger)://", Anchor::Scheme),
    (r"\b[a-z0-9](?: [a-z0-9])+ ?(?:\.|dot) ?(?:c ?o ?m|n ?e ?t|o ?r ?g)\b", Anchor::Spelled),
    (r"[(\[{<*_] ?(?:dot|d0t|punto|point|ponto|\.) ?[)\]}>*_]", Anchor::Bracketed),
    (r"\.+", Anchor::Dot),
    (r"\b(?:dot|d0t|punto|point|ponto)\b", Anchor::Word),
    (
        r"\b(?:wa[ ,]?me|t[ ,]me|discord[ ,]?gg|bit[ ,]?ly|m[ ,]me|linktr[ ,]?ee|signal[ ,](?:me|group)|tinyurl[ ,]?com)/[a-z0-9+]",
        Anchor::Dotless,
    ),
    (r"\bwww [a-z0-9-]+ (?:com|net|org|co)\b", Anchor::Spelled),
];

/// The compiled tables.
pub struct Anchors {
    anchors: Patterns,
    cue: Patterns,
    mail: Patterns,
    word_at: Patterns,
}

impl Anchors {
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            anchors: Patterns::new(&ANCHORS.map(|(pattern, _)| pattern))?,
            cue: Patterns::new(&[concat!(
                r"\b(?:visit|site|website|webpage|web|page|homepage|link|url|domain|portfolio|blog|check|check out|",
                r"go to|(?:book|find|see|reach|order)(?: me| us| it)? (?:at|on|via|through)|google|browse|type|open|",
                r"sitio|pagina|enlace|visita|visite|visitez|entra en|entra a|busca en|lien|adresse|acesse|visitar|",
                r"pagina web|(?:meu|nosso) site|on line|online at)",
                r"(?: is| es| est| e| at| on| en| sur| em| to| us)?[: ]{1,2}(?:my |our |the )?$",
            )])?,
            mail: Patterns::new(&[
                r"@ ?$",
                r"[(\[{<*_|~-] ?(?:at|arroba|arobase?|@|a) ?[)\]}>*_|~-] ?$",
                r"\b(?:arroba|arobase?|at[ -]sign) $",
            ])?,
            word_at: Patterns::new(&[r"\b(?:at|chez) $"])?,
        })
    }

    /// The anchors, from left to right.
    pub fn find_iter<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Anchor> + 'a {
        self.anchors.find_iter(text).map(|found| ANCHORS[found.pattern].1(found.range))
    }

    /// Whether `before` announces a site.
    pub fn announces_site(&self, before: &str) -> bool {
        self.cue.is_match(before)
    }

    /// Whether `before` ends in an at sign of some form.
    pub fn ends_in_sign(&self, before: &str) -> bool {
        self.mail.is_match(before)
    }

    /// Whether `before` ends in the word "at".
    pub fn ends_in_at(&self, before: &str) -> bool {
        self.word_at.is_match(before)
    }
}
