//! Deciding whether what was read is a link. The rules say what must stand beside an ending that
//! could be a word; an unknown ending is never a link without a scheme.

use std::ops::Range;

use picket_sdk::text::Folded;

use crate::Link;
use crate::anchors::{Anchor, Anchors};
use crate::endings::Ending;
use crate::host::{Host, Label};
use crate::places::{Place, is_technology, place};
use crate::read::{self, Dot};

mod kind;
mod mail;
mod name;
mod path;

pub use kind::Kind;
use name::Names;

/// How far back a word such as "website" is looked for.
const CUE_BYTES: usize = 28;
const AUTHORITY_MAX: usize = 253;

/// Words before a spoken dot that make it an ordinary dot.
#[rustfmt::skip]
const NOT_NAMES: &[&str] = &[
    "the", "a", "an", "this", "that", "each", "every", "red", "blue", "black", "green", "polka", "micro", "in", "on",
    "le", "la", "el", "les", "los", "un", "une", "una", "uno", "o", "os", "um", "uma", "au", "du", "ce", "de", "en",
    "em", "to", "of", "and", "or", "is", "my", "your", "asp",
];

/// Abbreviations that a full stop follows.
#[rustfmt::skip]
const ABBREVIATIONS: &[&str] = &[
    "approx", "apt", "ave", "blvd", "ca", "cf", "dept", "dr", "dra", "etc", "ext", "fig", "inc", "jr", "ltd", "max",
    "min", "mr", "mrs", "ms", "no", "nr", "pcs", "qty", "rd", "ref", "sr", "sra", "st", "tel", "vol", "vs",
];

/// Hosts whose dot people leave out.
#[rustfmt::skip]
const DOTLESS: &[(&str, &str)] = &[
    ("discordgg", "discord.gg"), ("tinyurlcom", "tinyurl.com"), ("linktree", "linktr.ee"), ("bitly", "bit.ly"),
    ("signalgroup", "signal.group"), ("signalme", "signal.me"), ("wame", "wa.me"), ("tme", "t.me"), ("mme", "m.me"),
];

/// One text and what is needed to judge the hosts in it.
pub struct Judge<'a> {
    text: &'a str,
    names: Names<'a>,
    anchors: &'a Anchors,
}

impl<'a> Judge<'a> {
    pub fn new(folded: &'a Folded, sent: &'a str, anchors: &'a Anchors) -> Self {
        Self { text: folded.as_str(), names: Names { folded, sent }, anchors }
    }

    /// The link at `anchor`, if it is one.
    pub fn link(&self, anchor: &Anchor, host: &Host) -> Option<Link> {
        match anchor {
            Anchor::Scheme(range) => self.schemed(range, host),
            Anchor::Dotless(range) => self.dotless(range),
            Anchor::Spelled(range) => self.spelled(range),
            _ => self.bare(host),
        }
    }

    fn schemed(&self, scheme: &Range<usize>, host: &Host) -> Option<Link> {
        let bytes = self.text.as_bytes();
        let inside = |byte: u8| !read::is_space(byte) && !b"/?#\\\"<>".contains(&byte);
        let end = read::run(bytes, scheme.end, AUTHORITY_MAX, inside);
        let authority = self.text.get(scheme.end..end)?;
        let written = self.text.get(scheme.clone())?;
        let used = host.labels.iter().rposition(|label| label.ending != Ending::Unknown);
        let (labels, kind) = match used {
            // "tg://resolve?domain=name"
            _ if !written.starts_with('h') && !written.starts_with("ftp") => {
                (&host.labels[..], Kind::Invitation)
            }
            _ if authority.starts_with('[') || self.is_numeric(&host.labels) => {
                (&host.labels[..], Kind::Numeric)
            }
            Some(last) if last > 0 => (&host.labels[..=last], Kind::Url),
            // An ending or a script that we do not know: the scheme says enough.
            _ if authority.contains('.') => (&host.labels[..], Kind::Url),
            _ => return None,
        };
        let spoken = labels.iter().any(|label| label.dot != Dot::Plain);
        let tampered = !written.starts_with("http") && written.starts_with('h');
        let kind = if kind == Kind::Url && (spoken || tampered) { Kind::Disguised } else { kind };
        let domain = if labels.is_empty() { authority.to_owned() } else { self.domain(labels) };
        let host_end = labels.last().map_or(end, |label| label.range.end);
        // A host with spoken dots ends past the first run without spaces.
        let end = path::token_end(self.text, scheme.end).max(path::path_end(self.text, host_end));
        Some(self.known(scheme.start..end, domain, kind, host_end))
    }

    fn dotless(&self, range: &Range<usize>) -> Option<Link> {
        let written = self.text.get(range.clone())?;
        let host = &written[..written.find('/')?];
        let letters = |known: &str| host.bytes().filter(u8::is_ascii_lowercase).eq(known.bytes());
        let (_, domain) = DOTLESS.iter().find(|(known, _)| letters(known))?;
        let host_end = range.start + host.len();
        let link = range.start..path::path_end(self.text, host_end);
        Some(self.known(link, (*domain).to_owned(), Kind::Disguised, host_end))
    }

    fn spelled(&self, range: &Range<usize>) -> Option<Link> {
        let written = self.text.get(range.clone())?;
        let domain = match written.strip_prefix("www ") {
            Some(rest) => rest.replace(' ', "."),
            None => written.replace(' ', "").replace("dot", "."),
        };
        let Range { start, end } = *range;
        let mail = place(&domain) == Some(Place::Mail)
            || mail::is_address(self.text, self.anchors, start, end, Dot::Spaced);
        let range = start..path::path_end(self.text, end);
        (!mail).then_some(Link { range, domain, kind: Kind::Disguised })
    }

    /// A host without a scheme.
    fn bare(&self, host: &Host) -> Option<Link> {
        if host.labels.iter().skip(1).all(|label| label.ending == Ending::Unknown) {
            return self.numeric(host);
        }
        let labels = self.names.before_sentence(&host.labels);
        let last = labels.iter().rposition(|label| label.ending != Ending::Unknown)?;
        let (used, rest) = labels.split_at(last + 1);
        let [.., name, end_label] = used else { return None };
        let class = end_label.ending;
        // "acme.com.thanks" is a domain and a sentence, "notes.info.txt" is a file.
        if !rest.is_empty() && class != Ending::Strong {
            return None;
        }
        let (start, end) = (used[0].range.start, end_label.range.end);
        let name = self.names.of(name);
        let www = used.len() > 2 && self.names.of(&used[0]).starts_with("www");
        let path = path::has_path(self.text, end);
        let number = class != Ending::Strong && name.bytes().all(|byte| byte.is_ascii_digit());
        let short = name.len() == 1 && !path && class != Ending::Strong;
        let before = read::before(self.text, start, 2);
        let file = before != "//" && before.ends_with(['/', '\\', '%', '=', '_']);
        if file || ((number || short) && !www) {
            return None;
        }
        let domain = self.domain(used);
        let place = place(&domain);
        let nobody = name.len() == 1 && place.is_none() && !www;
        if nobody || is_technology(&domain) || (place == Some(Place::Mail) && !path) {
            return None;
        }
        let dot = used.iter().map(|label| label.dot).max()?;
        if mail::is_address(self.text, self.anchors, start, end, dot)
            || !self.holds(used, dot, www || path, place)
        {
            return None;
        }
        let kind = match dot {
            Dot::Plain if class == Ending::Wordy && !www => Kind::Likely,
            Dot::Plain => Kind::Domain,
            _ => Kind::Disguised,
        };
        Some(self.known(start..path::path_end(self.text, end), domain, kind, end))
    }

    /// "185.22.1.9:8080": without a scheme four numbers are a version unless a port or a path follows.
    fn numeric(&self, host: &Host) -> Option<Link> {
        let Range { start, end } = host.range();
        let plain = host.labels.iter().all(|label| label.dot == Dot::Plain);
        let rest = self.text.get(end..).unwrap_or_default().as_bytes();
        let path = rest.first() == Some(&b':') || rest.get(1).is_some_and(u8::is_ascii_alphabetic);
        let holds = host.labels.len() == 4 && plain && self.is_numeric(&host.labels) && path;
        (holds && path::has_path(self.text, end)).then(|| Link {
            range: start..path::path_end(self.text, end),
            domain: self.domain(&host.labels),
            kind: Kind::Numeric,
        })
    }

    /// Whether what stands beside a host makes it one. `sure` is a path or "www".
    fn holds(&self, labels: &[Label], dot: Dot, sure: bool, place: Option<Place>) -> bool {
        let [first, .., end] = labels else { return false };
        let name = self.names.of(&labels[labels.len() - 2]);
        let class = end.ending;
        let before = read::before(self.text, first.range.start, CUE_BYTES);
        let cue = || self.anchors.announces_site(before);
        let ordinary = NOT_NAMES.contains(&name);
        match dot {
            Dot::Plain if ABBREVIATIONS.contains(&name) => sure,
            Dot::Plain if place.is_some() => true,
            Dot::Plain => class > Ending::Wordy || sure || self.names.are_telling(labels) || cue(),
            Dot::Before => !ordinary && (class == Ending::Strong || sure || cue()),
            Dot::Spaced => {
                let after = self.text.as_bytes().get(first.range.end);
                let apart = after.is_some_and(|byte| read::is_space(*byte));
                let last = path::ends_sentence(self.text, end.range.end);
                // "Está pronto. Com o material": in Portuguese "com" is a word.
                let sentence = self.names.capitals(end) > 0;
                sure || (!ordinary && apart && last) || (!sentence && cue())
            }
            Dot::Word => !ordinary && (class > Ending::Wordy || sure || cue()),
            Dot::Bracketed => true,
        }
    }

    /// The link, with what is known of its host, which ends at `host_end`.
    fn known(&self, range: Range<usize>, domain: String, kind: Kind, host_end: usize) -> Link {
        let path = path::has_path(self.text, host_end);
        let (kind, shared) = match place(&domain) {
            Some(Place::Reference) if kind != Kind::Disguised => (Kind::Reference, false),
            Some(Place::Shortener) => (Kind::Shortener, path),
            Some(Place::Invitation) if path => (Kind::Invitation, true),
            Some(Place::Invitation) if kind != Kind::Disguised => (Kind::Service, false),
            _ => (kind, false),
        };
        let who = if shared { self.who(host_end..range.end) } else { None };
        let domain = match who {
            Some(who) => format!("{domain}/{who}"),
            None => domain,
        };
        Link { range, domain, kind }
    }

    /// On a host that many share, the first part of the path says who. It is kept as it was sent:
    /// short links tell small letters from capitals.
    fn who(&self, path: Range<usize>) -> Option<&'a str> {
        let path = self.names.sent.get(self.names.folded.sent(path))?;
        path.trim_start_matches('/').split(['/', '?', '#']).next().filter(|who| !who.is_empty())
    }

    fn domain(&self, labels: &[Label]) -> String {
        let labels = match labels {
            [www, rest @ ..] if rest.len() > 1 && self.names.of(www) == "www" => rest,
            labels => labels,
        };
        let mut domain = String::new();
        for label in labels {
            if !domain.is_empty() {
                domain.push('.');
            }
            domain.push_str(self.names.of(label));
        }
        domain
    }

    /// "185.22.1.9", or an address written as one number.
    fn is_numeric(&self, labels: &[Label]) -> bool {
        let mut names = labels.iter().map(|label| self.names.of(label));
        let number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        match labels.len() {
            1 => names.all(|name| (number(name) && name.len() >= 8) || name.starts_with("0x")),
            4 => names.all(|name| number(name) && name.parse::<u16>().is_ok_and(|part| part < 256)),
            _ => false,
        }
    }
}
