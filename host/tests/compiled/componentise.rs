//! `componentise MODULE OUT [WIT]`: a component of a core module. A module that was made without
//! generated bindings does not say which interface it has; the WIT file does. Used by `make.sh`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    match args.as_slice() {
        [module, out] => componentise(fs::read(module)?, out),
        [module, out, wit] => {
            let mut module = fs::read(module)?;
            let mut resolve = Resolve::default();
            let (package, _) = resolve.push_path(wit)?;
            let world = resolve.select_world(&[package], Some("component"))?;
            embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
            componentise(module, out)
        }
        _ => Err("usage: componentise MODULE OUT [WIT]".into()),
    }
}

fn componentise(module: Vec<u8>, out: &Path) -> Result<(), Box<dyn Error>> {
    let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    Ok(fs::write(out, component)?)
}
