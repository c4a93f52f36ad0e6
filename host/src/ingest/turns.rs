//! Turns: events of one row about one subject that are decided one after the other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tokio::sync::oneshot;

/// Who came last, of each source and subject of a row of events.
#[derive(Default)]
pub struct Turns(HashMap<(String, String), oneshot::Receiver<()>>);

/// One event's: it begins when the one before has ended, and ends when it is dropped.
pub struct Turn {
    before: Option<oneshot::Receiver<()>>,
    _ends: oneshot::Sender<()>,
}

impl Turns {
    /// The next turn of a subject. Turns must be taken in the order in which they were given.
    pub(super) fn next(&mut self, source: &str, subject: &str) -> Turn {
        let (ends, ended) = oneshot::channel();
        let before = match self.0.entry((source.to_owned(), subject.to_owned())) {
            Entry::Occupied(mut last) => Some(last.insert(ended)),
            Entry::Vacant(none) => {
                none.insert(ended);
                None
            }
        };
        Turn { before, _ends: ends }
    }
}

impl Turn {
    /// Waits for it. It lasts as long as what is returned.
    pub async fn come(turn: Option<Self>) -> Option<Self> {
        let mut turn = turn?;
        if let Some(before) = turn.before.take() {
            // Its sender is dropped, for nothing is ever sent.
            let _ = before.await;
        }
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn each_subject_has_its_own_row_and_nobody_overtakes() {
        let order = Mutex::new(Vec::new());
        let mut turns = Turns::default();
        let events = [("u", 3), ("u", 1), ("v", 1), ("u", 0), ("v", 0)];
        let given: Vec<_> = events.map(|(subject, _)| Some(turns.next("s", subject))).into();
        let all =
            given.into_iter().zip(events).enumerate().map(|(number, (turn, (subject, ms)))| {
                let order = &order;
                async move {
                    let _turn = Turn::come(turn).await;
                    tokio::time::sleep(std::time::Duration::from_millis(ms * 20)).await;
                    order.lock().unwrap().push((subject, number));
                }
            });
        futures::future::join_all(all).await;
        let order = order.into_inner().unwrap();
        let of = |subject: &str| {
            let own = order.iter().filter(|(of, _)| *of == subject);
            own.map(|(_, number)| *number).collect::<Vec<_>>()
        };
        assert_eq!((of("u"), of("v")), (vec![0, 1, 3], vec![2, 4]));
        assert_eq!(order[0].0, "v", "another subject waits for nobody");
    }
}
