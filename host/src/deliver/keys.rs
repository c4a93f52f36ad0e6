//! The keys that sign what is sent to one destination: read once, at the start.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::Destination;
use crate::model::DeliveryId;
use crate::signing::WebhookKey;

/// A file with keys is no larger.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// So many sign at most, whatever the files hold.
const KEYS_MAX: usize = 8;

/// All of them sign, so that the receiver may go over from one to the next when it likes.
#[derive(Debug)]
pub(super) struct Keys(Vec<WebhookKey>);

impl Keys {
    /// # Errors
    /// Which of them cannot be read or is none. Nothing of a key is quoted.
    pub fn of(destination: &Destination) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (number, text) in (1..).zip(destination.secrets.iter()) {
            let key = WebhookKey::parse(text);
            keys.push(key.map_err(|error| format!("`secrets`: number {number} {error}"))?);
        }
        for (number, file) in (1..).zip(&destination.secret_files) {
            if ["whsec_", "whsk_"].iter().any(|kind| file.to_string_lossy().starts_with(kind)) {
                return Err(format!(
                    "`secret_files`: number {number} is a key and not a file: write the name of a file that holds it"
                ));
            }
            let read = read(file).map_err(|error| error.to_string());
            let found = read.and_then(|text| WebhookKey::parse_file(&text));
            keys.extend(
                found.map_err(|error| format!("`secret_files`: {} {error}", file.display()))?,
            );
        }
        match keys.len() <= KEYS_MAX {
            true => Ok(Self(keys)),
            false => Err(format!("{} keys would sign, and at most {KEYS_MAX} do", keys.len())),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The signatures of a message that is sent at this time, as the header has them.
    pub fn sign(&self, id: &DeliveryId, at_s: i64, body: &[u8]) -> Option<String> {
        let signed = self.0.iter().map(|key| key.sign(id.as_str(), at_s, body));
        let signed: Vec<String> = signed.collect();
        (!signed.is_empty()).then(|| signed.join(" "))
    }
}

fn read(file: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(file)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DecisionId, Scope};

    fn destination(secrets: &[&str], files: &[&Path]) -> Destination {
        Destination {
            secrets: secrets.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>().into(),
            secret_files: files.iter().map(|file| file.to_path_buf()).collect(),
            ..Destination::plain("https://market.example/".to_owned(), None)
        }
    }

    #[test]
    fn every_key_signs_those_of_files_and_those_of_the_environment() {
        let (old, new) = (WebhookKey::shared(&[1; 32]), WebhookKey::pair(&[2; 32]));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("# {}\n{}\n", "the new one", *new.to_text())).unwrap();
        let keys = Keys::of(&destination(&[&old.to_text()], &[file.path()])).unwrap();
        let id = DeliveryId::of_action(DecisionId::new(), Scope::Message);
        let both = [&old, &new].map(|key| key.sign(id.as_str(), 7, b"{}")).join(" ");
        assert_eq!(keys.sign(&id, 7, b"{}"), Some(both));
        assert_eq!(Keys::of(&destination(&[], &[])).unwrap().sign(&id, 7, b"{}"), None);
    }

    #[test]
    fn what_is_no_key_is_named_by_its_place_and_not_quoted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        let good = WebhookKey::shared(&[1; 32]).to_text();
        let many = vec![good.as_str(); 9];
        let cases = [
            (destination(&[&good, "hunter2"], &[]), "`secrets`: number 2 is no key of webhooks"),
            (destination(&[], &[file.path()]), " line 1 is no key of webhooks"),
            (destination(&[], &[Path::new("/nowhere/key")]), "`secret_files`: /nowhere/key "),
            (destination(&many, &[]), "9 keys would sign"),
        ];
        for (destination, says) in cases {
            let error = Keys::of(&destination).unwrap_err();
            assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
        }
    }
}
