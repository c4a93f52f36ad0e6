//! What is recorded of event ids, looked up together: whatever is asked while one look is under way shares
//! the next one, for the way to the database and back costs more than the look. Every event begins with
//! one.

use std::collections::{HashMap, HashSet};

use sqlx::{Arguments as _, Row as _};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::dialect::{Pool, Row};
use super::names::spent_id;
use super::rows::Insert;

/// How many may wait for a look; then who asks waits.
const WAITING_MAX: usize = 4_096;
/// Of these, how many share one.
const AT_ONCE_MAX: usize = 64;

/// CROSS JOIN keeps SQLite from walking all events and looking each up among the wanted.
static LOOK: Insert = Insert::new(
    "WITH wanted (source, event_id, spent) AS (",
    3,
    ") SELECT e.decision_id, e.source, e.event_id, e.subject, e.fingerprint, e.state, d.sealed, \
     k.id AS key_id, k.wrapped FROM wanted AS w CROSS JOIN events AS e \
     LEFT JOIN decisions AS d ON d.id = e.decision_id \
     LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
     WHERE e.source = w.source AND e.event_id = w.event_id \
     UNION ALL \
     SELECT '', w.source, w.event_id, '', s.event_id, 3, NULL, NULL, NULL \
     FROM wanted AS w CROSS JOIN spent_events AS s \
     WHERE s.source = w.source AND s.event_id = w.spent",
);

/// Somebody who asks.
struct Ask {
    source: String,
    /// Its name in the record.
    event_id: String,
    spent: Vec<u8>,
    reply: oneshot::Sender<Result<Option<Row>, StoreError>>,
}

/// Where looks wait.
#[derive(Debug)]
pub(super) struct Looks {
    asks: mpsc::Sender<Ask>,
}

impl Looks {
    /// Starts the task that looks. It ends when nobody can ask any more.
    pub fn start(readers: Pool) -> Self {
        let (asks, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(work(readers, waiting));
        Self { asks }
    }

    /// The row of an event by its name in the record, with its decision and the key of its subject; of one
    /// that is gone what is left.
    pub async fn look(&self, source: &str, event_id: &str) -> Result<Option<Row>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let (source, event_id) = (source.to_owned(), event_id.to_owned());
        let spent = spent_id(&event_id)?;
        let asked = self.asks.send(Ask { source, event_id, spent, reply }).await;
        asked.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

async fn work(readers: Pool, mut waiting: mpsc::Receiver<Ask>) {
    let mut asks = Vec::new();
    loop {
        // What a look left over does not wait for more to come.
        if asks.is_empty() && waiting.recv_many(&mut asks, AT_ONCE_MAX).await == 0 {
            return;
        }
        while asks.len() < AT_ONCE_MAX
            && let Ok(ask) = waiting.try_recv()
        {
            asks.push(ask);
        }
        let later = apart(&mut asks);
        answer(&readers, std::mem::replace(&mut asks, later)).await;
    }
}

/// Leaves so many that one statement serves them, of each event id one; the others come next.
fn apart(asks: &mut Vec<Ask>) -> Vec<Ask> {
    let mut ids = HashSet::with_capacity(asks.len());
    let again: Vec<bool> =
        asks.iter().map(|ask| !ids.insert((ask.source.clone(), ask.event_id.clone()))).collect();
    let mut again = again.into_iter();
    let mut later: Vec<Ask> = asks.extract_if(.., |_| again.next().unwrap_or_default()).collect();
    let count = 1 << asks.len().ilog2();
    later.extend(asks.drain(count..));
    later
}

async fn answer(readers: &Pool, asks: Vec<Ask>) {
    let found = LOOK
        .read(readers, &asks, |arguments, ask| {
            arguments.add(ask.source.as_str())?;
            arguments.add(ask.event_id.as_str())?;
            arguments.add(ask.spent.as_slice())
        })
        .await
        .and_then(by_id);
    match found {
        Ok(mut found) => {
            for Ask { source, event_id, reply, .. } in asks {
                // Who asked may have gone.
                reply.send(Ok(found.remove(&(source, event_id)))).ok();
            }
        }
        Err(error) => {
            let error = StoreError::from(error);
            asks.into_iter().for_each(|ask| drop(ask.reply.send(Err(error.clone()))));
        }
    }
}

/// Of an event that is there and is gone as well, for a commit came between, the one that is there.
fn by_id(rows: Vec<Row>) -> Result<HashMap<(String, String), Row>, sqlx::Error> {
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        found.entry((row.try_get("source")?, row.try_get("event_id")?)).or_insert(row);
    }
    Ok(found)
}
