//! Finding decisions again.

use super::super::{Cursor, Filter};
use super::*;

on_both!(
    pages_do_not_shift_while_decisions_come_in,
    each_filter_and_their_combinations_select,
    limits_hold,
    numbers_come_back_to_the_bit,
);

fn filter(limit: usize) -> Filter {
    Filter { limit, ..Filter::default() }
}

async fn event_ids(store: &Store, filter: Filter) -> Vec<String> {
    let page = store.decisions(&filter).await.unwrap();
    page.decisions.into_iter().map(|decision| decision.event_id).collect()
}

async fn pages_do_not_shift_while_decisions_come_in(home: Home) {
    let (_place, store) = fresh(home).await;
    for n in 0..10 {
        store.commit(&entry(&format!("e-{n}"))).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.decisions(&Filter { after, ..filter(3) }).await.unwrap();
        seen.extend(page.decisions.into_iter().map(|decision| decision.event_id));
        store.commit(&entry(&format!("late-{}", seen.len()))).await.unwrap();
        // As it travels: out as text and back.
        after = page.next.map(|next| next.to_string().parse().unwrap());
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..10).rev().map(|n| format!("e-{n}")).collect();
    assert_eq!(seen, expected);
}

async fn each_filter_and_their_combinations_select(home: Home) {
    let (_place, store) = fresh(home).await;
    for n in 0..16 {
        let mut event = event(&format!("e-{n:02}"));
        event.subject = format!("user-{}", n % 2);
        event.source = format!("source-{}", n / 2 % 2);
        let entry = entry_of(event, |decision| {
            decision.tier = ["low", "high"][n / 4 % 2].to_owned();
            decision.signals = match n / 8 {
                0 => vec![],
                _ => vec![
                    signal("contact-phone", "contact.phone"),
                    signal("contact-phone", "contact.intent"),
                ],
            };
            decision.findings[0].outcome = if n == 3 { Outcome::Trap } else { Outcome::Ok };
        });
        store.commit(&entry).await.unwrap();
    }
    for bits in 0..16_u32 {
        let given = |bit: u32, value: &str| (bits & bit > 0).then(|| value.to_owned());
        let asked = Filter {
            subject: given(1, "user-1"),
            source: given(2, "source-1"),
            tier: given(4, "high"),
            detector: given(8, "contact-phone"),
            ..filter(500)
        };
        let expected: Vec<String> = (0..16_u32)
            .rev()
            // The bits of the number are what the decision has.
            .filter(|n| n & bits == bits)
            .map(|n| format!("e-{n:02}"))
            .collect();
        assert_eq!(event_ids(&store, asked).await, expected, "{bits:04b}");
    }
    let failed = Filter { detector: Some("contact-email".to_owned()), ..filter(9) };
    assert_eq!(event_ids(&store, failed).await, ["e-03"], "a detector that did not finish");
    let none = Filter { detector: Some("contact-link".to_owned()), ..filter(9) };
    assert_eq!(event_ids(&store, none).await, [""; 0], "it ran and found nothing");
}

async fn limits_hold(home: Home) {
    let (_place, store) = fresh(home).await;
    for n in 0..3 {
        store.commit(&entry(&format!("e-{n}"))).await.unwrap();
    }
    assert_eq!(event_ids(&store, filter(0)).await.len(), 1);
    assert_eq!(event_ids(&store, filter(usize::MAX)).await.len(), 3);
    let exact = store.decisions(&filter(3)).await.unwrap();
    assert_eq!(exact.next, None, "a full page that is the last");
}

#[test]
fn a_cursor_that_was_made_up_is_refused() {
    for text in ["", "17", "not a cursor", "AAAAAAAAAAAA", "%"] {
        let error = text.parse::<Cursor>().unwrap_err();
        assert!(error.contains("`next` of the page before"), "{error}");
    }
}

async fn numbers_come_back_to_the_bit(home: Home) {
    let (_place, store) = fresh(home).await;
    let mut random = 1_u64;
    for n in 0..200 {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let score = (random >> 11) as f64 / (1_u64 << 53) as f64;
        let mut event = event(&format!("e-{n}"));
        event.data = json!({ "amount": score * 1e6 });
        let entry = entry_of(event, |decision| decision.signals[0].score = score);
        store.commit(&entry).await.unwrap();
        let back = store.replayable(entry.decision.id).await.unwrap().unwrap();
        assert_eq!(back.document.decision, *entry.decision);
        assert_eq!(back.event, *entry.event);
    }
}
