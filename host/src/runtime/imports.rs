//! Which imports a detector may have: the log, and WASI as far as it is locked.

use wasmparser::{Parser, Payload};
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

/// The names that a component imports, in order, for people; none where it is no component.
pub fn imports(file: &[u8]) -> Vec<String> {
    let (mut names, mut depth) = (Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(file) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentImportSection(section)) if depth == 0 => {
                let found = section.into_iter().flatten();
                names.extend(found.map(|import| import.name.name.to_owned()));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    names
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
