//! What comes after the stream: one message judged by both policies, and how to look further.

use serde_json::{Value, json};

use super::caller::{Answer, Caller, message};
use super::row::{self, Paint};
use super::stage::Stage;
use crate::cli::table::plain;

/// An everyday message. What it means is the business of each platform's policy.
const TEXT: &str = "Running ten minutes late, call me on 503-555-0144 if the gate is locked";

/// The same message on every platform.
pub(super) struct Pair(Vec<Answer>);

/// Judged without a record.
pub(super) async fn both_policies(caller: &Caller) -> anyhow::Result<Pair> {
    let mut answers = Vec::new();
    for source in caller.keys().platforms.keys() {
        let event = message("demo-both", source, "user-117", TEXT);
        answers.push(caller.dry_run(source, &event).await.map_err(anyhow::Error::msg)?);
    }
    Ok(Pair(answers))
}

impl Pair {
    pub fn lines(&self, width: usize, paint: Paint) -> Vec<String> {
        let title =
            "One message, two policies (dry run; a label in parentheses has no weight there):";
        let verdicts = self
            .0
            .iter()
            .map(|answer| row::verdict(&answer.decision.source, &answer.decision, width, paint));
        [title.to_owned(), format!("  \"{}\"", plain(TEXT))].into_iter().chain(verdicts).collect()
    }

    pub fn json(&self) -> Value {
        let decisions: Vec<_> = self.0.iter().map(|answer| &answer.decision).collect();
        json!({ "text": TEXT, "decisions": decisions })
    }
}

pub(super) const LOOK_FURTHER: [&str; 6] = [
    "",
    "Look further:",
    "  picket demo --keep            leaves this server running, with keys and commands to try",
    "  picket demo --events FILE     judges your own events",
    "  picket demo --json            every decision in full, for a program",
    "  picket serve --help           how to run it for real",
];

/// How a server that is kept can be reached; as JSON for a program.
pub(super) fn how_to_reach(stage: &Stage, json: bool) -> Vec<String> {
    let (url, keys, folder) = (stage.caller.url(), stage.caller.keys(), stage.folder().display());
    if json {
        let serving = json!({
            "url": url,
            "admin_key": keys.admin,
            "platform_keys": keys.platforms,
            "folder": folder.to_string(),
        });
        return vec![json!({ "serving": serving }).to_string()];
    }
    let mut lines = vec![
        String::new(),
        format!("Serving at {url} until Ctrl-C, which deletes the folder."),
        format!("  {:15}  {folder}/{{detectors,policies,data}}", "folder"),
        format!("  {:15}  {}", "admin", keys.admin),
    ];
    let platforms = keys.platforms.iter().map(|(source, key)| format!("  {source:15}  {key}"));
    lines.extend(platforms);
    let event = r#"{"specversion":"1.0","id":"1","source":"qwickservices","type":"message.sent","#;
    let rest = r#""subject":"user-1","data":{"content":"text me at 503 555 0144"}}"#;
    lines.extend([
        String::new(),
        "In another terminal:".to_owned(),
        format!("  export PICKET_SERVER={url}"),
        format!("  export PICKET_KEY={}", keys.admin),
        "  picket detector list".to_owned(),
        "  curl -s -H \"Authorization: Bearer $PICKET_KEY\" \\".to_owned(),
        format!("    '{url}/v1/decisions?subject=user-117&tier=critical'"),
        "  curl -s -H \"Authorization: Bearer $PICKET_KEY\" \\".to_owned(),
        "    -H 'Content-Type: application/cloudevents+json' \\".to_owned(),
        format!("    '{url}/v1/events?dry_run=true' -d '{event}"),
        format!("    {rest}'"),
        format!("  rm {}", stage.detectors_dir().join("contact-handle.wasm").display()),
        "    # the shipped one takes over".to_owned(),
    ]);
    lines
}
