//! Exemptions: accounts for which nothing is enforced until a day. Their events are judged like all
//! others, so that what would have been is seen.

use toml::Spanned;

use super::diagnostic::{Report, code};
use super::document::WrittenExemption;
use super::lists::check_text;
use crate::model::Timestamp;

/// Exemptions that one policy may have.
const EXEMPTIONS_MAX: usize = 64;
/// Subjects of one exemption.
const SUBJECTS_MAX: usize = 500;

/// Some accounts for which nothing is enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// Invariant: sorted.
    pub(super) subjects: Vec<String>,
    /// Exactly then it is over.
    pub until: Timestamp,
    /// For whoever reads a decision.
    pub why: String,
}

impl Exemption {
    /// Whether it is about this account at this time.
    pub fn covers(&self, subject: &str, at: Timestamp) -> bool {
        at < self.until
            && self.subjects.binary_search_by(|exempt| exempt.as_str().cmp(subject)).is_ok()
    }
}

/// The exemptions, if nothing is wrong with them.
pub(super) fn check(
    written: &Spanned<Vec<WrittenExemption<'_>>>,
    report: &mut Report<'_>,
) -> Option<Vec<Exemption>> {
    let exemptions = written.get_ref();
    if let Some(beyond) = exemptions.get(EXEMPTIONS_MAX) {
        let message = format!("{} exemptions; {EXEMPTIONS_MAX} are allowed", exemptions.len());
        report.error(code::TOO_LARGE, beyond.at.clone(), message, None);
    }
    let checked: Vec<Option<Exemption>> =
        exemptions.iter().map(|exemption| check_one(exemption, report)).collect();
    checked.into_iter().collect()
}

fn check_one(written: &WrittenExemption<'_>, report: &mut Report<'_>) -> Option<Exemption> {
    if let Some(why) = &written.why {
        check_text(why, report);
    }
    let subjects = written.subjects.as_ref()?;
    if subjects.get_ref().is_empty() {
        let hint = "name the accounts: `subjects = [\"user-17\"]`".to_owned();
        report.error(code::EMPTY, subjects.span(), "the exemption is about nobody", hint);
    }
    if let Some(beyond) = subjects.get_ref().get(SUBJECTS_MAX) {
        let message = format!("{} subjects; {SUBJECTS_MAX} are allowed", subjects.get_ref().len());
        report.error(code::TOO_LARGE, beyond.span(), message, None);
    }
    for subject in subjects.get_ref() {
        check_text(subject, report);
    }
    let mut names: Vec<String> =
        subjects.get_ref().iter().map(|subject| (*subject.get_ref()).to_owned()).collect();
    names.sort();
    names.dedup();
    Some(Exemption {
        subjects: names,
        until: *written.until.as_ref()?.get_ref(),
        why: (*written.why.as_ref()?.get_ref()).to_owned(),
    })
}
