//! Files of the folders: found, and read through one handle, bounded, never through a link.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

const SETTINGS_BYTES_MAX: u64 = 256 << 10;
const POLICY_BYTES_MAX: u64 = 1 << 20;

/// Whether what could not be looked at is there all the same.
pub(super) fn is_there(error: io::Error) -> bool {
    error.kind() != io::ErrorKind::NotFound
}

/// The files of a folder with this ending, sorted. A folder that is missing is empty.
pub(super) fn list(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .filter(|path| !name_of(path).starts_with('.'))
        .collect();
    files.sort();
    files
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reads a regular file through one handle, without following a symbolic link: what is hashed is
/// what is loaded.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| {
        match fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_symlink()) {
            true => io::Error::other("is a symbolic link; copy the file itself"),
            false => error,
        }
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    let too_long = || {
        let problem = format!("has more than {bytes_max} bytes");
        io::Error::new(io::ErrorKind::FileTooLarge, problem)
    };
    if metadata.len() > bytes_max {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(too_long()),
        false => Ok(bytes),
    }
}

/// Reads the parts that a policy includes, from its folder on.
pub fn parts_beside(policy: &Path) -> impl FnMut(&str) -> io::Result<String> {
    let folder = policy.parent().unwrap_or(Path::new("")).to_owned();
    move |part| text(&folder.join(part))
}

/// A policy or a part of one.
pub(super) fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path, POLICY_BYTES_MAX)?)
        .map_err(|_| io::Error::other("is not UTF-8 text"))
}

/// The operator's settings for a detector: `NAME.toml` beside `NAME.wasm`. None is `{}`.
///
/// # Errors
/// Which file cannot be read or is no TOML, and why.
pub fn settings(file: &Path) -> Result<Json, String> {
    let path = file.with_extension("toml");
    let bytes = match read(&path, SETTINGS_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(json!({})),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let text =
        String::from_utf8(bytes).map_err(|_| format!("{}: is not UTF-8 text", path.display()))?;
    let table: toml::Table =
        text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::to_value(table).map_err(|error| format!("{}: {error}", path.display()))
}
