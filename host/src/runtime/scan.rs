//! What can be refused by looking: before anything of a file is compiled.
//!
//! The compiler's own bounds are far wider than any detector needs. These leave room for the largest
//! that we know, an interpreter with its library, and refuse by name what could only be meant ill.

mod bounds;

use wasmparser::{BinaryReaderError, Parser};

use super::{Limits, LoadError};
use bounds::Bounds;

/// Refuses what is not a component, or is one that could not run within `ceiling`, or would cost too
/// much to compile. Reads the file once and keeps nothing of it.
///
/// # Errors
/// Which bound the file breaks, in words for the engineer who shipped it.
pub fn scan(file: &[u8], ceiling: &Limits) -> Result<(), LoadError> {
    let refuse = |message: &str| Err(LoadError::Scan(message.to_owned()));
    match file {
        [] => return refuse("the file is empty"),
        [b'\0', b'a', b's', b'm', ..] => {}
        [0x7f, b'E', b'L', b'F', ..] => {
            return refuse(
                "it is an ELF file (native or precompiled code is never accepted); ship the .wasm component",
            );
        }
        _ => return refuse("it does not begin as WebAssembly does"),
    }
    let mut bounds = Bounds::new(ceiling, file.len());
    for payload in Parser::new(0).parse_all(file) {
        bounds.see(&payload.map_err(unreadable)?)?;
    }
    Ok(())
}

fn unreadable(error: BinaryReaderError) -> LoadError {
    LoadError::Scan(error.to_string())
}
