//! The services, and the one automaton that finds their mentions.

use std::ops::Range;

use picket_sdk::text::{Found, Patterns};

#[cfg_attr(feature = "previous", allow(dead_code, reason = "1.0.0 had no nicknames"))]
pub mod nicknames;

/// How clearly a mention is one of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clarity {
    /// Nothing else is called so.
    Clear,
    /// An abbreviation: "ig", "tg".
    Short,
    /// A word too: "signal", "line".
    Word,
    /// A nickname or an emoji, which is a thing too.
    Nickname,
    /// "everywhere", "all my socials": no service, but somewhere else.
    Elsewhere,
}

/// A mention of a service.
#[derive(Debug, Clone)]
pub struct Mention {
    pub range: Range<usize>,
    /// `None` for a bare at sign.
    pub service: Option<&'static str>,
    pub clarity: Clarity,
    /// Written so that a search for the name would not find it.
    pub disguised: bool,
}

/// A service and its spellings. A `-` is where people split the name; letters may be digits.
#[rustfmt::skip]
const NAMES: &[(&str, Clarity, &[&str])] = &[
    ("instagram", Clarity::Clear, &["insta-gram", "insta-gran", "insta"]),
    ("whatsapp", Clarity::Clear, &["what's-up-app", "whats-up-app", "whats-app", "wats-app", "wats-ap", "whats-ap",
        "whatapp", "watapp", "wasap", "wassap", "guasap", "wazzap",
        "whatsupp", "zap-zap", "zapzap", "wpp", "wsp", "wtsp", "whatsp"]),
    ("telegram", Clarity::Clear, &["tele-gram", "telegran", "telgram", "tele-gam"]),
    ("snapchat", Clarity::Clear, &["snap-chat", "snapch"]),
    ("snapchat", Clarity::Word, &["snap"]),
    ("facebook", Clarity::Clear, &["face-book", "fbook", "face-boook"]),
    ("messenger", Clarity::Word, &["mess-enger"]),
    ("tiktok", Clarity::Clear, &["tik-tok", "tic-toc"]),
    ("discord", Clarity::Word, &["dis-cord"]),
    ("skype", Clarity::Clear, &["sky-pe"]),
    ("wechat", Clarity::Clear, &["wechat", "weixin"]),
    ("viber", Clarity::Clear, &["viber"]),
    ("kik", Clarity::Clear, &["kik"]),
    ("signal", Clarity::Word, &["signal"]),
    ("line", Clarity::Word, &["line"]),
    ("twitter", Clarity::Clear, &["twit-ter"]),
    ("linkedin", Clarity::Clear, &["linkedin"]),
    ("threads", Clarity::Word, &["threads"]),
    ("reddit", Clarity::Clear, &["reddit"]),
    ("bluesky", Clarity::Clear, &["bluesky", "bsky"]),
    ("imessage", Clarity::Clear, &["imessage"]),
    ("whatsapp", Clarity::Word, &["zap", "whats"]),
];

/// Abbreviations; those that are also a state, a current or a piece of another word count as words.
const SHORT: &[(&str, Clarity, &str)] = &[
    (r"i\.?g", Clarity::Short, "instagram"),
    (r"t\.?g", Clarity::Short, "telegram"),
    (r"f\.?b", Clarity::Short, "facebook"),
    ("vk", Clarity::Short, "vk"),
    ("tele", Clarity::Word, "telegram"),
    ("sc", Clarity::Word, "snapchat"),
    ("dc|disc", Clarity::Word, "discord"),
    ("wa", Clarity::Word, "whatsapp"),
];

const ELSEWHERE: &str = concat!(
    r"\b(?:everywhere|on everything|every (?:other )?app|(?:all|other|every)(?: my| the| of my)? (?:other )?(?:socials?|apps?|platforms?|social media)|",
    r"my socials|social media|redes(?: sociales| sociais)?|en todas partes|en todos lados|partout|",
    r"reseaux(?: sociaux)?|todo (?:o )?lado|(?:otras|outras|autres) (?:apps?|applis?|redes))\b",
);

/// An at sign and what can be an account.
const SIGN: &str = "@[a-z_][a-z0-9._-]{2}";

/// Spellings beside the name of a service itself that hide nothing.
const USUAL: &[&str] = &["insta", "snap", "zap", "zapzap", "whats", "wpp", "wsp", "bsky"];

/// One pattern of the table of names.
struct Row {
    /// `None` for a bare at sign.
    service: Option<&'static str>,
    clarity: Clarity,
    /// Its letters may be digits or apart.
    spelled: bool,
}

/// The compiled tables. Names and nicknames are two automata: as one they would multiply.
pub struct Services {
    names: Patterns,
    rows: Vec<Row>,
    nicknames: Option<Patterns>,
    /// Of each nickname, its service. The pattern after the last is a row of emoji.
    nicknamed: Vec<&'static str>,
    emoji: &'static [(&'static str, &'static str)],
}

impl Services {
    /// Compiles the names, with these nicknames (patterns) and emoji and the services they mean.
    pub fn new(
        nicknames: &[(&str, &'static str)],
        emoji: &'static [(&'static str, &'static str)],
    ) -> Result<Self, String> {
        let mut patterns = Vec::new();
        let mut rows = Vec::new();
        for (service, clarity, spellings) in NAMES {
            let all: Vec<String> = spellings.iter().flat_map(|spelling| forms(spelling)).collect();
            patterns.push(format!(r"\b(?:{})", all.join("|")));
            rows.push(Row { service: Some(*service), clarity: *clarity, spelled: true });
        }
        for (pattern, clarity, service) in SHORT {
            patterns.push(format!(r"\b(?:{pattern})"));
            rows.push(Row { service: Some(*service), clarity: *clarity, spelled: false });
        }
        patterns.push(ELSEWHERE.to_owned());
        rows.push(Row { service: Some("elsewhere"), clarity: Clarity::Elsewhere, spelled: false });
        patterns.push(SIGN.to_owned());
        rows.push(Row { service: None, clarity: Clarity::Elsewhere, spelled: false });
        let (mut phrases, nicknamed): (Vec<_>, Vec<_>) =
            nicknames.iter().map(|(pattern, service)| ((*pattern).to_owned(), *service)).unzip();
        if !emoji.is_empty() {
            // A row of emoji is one mention.
            let all: Vec<&str> = emoji.iter().map(|(emoji, _)| *emoji).collect();
            phrases.push(format!("(?:{})+", all.join("|")));
        }
        let nicknames = if phrases.is_empty() { None } else { Some(Patterns::new(&phrases)?) };
        Ok(Self { names: Patterns::new(&patterns)?, rows, nicknames, nicknamed, emoji })
    }

    /// The mentions, from left to right.
    pub fn find_iter<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Mention> + 'a {
        let mut names =
            self.names.find_iter(text).filter_map(|found| self.name(text, found)).peekable();
        let nicknames = self.nicknames.iter().flat_map(move |nicknames| nicknames.find_iter(text));
        let mut nicknames = nicknames.filter_map(|found| self.nickname(text, found)).peekable();
        std::iter::from_fn(move || {
            let nickname_first = match (nicknames.peek(), names.peek()) {
                (Some(nickname), Some(name)) => nickname.range.start <= name.range.start,
                (nickname, _) => nickname.is_some(),
            };
            if nickname_first { nicknames.next() } else { names.next() }
        })
    }

    fn name(&self, text: &str, found: Found) -> Option<Mention> {
        let Row { service, clarity, spelled } = self.rows[found.pattern];
        let range = found.range;
        if service.is_some() && goes_on(text, range.end) {
            return None;
        }
        let written = text.get(range.clone())?;
        let plain = |name: &str| name.bytes().eq(written.bytes().filter(|byte| *byte != b' '));
        let disguised =
            spelled && !service.is_some_and(plain) && !USUAL.iter().any(|name| plain(name));
        // Nobody writes a word with digits in it by chance.
        let clarity = if disguised && clarity == Clarity::Word { Clarity::Clear } else { clarity };
        Some(Mention { range, service, clarity, disguised })
    }

    fn nickname(&self, text: &str, found: Found) -> Option<Mention> {
        let Range { start, end } = found.range;
        let (range, service) = match self.nicknamed.get(found.pattern) {
            Some(service) => (article(text, start)..self.emoji_after(text, end), *service),
            // Of a row of emoji the last is next to the account.
            None => (start..end, self.emoji_that(|emoji| text[start..end].ends_with(emoji))?.1),
        };
        let emoji = found.pattern >= self.nicknamed.len();
        (emoji || !goes_on(text, range.end)).then_some(Mention {
            range,
            service: Some(service),
            clarity: Clarity::Nickname,
            disguised: true,
        })
    }

    /// One past an emoji that repeats the nickname before `at`: "ghost app 👻".
    fn emoji_after(&self, text: &str, at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        let space = usize::from(rest.starts_with(' '));
        let found = self.emoji_that(|emoji| rest[space..].starts_with(emoji));
        found.map_or(at, |(emoji, _)| at + space + emoji.len())
    }

    fn emoji_that(&self, holds: impl Fn(&str) -> bool) -> Option<(&'static str, &'static str)> {
        self.emoji.iter().find(|(emoji, _)| holds(emoji)).copied()
    }
}

/// "instant" is not "insta".
fn goes_on(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// Where the article of a nickname starts: "the ghost app" is the evidence, not "ghost app".
fn article(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let articles = ["the ", "la ", "l'", "el ", "o ", "a "];
    let apart = |article: &&&str| {
        let rest = &before[..before.len() - article.len()];
        rest.is_empty() || rest.ends_with(' ')
    };
    let article = articles.iter().filter(|article| before.ends_with(**article)).find(apart);
    at - article.map_or(0, |article| article.len())
}

/// The patterns of one spelling: as a word, and letter by letter.
fn forms(spelling: &str) -> Vec<String> {
    let mut word = String::new();
    for letter in spelling.chars() {
        match letter {
            '-' => word.push_str(r"[ ._*'/-]{0,2}"),
            letter => word.push_str(class(letter)),
        }
    }
    let letters: Vec<char> = spelling.chars().filter(char::is_ascii_alphabetic).collect();
    let mut forms = vec![word];
    if letters.len() >= 5 {
        let classes: Vec<&str> = letters.iter().map(|letter| class(*letter)).collect();
        forms.push(classes.join("[ ._*-]"));
    }
    forms
}

/// A letter and what is written for it.
fn class(letter: char) -> &'static str {
    match letter {
        'a' => "[a4@]",
        'b' => "[b8]",
        'c' => "c",
        'd' => "d",
        'e' => "[e3]",
        'f' => "f",
        'g' => "[g9]",
        'h' => "h",
        'i' => "[i1!]",
        'k' => "k",
        'l' => "[l1]",
        'm' => "m",
        'n' => "n",
        'o' => "[o0]",
        'p' => "p",
        'r' => "r",
        's' => "[s5$]",
        't' => "[t7]",
        'u' => "u",
        'v' => "v",
        'w' => "w",
        'x' => "x",
        'y' => "y",
        'z' => "[z2]",
        _ => "'",
    }
}
