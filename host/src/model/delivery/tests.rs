//! Ids and words of what leaves.

use super::*;
use crate::model::Digest;

fn outgoing(expires_at: Option<i64>) -> Outgoing {
    let (id, at) = (DecisionId::new(), Timestamp::from_micros);
    Outgoing {
        id: DeliveryId::of_action(id, Scope::Account),
        kind: OutgoingKind::Action,
        source: "market".to_owned(),
        destination: String::new(),
        notice: None,
        alert: None,
        subject: "user-1".to_owned(),
        event_id: "e-1".to_owned(),
        decision_id: id,
        decided_at: at(0),
        ruled_at: None,
        mode: Mode::Active,
        action: Action::Cooldown,
        scope: Scope::Account,
        begins_at: None,
        expires_at: expires_at.map(at),
        reason: "a phone number".to_owned(),
        message: Some("Your account is paused.".to_owned()),
        policy: PolicyRef { name: "p".to_owned(), version: 1, digest: Digest::of(b"") },
    }
}

#[test]
fn what_has_ended_by_itself_is_not_lifted_and_what_is_lifted_is_told_without_the_text() {
    let at = Timestamp::from_micros(100);
    for (end, lifts) in [(None, true), (Some(101), true), (Some(100), false), (Some(99), false)] {
        let told = outgoing(end);
        assert_eq!(told.ruled(Word::Upheld, 1, at), None);
        let lift = told.ruled(Word::Overturned, 1, at);
        assert_eq!(lift.is_some(), lifts, "{end:?}");
        let Some(lift) = lift else { continue };
        assert_eq!(
            (lift.kind, lift.ruled_at, &lift.message),
            (OutgoingKind::Lift, Some(at), &None)
        );
        assert_eq!(lift.ruled(Word::Overturned, 2, at), None);
        let again = lift.ruled(Word::Upheld, 2, at).map(|again| (again.kind, again.id));
        let id = DeliveryId::of_word(told.decision_id, Scope::Account, 2);
        assert_eq!(again, Some((OutgoingKind::Action, id)));
    }
}

#[test]
fn an_id_follows_from_decision_and_scope_and_reads_back() {
    let decision = DecisionId::new();
    for scope in Scope::ALL {
        let id = DeliveryId::of_action(decision, scope);
        assert_eq!(id, DeliveryId::of_action(decision, scope));
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        let word = DeliveryId::of_word(decision, scope, 12);
        assert_eq!(word.to_string().parse(), Ok(word.clone()));
        for named in
            [id.to("audit-2"), word.to("audit-2"), DeliveryId::of_notice(decision).to("mail")]
        {
            assert_eq!(named.to_string().parse(), Ok(named));
        }
    }
    let faulty = [
        "planet",
        "message.",
        "message.0",
        "message.01",
        "message.-1",
        "message.1.1",
        "message.A",
        "message.a.0",
        "message.a.b",
        "message.1.a",
        "notice",
        "notice.1",
        "notice.a.1",
    ];
    let faulty = faulty.map(|rest| format!("{decision}.{rest}"));
    for text in
        ["", "message", "x.message", "a.b.c"].into_iter().chain(faulty.iter().map(|text| &**text))
    {
        assert!(text.parse::<DeliveryId>().is_err(), "{text}");
    }
}
