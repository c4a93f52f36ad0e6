//! Files that are no component at all, or no longer one.

use super::Expect::Refused;
use super::{Case, Detector, case, detector};

pub fn cases() -> Vec<Case> {
    vec![
        case("core-module", core_module, Refused("core module")),
        case("zero-bytes", |_| Vec::new(), Refused("empty")),
        case("text", |_| b"(component)".to_vec(), Refused("does not begin as WebAssembly")),
        case("truncated-to-half", |name| truncated(name, 2), Refused("not a detector")),
        case("truncated-by-a-byte", |name| truncated(name, 1), Refused("not a detector")),
        case(
            "header-alone",
            |_| b"\0asm\x0d\0\x01\0".to_vec(),
            Refused("picket:detector/detector"),
        ),
        case("another-version-of-wasm", |_| b"\0asm\x77\0\x01\0".to_vec(), Refused("version")),
        case("name-not-utf-8", name_not_utf_8, Refused("UTF-8")),
        case("elf", |_| b"\x7fELF\x02\x01\x01\0".to_vec(), Refused("ELF")),
        case("cwasm", cwasm, Refused("ELF")),
        case("garbage-after-the-end", garbage, Refused("not a detector")),
        case("section-longer-than-the-file", long_section, Refused("not a detector")),
    ]
}

fn core_module(name: &str) -> Vec<u8> {
    wat::parse_str(Detector::new(name).module()).expect("the text is a module")
}

fn truncated(name: &str, part: usize) -> Vec<u8> {
    let mut file = Detector::new(name).build();
    let length = if part == 1 { file.len() - 1 } else { file.len() / part };
    file.truncate(length);
    file
}

fn name_not_utf_8(name: &str) -> Vec<u8> {
    let marker = b"zzzzzzzz";
    let mut file = detector(name, |detector| {
        detector.fields = r#"(func (export "zzzzzzzz"))"#.to_owned();
    });
    let at = file.windows(marker.len()).position(|window| window == marker);
    file[at.expect("the name is in the file")] = 0xff;
    file
}

/// A detector that behaves, compiled for this very machine: native code that nobody has checked.
fn cwasm(name: &str) -> Vec<u8> {
    let engine = wasmtime::Engine::default();
    engine.precompile_component(&Detector::new(name).build()).expect("it compiles")
}

fn garbage(name: &str) -> Vec<u8> {
    let mut file = Detector::new(name).build();
    file.extend([0xff; 100]);
    file
}

/// The header of a component, and a custom section that says it is 4 GiB long.
fn long_section(_: &str) -> Vec<u8> {
    b"\0asm\x0d\0\x01\0\0\xff\xff\xff\xff\x0f".to_vec()
}
