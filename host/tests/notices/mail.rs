//! E-mail.

use base64::Engine as _;
use databases::{Home, on_both};
use picket::config::Config;
use picket::model::Timestamp;
use serde_json::{Value, json};

use super::postbox::{Does, Postbox, Speaks};
use super::server::Server;
use super::{outcomes, post, receiver, rule, telling, until};

on_both!(threaded:
    everybody_is_written_to_in_their_language_under_an_id_that_stays,
    what_may_come_right_is_tried_again_and_what_is_refused_for_good_is_dead,
    in_quiet_hours_nothing_is_sent_and_it_waits
);

const MESSAGE: &str = "Held back.";

pub fn plain(port: u16) -> String {
    format!(
        "[email.market]\nurl = \"smtp://127.0.0.1:{port}\"\nallow_plain = true\n\
         allow_private = true\nfrom = \"Market <notices@market.example>\"\n\
         to_field = \"data.email\"\nlanguage_field = \"data.language\"\n"
    )
}

pub fn id(decision: &Value) -> String {
    format!("{}.message.email", decision["id"].as_str().unwrap())
}

async fn everybody_is_written_to_in_their_language_under_an_id_that_stays(home: Home) {
    let postbox = Postbox::open(Speaks::Plain, None, |_| Does::Take).await;
    let more = "default_language = \"en\"\n\
        [[email.market.notices]]\non = \"action\"\n\
        subject = { en = \"Your message: {action}\", es = \"Tu mensaje é: {action}\" }\n\
        body = { en = \"{message}\", es = \"Hola {subject}: {message}\" }\n\
        [[email.market.notices]]\non = \"lift\"\nsubject = \"Undone\"\nbody = \"{action}, {event}\"\n\
        [[email.market.notices]]\non = \"dispute.*\"\nsubject = \"{type}\"\nbody = \"A dispute.\"\n";
    let server = telling(&home, &(plain(postbox.port) + more)).await;
    let ann = post(&server, "e-1", "ann", json!({"email": "ann@x.example"})).await;
    let bob = json!({"email": "bob@x.example", "language": "es-MX"});
    let bob = post(&server, "e-2", "bob", bob).await;
    let dispute = json!({"email": "cy@x.example", "type": "dispute.opened"});
    let dispute = post(&server, "e-3", "cy", dispute).await;
    // Nobody is found for these.
    for (number, email) in ["", "cy@x.example\r\nBcc: eve@x.example"].into_iter().enumerate() {
        post(&server, &format!("n-{number}"), "cy", json!({"email": email})).await;
    }
    post(&server, "n-9", "cy", json!({})).await;
    until(&server, &id(&ann), "delivered").await;
    until(&server, &id(&bob), "delivered").await;
    let of_event = format!("{}.notice.email", dispute["id"].as_str().unwrap());
    let shown = until(&server, &of_event, "delivered").await;
    assert_eq!((&shown["kind"], &shown["destination"]), (&json!("notice"), &json!("email")));
    let letters = postbox.letters();
    let to = |to: &str| letters.iter().find(|one| one.to == [to]).unwrap();
    assert!(letters.len() == 3 && letters.iter().all(|one| one.taken), "{letters:#?}");
    let (english, spanish) = (to("ann@x.example"), to("bob@x.example"));
    assert_eq!(english.header("Message-ID"), format!("<{}@market.example>", id(&ann)));
    assert_eq!(english.header("From"), "Market <notices@market.example>");
    assert_eq!(english.header("To"), "ann@x.example");
    assert_eq!(english.header("Auto-Submitted"), "auto-generated");
    assert_eq!(english.header("Subject"), "Your message: soft block");
    assert_eq!(
        (english.body().as_str(), english.from.as_str()),
        (MESSAGE, "notices@market.example")
    );
    assert!(spanish.header("Subject").contains("=?utf-8?"), "{}", spanish.header("Subject"));
    assert_eq!(spanish.body(), format!("Hola bob: {MESSAGE}"));
    assert_eq!(to("cy@x.example").header("Subject"), "dispute.opened");

    // What people overturn is told as well.
    assert_eq!(rule(&server, &ann, "overturned").await, 200);
    until(&server, &format!("{}.1", id(&ann)), "delivered").await;
    let lift = postbox.letters().pop().unwrap();
    assert_eq!((lift.header("Subject"), lift.body()), ("Undone".into(), "soft block, e-1".into()));
    // And once more, with what there is to say, where they think better of it.
    assert_eq!(rule(&server, &ann, "upheld").await, 200);
    until(&server, &format!("{}.2", id(&ann)), "delivered").await;
    let again = postbox.letters().pop().unwrap();
    assert_eq!(
        (again.header("Subject"), again.body()),
        (english.header("Subject"), MESSAGE.into())
    );
    server.app.stop().await;
}

async fn what_may_come_right_is_tried_again_and_what_is_refused_for_good_is_dead(home: Home) {
    let postbox = Postbox::open(Speaks::Plain, None, |number| match number {
        0 => Does::Refuse(451),
        1 => Does::RefuseData(452),
        2 => Does::Hang,
        3 | 5 => Does::Take,
        4 => Does::Refuse(550),
        6 => Does::RefuseData(554),
        7 => Does::Close,
        _ => Does::Babble,
    })
    .await;
    let server = telling(&home, &plain(postbox.port)).await;
    let first = post(&server, "e-1", "ann", json!({"email": "ann@x.example"})).await;
    let first = until(&server, &id(&first), "delivered").await;
    assert_eq!(outcomes(&first), ["refused", "refused", "timed_out", "delivered"]);
    assert_eq!(first["tries"][0]["status"], 451);
    let ids: Vec<_> = postbox.letters()[1..4].iter().map(|one| one.header("Message-ID")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    let dead = post(&server, "e-2", "ann", json!({"email": "gone@x.example"})).await;
    let shown = until(&server, &id(&dead), "dead").await;
    assert_eq!(
        (outcomes(&shown), &shown["tries"][0]["status"]),
        (vec!["rejected".into()], &json!(550))
    );
    // Nothing of what the server says is kept but its code.
    assert!(!shown.to_string().contains("gone@x.example"), "{shown}");
    // A dead one is taken up again under its id.
    let path = format!("/v1/deliveries/{}/replay", id(&dead));
    let body = json!({"why": "their box is there again"}).to_string();
    assert_eq!(server.post("admin", &path, "application/json", body).await.status, 200);
    until(&server, &id(&dead), "delivered").await;

    let refused = post(&server, "e-3", "ann", json!({"email": "ann@x.example"})).await;
    let refused = until(&server, &id(&refused), "dead").await;
    assert_eq!(outcomes(&refused), ["rejected"]);
    let babble = post(&server, "e-4", "ann", json!({"email": "ann@x.example"})).await;
    let babble = until(&server, &id(&babble), "dead").await;
    assert_eq!(outcomes(&babble), ["broke_off"; 4]);
    let nobody = post(&server, "e-5", "ann", json!({"email": "no address"})).await;
    assert_eq!(outcomes(&until(&server, &id(&nobody), "dead").await), ["rejected"]);
    server.app.stop().await;
}

async fn in_quiet_hours_nothing_is_sent_and_it_waits(home: Home) {
    let postbox = Postbox::open(Speaks::Plain, None, |_| Does::Take).await;
    // By a clock that shows noon now.
    let since_midnight = Timestamp::now().millis().rem_euclid(24 * 3_600_000) / 60_000;
    let offset = 12 * 60 - since_midnight;
    let more = "offset_field = \"data.offset\"\nquiet = { from = \"11:00\", to = \"13:30\" }\n";
    let server = telling(&home, &(plain(postbox.port) + more)).await;
    let quiet = json!({"email": "ann@x.example", "offset": offset});
    let quiet = post(&server, "e-1", "ann", quiet).await;
    let loud = json!({"email": "bob@x.example", "offset": offset + 180});
    let loud = post(&server, "e-2", "bob", loud).await;
    until(&server, &id(&loud), "delivered").await;
    let held = until(&server, &id(&quiet), "pending").await;
    let begun = std::time::Instant::now();
    let due = loop {
        let held = until(&server, &id(&quiet), "pending").await;
        let due = Timestamp::parse(held["due_at"].as_str().unwrap()).unwrap();
        let wait_minutes = (due.millis() - Timestamp::now().millis()) / 60_000;
        if (80..=91).contains(&wait_minutes) {
            break held;
        }
        assert!(begun.elapsed().as_secs() < 60, "{wait_minutes}: {held}");
    };
    assert_eq!((due["attempts"].clone(), outcomes(&due).len()), (json!(0), 0), "{held}");
    let to: Vec<_> = postbox.letters().into_iter().map(|one| one.to.concat()).collect();
    assert_eq!(to, ["bob@x.example"]);
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_within_a_period_is_one_message() {
    let postbox = Postbox::open(Speaks::Plain, None, |number| match number {
        0 => Does::Refuse(451),
        _ => Does::Take,
    })
    .await;
    let tables = plain(postbox.port).replace("to_field = \"data.email\"", "to = \"ops@x.example\"");
    let tables = tables + "digest_minutes = 1\n";
    // All three in one minute.
    while Timestamp::now().millis().rem_euclid(60_000) > 45_000 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let server = telling(&Home::Sqlite, &tables).await;
    let mut ids = Vec::new();
    for (number, subject) in ["ann", "ann", "bob"].into_iter().enumerate() {
        ids.push(id(&post(&server, &format!("e-{number}"), subject, json!({})).await));
    }
    assert!(postbox.letters().is_empty());
    let letters = postbox.until_count(2).await;
    for id in &ids {
        until(&server, id, "delivered").await;
    }
    assert_eq!(postbox.letters().len(), 2, "{letters:#?}");
    let letter = &letters[1];
    assert_eq!(letter.body().matches(MESSAGE).count(), 3, "{}", letter.text);
    assert_eq!(letter.header("Subject"), "About your account at market (3)");
    assert_eq!(letter.header("Message-ID"), format!("<{}@market.example>", ids[0]));
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_before_tls_and_nothing_to_whom_nobody_vouches_for() {
    let (pem, secure) = receiver::vouched_for();
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), pem).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2\n").unwrap();
    let password = base64::engine::general_purpose::STANDARD.encode("\0me\0hunter2");
    let password: &'static str = password.leak();
    let vouched = format!("ca_file = \"{}\"\n", ca.path().display());
    let known = format!("user = \"me\"\npassword_file = \"{}\"\n", file.path().display());
    let wrong = "user = \"me\"\npassword = \"hunter3\"\n";
    let opened = Speaks::StartTls(secure.clone());
    for (scheme, speaks, more, outcome) in [
        ("smtp", opened.clone(), [&*vouched, &known].concat(), "delivered"),
        ("smtps", Speaks::Tls(secure.clone()), [&*vouched, &known].concat(), "delivered"),
        ("smtp", opened.clone(), [&*vouched, wrong].concat(), "refused"),
        ("smtp", opened, known.clone(), "unreachable"),
        ("smtp", Speaks::Meddled(secure.clone()), [&*vouched, &known].concat(), "unreachable"),
        ("smtp", Speaks::Plain, [&*vouched, &known].concat(), "refused"),
        ("smtps", Speaks::Plain, [&*vouched, &known].concat(), "unreachable"),
    ] {
        let postbox = Postbox::open(speaks, Some(password), |_| Does::Take).await;
        let tables = plain(postbox.port).replace("allow_plain = true\n", "");
        let tables = tables.replace("smtp:", &format!("{scheme}:")) + &more;
        let server = telling(&Home::Sqlite, &tables).await;
        let decision = post(&server, "e-1", "ann", json!({"email": "ann@x.example"})).await;
        let state = if outcome == "delivered" { "delivered" } else { "dead" };
        let shown = until(&server, &id(&decision), state).await;
        assert_eq!(outcomes(&shown)[0], outcome, "{scheme} {more}: {shown}");
        let letters = postbox.letters();
        assert_eq!(letters.len(), usize::from(state == "delivered"));
        assert!(letters.iter().all(|one| one.secure && one.auth.as_deref() == Some(password)));
        nothing_is_told(&server, &shown).await;
        server.app.stop().await;
    }
}

/// Neither pages nor what is shown of the configuration hold a secret.
async fn nothing_is_told(server: &Server, shown: &Value) {
    let list = server.get("admin", "/v1/destinations").await.text;
    let config = format!("{:?}", server.app.config);
    for text in [&shown.to_string(), &list, &config] {
        assert!(!text.contains("hunter"), "{text}");
    }
    assert!(list.contains("\"channel\":\"email\""), "{list}");
}

#[test]
fn mistakes_say_how_to_mend_them_and_no_secret() {
    let good = plain(2525);
    let parse = |text: &str| {
        Config::parse("picket.toml", text, []).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(parse(&good), Ok(()));
    for (from, to, says) in [
        ("smtp:", "http:", "written as smtp://host:587 or smtps://host:465"),
        ("smtp://", "smtp://me:hunter2@", "write `user` and `password_file`"),
        ("127.0.0.1", "mail.example", "for a server on this machine alone"),
        ("allow_private = true", "", "127.0.0.1 is a loopback address"),
        ("127.0.0.1", "169.254.169.254", "link-local"),
        ("Market <notices@market.example>", "Market", "`from` is an address"),
        ("to_field = \"data.email\"", "", "say where to, and once"),
        ("to_field = \"data.email\"", "to_field = \"email\"", "`email` is no field"),
        ("to_field", "to_feild", "unknown field `to_feild`"),
        ("allow_plain = true", "user = \"me\"", "`user` goes with one password"),
        ("allow_plain = true", "password = { a = \"hunter2\" }", "a text or a list of texts"),
        ("allow_plain = true", "quiet = { from = \"22\", to = \"7:00\" }", "`quiet` is written as"),
        ("allow_plain = true", "offset = \"2\"", "`offset` is written as"),
        ("allow_plain = true", "digest_minutes = 2000", "`digest_minutes` is at most 1440"),
        (
            "to_field = \"data.email\"",
            "to = \"a@x.example\\nBcc: b@x.example\"",
            "`to` is one address",
        ),
        ("allow_plain = true", "name = \"1\"", "`name` is lower-case letters"),
        (
            "allow_plain = true",
            "notices = [{ on = \"action\", subject = \"a\", body = \"{untill}\" }]",
            "a place that notices do not have",
        ),
        (
            "allow_plain = true",
            "notices = [{ on = \"action\", subject = \"a\", body = { es = \"b\" } }]",
            "add `default_language`",
        ),
        (
            "allow_plain = true",
            "notices = [{ on = \"action\", body = \"b\" }]",
            "needs a `subject`",
        ),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let error = parse(&text).unwrap_err();
        assert!(error.contains(says) && !error.contains("hunter2"), "{to}: {error}");
    }
    let twice = good.replace("[email.market]", "[[email.market]]");
    let twice = format!("{twice}{twice}");
    assert!(parse(&twice).unwrap_err().contains("two destinations called `email`"));
}
