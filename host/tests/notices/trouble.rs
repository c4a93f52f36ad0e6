//! What goes wrong around e-mail: servers that hang, people who are erased, texts that end nowhere.

use databases::{Home, on_both};
use serde_json::json;

use super::mail::{id, plain};
use super::postbox::{Does, Postbox, Speaks};
use super::receiver::{Does as Answers, Receiver};
use super::{outcomes, post, rule, telling, until};

on_both!(threaded:
    a_server_that_hangs_holds_up_nobody_and_what_it_has_is_not_sent_twice,
    nobody_is_written_to_who_is_erased
);

async fn a_server_that_hangs_holds_up_nobody_and_what_it_has_is_not_sent_twice(home: Home) {
    let receiver = Receiver::start(|_| Answers::Answer(200)).await;
    let postbox = Postbox::open(Speaks::Plain, None, |number| match number {
        0 => Does::Linger,
        _ => Does::Hang,
    })
    .await;
    let endpoint =
        format!("[destinations.market]\nurl = \"{}\"\nallow_private = true\n", receiver.url());
    let server = telling(&home, &(plain(postbox.port) + &endpoint)).await;
    let first = post(&server, "e-1", "ann", json!({"email": "ann@x.example"})).await;
    let first = until(&server, &id(&first), "delivered").await;
    assert_eq!((outcomes(&first), postbox.letters().len()), (vec!["delivered".to_owned()], 1));

    for number in 0..5 {
        let subject = format!("s-{number}");
        post(&server, &format!("h-{number}"), &subject, json!({"email": "a@x.example"})).await;
    }
    postbox.until_count(6).await;
    let last = post(&server, "e-2", "ann", json!({"email": "ann@x.example"})).await;
    let action = format!("{}.message", last["id"].as_str().unwrap());
    until(&server, &action, "delivered").await;
    let waits = server.get("admin", &format!("/v1/deliveries/{}", id(&last))).await.json();
    assert_eq!(waits["state"], "pending");
    server.app.stop().await;
}

async fn nobody_is_written_to_who_is_erased(home: Home) {
    let postbox = Postbox::open(Speaks::Plain, None, |_| Does::Take).await;
    // A quiet time that is now, and for hours.
    let more = "quiet = { from = \"11:00\", to = \"15:00\" }\noffset_field = \"data.offset\"\n";
    let server = telling(&home, &(plain(postbox.port) + more)).await;
    let minutes = picket::model::Timestamp::now().millis().rem_euclid(24 * 3_600_000) / 60_000;
    let quiet = json!({"email": "ann@x.example", "offset": 12 * 60 - minutes});
    let held = post(&server, "e-1", "ann", quiet).await;
    let loud = json!({"email": "ann@x.example", "offset": 18 * 60 - minutes});
    let told = post(&server, "e-2", "bob", loud).await;
    until(&server, &id(&told), "delivered").await;
    for who in ["ann", "bob"] {
        let path = format!("/v1/subjects/market/{who}/erase");
        let why = json!({"why": "ticket 4711"}).to_string();
        let erased = server.post("admin", &path, "application/json", why).await;
        assert_eq!(erased.status, 200, "{}", erased.text);
    }
    until(&server, &id(&held), "erased").await;
    for decision in [&held, &told] {
        assert_eq!(rule(&server, decision, "overturned").await, 410);
    }
    let lift = server.get("admin", &format!("/v1/deliveries/{}.1", id(&told))).await;
    assert_eq!((lift.status, postbox.letters().len()), (404, 1));
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_of_no_lift_is_not_told_of_one() {
    let postbox = Postbox::open(Speaks::Plain, None, |_| Does::Take).await;
    let more = "[[email.market.notices]]\non = \"action\"\nsubject = \"a\"\nbody = \"b\"\n\
                [[email.market.notices]]\non = \"message.*\"\nsubject = \"c\"\nbody = \"d\"\n";
    let server = telling(&Home::Sqlite, &(plain(postbox.port) + more)).await;
    let decision = post(&server, "e-1", "ann", json!({"email": "ann@x.example"})).await;
    let of_event = format!("{}.notice.email", decision["id"].as_str().unwrap());
    until(&server, &of_event, "delivered").await;
    assert_eq!(rule(&server, &decision, "overturned").await, 200);
    let all = server.get("admin", "/v1/deliveries").await.json();
    assert_eq!(all["deliveries"].as_array().unwrap().len(), 2, "{all}");
    server.app.stop().await;
}
