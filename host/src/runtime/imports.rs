//! Which imports a detector may have: the log, and WASI as far as it is locked.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::LoadError;
use super::wasi::{ALLOWED, ALLOWED_FAMILY};

/// Whether the component wants WASI; an import outside the allow-list is refused by name.
pub(super) fn check_imports(component: &Component, engine: &Engine) -> Result<bool, LoadError> {
    let mut wasi = false;
    for (name, _) in component.component_type().imports(engine) {
        wasi |= is_wasi(name)?;
    }
    Ok(wasi)
}

fn is_wasi(name: &str) -> Result<bool, LoadError> {
    let interface = name.split('@').next().unwrap_or(name);
    if interface == "picket:detector/log" || interface == "picket:detector/types" {
        return Ok(false);
    }
    let at_0_2 = name.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."));
    let allowed = ALLOWED.contains(&interface) || interface.starts_with(ALLOWED_FAMILY);
    match allowed && at_0_2 {
        true => Ok(true),
        false => Err(LoadError::Import(name.to_owned())),
    }
}
