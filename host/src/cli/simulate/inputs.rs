//! From the arguments to a simulation that can begin.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};

use super::{Simulate, loading};
use crate::app::{open_host_key, store_options};
use crate::cli::detector::component;
use crate::cli::policy::load;
use crate::cli::sandbox::Sandbox;
use crate::config::Config;
use crate::engine::EntityKey;
use crate::model::Timestamp;
use crate::policy::Policy;
use crate::registry::settings;
use crate::runtime::{self, LoadError};
use crate::simulate::{Events, Labels, Plan, Simulation, policies};
use crate::store::History;

/// What can begin.
pub(super) struct Prepared {
    pub simulation: Simulation,
    /// To be closed at the end.
    pub history: Option<Arc<History>>,
}

/// Of a file.
pub(super) async fn of_file(
    args: &Simulate,
    config: &Config,
    sandbox: &Arc<Sandbox>,
) -> anyhow::Result<Prepared> {
    let Some(policy) = &args.policy else {
        bail!("which policy? --events wants --policy FILE; the record of no server is asked");
    };
    let candidate = Arc::new(load(policy)?);
    let against = args.against.as_deref().map(load).transpose()?.map(Arc::new);
    if let (Some(against), Some(file)) = (&against, &args.against) {
        ensure!(
            against.source() == candidate.source(),
            "{} is for the source `{}` and {} for `{}`: compare two of one source",
            file.display(),
            against.source(),
            policy.display(),
            candidate.source()
        );
    }
    let labels = labels(args)?;
    let path = args.events.as_deref().unwrap_or(Path::new("-"));
    let (events, length) = events(path, candidate.source(), config)?;
    let (paths, sandbox) = (args.detectors.clone(), Arc::clone(sandbox));
    let (given, shipped) = loading(move || {
        let given = given(&paths, &sandbox)?;
        let shipped = picket_bundle::DETECTORS.iter().map(|one| (one.name, one.component));
        let shipped = sandbox
            .load_together(&shipped.collect::<Vec<_>>())
            .context("a shipped detector does not load")?;
        Ok((given, shipped))
    })
    .await?;
    let plan = Plan::of_file(candidate, against, given, shipped);
    all_accounts(&plan, args)?;
    let simulation = Simulation::of_file(events, length, plan, labels, args.sample.0);
    Ok(Prepared { simulation, history: None })
}

fn events(path: &Path, source: &str, config: &Config) -> anyhow::Result<(Events, Option<u64>)> {
    let bounds = config.event_bounds();
    if path == Path::new("-") {
        let text = Box::new(BufReader::new(stdin()));
        return Ok((Events::new(text, "standard input", source, bounds), None));
    }
    let shown = path.display().to_string();
    let file = File::open(path).with_context(|| shown.clone())?;
    let length = file.metadata().ok().filter(|it| it.is_file()).map(|it| it.len());
    Ok((Events::new(Box::new(BufReader::new(file)), &shown, source, bounds), length))
}

/// Of the record.
pub(super) async fn of_record(
    args: &Simulate,
    config: &Config,
    sandbox: &Arc<Sandbox>,
) -> anyhow::Result<Prepared> {
    let policy = args.policy.as_deref().map(load).transpose()?;
    let source = match (&args.source, &policy) {
        (Some(source), Some(policy)) if policy.source() != source => bail!(
            "--source is `{source}` and the policy is for `{}`: leave --source out",
            policy.source()
        ),
        (Some(source), _) => source.clone(),
        (None, Some(policy)) => policy.source().to_owned(),
        (None, None) => bail!("which policy? --policy FILE, or --source NAME for its active one"),
    };
    let labels = labels(args)?;
    let data_dir = config.data_dir.display();
    // A key that is not there is not made: looking changes nothing.
    ensure!(
        config.data_dir.join("host.key").exists(),
        "there is no record in {data_dir}: name the data_dir of the server (PICKET_DATA_DIR or --config), or \
         simulate a file with --events"
    );
    let options = store_options(config, open_host_key(&config.data_dir)?);
    let history = Arc::new(History::open(&options).await?);
    let candidate = match policy {
        Some(policy) => policy,
        None => match history.active_policy(&source).await? {
            Some(past) => compiled(&past.text)?,
            None => bail!("no policy decides for the source `{source}`: give one with --policy"),
        },
    };
    let known = history.detectors().await?;
    let past = policies(&history.policies(&source).await?);
    let (paths, sandbox) = (args.detectors.clone(), Arc::clone(sandbox));
    let given = loading(move || given(&paths, &sandbox)).await?;
    let now = Timestamp::now();
    let since = args.since.context("since when? --since")?.at(now);
    let until = args.until.map_or(now, |until| until.at(now));
    ensure!(
        since < until,
        "--since is not before --until: nothing lies between {since} and {until}"
    );
    let key = EntityKey::new(&options.host_key);
    let plan = Plan::of_record(Arc::new(candidate), given, known, key);
    all_accounts(&plan, args)?;
    let stretch = (source.as_str(), since, until);
    let share = args.sample.0;
    let of = Arc::clone(&history);
    let simulation = Simulation::of_record(of, stretch, past, plan, labels, share).await?;
    Ok(Prepared { simulation, history: Some(history) })
}

/// Whether all the accounts are there that what is asked takes.
fn all_accounts(plan: &Plan, args: &Simulate) -> anyhow::Result<()> {
    match plan.of_others() {
        Some(input) if args.sample.0 < 1.0 => bail!(
            "`{}` counts what other accounts did, and a sample lacks most of them: leave --sample out",
            input.in_full()
        ),
        _ => Ok(()),
    }
}

fn compiled(text: &str) -> anyhow::Result<Policy> {
    match Policy::compile_again(text) {
        Ok(compiled) => Ok(compiled.policy),
        Err(_) => bail!("the active policy does not compile here: give one with --policy"),
    }
}

fn labels(args: &Simulate) -> anyhow::Result<Labels> {
    let Some(path) = &args.labels else { return Ok(Labels::default()) };
    let shown = path.display().to_string();
    let file = File::open(path).with_context(|| shown.clone())?;
    Ok(Labels::read(BufReader::new(file), &shown)?)
}

/// The candidate detectors, loaded as strangers: compiling is bounded.
fn given(paths: &[PathBuf], sandbox: &Sandbox) -> anyhow::Result<Vec<runtime::Prepared>> {
    let mut names = BTreeSet::new();
    let mut given = Vec::with_capacity(paths.len());
    for path in paths {
        let (path, file) = component::read(path)?;
        let shown = path.display().to_string();
        let settings = settings(&path).map_err(anyhow::Error::msg)?;
        let loaded: Result<_, LoadError> = sandbox.load_as_stranger(&file, &settings.to_string());
        let prepared = loaded.with_context(|| format!("{shown}: refused"))?;
        let name = prepared.manifest().name.clone();
        ensure!(names.insert(name.clone()), "{shown} is a second `{name}`: give one of each name");
        given.push(prepared);
    }
    Ok(given)
}
