//! After each crash: what was not answered is sent again, what was accepted is awaited, and the record is
//! read as far as it is new. At the end the actions are awaited, all of it is read once more, and the log is
//! verified.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::client::{Answer, Client};
use crate::fault::{Fault, Kind};
use crate::journal::{Said, Told};
use crate::load::Shared;
use crate::record::Record;
use crate::server::Program;

/// How long an accepted event may take to be decided after a restart.
const DECIDED_WITHIN: Duration = Duration::from_secs(30);
/// How long to wait before asking again whether it is.
const ASK_AGAIN: Duration = Duration::from_millis(5);
/// How long the actions may take to be delivered: what was under way at the last kill waits until its claim has
/// run out, and whatever comes later about the same account waits for that.
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);
/// How long to wait before looking again whether they are.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Brings the journal up to date, then the record, and compares the events from this one on.
///
/// # Errors
/// Where the server does not answer: it is up, and nothing is being done to it.
pub async fn after_crash(
    shared: &Shared,
    client: &Client,
    record: &mut Record,
    since: u64,
    clients: usize,
) -> anyhow::Result<Vec<Fault>> {
    shared.resend(client, since, clients).await;
    decide_accepted(shared, client, since).await?;
    let mut faults = read_arrived(shared, record).await;
    faults.extend(read_new(shared, client, record).await?);
    let journal = shared.journal.lock().await;
    let silent = journal.since(since).filter(|(_, said)| **said == Said::Nothing).count();
    if silent > 0 {
        let what = format!("{silent} events were sent again and not answered");
        faults.push(Fault::new(Kind::Refused, what));
    }
    faults.extend(record.missing(&journal, since));
    Ok(faults)
}

/// Waits for the actions, then reads the whole record again and compares it with the whole journal.
///
/// # Errors
/// As [`after_crash`].
pub async fn at_the_end(
    shared: &Shared,
    client: &Client,
    record: &mut Record,
) -> anyhow::Result<Vec<Fault>> {
    let mut faults = await_deliveries(shared, record).await;
    let mut whole = Record::default();
    faults.extend(read_new(shared, client, &mut whole).await?);
    faults.extend(whole.continues(record));
    faults.extend(whole.missing(&*shared.journal.lock().await, 0));
    Ok(faults)
}

/// Has the log of the server verified, and held to the checkpoints in a folder, which were taken before it
/// was killed: each entry is hashed again, and the tiles, the head and the root are compared.
///
/// # Errors
/// Where the verifier cannot be run.
pub fn log(
    program: &Program,
    server: SocketAddr,
    key: &str,
    anchors: &Path,
) -> anyhow::Result<Option<Fault>> {
    let said = program.verify_log(server, key, anchors)?;
    Ok(said.map(|said| Fault::new(Kind::Rewritten, said.trim())))
}

/// Waits until each action that a decision asks for has arrived.
async fn await_deliveries(shared: &Shared, record: &mut Record) -> Vec<Fault> {
    let begun = Instant::now();
    let mut faults = Vec::new();
    loop {
        faults.extend(read_arrived(shared, record).await);
        let undelivered = record.undelivered();
        if undelivered.is_empty() || begun.elapsed() >= DELIVERED_WITHIN {
            faults.extend(undelivered);
            faults.extend(record.unasked());
            return faults;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Reads what has arrived outside since it was last read.
async fn read_arrived(shared: &Shared, record: &mut Record) -> Vec<Fault> {
    let arrived = shared.endpoint.take().await.into_iter();
    arrived.filter_map(|delivery| record.add_delivery(&shared.plan, delivery)).collect()
}

/// Waits until each accepted event is decided, under the id that was promised.
async fn decide_accepted(shared: &Shared, client: &Client, since: u64) -> anyhow::Result<()> {
    let accepted: Vec<(u64, String)> = {
        let journal = shared.journal.lock().await;
        let accepted = journal.since(since).filter_map(|(number, said)| match said {
            Said::Accepted(decision) => Some((number, decision.clone())),
            Said::Nothing | Said::Decided(_) => None,
        });
        accepted.collect()
    };
    let begun = Instant::now();
    for (number, id) in accepted {
        loop {
            match client.decision(&id).await {
                Answer::Accepted(_) if begun.elapsed() < DECIDED_WITHIN => {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
                // Still not decided, or not known at all: the record will be found to lack it.
                Answer::Accepted(_) | Answer::Refused(404) => break,
                Answer::Nothing => bail!("GET of decision {id}: no answer"),
                Answer::Refused(status) => bail!("GET of decision {id}: {status}"),
                decided => {
                    shared.heard(number, decided).await;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Reads decisions and audit entries that were not read before.
async fn read_new(
    shared: &Shared,
    client: &Client,
    record: &mut Record,
) -> anyhow::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let journal = shared.journal.lock().await;
    let mut after: Option<String> = None;
    loop {
        let (page, next) = client.decisions(after.as_deref()).await?;
        let mut known = false;
        for decision in &page {
            let event_id = decision["event_id"].as_str().unwrap_or_default();
            let Some(told) = Told::of(decision) else { bail!("not a decision: {decision}") };
            let number = shared.plan.number(event_id);
            known |= number.is_some_and(|number| record.holds(number, &told.decision));
            faults.extend(record.add_decision(&shared.plan, &journal, event_id, told));
        }
        // Newest first: what follows one that was read before was read before.
        match next {
            Some(next) if !known => after = Some(next),
            _ => break,
        }
    }
    loop {
        let lines = client.audit(record.last_seq()).await?;
        if lines.is_empty() {
            return Ok(faults);
        }
        faults.extend(lines.into_iter().filter_map(|line| record.add_line(line)));
    }
}
