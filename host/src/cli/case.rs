//! `picket case`: what people have to look into, and their word on it.

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::{Server, encode};
use super::table::{self, plain};
use crate::api::{CaseDetail, CaseRuled, Cases};
use crate::model::CaseState;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List cases, those that were opened last first
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Show a case with its decisions
    Show {
        /// The case's id, as `picket case list` shows it
        id: String,
        #[command(flatten)]
        server: Server,
    },
    /// Rule on all of a case
    #[command(after_help = RULE_HELP)]
    Rule(Rule),
}

const LIST_HELP: &str = "\
  picket case list --state open
  picket case list --source qwickservices --subject user-17 --json

A rule of a policy opens a case (`case = \"...\"`). What is decided about the same account and matter
while it is open joins it.";

const RULE_HELP: &str = "\
  picket case rule 019926c5-7a90-7e51-b2a4-30f1c51a2f0d upheld --why 'three accounts, one phone'
  picket case rule 019926c5-7a90-7e51-b2a4-30f1c51a2f0d overturned --why 'his own shop'

It is said of each decision of the case on which nobody has ruled. Overturned, strikes count no more,
restrictions end, and platforms that were told are told to lift.";

#[derive(Debug, Args)]
pub(super) struct List {
    /// open, resolved or overturned
    #[arg(long)]
    state: Option<CaseState>,
    #[arg(long)]
    source: Option<String>,
    /// The account, as events name it
    #[arg(long)]
    subject: Option<String>,
    /// The `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Rule {
    /// The case's id
    id: String,
    /// upheld or overturned
    #[arg(value_parser = ["upheld", "overturned"])]
    ruling: String,
    /// Why, for whoever looks at it later; kept with what is personal
    #[arg(long)]
    why: String,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list(&args).await,
        Command::Show { id, server } => show(&id, &server).await,
        Command::Rule(args) => rule(&args).await,
    }
}

async fn list(args: &List) -> anyhow::Result<()> {
    let mut path = format!("/v1/cases?limit={}", args.limit);
    let state = args.state.map(|state| state.to_string());
    let filters = [
        ("state", &state),
        ("source", &args.source),
        ("subject", &args.subject),
        ("after", &args.after),
    ];
    for (name, value) in filters {
        if let Some(value) = value {
            path += &format!("&{name}={}", encode(value));
        }
    }
    let page: Cases = args.server.get(&path).await?;
    if args.server.json {
        println!("{}", serde_json::to_string_pretty(&page)?);
        return Ok(());
    }
    let heads = ["CASE", "SOURCE", "ACCOUNT", "MATTER", "STATE", "DECISIONS", "WORST", "OPENED"];
    let mut out = table::new(&heads);
    for one in &page.cases {
        out.add_row([
            one.id.to_string(),
            plain(&one.source),
            plain(&one.subject),
            plain(&one.matter),
            one.state.to_string(),
            one.decisions.to_string(),
            format!("{} {}", one.action, one.score),
            one.opened_at.to_string(),
        ]);
    }
    println!("{out}");
    if let Some(next) = &page.next {
        println!("older ones: --after {next}");
    }
    Ok(())
}

async fn show(id: &str, server: &Server) -> anyhow::Result<()> {
    let detail: CaseDetail = server.get(&format!("/v1/cases/{}", encode(id))).await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&detail)?);
        return Ok(());
    }
    let one = &detail.case;
    println!("{}  {} of {}", one.id, plain(&one.matter), plain(&one.source));
    println!("account {}, worst {} at {}", plain(&one.subject), one.action, one.score);
    match one.ended_at {
        Some(ended) => println!("opened {}, {} at {ended}", one.opened_at, one.state),
        None => println!("opened {}, open, last joined {}", one.opened_at, one.last_at),
    }
    println!("{} decisions, {} to be ruled on:", one.decisions, detail.unruled);
    for decision in &detail.decision_ids {
        println!("  {decision}");
    }
    Ok(())
}

/// Goes on while there are decisions left.
async fn rule(args: &Rule) -> anyhow::Result<()> {
    let path = format!("/v1/cases/{}/ruling", encode(&args.id));
    let say = json!({ "ruling": args.ruling, "why": args.why });
    let mut ruled = 0;
    let case = loop {
        let said: CaseRuled = serde_json::from_value(args.server.put(&path, &say).await?)?;
        ruled += said.ruled;
        if said.case.state != CaseState::Open || said.ruled == 0 {
            break said.case;
        }
    };
    match args.server.json {
        true => println!("{}", json!({ "ruled": ruled, "case": case })),
        false => println!("ruled on {ruled} decisions; the case is {}", case.state),
    }
    Ok(())
}
