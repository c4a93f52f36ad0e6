//! Prints how well the shipped detectors do on two sets of messages: `examples/corpus`, whose labels
//! say what should be found, and the ham of a public collection of text messages, in which next to
//! nothing should. It checks nothing and no figure fails it: compare versions with each other.
//! `--verbose` lists every message that a figure counts as wrong.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::ErrorKind;

use contact_email::ContactEmail;
use contact_handle::ContactHandle;
use contact_intent::ContactIntent;
use contact_link::ContactLink;
use contact_phone::ContactPhone;
use obfuscation::Obfuscation;
use payment_circumvention::PaymentCircumvention;
use picket_sdk::Detector;
use picket_sdk::harness::Harness;
use serde_json::Value as Json;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const CORPUS: &str = "examples/corpus/messages.jsonl";
/// Lies beside the repository, not in it.
const HAM: &str = "../shared/data/sms-spam-collection.tsv";

/// What the detectors emit, in the order of the tables.
const LABELS: [&str; 7] = [
    "contact.phone",
    "contact.email",
    "contact.link",
    "contact.handle",
    "contact.intent",
    "evasion.obfuscation",
    "payment.circumvention",
];

/// Which of [`LABELS`] a message has.
type Has = [bool; LABELS.len()];

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo itself passes `--bench`.
    let verbose = std::env::args().any(|argument| argument == "--verbose");
    let detectors = Detectors::new()?;
    corpus(&detectors, verbose)?;
    ham(&detectors, verbose)
}

/// A detector as a function from a text to its labels.
type Ask = Box<dyn Fn(&str) -> Vec<String>>;

/// The seven with their default settings.
struct Detectors([Ask; 7]);

impl Detectors {
    fn new() -> Result<Self, String> {
        Ok(Self([
            ask::<ContactPhone>()?,
            ask::<ContactEmail>()?,
            ask::<ContactLink>()?,
            ask::<ContactHandle>()?,
            ask::<ContactIntent>()?,
            ask::<Obfuscation>()?,
            ask::<PaymentCircumvention>()?,
        ]))
    }

    fn judge(&self, text: &str) -> Has {
        let found: Vec<String> = self.0.iter().flat_map(|ask| ask(text)).collect();
        LABELS.map(|label| found.iter().any(|found| found == label))
    }
}

fn ask<D: Detector + 'static>() -> Result<Ask, String> {
    let harness = Harness::<D>::new()?;
    Ok(Box::new(move |text| harness.text(text).labels().into_iter().map(str::to_owned).collect()))
}

/// One message of the corpus, and what was found in it.
struct Message {
    id: String,
    language: String,
    text: String,
    wanted: Has,
    found: Has,
}

impl Message {
    fn parse(line: &str, detectors: &Detectors) -> Result<Self, Box<dyn Error>> {
        let json: Json = serde_json::from_str(line)?;
        let string = |name: &str| {
            let string = json[name].as_str().map(str::to_owned);
            string.ok_or_else(|| format!("no `{name}` in {line}"))
        };
        let labels = json["labels"].as_array().ok_or_else(|| format!("no `labels` in {line}"))?;
        let unknown = labels.iter().find(|label| !LABELS.iter().any(|known| *label == known));
        if let Some(unknown) = unknown {
            return Err(format!("{unknown} is no label of a detector: {line}").into());
        }
        let text = string("text")?;
        Ok(Self {
            id: string("id")?,
            language: string("lang")?,
            wanted: LABELS.map(|label| labels.iter().any(|wanted| wanted == label)),
            found: detectors.judge(&text),
            text,
        })
    }
}

/// How often what was found is what was wanted, in messages.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    found: usize,
    missed: usize,
    false_alarms: usize,
    silent: usize,
}

impl Tally {
    const HEADER: [&str; 6] = ["found", "missed", "false", "silent", "recall", "precision"];

    fn of(pairs: impl Iterator<Item = (bool, bool)>) -> Self {
        let mut tally = Self::default();
        for (wanted, found) in pairs {
            match (wanted, found) {
                (true, true) => tally.found += 1,
                (true, false) => tally.missed += 1,
                (false, true) => tally.false_alarms += 1,
                (false, false) => tally.silent += 1,
            }
        }
        tally
    }

    fn row(&self, name: &str) -> Vec<String> {
        let Self { found, missed, false_alarms, silent } = *self;
        let counts = [found, missed, false_alarms, silent].map(|count| count.to_string());
        let rates = [percent(found, found + missed, 1), percent(found, found + false_alarms, 1)];
        [name.to_owned()].into_iter().chain(counts).chain(rates).collect()
    }

    /// "38/40 +2": found of wanted, and the false alarms if there are any.
    fn cell(&self) -> String {
        let Self { found, missed, false_alarms, .. } = *self;
        match (found + missed, false_alarms) {
            (0, 0) => "-".to_owned(),
            (wanted, 0) => format!("{found}/{wanted}"),
            (wanted, more) => format!("{found}/{wanted} +{more}"),
        }
    }
}

/// Whether a platform that forbids both would act. A disguise alone is only a hint.
fn acts(has: Has) -> bool {
    let acting = |label: &str| label.starts_with("contact.") || label.starts_with("payment.");
    LABELS.iter().zip(has).any(|(label, has)| has && acting(label))
}

fn corpus(detectors: &Detectors, verbose: bool) -> Result<(), Box<dyn Error>> {
    let lines = fs::read_to_string(format!("{ROOT}/{CORPUS}"))
        .map_err(|error| format!("{CORPUS}: {error}"))?;
    let messages: Vec<Message> =
        lines.lines().map(|line| Message::parse(line, detectors)).collect::<Result<_, _>>()?;
    let all: Vec<&Message> = messages.iter().collect();
    let languages = by_language(&all);
    let tally = |messages: &[&Message], label: usize| {
        Tally::of(messages.iter().map(|one| (one.wanted[label], one.found[label])))
    };

    println!("{CORPUS}: {} messages, by label\n", all.len());
    let rows = LABELS.iter().enumerate().map(|(label, name)| tally(&all, label).row(name));
    table(["label"].into_iter().chain(Tally::HEADER), rows);

    println!("\nBy language: found/wanted +false alarms\n");
    let rows = languages.iter().map(|(language, messages)| {
        let cells = (0..LABELS.len()).map(|label| tally(messages, label).cell());
        [(*language).to_owned(), messages.len().to_string()].into_iter().chain(cells).collect()
    });
    let short = LABELS.map(|label| label.split_once('.').map_or(label, |(_, name)| name));
    table(["language", "messages"].into_iter().chain(short), rows);

    println!("\nWhole messages: any contact or payment label, as a platform would block\n");
    let rows = languages.iter().map(|(language, messages)| {
        Tally::of(messages.iter().map(|one| (acts(one.wanted), acts(one.found)))).row(language)
    });
    table(["language"].into_iter().chain(Tally::HEADER), rows);

    if verbose {
        list("Missed", &messages, |one, label| one.wanted[label] && !one.found[label]);
        list("False alarms", &messages, |one, label| one.found[label] && !one.wanted[label]);
    }
    Ok(())
}

/// All messages, those of each language that has guilty ones, and the rest as `others`.
fn by_language<'a>(all: &[&'a Message]) -> Vec<(&'a str, Vec<&'a Message>)> {
    let mut languages: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
    for message in all {
        languages.entry(&message.language).or_default().push(message);
    }
    let (guilty, innocent): (Vec<_>, Vec<_>) = languages
        .into_iter()
        .partition(|(_, messages)| messages.iter().any(|one| one.wanted.contains(&true)));
    let others = innocent.into_iter().flat_map(|(_, messages)| messages).collect();
    [("all", all.to_vec())].into_iter().chain(guilty).chain([("others", others)]).collect()
}

fn list(title: &str, messages: &[Message], is_wrong: impl Fn(&Message, usize) -> bool) {
    println!("\n{title}\n");
    for (label, name) in LABELS.iter().enumerate() {
        for one in messages.iter().filter(|one| is_wrong(one, label)) {
            println!("{name:<21}  {}  {:<3}  {:?}", one.id, one.language, one.text);
        }
    }
}

fn ham(detectors: &Detectors, verbose: bool) -> Result<(), Box<dyn Error>> {
    let collection = match fs::read(format!("{ROOT}/{HAM}")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("\nHam: not measured, there is no {HAM}");
            return Ok(());
        }
        Err(error) => return Err(format!("{HAM}: {error}").into()),
    };
    // With the number of the line, which is how the list names a message.
    let judged: Vec<(usize, &str, Has)> = (1..)
        .zip(collection.lines())
        .filter_map(|(number, line)| Some((number, line.strip_prefix("ham\t")?)))
        .map(|(number, text)| (number, text, detectors.judge(text)))
        .collect();

    println!("\nHam of {HAM}: {} messages\n", judged.len());
    println!("Ordinary chat: some honestly hold a number or \"call me\".\n");
    let row = |name: &str, fires: &dyn Fn(Has) -> bool| {
        let fired = judged.iter().filter(|(_, _, has)| fires(*has)).count();
        vec![name.to_owned(), fired.to_string(), percent(fired, judged.len(), 2)]
    };
    let each = LABELS.iter().enumerate().map(|(label, name)| row(name, &|has| has[label]));
    let rows = each.chain([row("any contact or payment", &acts)]);
    table(["label", "fired", "of messages"].into_iter(), rows);

    if verbose {
        println!("\nHam that fired, by line\n");
        for (label, name) in LABELS.iter().enumerate() {
            for (number, text, _) in judged.iter().filter(|(_, _, has)| has[label]) {
                println!("{name:<21}  {number:>4}  {text:?}");
            }
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "counts of messages are small")]
fn percent(part: usize, whole: usize, digits: usize) -> String {
    match whole {
        0 => "-".to_owned(),
        _ => format!("{:.digits$}%", part as f64 * 100.0 / whole as f64),
    }
}

/// The first column to the left, the others to the right.
fn table<'a>(header: impl Iterator<Item = &'a str>, rows: impl Iterator<Item = Vec<String>>) {
    let header: Vec<String> = header.map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = [header].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        println!("{}", cells.collect::<Vec<_>>().join("  "));
    }
}
