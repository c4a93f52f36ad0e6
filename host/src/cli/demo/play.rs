//! The play: events are posted several at a time and shown in the order in which they are written,
//! and half way a detector is replaced while they go on.

use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::script::Script;
use super::show::Screen;
use super::stage::Stage;
use super::summary::Tally;
use super::swap::{Step, Swapped, swap};

/// Events on their way at a time: enough to share flushes of the disk, few enough to tell a story.
const IN_FLIGHT: usize = 8;

/// Between one event and the next while a detector is replaced, at least: without it the stream would
/// be over before the new version is live.
const MEANWHILE: Duration = Duration::from_millis(5);

/// How fast it goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between one event and the next.
    event: Duration,
    /// To read what is shown apart.
    pause: Duration,
}

impl Pace {
    pub fn none() -> Self {
        Self { event: Duration::ZERO, pause: Duration::ZERO }
    }

    /// About ten seconds in all, however many events there are.
    pub fn to_watch(events: usize) -> Self {
        let events = u32::try_from(events).unwrap_or(u32::MAX).max(1);
        let event = (Duration::from_secs(8) / events).min(Duration::from_millis(80));
        Self { event, pause: Duration::from_millis(1_500) }
    }
}

/// How it went.
pub(super) struct Played {
    pub tally: Tally,
    /// `None` where somebody's own events were played.
    pub swapped: Option<Swapped>,
}

pub(super) async fn play(
    stage: &Stage,
    script: &Script,
    screen: &mut Screen,
    pace: Pace,
) -> anyhow::Result<Played> {
    let mut tally = Tally::new();
    let mut swapped = None;
    // Each call has a task of its own, so that a pause here is not taken for a slow server.
    let calls = stream::iter(&script.lines).map(|line| {
        let (caller, sent) = (stage.caller.clone(), line.clone());
        let call = tokio::spawn(async move { caller.post(&sent.source, &sent.bytes).await });
        async move { (line, call.await.unwrap_or_else(|gone| Err(gone.to_string()))) }
    });
    let mut answers = calls.buffered(IN_FLIGHT);
    let half = script.lines.len() as u64 / 2;
    let (tell, mut steps) = mpsc::channel(1);
    let mut tell = script.built_in.then_some(tell);
    let (mut playing, mut swapping) = (true, false);
    let mut next_at = Instant::now();
    loop {
        tokio::select! {
            next = answers.next(), if playing => {
                let Some((line, answer)) = next else {
                    playing = false;
                    continue;
                };
                match answer {
                    Ok(answer) => {
                        tally.decision(&answer);
                        screen.decision(line, &answer, &tally)?;
                    }
                    Err(problem) => {
                        tally.errors += 1;
                        screen.problem(line.number, &problem, &tally)?;
                    }
                }
                if tally.shown() >= half && let Some(tell) = tell.take() {
                    swapping = true;
                    let (caller, folder) = (stage.caller.clone(), stage.detectors_dir());
                    tokio::spawn(swap(caller, folder, pace.pause, tell));
                }
                let wait = if swapping { pace.event.max(MEANWHILE) } else { pace.event };
                next_at = (next_at + wait).max(Instant::now());
                sleep_until(next_at).await;
            }
            step = steps.recv(), if swapping => match step {
                Some(step) => {
                    let waits = matches!(step, Step::Before(_) | Step::After(_));
                    Swapped::follow(&mut swapped, step, &tally)?;
                    if let Some(swapped) = &swapped {
                        screen.swapped(swapped)?;
                    }
                    if waits {
                        sleep(pace.pause).await;
                    }
                }
                None => swapping = false,
            },
            else => break,
        }
    }
    screen.played();
    Ok(Played { tally, swapped })
}
