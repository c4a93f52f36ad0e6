//! When a notice is sent: not in the reader's quiet hours, and with others where they come together. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::channel::{DIGEST_MAX, Load};
use crate::config::Telling;
use crate::model::notice::offset_minutes;
use crate::model::{Outgoing, Timestamp};
use crate::store::Claimed;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// When a channel sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hours {
    /// From when to when nothing is sent, in minutes since the reader's midnight.
    quiet: Option<(u32, u32)>,
    /// By how many minutes their clocks are ahead of UTC, where no event says so.
    offset_minutes: i32,
    /// How long a period is; 0: there are none.
    period_ms: i64,
}

impl Hours {
    /// # Errors
    /// What is wrong with them.
    pub fn of(telling: &Telling) -> Result<Self, String> {
        let offset = telling.offset.as_deref().and_then(offset_minutes);
        Ok(Self {
            quiet: telling.quiet.as_ref().map(|quiet| quiet.minutes()).transpose()?,
            offset_minutes: offset.unwrap_or_default(),
            period_ms: i64::from(telling.digest_minutes) * MINUTE_MS,
        })
    }

    /// Whether notices are gathered.
    pub fn gathers(&self) -> bool {
        self.period_ms > 0
    }

    /// What is sent now, as what goes together, and what is not sent before when. What waits behind something
    /// goes with it or not at all.
    pub fn sort(
        &self,
        claimed: Vec<Claimed>,
        now: Timestamp,
    ) -> (Vec<Load>, Vec<(Claimed, Timestamp)>) {
        let mut held = Vec::new();
        // By subject: what is due, and what may go with it.
        let mut lines: BTreeMap<String, Load> = BTreeMap::new();
        // Whose next one waits on: nothing behind that goes before it.
        let mut ended = BTreeSet::new();
        let mut alone = Vec::new();
        for one in claimed {
            let Ok(outgoing) = &one.outgoing else {
                if one.behind.is_none() {
                    alone.push(vec![one]);
                }
                // What is behind it and cannot be read ends nothing for others: it has its own turn.
                continue;
            };
            let subject = outgoing.subject.clone();
            match (self.not_before(outgoing, now), one.behind.is_some(), lines.get_mut(&subject)) {
                (Some(until), false, _) => held.push((one, until)),
                (None, false, _) => {
                    lines.insert(subject, vec![one]);
                }
                (None, true, Some(line))
                    if to(&line[0]) == to(&one) && !ended.contains(&subject) =>
                {
                    line.push(one);
                }
                _ => {
                    ended.insert(subject);
                }
            }
        }
        if !self.gathers() {
            alone.extend(lines.into_values());
            return (alone, held);
        }
        let mut by_reader: BTreeMap<String, Vec<Load>> = BTreeMap::new();
        for line in lines.into_values() {
            let loads = by_reader.entry(to(&line[0]).to_owned()).or_default();
            match loads.last_mut() {
                Some(last) if last.len() + line.len() <= DIGEST_MAX => last.extend(line),
                _ => loads.push(line),
            }
        }
        let mut loads: Vec<Load> = by_reader.into_values().flatten().collect();
        // In the order in which it came, whoever it is about.
        loads.iter_mut().for_each(|load| load.sort_by_key(|one| one.seq));
        loads.extend(alone);
        (loads, held)
    }

    /// When it is sent, where that is not now.
    fn not_before(&self, outgoing: &Outgoing, now: Timestamp) -> Option<Timestamp> {
        let came_at = outgoing.ruled_at.unwrap_or(outgoing.decided_at);
        let gathered = match self.period_ms {
            0 => now,
            period => {
                let begun = came_at.millis().div_euclid(period) * period;
                Timestamp::from_micros((begun + period) * 1_000).max(now)
            }
        };
        let said = outgoing.notice.as_ref().and_then(|notice| notice.offset_minutes);
        let until = self.after_quiet(gathered, said.unwrap_or(self.offset_minutes));
        (until > now).then_some(until)
    }

    /// The first moment from this one on that is not quiet where the reader is.
    fn after_quiet(&self, at: Timestamp, offset_minutes: i32) -> Timestamp {
        let Some((from, to)) = self.quiet else { return at };
        let (from, to) = (i64::from(from) * MINUTE_MS, i64::from(to) * MINUTE_MS);
        let local = at.millis() + i64::from(offset_minutes) * MINUTE_MS;
        let of_day = local.rem_euclid(DAY_MS);
        let quiet = match from < to {
            true => (from..to).contains(&of_day),
            false => of_day >= from || of_day < to,
        };
        if !quiet {
            return at;
        }
        let wait = (to - of_day).rem_euclid(DAY_MS);
        Timestamp::from_micros((at.millis() + wait) * 1_000)
    }
}

/// Who reads it; empty where it cannot be read.
fn to(one: &Claimed) -> &str {
    let notice = one.outgoing.as_ref().ok().and_then(|outgoing| outgoing.notice.as_ref());
    notice.map_or("", |notice| &notice.to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Quiet;
    use crate::model::{DecisionId, DeliveryId, DestinationId, Scope};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn hours(quiet: Option<(&str, &str)>, offset: &str, digest_minutes: u32) -> Hours {
        let quiet = quiet.map(|(from, to)| Quiet { from: from.to_owned(), to: to.to_owned() });
        let offset = Some(offset.to_owned());
        Hours::of(&Telling { quiet, offset, digest_minutes, ..Telling::default() }).unwrap()
    }

    fn claimed(seq: i64, subject: &str, to: &str, came: &str, behind: bool) -> Claimed {
        let decision = DecisionId::new();
        let id = DeliveryId::of_action(decision, Scope::Message).to("mail");
        let outgoing = serde_json::json!({
            "id": id, "kind": "action", "source": "market", "destination": "mail",
            "subject": subject, "event_id": "e", "decision_id": decision, "decided_at": at(came),
            "mode": "active", "action": "nudge", "scope": "message", "expires_at": null,
            "reason": "", "message": "m", "policy": {"name": "p", "version": 1,
            "digest": crate::model::Digest::of(b"").to_string()},
            "notice": {"to": to, "language": null, "offset_minutes": null,
            "event_type": "message.sent", "lifts": true},
        });
        let outgoing = Ok(serde_json::from_value(outgoing).unwrap());
        let to = DestinationId::named("market", "mail");
        Claimed { seq, id, to, attempts: 0, behind: behind.then_some(0), outgoing }
    }

    #[test]
    fn nothing_is_sent_in_the_readers_quiet_hours_and_all_of_it_after() {
        for (quiet, offset, now, until) in [
            (("22:00", "07:00"), "+00:00", "2026-03-01T21:59:59Z", None),
            (("22:00", "07:00"), "+00:00", "2026-03-01T22:00:00Z", Some("2026-03-02T07:00:00Z")),
            (("22:00", "07:00"), "+00:00", "2026-03-02T06:59:59Z", Some("2026-03-02T07:00:00Z")),
            (("22:00", "07:00"), "+00:00", "2026-03-02T07:00:00Z", None),
            (("22:00", "07:00"), "-05:00", "2026-03-02T07:00:00Z", Some("2026-03-02T12:00:00Z")),
            (("22:00", "07:00"), "+05:30", "2026-03-01T16:29:59Z", None),
            (("22:00", "07:00"), "+05:30", "2026-03-01T16:30:00Z", Some("2026-03-02T01:30:00Z")),
            (("12:00", "13:00"), "+00:00", "2026-03-01T12:30:00Z", Some("2026-03-01T13:00:00Z")),
            (("12:00", "13:00"), "+00:00", "2026-03-01T13:00:00Z", None),
        ] {
            let (loads, held) = hours(Some(quiet), offset, 0)
                .sort(vec![claimed(1, "ann", "a@x.example", now, false)], at(now));
            let when: Vec<Timestamp> = held.iter().map(|(_, until)| *until).collect();
            assert_eq!(when, until.map(at).into_iter().collect::<Vec<_>>(), "{now} {offset}");
            assert_eq!(loads.len(), usize::from(until.is_none()));
        }
    }

    #[test]
    fn what_comes_within_a_period_is_one_message_for_each_reader() {
        let hours = hours(None, "+00:00", 60);
        let all = || {
            vec![
                claimed(1, "ann", "a@x.example", "2026-03-01T10:05:00Z", false),
                claimed(2, "bob", "b@x.example", "2026-03-01T10:06:00Z", false),
                claimed(3, "ann", "a@x.example", "2026-03-01T10:50:00Z", true),
                // Another account of the same reader.
                claimed(4, "cy", "a@x.example", "2026-03-01T10:59:59Z", false),
                // Of the next period: it waits on.
                claimed(5, "ann", "a@x.example", "2026-03-01T11:00:00Z", true),
            ]
        };
        let (loads, held) = hours.sort(all(), at("2026-03-01T10:59:59Z"));
        assert!(loads.is_empty());
        let when: Vec<_> = held.iter().map(|(one, until)| (one.seq, *until)).collect();
        let end = at("2026-03-01T11:00:00Z");
        assert_eq!(when, [(1, end), (2, end), (4, end)]);
        let (loads, held) = hours.sort(all(), end);
        let seqs: Vec<Vec<i64>> =
            loads.iter().map(|load| load.iter().map(|one| one.seq).collect()).collect();
        assert_eq!((seqs, held.len()), (vec![vec![1, 3, 4], vec![2]], 0));
    }

    #[test]
    fn a_message_holds_no_more_than_it_may() {
        let hours = hours(None, "+00:00", 60);
        let all = (0..120).map(|number| {
            let subject = format!("s-{number}");
            claimed(number, &subject, "a@x.example", "2026-03-01T10:05:00Z", false)
        });
        let (loads, _) = hours.sort(all.collect(), at("2026-03-01T12:00:00Z"));
        let counts: Vec<usize> = loads.iter().map(Vec::len).collect();
        assert_eq!(counts, [50, 50, 20]);
    }
}
