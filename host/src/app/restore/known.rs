//! Who was erased since a backup: what the record says that is there, what the list beside it says, and
//! what the operator brings.
//!
//! Invariant: a restore begins only where one of these was really read, or the operator says that nobody
//! was erased. A damaged record is the usual reason to restore, and says nothing.

use std::fs;

use anyhow::bail;

use super::swap::Places;
use super::{Backup, Restore, read_erasures};
use crate::app::store_options;
use crate::config::Config;
use crate::model::Erasure;
use crate::store::{ErasureList, Store, StoreError};

/// What is known of the time since a backup.
#[derive(Debug)]
pub(super) struct Known {
    pub erasures: Vec<Erasure>,
    /// How many entries the audit log has that is replaced; 0 where that cannot be told.
    pub audit_size: u64,
    /// What could not be read, and what was read instead.
    pub remarks: Vec<String>,
}

/// Reads all that there is.
///
/// # Errors
/// Where nothing of it can be read: what to do.
pub(super) async fn gather(
    config: &Config,
    places: &Places,
    found: &Backup,
    restore: &Restore,
) -> anyhow::Result<Known> {
    let mut known = Known { erasures: Vec::new(), audit_size: 0, remarks: Vec::new() };
    // Where somebody was read of; what is not there; what is, and cannot be read.
    let (mut read, mut missing, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    for list in &restore.erasures {
        known.erasures.extend(read_erasures(list)?);
        read.push(list.display().to_string());
    }
    match kept(places, found) {
        Ok(Some(erasures)) => {
            known.erasures.extend(erasures);
            read.push(places.erasures.display().to_string());
        }
        Ok(None) => missing.push(format!("there is no {}", places.erasures.display())),
        Err(why) => unread.push(why),
    }
    let place = places.database.display();
    match Store::remains(&store_options(config, found.host_key)).await {
        Ok(remains) => {
            known.erasures.extend(remains.erasures);
            known.audit_size = remains.audit_size;
            read.push(place.to_string());
        }
        Err(StoreError::Absent { .. }) => missing.push(format!("there is no record at {place}")),
        Err(error) => {
            unread.push(format!("the record that was at {place} could not be read ({error})"));
        }
    }
    if read.is_empty() && !restore.nobody_erased {
        bail!(
            "who was erased since {} is in no list here, and a restore would bring them back: {}; name the list that `picket subject erasures` wrote with --erasures, or, where nobody was erased, say --nobody-erased",
            found.manifest.created_at,
            [unread, missing].concat().join("; ")
        );
    }
    let instead = match read.is_empty() {
        true => "nobody was erased, by the word of whoever restores".to_owned(),
        false => format!("who was erased is from {}", read.join(" and ")),
    };
    known.remarks.extend(unread.into_iter().map(|why| format!("{why}; {instead}")));
    Ok(known)
}

/// The list beside the record, where it is of this host: another one's names nobody here.
fn kept(places: &Places, found: &Backup) -> Result<Option<Vec<Erasure>>, String> {
    match ErasureList::at(&places.erasures).read() {
        Err(error) => Err(error.to_string()),
        Ok(Some(_)) if !is_of(places, found) => Err(format!(
            "{} is under another host key than the backup, or {} is gone",
            places.erasures.display(),
            places.host_key.display()
        )),
        Ok(erasures) => Ok(erasures),
    }
}

fn is_of(places: &Places, found: &Backup) -> bool {
    fs::read(&places.host_key).is_ok_and(|key| key == found.host_key)
}
