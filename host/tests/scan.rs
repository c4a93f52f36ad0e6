//! What is refused by looking, each by its name and within its bound.

mod wasm;

use picket::runtime::{Limits, scan};
use wasm::{component, functions, leb, many, module, nested, section};

fn refusal(file: &[u8]) -> String {
    scan(file, &Limits::default())
        .map_or_else(|error| error.to_string(), |()| "accepted".to_owned())
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is WebAssembly")
}

fn component_of(modules: &str) -> Vec<u8> {
    wat(&format!("(component {modules})"))
}

#[test]
fn what_detectors_do_not_have_is_refused_by_name() {
    let cases = [
        ("(core module (memory i64 1))", "a 64-bit memory"),
        ("(core module (import \"m\" \"m\" (memory i64 1)))", "a 64-bit memory"),
        ("(core module (memory 1 2 shared))", "a shared memory"),
        ("(core module (memory 1 (pagesize 1)))", "pages of its own size"),
        ("(core module (memory 1) (memory 1))", "several memories"),
        ("(core module (import \"m\" \"m\" (memory 1)) (memory 1))", "several memories"),
        ("(core module (table i64 1 funcref))", "a 64-bit table"),
        ("(core module (memory 65536))", "4294967296 bytes of memory; 67108864 are allowed"),
        ("(core module (table 10000000 funcref))", "10000000 elements; 20000 are allowed"),
    ];
    for (text, says) in cases {
        let error = refusal(&component_of(text));
        assert!(error.starts_with("not a detector: ") && error.contains(says), "{text}: {error}");
    }
    let long = format!("(core module (func (export \"{}\")))", "n".repeat(4_097));
    assert!(refusal(&component_of(&long)).contains("name of an import or export"));
    let core = wat("(module)");
    assert!(refusal(&core).contains("core module"));
}

#[test]
fn each_bound_holds_and_what_is_just_within_it_is_let_in() {
    let nest = |depth: usize| wat(&("(component ".repeat(depth) + &")".repeat(depth)));
    let types = |count| component(&[module(&[section(1, &many(count, &[0x60, 0, 0]))])]);
    let data = |count| component(&[module(&[section(11, &many(count, &[1, 0]))])]);
    let elements = |count| {
        let items = [&[1, 1, 0][..], &many(count, &[0])].concat();
        component(&[module(&[section(9, &items)])])
    };
    let instances = |count| {
        let all = "(core instance (instantiate $m))".repeat(count);
        component_of(&format!("(core module $m) {all}"))
    };
    let nops = |count| vec![1; count];
    type Make<'a> = &'a dyn Fn(usize) -> Vec<u8>;
    let cases: [(usize, Make<'_>, &str); 15] = [
        (8, &nest, "more than 8 deep"),
        (64, &|count| component(&vec![module(&[]); count]), "64 modules"),
        (63, &|count| component_of(&"(component)".repeat(count)), "64 components"),
        (64, &instances, "64 instances of modules"),
        (4, &|count| component_of(&"(core module (memory 1))".repeat(count)), "4 memories"),
        (8, &|count| component_of(&"(core module (table 1 funcref))".repeat(count)), "8 tables"),
        (1_024, &|pages| component_of(&format!("(core module (memory {pages}))")), "67108864"),
        (50_000, &|count| component(&[functions(count, 0, &[])]), "50000 functions"),
        // One byte for the locals, one for the end.
        ((1 << 20) - 2, &|bytes| component(&[functions(1, 0, &nops(bytes))]), "1048576 bytes"),
        (5_000, &|locals| component(&[functions(1, locals, &[])]), "5000 locals"),
        (400, &|count| component(&[functions(count, 5_000, &[])]), "2000000 local variables"),
        (10_000, &|depth| component(&[functions(1, 0, &nested(depth))]), "10000 deep"),
        (200_000, &types, "200000 types"),
        (50_000, &data, "50000 segments"),
        (200_000, &elements, "200000 elements"),
    ];
    for (max, make, says) in cases {
        assert_eq!(refusal(&make(max)), "accepted", "{says}");
        let error = refusal(&make(max + 1));
        assert!(error.contains(says), "{says}: {error}");
    }
    let big = functions(1, 0, &nops(1_000_000));
    assert_eq!(refusal(&component(&vec![big.clone(); 32])), "accepted");
    assert!(refusal(&component(&vec![big; 34])).contains("33554432 bytes of code"));
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let whole = component_of("(core module (memory 1) (func (export \"f\") nop) (data \"x\"))");
    assert_eq!(refusal(&whole), "accepted");
    let accepted: Vec<usize> =
        (0..whole.len()).filter(|end| refusal(&whole[..*end]) == "accepted").collect();
    // Eight bytes are an empty component; no other beginning is a component.
    assert_eq!(accepted, [8], "{whole:?}");
    let mut lying = whole.clone();
    lying.splice(8.., [1].into_iter().chain(leb(usize::MAX >> 1)));
    assert!(refusal(&lying).starts_with("not a detector: "));
}
