//! Looking for what should be gone: in every byte of a folder, also where it was only compressed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of a folder that hold a text. By `grep`: the folders are large, and tests are not optimised.
pub fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut grep = Command::new("grep");
    grep.args(["--recursive", "--text", "--files-with-matches", "--fixed-strings", text]);
    let output = grep.arg(folder).output().expect("grep runs");
    // 1: nothing found. A file that went away while it looked is no harm.
    assert!(output.status.code().is_some(), "grep was killed");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Whether a file holds a text within anything that was compressed with zstd and not encrypted.
pub fn is_compressed_in(file: &PathBuf, text: &str) -> bool {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    const CONTENT_BYTES_MAX: usize = 1 << 20;
    let bytes = std::fs::read(file).expect("a file");
    let mut frames = bytes.array_windows::<4>().enumerate().filter(|(_, four)| **four == MAGIC);
    frames.any(|(at, _)| {
        let Ok(length) = zstd::zstd_safe::find_frame_compressed_size(&bytes[at..]) else {
            return false;
        };
        let content = zstd::bulk::decompress(&bytes[at..at + length], CONTENT_BYTES_MAX);
        content.is_ok_and(|content| String::from_utf8_lossy(&content).contains(text))
    })
}
