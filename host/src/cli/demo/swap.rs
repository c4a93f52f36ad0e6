//! A detector goes live while events are judged: one message that the old version does not know, the
//! new file dropped in as a careful operator would, and the same message again.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use anyhow::Context;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep};

use super::caller::{Answer, Caller, message};
use super::stage::file_of;
use super::summary::Tally;

/// Version 1.0.0 knows the services by name alone.
pub(super) const TEXT: &str = "find me on the ghost app 👻, same name as here";
pub(super) const SOURCE: &str = "qwickservices";
pub(super) const SUBJECT: &str = "user-117";
/// The detector that is one release behind.
pub(super) const DETECTOR: &str = picket_bundle::PREVIOUS.name;

/// What happens, in this order, each once; or a failure, and no more.
pub(super) enum Step {
    /// The old version's verdict.
    Before(Box<Answer>),
    Dropped,
    Live {
        version: String,
        generation: u64,
        millis: u128,
    },
    /// The new version's verdict.
    After(Box<Answer>),
    Failed(anyhow::Error),
}

/// How far it has come, and what went on meanwhile.
pub(super) struct Swapped {
    pub before: Answer,
    /// Events and failures among them when the file was dropped.
    begun: Option<(u64, u64)>,
    pub live: Option<Live>,
    pub after: Option<Answer>,
}

/// The new version serves.
pub(super) struct Live {
    pub version: String,
    pub generation: u64,
    /// From the file's last rename to the first answer that showed it.
    pub millis: u128,
    /// Decided between the two.
    pub events: u64,
    pub errors: u64,
}

impl Swapped {
    /// Takes a step into account.
    ///
    /// # Errors
    /// The failure, where the step is one.
    pub fn follow(swapped: &mut Option<Self>, step: Step, tally: &Tally) -> anyhow::Result<()> {
        match (step, swapped) {
            (Step::Failed(error), _) => return Err(error),
            (Step::Before(before), none) => {
                *none = Some(Self { before: *before, begun: None, live: None, after: None });
            }
            (Step::Dropped, Some(swapped)) => swapped.begun = Some((tally.events, tally.errors)),
            (Step::Live { version, generation, millis }, Some(swapped)) => {
                let (events, errors) = swapped.begun.unwrap_or_default();
                let (events, errors) = (tally.events - events, tally.errors - errors);
                swapped.live = Some(Live { version, generation, millis, events, errors });
            }
            (Step::After(after), Some(swapped)) => swapped.after = Some(*after),
            (_, None) => {}
        }
        Ok(())
    }

    /// The version that judged.
    pub fn version(answer: &Answer) -> &str {
        let findings = &answer.decision.findings;
        let finding = findings.iter().find(|finding| finding.detector == DETECTOR);
        finding.and_then(|finding| finding.version.as_deref()).unwrap_or("?")
    }
}

/// Goes through all the steps. `pause` is for the eye.
pub(super) async fn swap(caller: Caller, folder: PathBuf, pause: Duration, tell: Sender<Step>) {
    let done = steps(&caller, &folder, pause, &tell).await;
    if let Err(error) = done {
        // Nobody listens: then nobody wants to know.
        let _ = tell.send(Step::Failed(error)).await;
    }
}

async fn steps(
    caller: &Caller,
    folder: &Path,
    pause: Duration,
    tell: &Sender<Step>,
) -> anyhow::Result<()> {
    let before = judge(caller, "demo-before").await?;
    let old = Swapped::version(&before).to_owned();
    tell.send(Step::Before(Box::new(before))).await?;
    sleep(pause).await;
    drop_in(folder).context("the new version could not be dropped in")?;
    let dropped = Instant::now();
    tell.send(Step::Dropped).await?;
    let (status, generation) = caller.until_live(DETECTOR, |live| live.version != old).await?;
    let millis = dropped.elapsed().as_millis();
    let live = Step::Live { version: status.version, generation, millis };
    tell.send(live).await?;
    let after = judge(caller, "demo-after").await?;
    tell.send(Step::After(Box::new(after))).await?;
    Ok(())
}

async fn judge(caller: &Caller, id: &str) -> anyhow::Result<Answer> {
    let event = message(id, SOURCE, SUBJECT, TEXT);
    caller.post(SOURCE, &event).await.map_err(anyhow::Error::msg)
}

/// Writes the shipped version under a name that is not looked at, and renames it.
fn drop_in(folder: &Path) -> io::Result<()> {
    let shipped = picket_bundle::DETECTORS.iter().find(|bundled| bundled.name == DETECTOR);
    let shipped = shipped.ok_or_else(|| io::Error::other("it is not in the bundle"))?;
    let aside = folder.join(format!(".{DETECTOR}.new"));
    fs::write(&aside, shipped.component)?;
    fs::rename(aside, file_of(folder, DETECTOR))
}
