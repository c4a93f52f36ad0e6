//! A sign of life for whoever waits longer than two seconds: on a terminal only, and gone at the end.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// After this much time somebody wants to know that it still works.
const PATIENCE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(120);

/// A bar of what has a length; see indicatif for the template.
pub(super) fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// A bar that is shown from when it takes long.
pub(super) struct Patient {
    begun: Instant,
    bar: Option<ProgressBar>,
    length: Option<u64>,
    template: &'static str,
}

impl Patient {
    pub fn new(length: Option<u64>, template: &'static str) -> Self {
        Self { begun: Instant::now(), bar: None, length, template }
    }

    /// How far it is.
    pub fn at(&mut self, position: u64) {
        if self.bar.is_none() && self.begun.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = bar(self.template);
            if let Some(length) = self.length {
                bar.set_length(length);
            }
            bar
        });
        bar.set_position(position);
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Waits for work, and says so when it takes long.
pub(super) async fn waiting<T>(what: &'static str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    // Draws nothing where standard error is no terminal.
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(TICK);
    let done = work.await;
    bar.finish_and_clear();
    done
}
