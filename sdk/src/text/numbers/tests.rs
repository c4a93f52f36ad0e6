use proptest::prelude::*;

use super::{Gap, Numbers, Written};
use crate::text::Folded;

fn read(text: &str) -> Vec<String> {
    Numbers::read(&Folded::new(text), 2).runs().map(|run| run.digits().to_owned()).collect()
}

#[test]
fn digits_are_read_as_they_are_heard() {
    let cases: &[(&str, &[&str])] = &[
        ("call 555-010-2345 now", &["5550102345"]),
        ("+44 (0)7700 900 123", &["4407700900123"]),
        ("five five five oh one two", &["555012"]),
        ("five-five-five ZERO1two", &["555012"]),
        ("fivefivefive onetwo", &["55512"]),
        ("double seven triple 0 treble nine", &["77000999"]),
        ("fifty five, twelve, ninety-nine", &["551299"]),
        ("fifty, five", &["505"]),
        ("eight hundred five five five", &["800555"]),
        ("eight hundred and five", &["805"]),
        ("eight hundred fifty five", &["855"]),
        ("nought one nil two", &["0102"]),
        ("five five ate for won too three", &["5584123"]),
        ("seis uno dos, treinta y cuatro, cincuenta y seis", &["6123456"]),
        ("seiscientos doce treinta y cuatro", &["61234"]),
        ("zéro six, douze, trente-quatre, quatre-vingt-dix-sept", &["06123497"]),
        (
            "soixante et onze, soixante-dix, soixante dix sept, quatre-vingts, quatre vingt un",
            &["7170778081"],
        ),
        ("vingt-deux vingt et un dix-huit deux cent trente", &["222118230"]),
        ("onze nove oito meia sete, cinquenta e cinco, novecentos e doze", &["11986755912"]),
        ("doble cinco triple siete", &["55777"]),
        ("5o5 o1o l23", &["505010123"]),
        ("5 o 5 i 5", &["50515"]),
        ("555-S5S5-234l", &["55555552341"]),
        ("5️⃣5️⃣5️⃣ 0️⃣1️⃣", &["55501"]),
        ("555\n010\n23", &["55501023"]),
        ("five five then six six and seven dash 1", &["556671"]),
        ("5😀5🍎5", &["555"]),
        ("$555 $010", &["555010"]),
        ("555 dollars 010", &["555010"]),
        ("oh seven seven", &["077"]),
        ("quatre double hundred five five", &["55"]),
        ("quatre double vingt cinq", &["425"]),
        ("ate for won five five two six", &["8415526"]),
        ("four one five five ate for won too", &["41558412"]),
        ("four one five five to book", &["4155"]),
        ("41S-S55-O123", &["4155550123"]),
        ("two two two two won ate", &["222218"]),
        ("555 5550 and 12 for 50", &["555555012", "50"]),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), *expected, "{text:?}");
    }
}

#[test]
fn everyday_words_are_no_digits() {
    let cases: &[(&str, &[&str])] = &[
        ("I ate too much for one to won", &[]),
        ("from 10 to 20 for 30", &["10", "20", "30"]),
        ("5 for 2", &[]),
        ("I ate five, then six", &["56"]),
        ("we won 55 times", &["55"]),
        ("oh no, oh dear", &[]),
        ("oh 4155550123", &["4155550123"]),
        ("una casa de 12 metros", &["12"]),
        ("once upon a time", &[]),
        ("50 cents, 20 dollars", &["50", "20"]),
        ("12ft 10l b12 a4471b", &["12", "10", "12", "4471"]),
        ("12x14", &["12", "14"]),
        ("дом 12 квартира 34", &["12", "34"]),
        ("the 55 oil change", &["55"]),
        ("five thousand", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), *expected, "{text:?}");
    }
}

#[test]
fn groups_say_how_they_were_written_and_joined() {
    let folded = Folded::new("(555) 01o - five, ate 5");
    let numbers = Numbers::read(&folded, 7);
    let run = numbers.runs().next().expect("a run");
    let seen: Vec<_> = run
        .groups()
        .iter()
        .map(|group| (run.group_digits(group), group.written, group.gap))
        .collect();
    assert_eq!(
        seen,
        [
            ("555", Written::Figures, Gap::Start),
            ("010", Written::Leet, Gap::Bracket),
            ("5", Written::Words, Gap::Hyphen),
            ("8", Written::Homophone, Gap::Comma),
            ("5", Written::Figures, Gap::Space),
        ]
    );
    assert_eq!(run.range(), 1..23);
    assert_eq!(run.part(1..3).digits(), "0105");
    assert_eq!(run.part(0..0).digits(), "");
}

#[test]
fn runs_that_are_too_short_leave_nothing_behind() {
    let numbers =
        Numbers::read(&Folded::new("12 pens, 345 more pens, 5550102345 is it, 7 pens"), 7);
    let runs: Vec<_> = numbers.runs().map(|run| run.digits()).collect();
    assert_eq!(runs, ["5550102345"]);
}

fn spoken() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "five", "ate", "for", "oh", "o", "5", "55", "5o5", "double", "hundred", "cent", "quatre",
        "vingt", "dix", "sept", "and", "then", "dollars", "un", "fivefive", "x", "é", "ж", "😀",
        "-", ",", ".", "\n", "$", "+", "soixante", "ciento",
    ]);
    prop::collection::vec((words, prop::sample::select(vec!["", " ", "-"])), 0..40)
        .prop_map(|parts| parts.into_iter().map(|(word, gap)| format!("{word}{gap}")).collect())
}

proptest! {
    #[test]
    fn runs_are_whole_characters_in_order_and_hold_only_digits(text in prop_oneof![spoken(), any::<String>()]) {
        let folded = Folded::new(&text);
        let numbers = Numbers::read(&folded, 1);
        let mut last = 0;
        for run in numbers.runs() {
            prop_assert!(!run.digits().is_empty() && run.digits().bytes().all(|byte| byte.is_ascii_digit()));
            for group in run.groups() {
                let range = group.range();
                prop_assert!(range.start >= last && range.end > range.start);
                prop_assert!(folded.as_str().get(range.clone()).is_some());
                last = range.end;
                prop_assert_eq!(run.group_digits(group).len(), group.digit_count());
            }
        }
    }
}
