//! Texts for people: with places for what is known only later, and in several languages. Which places a
//! text may have is said by whoever reads it; what is put there is said by whoever writes it out.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Places that one text may have: what is put there may be long.
pub const PLACES_MAX: usize = 32;
/// Bytes of a language's name, more than BCP 47 asks programs to take (35).
const LANGUAGE_BYTES_MAX: usize = 64;

/// A text with places such as `{until}`. `{{` and `}}` are the braces themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template(Arc<[Part]>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Plain(String),
    Place(&'static str),
}

/// What is wrong with a text, and which of its bytes it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misplaced {
    /// A place that is not known.
    Unknown(Range<usize>),
    /// A brace that neither begins nor ends a place.
    Brace(Range<usize>),
    /// One place more than [`PLACES_MAX`].
    TooMany(Range<usize>),
}

impl Template {
    /// Reads a text that may have the places of `known`.
    ///
    /// # Errors
    /// Every fault, in the order of the text.
    pub fn parse(text: &str, known: &[&'static str]) -> Result<Self, Vec<Misplaced>> {
        let (template, faults) = Self::read(text, known);
        if faults.is_empty() { Ok(template) } else { Err(faults) }
    }

    /// Reads a text in which all that is no place of `known` stands for itself.
    pub fn lenient(text: &str, known: &[&'static str]) -> Self {
        Self::read(text, known).0
    }

    fn read(text: &str, known: &[&'static str]) -> (Self, Vec<Misplaced>) {
        let (mut parts, mut faults, mut plain) = (Vec::new(), Vec::new(), String::new());
        let (mut at, mut places) = (0, 0);
        while let Some(found) = text[at..].find(['{', '}']) {
            let brace = at + found;
            plain.push_str(&text[at..brace]);
            let rest = &text[brace..];
            if let Some(doubled) = ["{{", "}}"].into_iter().find(|two| rest.starts_with(two)) {
                plain.push_str(&doubled[..1]);
                at = brace + 2;
                continue;
            }
            let end = rest.strip_prefix('{').and_then(|inner| inner.find(['{', '}']));
            let Some(length) = end.filter(|length| rest[1 + length..].starts_with('}')) else {
                faults.push(Misplaced::Brace(brace..brace + 1));
                plain.push_str(&rest[..1]);
                at = brace + 1;
                continue;
            };
            let name = &rest[1..1 + length];
            at = brace + length + 2;
            match known.iter().find(|known| **known == name) {
                Some(_) if places == PLACES_MAX => faults.push(Misplaced::TooMany(brace..at)),
                Some(name) => {
                    places += 1;
                    if !plain.is_empty() {
                        parts.push(Part::Plain(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Place(name));
                }
                None => {
                    faults.push(Misplaced::Unknown(brace + 1..at - 1));
                    plain.push_str(&text[brace..at]);
                }
            }
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() {
            parts.push(Part::Plain(plain));
        }
        (Self(parts.into()), faults)
    }

    /// The places that it has, in order, each as often as it is there.
    pub fn places(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter_map(|part| match part {
            Part::Place(name) => Some(*name),
            Part::Plain(_) => None,
        })
    }

    /// The text with what belongs in its places.
    pub fn render(&self, mut fill: impl FnMut(&'static str) -> String) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Plain(text) => text.clone(),
            Part::Place(name) => fill(name),
        });
        parts.collect()
    }
}

impl fmt::Display for Template {
    /// As it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Plain(text) => text.chars().try_for_each(|c| match c {
                '{' | '}' => write!(f, "{c}{c}"),
                _ => f.write_char(c),
            }),
            Part::Place(name) => write!(f, "{{{name}}}"),
        })
    }
}

/// The name of a language as BCP 47 (RFC 5646) shapes it, in lower case: `en`, `pt-br`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

impl Language {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it begins with, from the whole of it to its first part: `zh-hant-tw`, `zh-hant`, `zh`. A part of
    /// one letter goes with what it announces (RFC 4647, section 3.4).
    fn beginnings(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.0.as_str()), |tag| {
            let (shorter, _) = tag.rsplit_once('-')?;
            match shorter.rsplit_once('-') {
                Some((rest, last)) if last.len() == 1 => Some(rest),
                _ => Some(shorter),
            }
        })
    }
}

impl FromStr for Language {
    type Err = String;

    /// Platforms also write `pt_BR`.
    fn from_str(text: &str) -> Result<Self, String> {
        let tag = text.trim().replace('_', "-").to_ascii_lowercase();
        let alphanumeric = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let (first, rest) = tag.split_once('-').map_or((&*tag, None), |(a, b)| (a, Some(b)));
        let good = tag.len() <= LANGUAGE_BYTES_MAX
            && (2..=8).contains(&first.len())
            && first.bytes().all(|b| b.is_ascii_alphabetic())
            && rest.is_none_or(|rest| rest.split('-').all(alphanumeric));
        match good {
            true => Ok(Self(tag)),
            false => Err("is no language: write it as BCP 47 does, such as `en` or `pt-BR`".into()),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format!("`{text}` {error}")))
    }
}

/// One of several for a language: the one whose name is the longest beginning of it, as the lookup of RFC 4647
/// (section 3.4) has it. `None`: it speaks none of them.
pub fn lookup<'a, T>(
    language: &Language,
    all: impl IntoIterator<Item = (&'a Language, T)> + Clone,
) -> Option<T> {
    language.beginnings().find_map(|tag| {
        let mut all = all.clone().into_iter();
        all.find(|(own, _)| own.as_str() == tag).map(|(_, one)| one)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 2] = ["action", "until"];

    fn render(text: &str) -> String {
        Template::lenient(text, &KNOWN).render(|name| format!("<{name}>"))
    }

    #[test]
    fn places_are_filled_and_doubled_braces_are_braces() {
        let cases = [
            ("", ""),
            ("plain é", "plain é"),
            ("{action}{until}", "<action><until>"),
            ("a {action} é {until}.", "a <action> é <until>."),
            ("{{action}} {{{until}}}", "{action} {<until>}"),
        ];
        for (text, is) in cases {
            let template = Template::parse(text, &KNOWN).unwrap();
            assert_eq!(template.render(|name| format!("<{name}>")), is, "{text}");
            assert_eq!(template.to_string(), text);
        }
        // What is put there is not read again.
        let template = Template::parse("{action}", &KNOWN).unwrap();
        assert_eq!(template.render(|_| "{until}".to_owned()), "{until}");
        assert_eq!(template.places().collect::<Vec<_>>(), ["action"]);
    }

    #[test]
    fn each_fault_has_its_place_and_stands_for_itself_otherwise() {
        let cases = [
            ("a {untl} b", vec![Misplaced::Unknown(3..7)]),
            ("é {} b", vec![Misplaced::Unknown(4..4)]),
            ("{ action }", vec![Misplaced::Unknown(1..9)]),
            ("a { b", vec![Misplaced::Brace(2..3)]),
            ("a } b {x}", vec![Misplaced::Brace(2..3), Misplaced::Unknown(7..8)]),
            ("{a{until}", vec![Misplaced::Brace(0..1)]),
        ];
        for (text, faults) in cases {
            assert_eq!(Template::parse(text, &KNOWN), Err(faults), "{text}");
            assert_eq!(render(text), text.replace("{until}", "<until>"));
        }
        let many = "{until}".repeat(PLACES_MAX + 1);
        assert!(matches!(Template::parse(&many, &KNOWN).unwrap_err()[..], [Misplaced::TooMany(_)]));
    }

    #[test]
    fn a_language_is_found_by_its_longest_beginning() {
        let own = ["en", "pt", "pt-br", "zh-hant"].map(|tag| tag.parse::<Language>().unwrap());
        let found = |wanted: &str| {
            let all = own.iter().map(|one| (one, one.as_str()));
            lookup(&wanted.parse().unwrap(), all)
        };
        for (wanted, is) in [
            ("en", Some("en")),
            ("EN-us", Some("en")),
            ("pt_BR", Some("pt-br")),
            ("pt-BR-x-home", Some("pt-br")),
            ("pt-PT", Some("pt")),
            ("zh-Hant-TW", Some("zh-hant")),
            ("zh", None),
            ("eng", None),
            ("fr", None),
        ] {
            assert_eq!(found(wanted), is, "{wanted}");
        }
        for wrong in ["", "e", "en-", "en--us", "e1", "en us", "é", &"en-".repeat(40)] {
            assert!(wrong.parse::<Language>().is_err(), "{wrong}");
        }
    }
}
