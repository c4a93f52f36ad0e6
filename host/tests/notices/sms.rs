//! Short messages.

use databases::{Home, on_both};
use picket::config::Config;
use serde_json::{Value, json};

use super::receiver::{Does, Receiver};
use super::{outcomes, post, telling, until};

on_both!(threaded: a_short_message_is_one_call_that_is_tried_until_it_is_taken);

fn table(url: &str) -> String {
    format!(
        "[sms.market]\nurl = \"{url}?key=hunter2\"\nallow_private = true\nuser = \"account\"\n\
         password = \"hunter2\"\nto_field = \"data.phone\"\n\
         form = {{ To = \"{{to}}\", From = \"+15550100\", Body = \"{{text}}\" }}\n"
    )
}

fn id(decision: &Value) -> String {
    format!("{}.message.sms", decision["id"].as_str().unwrap())
}

async fn a_short_message_is_one_call_that_is_tried_until_it_is_taken(home: Home) {
    let receiver = Receiver::start(|one| match one.before {
        0 => Does::Answer(503),
        1 => Does::Close,
        2 => Does::Redirect("http://127.0.0.1:1/".to_owned()),
        _ => Does::Answer(201),
    })
    .await;
    let server = telling(&home, &table(&receiver.url())).await;
    let decision = post(&server, "e-1", "ann", json!({"phone": "+1 555 0100 & é"})).await;
    let shown = until(&server, &id(&decision), "delivered").await;
    assert_eq!(outcomes(&shown), ["refused", "broke_off", "refused", "delivered"]);
    let received = receiver.received();
    assert!(received.iter().all(|one| one.id() == id(&decision) && one.bytes == received[0].bytes));
    let last = &received[3];
    let body = String::from_utf8(last.bytes.clone()).unwrap();
    assert_eq!(body, "Body=Held%20back%2E&From=%2B15550100&To=%2B1%20555%200100%20%26%20%C3%A9");
    assert_eq!(last.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(last.headers["authorization"], "Basic YWNjb3VudDpodW50ZXIy");
    let list = server.get("admin", "/v1/destinations").await.text;
    let config = format!("{:?}", server.app.config);
    for text in [&list, &config, &shown.to_string()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_is_one_failed_try() {
    for (does, outcome) in [
        (Does::Hang, "timed_out"),
        (Does::Reset, "broke_off"),
        (Does::CloseMidBody, "broke_off"),
        (Does::Drip, "timed_out"),
        (Does::Babble, "broke_off"),
        (Does::Answer(410), "refused"),
        (Does::Answer(200), "refused"),
        (Does::Answer(202), "delivered"),
    ] {
        let told = does.clone();
        let receiver = Receiver::start(move |_| told.clone()).await;
        let json = "json = { a = [{ to = \"{to}\" }, \"{{{id}}}\"], text = \"{text}\", n = 1 }\n\
                    success = [202]\nname = \"phone\"\n";
        let table = table(&receiver.url());
        let (head, _) = table.split_once("form =").unwrap();
        let server = telling(&Home::Sqlite, &format!("{head}{json}")).await;
        let decision = post(&server, "e-1", "ann", json!({"phone": "+1"})).await;
        let id = format!("{}.message.phone", decision["id"].as_str().unwrap());
        let state = if outcome == "delivered" { "delivered" } else { "dead" };
        let shown = until(&server, &id, state).await;
        assert_eq!(outcomes(&shown)[0], outcome, "{does:?}");
        let body = &receiver.received()[0].body;
        let wanted =
            json!({"a": [{"to": "+1"}, format!("{{{id}}}")], "text": "Held back.", "n": 1});
        assert_eq!(*body, wanted);
        receiver.stop();
        server.app.stop().await;
    }
}

#[test]
fn mistakes_say_how_to_mend_them_and_no_secret() {
    let good = table("http://127.0.0.1:9009/");
    let parse = |text: &str| {
        Config::parse("picket.toml", text, []).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(parse(&good), Ok(()));
    for (from, to, says) in [
        ("allow_private = true", "", "127.0.0.1 is a loopback address"),
        ("\"{to}\"", "\"you\"", "has to say both {to} and {text}"),
        ("\"{to}\"", "\"{too}\"", "a place that it cannot have"),
        ("form =", "fomr =", "unknown field `fomr`"),
        ("password = \"hunter2\"", "", "`user` goes with one password"),
        ("user = \"account\"", "method = \"GET\"", "`method` is POST or PUT"),
        ("user = \"account\"", "success = [99]\nuser = \"a\"", "from 200 to 599"),
        (
            "user = \"account\"",
            "headers = { Authorization = \"hunter2\" }\nuser = \"a\"",
            "leave one",
        ),
        (
            "user = \"account\"",
            "notices = [{ on = \"action\", subject = \"a\", body = \"b\" }]\nuser = \"a\"",
            "no `subject`",
        ),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let error = parse(&text).unwrap_err();
        assert!(error.contains(says) && !error.contains("hunter2"), "{to}: {error}");
    }
}
