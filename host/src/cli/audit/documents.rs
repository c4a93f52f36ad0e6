//! Whether what is stored is what was logged: the documents behind the entries, which only a server has.

use anyhow::{Context, bail};
use serde_json::Value;

use crate::audit::{Kind, Proof, Tile, unbundle};
use crate::cli::client::Server;
use crate::model::Digest;

/// What entries commit themselves to: by what was done, the names of the facts that are digests.
const COMMITTED: [(&str, &[&str]); 6] = [
    ("decision", &["document", "event"]),
    ("event.accepted", &["event"]),
    ("decision.ruled", &["why"]),
    ("delivery.replayed", &["why"]),
    ("hold.released", &["why"]),
    ("key.created", &["name"]),
];

/// The facts of an entry that are digests of documents.
pub(super) fn committed(entry: &Value) -> &'static [&'static str] {
    let what = entry["what"].as_str().unwrap_or_default();
    COMMITTED.iter().find(|(name, _)| *name == what).map_or(&[], |(_, facts)| facts)
}

/// Compares what a server has stored with what the entries say of it.
pub(super) struct Documents<'a> {
    server: &'a Server,
    /// That are what was logged.
    pub held: u64,
    /// That went, by erasure or age, which is no fault.
    pub gone: u64,
    /// The first entry whose documents are not what it says, and why.
    pub fault: Option<(u64, String)>,
}

impl<'a> Documents<'a> {
    pub fn new(server: &'a Server) -> Self {
        Self { server, held: 0, gone: 0, fault: None }
    }

    /// Looks at the documents of the entries of a bundle, up to the first fault. Whether the entries are
    /// those that were signed is for others to say.
    pub async fn compare(&mut self, tile: Tile, bytes: &[u8]) -> anyhow::Result<()> {
        if tile.kind != Kind::Entries {
            return Ok(());
        }
        for (index, bytes) in (tile.start()..).zip(unbundle(bytes)) {
            // What is no JSON was not written by a host: the root tells.
            let Ok(entry) = serde_json::from_slice::<Value>(bytes) else { continue };
            let facts = committed(&entry);
            if self.fault.is_none() && !facts.is_empty() {
                self.compare_entry(index, &entry, facts).await?;
            }
        }
        Ok(())
    }

    async fn compare_entry(
        &mut self,
        index: u64,
        entry: &Value,
        facts: &[&str],
    ) -> anyhow::Result<()> {
        let opened = match opened(self.server, &(index + 1).to_string()).await? {
            Opened::Proof(text) => Proof::parse(&text).context("the server's proof")?.extra.opened,
            Opened::Changed(why) => {
                self.fault = Some((index, why));
                return Ok(());
            }
        };
        for fact in facts {
            let Some(document) = opened.get(*fact) else {
                self.gone += 1;
                continue;
            };
            if entry["facts"][fact] != Digest::of(document.as_bytes()).to_string() {
                self.fault =
                    Some((index, format!("the {fact} that is stored is not what was logged")));
                return Ok(());
            }
            self.held += 1;
        }
        Ok(())
    }
}

/// What a server says when it is asked to prove an entry with all that is behind it.
pub(super) enum Opened {
    Proof(String),
    /// The record is not what was logged, as far as the server itself can tell.
    Changed(String),
}

/// Asks for a proof of an entry, with the documents that it is about.
pub(super) async fn opened(server: &Server, id: &str) -> anyhow::Result<Opened> {
    let path = format!("/v1/audit/proof/{}?open=true", crate::cli::client::encode(id));
    match server.fetch(&path).await? {
        Ok(bytes) => Ok(Opened::Proof(String::from_utf8_lossy(&bytes).into_owned())),
        Err(answer) if ["audit-forked", "audit-document-damaged"].contains(&answer.problem()) => {
            Ok(Opened::Changed(answer.detail().to_owned()))
        }
        Err(answer) => {
            answer.good()?;
            bail!("no proof in the server's answer")
        }
    }
}
