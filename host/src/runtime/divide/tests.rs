use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::{Config, Engine, Instance, Module, Store, UpdateDeadline};

use super::pieces::PIECE_BYTES;
use super::{FORM, STEPS, divided, divided_module};
use crate::model::Digest;

const MEMORY_PAGES: u32 = 64;

/// Each long instruction, its operands given and the length not known beforehand.
fn module() -> Vec<u8> {
    let source = "source ".repeat(200_000);
    let text = format!(
        r#"(module
            (import "" "nothing" (func $nothing))
            (memory (export "memory") {MEMORY_PAGES})
            (data (i32.const 0) "{source}")
            (data $passive "{source}")
            (func (export "fill") (param i32 i32 i32)
                (memory.fill (local.get 0) (local.get 1) (local.get 2)))
            (func (export "copy") (param i32 i32 i32)
                (memory.copy (local.get 0) (local.get 1) (local.get 2)))
            (func (export "init") (param i32 i32 i32)
                (memory.init $passive (local.get 0) (local.get 1) (local.get 2))))"#
    );
    wat::parse_str(text).unwrap()
}

/// An engine, and a module in it whose looks at the clock are counted.
struct Guest {
    store: Store<()>,
    instance: Instance,
    looks: Arc<AtomicU64>,
}

impl Guest {
    fn new(module: &[u8]) -> Self {
        let engine = Engine::new(Config::new().epoch_interruption(true)).unwrap();
        let module = Module::from_binary(&engine, module).unwrap();
        let (mut store, looks) = (Store::new(&engine, ()), Arc::new(AtomicU64::new(0)));
        let seen = Arc::clone(&looks);
        store.set_epoch_deadline(0);
        store.epoch_deadline_callback(move |_| {
            seen.fetch_add(1, Ordering::Relaxed);
            Ok(UpdateDeadline::Continue(0))
        });
        let imports: Vec<_> =
            module.imports().map(|_| wasmtime::Func::wrap(&mut store, || {}).into()).collect();
        let instance = Instance::new(&mut store, &module, &imports).unwrap();
        Self { store, instance, looks }
    }

    /// The memory afterwards; `None` where it trapped.
    fn call(&mut self, name: &str, operands: (u32, u32, u32)) -> Option<&[u8]> {
        let function = self.instance.get_typed_func::<_, ()>(&mut self.store, name).unwrap();
        function.call(&mut self.store, operands).ok()?;
        let memory = self.instance.get_memory(&mut self.store, "memory").unwrap();
        Some(memory.data(&self.store))
    }
}

#[test]
fn in_pieces_it_does_the_same() {
    let whole = module();
    let pieces = divided_module(&whole).unwrap().unwrap().finish();
    let end = MEMORY_PAGES << 16;
    let lengths = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7];
    let mut cases = vec![
        // Out of bounds by a byte, by much, and round the end of what can be addressed.
        (end, 0, 0),
        (end, 0, 1),
        (end + 1, 0, 0),
        (end - PIECE_BYTES, 0, PIECE_BYTES + 1),
        (0, end - 2 * PIECE_BYTES, 3 * PIECE_BYTES),
        (0, 0, u32::MAX),
        (8, 0, u32::MAX),
        (0, 8, u32::MAX),
        (PIECE_BYTES + 8, 0, u32::MAX - PIECE_BYTES / 2),
        (u32::MAX, 0, 2),
        (end + 8, 8, u32::MAX - 2 * PIECE_BYTES),
    ];
    for length in lengths {
        // Apart, and overlapping either way by less and by more than a piece.
        for (to, from) in
            [(0, 0), (9, 3), (3, 9), (0, PIECE_BYTES + 5), (PIECE_BYTES + 5, 0), (2 << 20, 1 << 10)]
        {
            cases.push((to, from, length));
        }
        cases.push((end - length, 0, length));
    }
    for name in ["fill", "copy", "init"] {
        for case in &cases {
            let (mut whole, mut pieces) = (Guest::new(&whole), Guest::new(&pieces));
            let (expected, got) = (whole.call(name, *case), pieces.call(name, *case));
            assert!(expected == got, "{name} {case:?}: {} {}", expected.is_some(), got.is_some());
        }
    }
}

#[test]
fn the_clock_is_looked_at_in_between() {
    let pieces = divided_module(&module()).unwrap().unwrap().finish();
    for name in ["fill", "copy", "init"] {
        let mut guest = Guest::new(&pieces);
        guest.call(name, (0, 1, 5 * PIECE_BYTES)).unwrap();
        let looks = guest.looks.load(Ordering::Relaxed);
        assert!((5..20).contains(&looks), "{name}: {looks}");
    }
    let straight = |instructions: usize| {
        let store = "(i32.store (i32.const 8) (i32.const 1))".repeat(instructions / 3);
        let text = format!(r#"(module (memory 1) (func (export "f") {store}))"#);
        wat::parse_str(text).unwrap()
    };
    let few = straight(STEPS as usize - 2);
    assert!(divided_module(&few).unwrap().is_none(), "there is nothing to divide");
    let many = divided_module(&straight(10 * STEPS as usize)).unwrap().unwrap().finish();
    let mut guest = Guest::new(&many);
    let function = guest.instance.get_typed_func::<(), ()>(&mut guest.store, "f").unwrap();
    function.call(&mut guest.store, ()).unwrap();
    assert_eq!(guest.looks.load(Ordering::Relaxed), 10);
}

#[test]
fn every_module_of_a_component_is_divided_and_the_rest_is_as_it_was() {
    let text = r#"(component
        (core module (memory 1) (func (param i32) (memory.fill (i32.const 0) (i32.const 0) (local.get 0))))
        (component (core module (memory 1) (func (param i32 i32 i32)
            (memory.copy (local.get 0) (local.get 1) (local.get 2)))))
        (core module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 4096))))
        (type (func (result string)))
        (@custom "kept" "as it is"))"#;
    let file = wat::parse_str(text).unwrap();
    let divided = divided(&file).unwrap();
    let mut functions = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&divided) {
        if let wasmparser::Payload::FunctionSection(section) = payload.unwrap() {
            functions.push(section.count());
        }
    }
    assert_eq!(functions, [2, 2, 1]);
    wasmparser::Validator::new().validate_all(&divided).unwrap();
    assert!(divided.ends_with(&file[file.len() - 20..]), "what is no module is as it was");
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    let text = "(component (core module (memory 1) (func (param i32)
        (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))))";
    let file = wat::parse_str(text).unwrap();
    for end in 0..file.len() {
        // Whatever comes of it, it is no panic.
        divided(&file[..end]);
    }
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            divided(&changed);
        }
    }
}

#[test]
fn what_is_made_of_a_file_changes_with_its_form() {
    let made = divided_module(&module()).unwrap().unwrap().finish();
    assert_eq!(
        (FORM, Digest::of(&made).to_string().as_str()),
        (1, "sha256:c621060023c9c6d60c1814efd908d85b75bb8128182f85fa5c583b8c17a8ff7d"),
        "raise FORM, so that no code in a cache is as it was made before; then take the digest over"
    );
}
