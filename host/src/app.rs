//! Builds and owns every part, in order, and takes them down in the other. Tests use it too.

mod backup;
mod doctor;
mod host_key;
mod lock;
mod restore;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api;
use crate::audit::{NoteSigner, host_signer};
use crate::auth::Auth;
use crate::config::Config;
use crate::deliver::{Deliver, Witness};
use crate::engine::{Engine, EngineOptions, EntityKey, INCIDENTS_MAX, Pool};
use crate::features::{Features, Reading};
use crate::ingest::{FingerprintKey, Ingest, Parts};
use crate::keeper::{Alerts, Checkpoints, FeatureKeeper, Keeper, Outlets, Retention};
use crate::model::Wants;
use crate::registry::{self, Bundle, BundledDetector, BundledPolicy, Folders, Registry, Rules};
use crate::replay::Replayer;
use crate::reverse::Reverser;
use crate::runtime::{CacheOptions, CompilerOptions, Limits, Runtime, RuntimeOptions};
use crate::signing::Trust;
use crate::store::{Options, Store, StoreError};
use crate::telemetry::Metrics;

pub use backup::{Manifest, back_up};
pub use doctor::{Finding, Health, examine};
pub use host_key::open as open_host_key;
pub use lock::DataLock;
pub use restore::{Restore, Restored, read_erasures, restore};
use restore::{is_cut_off, recover};

/// A running Picket.
pub struct App {
    pub config: Arc<Config>,
    pub store: Store,
    pub registry: Arc<Registry>,
    pub ingest: Ingest,
    pub replayer: Arc<Replayer>,
    pub metrics: Arc<Metrics>,
    /// Where the server listens.
    pub address: std::net::SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Last, so that it is given back when everything else has ended.
    _lock: DataLock,
}

/// What the program brings with it.
#[derive(Debug, Clone)]
pub struct Carried {
    pub bundle: Bundle,
    /// The program that compiles strangers' detectors: this one, unless it is a test or a benchmark.
    pub program: PathBuf,
}

impl Default for Carried {
    fn default() -> Self {
        Self { bundle: bundle(), program: CompilerOptions::default().program }
    }
}

impl App {
    /// Opens the store, answers, and makes live what is deployed; returns when that is done. Files that
    /// are new in the folders follow, like any that are dropped in later.
    ///
    /// # Errors
    /// What could not be opened, with what to do about it.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::start_with(config, Carried::default()).await
    }

    /// As [`App::start`], in a program that carries something else.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_with(config: Config, carried: Carried) -> anyhow::Result<Self> {
        let rules = rules(&config)?;
        let listener = TcpListener::bind(config.listen).await.with_context(|| {
            format!("cannot listen on {}: choose another `listen`", config.listen)
        })?;
        let address = listener.local_addr()?;
        create_private(&config.data_dir)?;
        recover(&config)?;
        let lock = DataLock::share(&config.data_dir)?;
        let host_key = open_host_key(&config.data_dir)?;
        let store = Store::open(&store_options(&config, host_key)).await?;
        settle_erasures(&store).await?;
        let metrics = Arc::new(Metrics::new());
        let mut options = runtime_options(&config, host_key);
        options.compiler.program = carried.program;
        let runtime = Runtime::new(&options)?;
        let folders = Folders {
            detectors: config.detectors_dir.clone(),
            policies: config.policies_dir.clone(),
            file_bytes_max: config.detector_file_bytes_max,
        };
        let bundle = if config.bundled { carried.bundle } else { Bundle::default() };
        let registry =
            Registry::new(runtime, store.clone(), Arc::clone(&metrics), folders, bundle, rules);
        let registry = Arc::new(registry);
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let written = Arc::new(Notify::new());
        let deliver =
            Deliver::new(&config, store.clone(), Arc::clone(&metrics), Arc::clone(&written))
                .context("the configuration")?;
        let (incidents, told) = mpsc::channel(INCIDENTS_MAX);
        let entity_key = EntityKey::new(&host_key);
        let replayer = Arc::new(Replayer::new(
            store.clone(),
            Arc::clone(&registry),
            entity_key.clone(),
            stop.clone(),
        ));
        let reverser = Arc::new(Reverser::new(store.clone(), Arc::clone(&replayer)));
        let engine = Arc::new(Engine::new(EngineOptions {
            entity_key,
            event_deadline: config.event_deadline(),
            purity_check_every: config.purity_check_every,
            incidents,
            metrics: Arc::clone(&metrics),
        }));
        let reading = Reading {
            patience: config.event_deadline(),
            at_once: (config.database_readers_max / 2) as usize,
        };
        let features = Arc::new(Features::new(store.clone(), &host_key, reading));
        let ingest = Ingest::new(Parts {
            store: store.clone(),
            registry: Arc::clone(&registry),
            engine: Arc::clone(&engine),
            features: Arc::clone(&features),
            pool: Pool::start(config.evaluation_queue_max)
                .context("cannot start evaluation threads")?,
            metrics: Arc::clone(&metrics),
            fingerprint_key: FingerprintKey::new(&host_key),
            permits: Semaphore::new(config.evaluation_queue_max),
            tasks: tasks.clone(),
            accepted: Notify::new(),
            destinations: wants(&config),
            written: Arc::clone(&written),
        });
        let told_of = written;
        let checkpoints = Arc::new(checkpoints(&config, &host_key, &store, &metrics)?);
        let config = Arc::new(config);
        let parts = api::Parts {
            config: Arc::clone(&config),
            store: store.clone(),
            registry: Arc::clone(&registry),
            ingest: ingest.clone(),
            replayer: Arc::clone(&replayer),
            reverser: Arc::clone(&reverser),
            engine: Arc::clone(&engine),
            metrics: Arc::clone(&metrics),
            auth: Auth::new(store.clone()),
            checkpoints: Arc::clone(&checkpoints),
        };
        // It answers while what is deployed is made live: that it lives, that it is not ready yet.
        tasks.spawn(api::serve(listener, api::Api::new(parts), stop.clone()));
        let drop_guard = stop.clone().drop_guard();
        registry.restore().await?;
        let stop = drop_guard.disarm();
        tasks.spawn(ingest.clone().run_worker(stop.clone()));
        tasks.spawn(deliver.run(stop.clone()));
        tasks.spawn(reverser.run(stop.clone()));
        let keeper = Keeper {
            registry: Arc::clone(&registry),
            store: store.clone(),
            engine,
            metrics: Arc::clone(&metrics),
        };
        tasks.spawn(keeper.run(told, stop.clone()));
        let kept = FeatureKeeper {
            registry: Arc::clone(&registry),
            features,
            metrics: Arc::clone(&metrics),
        };
        tasks.spawn(kept.run(stop.clone()));
        if config.checkpoint_every_s > 0 {
            let every = Duration::from_secs(config.checkpoint_every_s);
            tasks.spawn(checkpoints.run(every, stop.clone()));
        }
        let alerts = Alerts {
            rules: config.alert_rules(),
            told: config.wants().collect(),
            store: store.clone(),
            written: told_of,
        };
        tasks.spawn(alerts.run(stop.clone()));
        let retention = Retention {
            allowed_days: config.retention_allowed_days,
            enforced_days: config.retention_enforced_days,
        };
        tasks.spawn(retention.run(store.clone(), stop.clone()));
        // Only now the folders: what is new there compiles while what was there before serves.
        tasks.spawn(registry::watch(Arc::clone(&registry), config.watch, stop.clone()));
        Ok(Self {
            config,
            store,
            registry,
            ingest,
            replayer,
            metrics,
            address,
            stop,
            tasks,
            _lock: lock,
        })
    }

    /// Stops taking requests, finishes what was accepted, closes the store. Whatever has not
    /// finished in `shutdown_timeout_ms` is left: nothing of it was acknowledged.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        let patience = Duration::from_millis(self.config.shutdown_timeout_ms);
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            tracing::warn!("stopped with {} tasks unfinished", self.tasks.len());
        }
        if let Err(error) = self.store.close().await {
            tracing::warn!("the store did not close: {error}");
        }
    }
}

/// What the destinations of each source want to hear of.
fn wants(config: &Config) -> BTreeMap<String, Arc<[Wants]>> {
    let mut all: BTreeMap<String, Vec<Wants>> = BTreeMap::new();
    for (to, wants) in config.wants() {
        all.entry(to.source).or_default().push(wants);
    }
    all.into_iter().map(|(source, wants)| (source, wants.into())).collect()
}

/// Before anything is served: nobody who was erased is in the record, also where it was put there by other
/// tools than ours.
async fn settle_erasures(store: &Store) -> anyhow::Result<()> {
    match store.settle_erasures().await {
        Ok(0) => {}
        Ok(subjects) => tracing::warn!(subjects, "erased again whom the list of erasures names"),
        // Nobody is erased before it can be written.
        Err(error @ StoreError::Unlisted { .. }) => tracing::error!("{error}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// The host's word on its audit log.
fn checkpoints(
    config: &Config,
    host_key: &[u8; 32],
    store: &Store,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Checkpoints> {
    let signer = log_signer(config, host_key)?;
    let witness = config.witness().map(|at| Witness::new(&at)).transpose();
    let outlets = Outlets {
        history: checkpoint_history(config),
        history_days_max: config.checkpoint_days_max,
        file: Some(config.checkpoint_file.clone()).filter(|file| !file.as_os_str().is_empty()),
        witness: witness.map_err(|why| anyhow!("`checkpoint_url`: {why}"))?,
        stdout: config.checkpoint_stdout,
    };
    let folder = outlets.history.display().to_string();
    Checkpoints::open(store.clone(), signer, outlets, Arc::clone(metrics))
        .with_context(|| format!("cannot read the checkpoints in {folder}"))
}

/// The key that signs checkpoints under this configuration.
///
/// # Errors
/// A name that no log may have.
pub fn log_signer(config: &Config, host_key: &[u8; 32]) -> anyhow::Result<NoteSigner> {
    host_signer(host_key, &config.audit_origin)
        .map_err(anyhow::Error::msg)
        .context("the configuration: `audit_origin`")
}

/// Where every checkpoint stays that this host signed.
pub fn checkpoint_history(config: &Config) -> PathBuf {
    config.data_dir.join("checkpoints")
}

/// Where who was erased is listed, besides the record.
pub fn erasure_list(config: &Config) -> PathBuf {
    config.data_dir.join("erasures.jsonl")
}

/// How the store is opened under this configuration.
pub fn store_options(config: &Config, host_key: [u8; 32]) -> Options {
    Options {
        migrate: config.migrate,
        allow_unsafe: config.allow_unsafe_database,
        readers: config.database_readers_max,
        statement_timeout_ms: config.database_timeout_ms,
        commit_queue: config.commit_queue_max,
        commit_batch_max: config.commit_batch_max,
        erasures: Some(erasure_list(config)),
        ..Options::new(config.database_url(), host_key)
    }
}

/// Whose signatures count under this configuration.
///
/// # Errors
/// Which key of the configuration holds no key of a signer, and how to make one.
pub fn trust(config: &Config) -> anyhow::Result<Trust> {
    Trust::new(config.signatures, &config.trusted_keys, &config.revoked_keys)
        .context("the configuration")
}

/// What the operator allows under this configuration.
///
/// # Errors
/// As [`trust`].
pub fn rules(config: &Config) -> anyhow::Result<Rules> {
    Ok(Rules {
        trust: trust(config)?,
        detectors: config.detectors.clone(),
        folder_stage: config.folder_stage,
        upload_stage: config.upload_stage.clone(),
        two_person: config.two_person,
    })
}

/// How the sandbox is built under this configuration.
pub fn runtime_options(config: &Config, host_key: [u8; 32]) -> RuntimeOptions {
    RuntimeOptions {
        ceiling: Limits {
            deadline: Duration::from_millis(config.detector_deadline_ms),
            memory_bytes: config.detector_memory_bytes,
            output_bytes: config.detector_output_bytes,
            signals: config.detector_signals,
            log_bytes: config.detector_log_bytes,
            log_lines: config.detector_log_lines,
            ..Limits::default()
        },
        cache: Some(CacheOptions {
            dir: config.data_dir.join("cache"),
            host_key,
            bytes_max: config.cache_bytes_max,
        }),
        compiler: CompilerOptions {
            cpu: Duration::from_millis(config.compile_cpu_ms),
            memory_bytes: config.compile_memory_bytes,
            wall: Duration::from_millis(config.compile_wall_ms),
            ..CompilerOptions::default()
        },
    }
}

/// The shipped detectors and the policies of the two platforms.
pub fn bundle() -> Bundle {
    let detectors = picket_bundle::DETECTORS
        .iter()
        .map(|bundled| BundledDetector { name: bundled.name, file: bundled.component });
    let policies = [
        ("qwickservices", include_str!("../../examples/policies/qwickservices.toml")),
        ("fairtradeworker", include_str!("../../examples/policies/fairtradeworker.toml")),
    ];
    Bundle {
        detectors: detectors.collect(),
        policies: policies.map(|(source, text)| BundledPolicy { source, text }).to_vec(),
    }
}

/// A folder that others may not read: it holds the record and the host key.
pub fn create_private(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot create {} (data_dir)", dir.display()))
}
