//! What can be refused by looking: before anything of a file is compiled.

use wasmparser::{Encoding, Parser, Payload};

use super::LoadError;

/// Bounds on a file. Compiling hostile code is not bounded by the compiler.
const FUNCTIONS_MAX: u32 = 50_000;
const FUNCTION_BYTES_MAX: usize = 1 << 20;
const LOCALS_MAX: u64 = 5_000;
/// A Python with its libraries is some forty.
const MODULES_MAX: u32 = 64;

/// Refuses what is not a component, or is one that would cost too much to compile.
pub(super) fn scan(file: &[u8]) -> Result<(), LoadError> {
    let refuse = |message: String| Err(LoadError::Scan(message));
    if file.is_empty() {
        return refuse("the file is empty".to_owned());
    }
    if !file.starts_with(b"\0asm") {
        return refuse(match file {
            [0x7f, b'E', b'L', b'F', ..] => {
                "it is an ELF file (native or precompiled code is never accepted); ship the .wasm component".to_owned()
            }
            _ => "it does not begin as WebAssembly does".to_owned(),
        });
    }
    let mut bounds = Bounds::default();
    for payload in Parser::new(0).parse_all(file) {
        let payload = payload.map_err(|error| LoadError::Scan(error.to_string()))?;
        bounds.see(&payload)?;
    }
    Ok(())
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

#[derive(Default)]
struct Bounds {
    functions: u32,
    modules: u32,
}

impl Bounds {
    fn see(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        let refuse = |message: String| Err(LoadError::Scan(message));
        match payload {
            Payload::Version { encoding: Encoding::Module, range, .. } if range.start == 0 => {
                refuse(
                    "it is a core module, not a component; build it with --target wasm32-wasip2"
                        .to_owned(),
                )
            }
            Payload::ModuleSection { .. } => {
                self.modules += 1;
                match self.modules > MODULES_MAX {
                    true => refuse(format!("it holds more than {MODULES_MAX} modules")),
                    false => Ok(()),
                }
            }
            Payload::CodeSectionStart { count, .. } => {
                self.functions = self.functions.saturating_add(*count);
                match self.functions > FUNCTIONS_MAX {
                    true => refuse(format!("it holds more than {FUNCTIONS_MAX} functions")),
                    false => Ok(()),
                }
            }
            Payload::CodeSectionEntry(body) => self.see_body(body),
            _ => Ok(()),
        }
    }

    fn see_body(&self, body: &wasmparser::FunctionBody<'_>) -> Result<(), LoadError> {
        let wrong = |error: wasmparser::BinaryReaderError| LoadError::Scan(error.to_string());
        if body.range().len() > FUNCTION_BYTES_MAX {
            return Err(LoadError::Scan(format!(
                "a function is longer than {FUNCTION_BYTES_MAX} bytes"
            )));
        }
        let mut locals = 0;
        for group in body.get_locals_reader().map_err(wrong)? {
            locals += u64::from(group.map_err(wrong)?.0);
        }
        match locals > LOCALS_MAX {
            true => Err(LoadError::Scan(format!("a function has more than {LOCALS_MAX} locals"))),
            false => Ok(()),
        }
    }
}
