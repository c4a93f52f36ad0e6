//! Every machine computes the same bits: the same code, compiled for processors that have much and for
//! those that have little, optimised and not, over numbers of every kind.

use wasmtime::{Instance, Module, Store};

use super::*;
use crate::runtime::{Call, Runtime, RuntimeOptions, Trust, Value};

/// A target that is named has nothing but what each processor of its kind has.
fn here() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// How a machine may differ: what its processor has, and how hard the compiler tried.
fn machines() -> Vec<(&'static str, Engine)> {
    let levels = [("optimised", OptLevel::Speed), ("not optimised", OptLevel::None)];
    let mut machines = Vec::new();
    for (level, opt_level) in levels {
        let mut config = deterministic();
        config.cranelift_opt_level(opt_level);
        machines.push((level, Engine::new(&config).unwrap()));
        config.target(&here()).unwrap();
        machines.push((level, Engine::new(&config).unwrap()));
    }
    machines
}

/// Bits of doubles: of every kind there is, and some at random.
fn numbers() -> Vec<u64> {
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1,
        1.0 / 3.0,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::from(f32::MIN_POSITIVE) / 2.0,
        4_503_599_627_370_495.5,
        2_147_483_648.0,
        -9_223_372_036_854_775_808.0,
    ];
    // Quiet and signalling, of both signs, with and without a payload.
    let nans = [
        0x7ff8_0000_0000_0000,
        0xfff8_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0xfff0_0000_2000_0001,
        0x7ff8_dead_beef_cafe,
        0x7fff_ffff_ffff_ffff,
    ];
    let mut numbers: Vec<u64> = special.iter().map(|it: &f64| it.to_bits()).chain(nans).collect();
    let mut random = 1_u64;
    numbers.extend((0..48).map(|number| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number | 1);
        // Half of them of a size at which sums and products are neither lost nor endless.
        match number % 2 {
            0 => random,
            _ => random >> 12 | 0x3fe0_0000_0000_0000,
        }
    }));
    numbers
}

/// A module with a function for each operation on two numbers, from bits to bits.
fn operations() -> (String, Vec<String>) {
    let mut module = String::from("(module ");
    let mut names = Vec::new();
    let mut add = |name: String, body: String| {
        module += &format!(
            "(func (export \"{name}\") (param $a i64) (param $b i64) (result i64) (local $x v128) {body}) "
        );
        names.push(name);
    };
    let (a, b) = ("(f64.reinterpret_i64 (local.get $a))", "(f64.reinterpret_i64 (local.get $b))");
    // The upper half of the bits: their kinds are as many, NaNs included.
    let half = |of: &str| {
        format!("(f32.reinterpret_i32 (i32.wrap_i64 (i64.shr_u (local.get {of}) (i64.const 32))))")
    };
    let (c, d) = (half("$a"), half("$b"));
    let bits64 = |value: String| format!("(i64.reinterpret_f64 {value})");
    let bits32 = |value: String| format!("(i64.extend_i32_u (i32.reinterpret_f32 {value}))");
    for op in ["add", "sub", "mul", "div", "min", "max", "copysign"] {
        add(format!("f64.{op}"), bits64(format!("(f64.{op} {a} {b})")));
        add(format!("f32.{op}"), bits32(format!("(f32.{op} {c} {d})")));
    }
    for op in ["sqrt", "ceil", "floor", "trunc", "nearest", "abs", "neg"] {
        add(format!("f64.{op}"), bits64(format!("(f64.{op} {a})")));
        add(format!("f32.{op}"), bits32(format!("(f32.{op} {c})")));
    }
    // Where a processor has an instruction for both at once, which rounds once instead of twice.
    add("f64 a*b+a".into(), bits64(format!("(f64.add (f64.mul {a} {b}) {a})")));
    add("f64 a-a*b".into(), bits64(format!("(f64.sub {a} (f64.mul {a} {b}))")));
    add("f32 a*b+a".into(), bits32(format!("(f32.add (f32.mul {c} {d}) {c})")));
    add("promote".into(), bits64(format!("(f64.promote_f32 {c})")));
    add("demote".into(), bits32(format!("(f32.demote_f64 {a})")));
    for (float, bits) in [("f64", &bits64 as &dyn Fn(String) -> String), ("f32", &bits32)] {
        for from in ["i64_s", "i64_u"] {
            let value = format!("({float}.convert_{from} (local.get $a))");
            add(format!("{float} of {from}"), bits(value));
        }
    }
    for to in ["s", "u"] {
        add(format!("i64 of f64 {to}"), format!("(i64.trunc_sat_f64_{to} {a})"));
        add(format!("i64 of f32 {to}"), format!("(i64.trunc_sat_f32_{to} {c})"));
    }
    // Of vectors both halves, one over the other.
    let mixed = |value: String| {
        format!(
            "(local.set $x {value}) (i64.xor (i64x2.extract_lane 0 (local.get $x)) \
             (i64.rotl (i64x2.extract_lane 1 (local.get $x)) (i64.const 1)))"
        )
    };
    let (v, w) = (
        "(i64x2.replace_lane 1 (i64x2.splat (local.get $a)) (local.get $b))",
        "(i64x2.replace_lane 1 (i64x2.splat (local.get $b)) (local.get $a))",
    );
    for shape in ["f64x2", "f32x4"] {
        for op in ["add", "sub", "mul", "div", "min", "max", "pmin", "pmax", "lt", "ne"] {
            add(format!("{shape}.{op}"), mixed(format!("({shape}.{op} {v} {w})")));
        }
        for op in ["sqrt", "ceil", "floor", "trunc", "nearest", "abs", "neg"] {
            add(format!("{shape}.{op}"), mixed(format!("({shape}.{op} {v})")));
        }
        add(format!("{shape} a*b+a"), mixed(format!("({shape}.add ({shape}.mul {v} {w}) {v})")));
    }
    for op in [
        "f32x4.demote_f64x2_zero",
        "f64x2.promote_low_f32x4",
        "f32x4.convert_i32x4_s",
        "f32x4.convert_i32x4_u",
        "f64x2.convert_low_i32x4_s",
        "f64x2.convert_low_i32x4_u",
        "i32x4.trunc_sat_f32x4_s",
        "i32x4.trunc_sat_f32x4_u",
        "i32x4.trunc_sat_f64x2_s_zero",
        "i32x4.trunc_sat_f64x2_u_zero",
    ] {
        add(op.to_owned(), mixed(format!("({op} {v})")));
    }
    (module + ")", names)
}

/// What every operation gives for every pair of numbers.
fn results(engine: &Engine, module: &str, names: &[String]) -> Vec<u64> {
    let module = Module::new(engine, wat::parse_str(module).unwrap()).unwrap();
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(u64::MAX / 2);
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let numbers = numbers();
    let mut results = Vec::with_capacity(names.len() * numbers.len() * numbers.len());
    for name in names {
        let function = instance.get_func(&mut store, name).unwrap();
        let function = function.typed::<(u64, u64), u64>(&store).unwrap();
        for a in &numbers {
            results.extend(numbers.iter().map(|b| function.call(&mut store, (*a, *b)).unwrap()));
        }
    }
    results
}

#[test]
fn every_machine_computes_the_same_bits() {
    let (module, names) = operations();
    let machines = machines();
    let all: Vec<Vec<u64>> =
        machines.iter().map(|(_, engine)| results(engine, &module, &names)).collect();
    let each = numbers().len() * numbers().len();
    for (number, results) in all.iter().enumerate() {
        let differs = results.iter().zip(&all[0]).position(|(one, other)| one != other);
        let what = differs.map(|at| &names[at / each]);
        assert_eq!(what, None, "machine {number} ({}) differs from the first", machines[number].0);
    }
    // They are other machines: the same code is compiled to other bytes.
    let compiled =
        |engine: &Engine| engine.precompile_module(&wat::parse_str(&module).unwrap()).unwrap();
    assert!(compiled(&machines[0].1) != compiled(&machines[1].1));
}

#[test]
fn detectors_find_the_same_on_every_machine() {
    let texts = include_str!("../../../../examples/corpus/messages.jsonl").lines().map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        message["text"].as_str().unwrap().to_owned()
    });
    let texts: Vec<String> = texts.collect();
    let options = RuntimeOptions::default();
    let mut baseline = pooled(&options.ceiling);
    baseline.target(&here()).unwrap();
    let machines = [Engine::new(&baseline).unwrap(), serving(&options.ceiling).unwrap()];
    let runtimes = machines.map(|engine| Runtime::on(engine, &options).unwrap());
    let mut found = 0;
    for name in ["contact-phone", "obfuscation", "payment-circumvention"] {
        let bundled = picket_bundle::DETECTORS.iter().find(|it| it.name == name).unwrap();
        let answers = runtimes.each_ref().map(|runtime| {
            let prepared = runtime.load(bundled.component, "{}", Trust::Bundled).unwrap();
            let answers = texts.iter().map(|text| {
                let mut inputs = vec![Value::Text(text)];
                inputs.resize(prepared.manifest().inputs.len(), Value::Absent);
                let call = Call { id: "e", kind: "message.sent", time_ms: 0, inputs: &inputs };
                let signals = prepared.evaluate(&call, Duration::from_secs(5)).signals;
                let bits = signals.iter().map(|it| (it.score.to_bits(), it.confidence.to_bits()));
                (bits.collect::<Vec<_>>(), signals)
            });
            answers.collect::<Vec<_>>()
        });
        assert!(answers[0] == answers[1], "{name}");
        found += answers[0].iter().filter(|(bits, _)| !bits.is_empty()).count();
    }
    assert!(found > 50, "{found}");
}

#[test]
fn an_operation_has_one_nan() {
    let (module, names) = operations();
    let results = results(&machines()[0].1, &module, &names);
    let numbers = numbers();
    let each = numbers.len() * numbers.len();
    // These give the bits that they are given, and say nothing of a number.
    let moves = |name: &str| ["abs", "neg", "copysign"].iter().any(|it| name.contains(it));
    let mut seen = 0;
    for (name, results) in names.iter().zip(results.chunks(each)) {
        if moves(name) || name.contains("x2") || name.contains("x4") {
            continue;
        }
        for result in results {
            let (nan, canonical) = match name.starts_with("f32") || name == "demote" {
                true => {
                    let bits = u32::try_from(*result).unwrap();
                    (f32::from_bits(bits).is_nan(), bits == 0x7fc0_0000)
                }
                false if name.starts_with("i64") => (false, true),
                false => (f64::from_bits(*result).is_nan(), *result == 0x7ff8_0000_0000_0000),
            };
            assert!(!nan || canonical, "{name}: {result:x}");
            seen += usize::from(nan);
        }
    }
    assert!(seen > 10_000, "{seen}");
}

#[test]
fn what_may_differ_from_machine_to_machine_is_no_webassembly_here() {
    let relaxed = "(module (func (param v128 v128 v128) (result v128) \
        (f64x2.relaxed_madd (local.get 0) (local.get 1) (local.get 2))))";
    let threads = "(module (memory 1 1 shared))";
    for (_, engine) in machines() {
        for module in [relaxed, threads] {
            assert!(Module::new(&engine, wat::parse_str(module).unwrap()).is_err(), "{module}");
        }
    }
}
