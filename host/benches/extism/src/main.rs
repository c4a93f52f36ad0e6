//! What one evaluation costs in Picket's sandbox and as a call of Extism, side by side in one process: one
//! detector, the same texts, in turn. Prints figures of one run; never fails on a time.
//!
//! At the top of the repository, which builds everything that it needs:
//!
//! `cp Cargo.lock host/benches/extism/`
//! `cargo run --release --manifest-path host/benches/extism/Cargo.toml [-- rust c js python]`

mod extism_side;
mod made;
mod picket_side;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::ensure;
use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;

/// Of each contestant in turn, so that what disturbs the machine disturbs all of them.
const ROUNDS: usize = 50;
/// How often all texts are evaluated in a round: what the others left in the caches is soon gone.
const TIMES: usize = 5;
const LANGUAGES: [&str; 4] = ["rust", "c", "js", "python"];
const EXTISM_COLD: &str = "Extism, Rust, cold";
const EXTISM_WARM: &str = "Extism, Rust, warm";

/// One signal, as far as both tell the same.
#[derive(Debug, PartialEq)]
struct Found {
    label: String,
    score: f64,
    confidence: f64,
    reason: String,
    spans: Vec<(usize, usize)>,
    entities: Vec<(String, String)>,
}

/// One way to evaluate a text.
struct Contestant {
    name: String,
    /// Evaluates and gives the nanoseconds that it took, until there are signals and nothing is left of
    /// what is not kept.
    evaluate: Box<dyn FnMut(&str) -> anyhow::Result<(u64, Vec<Found>)>>,
    nanos: Histogram<u64>,
}

impl Contestant {
    fn new(
        name: impl Into<String>,
        evaluate: impl FnMut(&str) -> anyhow::Result<(u64, Vec<Found>)> + 'static,
    ) -> anyhow::Result<Self> {
        Ok(Self { name: name.into(), evaluate: Box::new(evaluate), nanos: Histogram::new(3)? })
    }
}

fn main() -> ExitCode {
    let mut languages: Vec<String> = std::env::args().skip(1).collect();
    if languages.is_empty() {
        languages = LANGUAGES.map(str::to_owned).to_vec();
    }
    // Called as `picket` is, it is that program: so detectors are built by it, and it is built once.
    if !languages.iter().all(|language| LANGUAGES.contains(&&**language)) {
        return picket::cli::main();
    }
    match compare(&languages) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(languages: &[String]) -> anyhow::Result<()> {
    let texts = made::texts()?;
    let mut contestants = extism_side::contestants(&made::plugin()?)?;
    contestants.extend(picket_side::contestants(languages)?);
    agree(&mut contestants, &texts)?;
    for _ in 0..ROUNDS {
        for contestant in &mut contestants {
            for text in texts.iter().cycle().take(texts.len() * TIMES) {
                let (nanos, _) = (contestant.evaluate)(text)?;
                contestant.nanos.record(nanos)?;
            }
        }
    }
    println!("{} texts, {} evaluations of each:\n", texts.len(), ROUNDS * TIMES * texts.len());
    println!("{}", table(&contestants));
    Ok(())
}

/// They do the same: each finds in each text what the first one finds there.
fn agree(contestants: &mut [Contestant], texts: &[String]) -> anyhow::Result<()> {
    for text in texts {
        let mut expected = None;
        for Contestant { name, evaluate, .. } in &mut *contestants {
            let (_, found) = evaluate(text)?;
            let expected = expected.get_or_insert_with(|| found);
            let (_, again) = evaluate(text)?;
            ensure!(again == *expected, "{name} finds {again:?} in {text:?}, not {expected:?}");
        }
    }
    Ok(())
}

fn table(contestants: &[Contestant]) -> Table {
    let p50_of = |name| {
        let found = contestants.iter().find(|contestant| contestant.name == name);
        found.map_or(f64::NAN, |contestant| contestant.nanos.value_at_quantile(0.5) as f64)
    };
    let (cold, warm) = (p50_of(EXTISM_COLD), p50_of(EXTISM_WARM));
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "microseconds",
        "p50",
        "p99",
        "of Extism's warm call",
        "of its cold one",
    ]);
    for Contestant { name, nanos, .. } in contestants {
        let [p50, p99] = [0.5, 0.99].map(|quantile| nanos.value_at_quantile(quantile) as f64);
        table.add_row([
            name.clone(),
            format!("{:.1}", p50 / 1e3),
            format!("{:.1}", p99 / 1e3),
            format!("{:.2}", p50 / warm),
            format!("{:.3}", p50 / cold),
        ]);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// What a work takes and gives.
fn timed<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let begun = Instant::now();
    let done = work();
    (u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX), done)
}
