//! A sign of life for whoever waits longer than two seconds: on a terminal only, and gone at the end.

use std::time::Duration;

use indicatif::ProgressBar;

/// After this much time somebody wants to know that it still works.
const PATIENCE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(120);

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
