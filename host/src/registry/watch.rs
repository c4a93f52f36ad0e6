//! Watching: when to scan. Events of the file system are hints; a rescan finds the truth, also where
//! no event comes (network mounts, folders made anew, another server's change).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Folders, Registry};

/// A folder must have been quiet for so long: a copy is many writes.
const QUIET: Duration = Duration::from_millis(200);
/// But no stream of writes puts a scan off for longer.
const QUIET_MAX: Duration = Duration::from_secs(2);
const RESCAN: Duration = Duration::from_secs(10);
/// How often the generation row is looked at: how another server's change arrives here.
const GENERATION: Duration = Duration::from_secs(1);

/// Until told to stop: takes the folders in, with `folders` again whenever one changes and now and then
/// anyway; follows the generation row; compiles what is deployed and not at hand. A file that compiles
/// for minutes holds up none of these.
pub async fn watch(registry: Arc<Registry>, folders: bool, stop: CancellationToken) {
    let scans = async {
        tokio::select! {
            () = scan_on_change(&registry, folders) => {}
            () = stop.cancelled() => {}
        }
    };
    let follows = async {
        loop {
            tokio::select! {
                () = sleep(GENERATION) => follow(&registry).await,
                () = stop.cancelled() => return,
            }
        }
    };
    tokio::join!(scans, follows, registry.keep_loaded(stop.clone()));
}

async fn scan_on_change(registry: &Arc<Registry>, folders: bool) {
    if !folders {
        return scan(Arc::clone(registry)).await;
    }
    let (hint, mut hints) = mpsc::channel(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error may mean that events were lost: a scan finds out.
        if event.is_ok_and(|event| !matters(&event)) {
            return;
        }
        // Full: a scan is due already.
        let _ = hint.try_send(());
    });
    if let Err(error) = &watcher {
        tracing::warn!("folders are looked at every {RESCAN:?} only: {error}");
    }
    loop {
        attach(watcher.as_mut().ok(), registry);
        while is_overtaken(registry, &mut hints).await {}
        // The next look is due when something has changed, and otherwise in a while.
        if timeout(RESCAN, next(&mut hints)).await.is_ok() {
            settle(&mut hints).await;
        }
    }
}

/// Scans, and looks at what changes while that compiles. Returns whether anything did: then there may be
/// more to compile.
async fn is_overtaken(registry: &Arc<Registry>, hints: &mut mpsc::Receiver<()>) -> bool {
    let mut scanning = AbortOnDropHandle::new(tokio::spawn(scan(Arc::clone(registry))));
    let mut overtaken = false;
    loop {
        tokio::select! {
            biased;
            _ = &mut scanning => return overtaken,
            hint = timeout(RESCAN, next(hints)) => {
                if hint.is_ok() {
                    settle(hints).await;
                    overtaken = true;
                }
                if let Err(error) = registry.look().await {
                    tracing::error!("folders not looked at: {error}");
                }
            }
        }
    }
}

/// The next hint; never where there is no watcher.
async fn next(hints: &mut mpsc::Receiver<()>) {
    if hints.recv().await.is_none() {
        std::future::pending().await
    }
}

/// Reading a file must not be taken for a change, or every scan would ask for the next; nor is a file
/// looked at that is still being written.
fn matters(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_)) => false,
        _ => true,
    }
}

/// Waits until the folders are quiet.
async fn settle(hints: &mut mpsc::Receiver<()>) {
    let end = Instant::now() + QUIET_MAX;
    while let Ok(Some(())) = timeout_at(end.min(Instant::now() + QUIET), hints.recv()).await {
        if Instant::now() >= end {
            return;
        }
    }
}

/// Watches the folders, again after each was made anew.
fn attach(watcher: Option<&mut RecommendedWatcher>, registry: &Registry) {
    let Some(watcher) = watcher else { return };
    let Folders { detectors, policies, .. } = &registry.folders;
    // Parts of policies lie in folders below.
    let folders = [(detectors, RecursiveMode::NonRecursive), (policies, RecursiveMode::Recursive)];
    for (folder, mode) in folders {
        if Path::new(folder).is_dir()
            && let Err(error) = watcher.watch(folder, mode)
        {
            tracing::warn!(folder = %folder.display(), "looked at every {RESCAN:?} only: {error}");
        }
    }
}

async fn scan(registry: Arc<Registry>) {
    if let Err(error) = registry.scan().await {
        tracing::error!("folders not scanned, what served before serves on: {error}");
    }
}

async fn follow(registry: &Registry) {
    let behind = match registry.store.generation().await {
        Ok(generation) => generation != registry.current().generation(),
        Err(error) => {
            tracing::error!("the generation cannot be read: {error}");
            false
        }
    };
    if behind && let Err(error) = registry.refresh().await {
        tracing::error!("the live set could not be brought up to date: {error}");
    }
}
