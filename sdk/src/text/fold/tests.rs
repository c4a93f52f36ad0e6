use proptest::prelude::*;

use super::{Disguises, Folded};

fn fold(sent: &str) -> String {
    Folded::new(sent).as_str().to_owned()
}

fn all(sent: &str) -> Disguises {
    let folded = Folded::new(sent);
    folded.disguises(0..folded.as_str().len())
}

#[test]
fn each_disguise_reads_as_what_it_looks_like() {
    let cases = [
        ("Call ME", "call me"),
        ("Él llamará mañana, ça va, São João", "el llamara manana, ca va, sao joao"),
        ("e\u{301}te\u{301}", "ete"),
        ("Straße œuvre Łódź", "strasse oeuvre lodz"),
        ("５５５－０１２３", "555-0123"),
        ("ｇｍａｉｌ．ｃｏｍ", "gmail.com"),
        ("5\u{200b}5\u{200d}5\u{feff}0", "5550"),
        ("what\u{ad}sapp\u{1}", "whatsapp"),
        ("wh\u{430}ts\u{430}pp", "whatsapp"),
        ("\u{420}\u{430}y\u{420}\u{430}l", "paypal"),
        ("5\u{41e}5 \u{417}23", "5o5 323"),
        ("my \u{440}\u{430}\u{443}\u{440}\u{430}\u{4cf}", "my paypal"),
        ("5️⃣5⃣0️⃣ 🔟", "550 10"),
        ("①②③ ⓪ ⑫", "123 0 12"),
        ("𝟓𝟝𝟧 𝓌𝒽𝒶𝓉", "555 what"),
        ("⁵⁵₅", "555"),
        ("ⓦⓗⓐⓣ ᴡʜᴀᴛꜱ 🅰🅿🅿", "what whats app"),
        ("🇼🇭🇦🇹", "what"),
        ("٠١٢ ०१२", "012 012"),
        ("w\u{336}a\u{336}", "wa"),
        ("a\u{a0}b\u{2009}c", "a b c"),
        ("1–2—3‑4−5", "1-2-3-4-5"),
        ("wa·me", "wa.me"),
        ("nº 12, 1º", "no 12, 1º"),
        ("12×14", "12x14"),
    ];
    for (sent, expected) in cases {
        assert_eq!(fold(sent), expected, "{sent:?}");
    }
}

#[test]
fn prose_is_left_alone_and_is_no_disguise() {
    let cases = [
        ("Привет, как дела? 5 рублей", "привет, как дела? 5 рублей"),
        ("Καλημέρα κόσμε", "καλημέρα κόσμε"),
        ("Пришлите PDFка и SMSка, дом 5а", "пришлите pdfка и smsка, дом 5а"),
        ("سعر ٥٠٠ می‌خواهم", "سعر 500 میخواهم"),
        ("שלום\u{200f}, 500", "שלום, 500"),
        ("👨‍👩‍👧 ❤️ 🇫🇷🇪🇸 👍🏽", "👨‍👩‍👧 ❤ 🇫🇷🇪🇸 👍🏽"),
        ("café déjà vu, naïve", "cafe deja vu, naive"),
        ("你好，世界", "你好,世界"),
        ("½ cup, 20 µm, 5 kΩ", "½ cup, 20 µm, 5 kω"),
    ];
    for (sent, expected) in cases {
        assert_eq!(fold(sent), expected, "{sent:?}");
        assert_eq!(all(sent).total(), 0, "{sent:?} {:?}", all(sent));
    }
}

#[test]
fn disguises_are_counted_by_kind_inside_the_range() {
    assert_eq!(all("5\u{200b}5\u{2060}5").invisible, 2);
    assert_eq!(all("５５ ５，").fullwidth, 3);
    assert_eq!(all("wh\u{430}ts\u{430}pp").homoglyph, 2);
    assert_eq!(all("5️⃣5️⃣").keycap, 2);
    assert_eq!(all("①𝟓ᴀ🇼w\u{336}").stylised, 5);
    assert_eq!(all("٥٥").foreign_digit, 2);
    let folded = Folded::new("５a\u{200b}b５");
    assert_eq!(folded.as_str(), "5ab5");
    assert_eq!(folded.disguises(1..3), Disguises { invisible: 1, ..Disguises::default() });
    assert_eq!(folded.disguises(2..3), Disguises::default());
    assert_eq!(folded.disguises(0..1), Disguises { fullwidth: 1, ..Disguises::default() });
}

#[test]
fn evidence_points_at_the_text_as_sent() {
    let cases = [
        ("call ５５５ now", "555", "５５５"),
        ("é 5\u{200b}5 x", "55", "5\u{200b}5"),
        ("a cafe\u{301} b", "cafe", "cafe\u{301}"),
        ("x 5️⃣6️⃣ y", "56", "5️⃣6️⃣"),
        ("ß-ß", "ss-ss", "ß-ß"),
        ("Straße 5", "5", "5"),
        ("мир 😀 5", "5", "5"),
    ];
    for (sent, needle, expected) in cases {
        let folded = Folded::new(sent);
        let at = folded.as_str().find(needle).expect("the folded text holds it");
        assert_eq!(&sent[folded.sent(at..at + needle.len())], expected);
    }
}

#[test]
fn plain_ascii_needs_no_map() {
    let folded = Folded::new("Hello, World\r\n\t~");
    assert!(folded.is_plain() && folded.pieces.capacity() == 0);
    assert_eq!(folded.sent(7..12), 7..12);
    assert!(!Folded::new("a\u{7f}b").is_plain());
}

#[test]
fn hostile_texts_fold_in_linear_time() {
    for unit in [
        "\u{200b}",
        "a\u{200b}",
        "\u{440}",
        "a\u{440}",
        "🇼",
        "🇫🇷",
        "e\u{301}",
        "\u{301}",
        "5\u{fe0f}\u{20e3}",
        "\u{20e3}",
    ] {
        let sent = unit.repeat(100_000);
        let folded = Folded::new(&sent);
        assert!(folded.sent(0..folded.as_str().len()).end <= sent.len());
    }
}

/// Characters that fold in every way there is, more often than chance would pick them.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        '\u{200b}', '\u{200d}', '\u{fe0f}', '\u{20e3}', '\u{301}', '\u{336}', 'ß', 'é', '５', 'а',
        'р', 'ж', 'α', '🇫', '🇷', '🇼', '①', '⑫', '𝟓', 'º', '😀', '👩', '…', '\u{202e}', '٥', 'ﬃ',
        '\u{0}', 'İ', 'Ⱥ',
    ]);
    prop::collection::vec(prop_oneof![special, any::<char>(), prop::char::range(' ', '~')], 0..60)
        .prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #[test]
    fn every_folded_range_maps_to_whole_characters_in_order(sent in text()) {
        let folded = Folded::new(&sent);
        let length = folded.as_str().len();
        prop_assert!(length <= sent.len());
        let mut last = 0..0;
        for at in 0..=length {
            let range = folded.sent(at..length.min(at + 1));
            prop_assert!(sent.get(range.clone()).is_some(), "{range:?} of {sent:?}");
            prop_assert!(range.start >= last.start && range.end >= last.end, "{range:?} after {last:?}");
            last = range;
            for end in at..=length {
                let range = folded.sent(at..end);
                prop_assert!(sent.get(range).is_some());
                prop_assert!(folded.disguises(at..end).total() as usize <= sent.chars().count());
            }
        }
    }

    #[test]
    fn folding_twice_changes_nothing_more_in_ascii(sent in "[ -~]{0,80}") {
        prop_assert_eq!(fold(&fold(&sent)), fold(&sent));
    }
}
