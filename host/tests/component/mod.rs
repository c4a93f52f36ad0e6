//! Components made in memory, of a core module and an interface.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The released interface.
pub const INTERFACE: &str = include_str!("../../../wit/detector.wit");

/// A detector that answers with its first input, as the text of a core module.
#[allow(dead_code, reason = "each test binary uses what it needs")]
pub const ECHO: &str = include_str!("echo.wat");

/// Makes a component of a core module that has the functions of world `component` in `wit`.
///
/// # Errors
/// What the module lacks.
pub fn of_module(module: &[u8], wit: &str) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("detector.wit", wit).map_err(in_full)?;
    let world = resolve.select_world(&[package], Some("component")).map_err(in_full)?;
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(in_full)?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).and_then(|encoder| encoder.encode()).map_err(in_full)
}

fn in_full(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}
