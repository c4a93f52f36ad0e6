//! The endings of domains, by how likely they are to be something else. Source: the IANA root zone,
//! cut to what is in common use.

/// How much an ending says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Not an ending, or one that is met as a file type only.
    Unknown,
    /// Also a word, an abbreviation, a state or a file type: wants something else beside it.
    Wordy,
    /// A country code that is no word.
    Country,
    /// Hardly anything but an ending.
    Strong,
}

#[rustfmt::skip]
const STRONG: &[&str] = &[
    "com", "net", "org", "biz", "xyz", "io", "dev", "edu", "gov", "co", "app", "aero", "coop",
];

#[rustfmt::skip]
const COUNTRY: &[&str] = &[
    "ae", "af", "ag", "ar", "aw", "az", "ba", "bd", "bg", "bh", "bo", "br", "bz", "cc",
    "cf", "ch", "ci", "cl", "cm", "cn", "cr", "cu", "cw", "cy", "cz", "dk", "dz", "ec",
    "ee", "eg", "fi", "fj", "fm", "fr", "ge", "gf", "gg", "gh", "gl", "gp", "gq", "gr",
    "gs", "gt", "gy", "hk", "hn", "hr", "ht", "hu", "ie", "iq", "ir", "jm", "jo", "jp",
    "ke", "kg", "kh", "kr", "kw", "ky", "kz", "lb", "lc", "lk", "lt", "lu", "lv", "ly",
    "mg", "mk", "mm", "mn", "mq", "mw", "mx", "mz", "nc", "ng", "ni", "nl", "nz", "pe",
    "pf", "pg", "ph", "pk", "pl", "pr", "pt", "pw", "qa", "ro", "ru", "rw", "sg", "sk",
    "sl", "sn", "sv", "sy", "tc", "tf", "tg", "th", "tj", "tk", "tl", "tm", "tn", "tr",
    "tt", "tw", "tz", "ua", "ug", "uk", "uy", "uz", "vc", "vg", "vn", "vu", "wf", "ws",
    "yt", "za", "zm", "zw",
];

/// Country codes that are words of our languages, states, titles or file types, and generic endings
/// that are words.
#[rustfmt::skip]
const WORDY: &[&str] = &[
    "ac", "ad", "agency", "ai", "al", "am", "ao", "art", "as", "at", "au", "be", "best", "bio",
    "blog", "build", "builders", "business", "by", "ca", "cafe", "care", "cash", "cat", "cd", "center", "chat", "city",
    "clean", "cleaning", "click", "cloud", "club", "company", "construction", "contact", "contractors", "cool", "cv", "de", "design", "digital",
    "direct", "do", "email", "energy", "es", "et", "eu", "expert", "family", "fit", "flooring", "fun", "fyi", "garden",
    "gd", "gle", "group", "guide", "guru", "help", "hm", "homes", "house", "how", "id", "il", "im", "immo",
    "in", "info", "ink", "is", "it", "je", "ki", "kitchen", "km", "la", "land", "li", "life", "lighting",
    "link", "live", "lol", "love", "ltd", "ma", "market", "mc", "md", "me", "media", "ml", "mo", "mobi",
    "money", "mr", "ms", "mt", "mu", "my", "na", "name", "ne", "network", "new", "news", "no", "now",
    "nu", "om", "one", "online", "pa", "page", "photo", "photos", "pics", "pink", "plumbing", "plus", "pm", "pro",
    "properties", "ps", "py", "quebec", "re", "red", "rent", "rentals", "repair", "report", "rest", "reviews", "rocks", "rs",
    "run", "sa", "sale", "sc", "sd", "se", "services", "sh", "shop", "show", "si", "site", "sm", "so",
    "social", "software", "solar", "solutions", "space", "sr", "ss", "st", "store", "studio", "style", "su", "support", "systems",
    "td", "team", "tech", "tel", "tips", "to", "today", "tools", "top", "town", "trade", "training", "tv", "us",
    "va", "ve", "vi", "vip", "website", "wiki", "win", "work", "works", "world", "wtf", "ye", "zone",
];

/// What `label` says as the ending of a domain.
pub fn ending(label: &str) -> Ending {
    if label.len() < 2 || !label.as_bytes()[0].is_ascii_alphabetic() {
        Ending::Unknown
    } else if (2..=4).contains(&label.len()) && STRONG.contains(&label) {
        Ending::Strong
    } else if COUNTRY.binary_search(&label).is_ok() {
        Ending::Country
    } else if WORDY.binary_search(&label).is_ok() || label.starts_with("xn--") {
        Ending::Wordy
    } else {
        Ending::Unknown
    }
}

/// Second-level labels under which countries register names: "com.br", "co.uk".
pub fn is_registry(label: &str) -> bool {
    matches!(label, "com" | "co" | "net" | "org" | "gov" | "edu" | "gob" | "nom" | "ind" | "ltd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_that_are_searched_by_halves_are_sorted() {
        assert!(COUNTRY.is_sorted() && WORDY.is_sorted());
    }
}
