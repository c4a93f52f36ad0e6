//! Any answer of a guest, through everything that an answer goes through before it is recorded: out of
//! the guest's memory, against the contract, into a policy. What passes keeps the contract; the rest is
//! refused with a reason. Never a panic.

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use picket::engine::{EntityKey, check};
use picket::model::{Event, EventBounds, Finding, Outcome, Signal, Stage, Timestamp};
use picket::policy::{Facts, Known, Policy};
use picket::runtime::{
    Call, Limits, Prepared, RawEntity, RawSignal, RawSpan, Run, Runtime, RuntimeOptions, Trust,
    Value,
};
use serde_json::json;

use crate::component;

/// A reason has 500 bytes, a message of an error 1,000; replacing what is not to be seen may triple that.
const REASON_BYTES_MAX: usize = 1_500;
const ERROR_BYTES_MAX: usize = 3_000;
const MASK: &str = "•••";

/// Where the memory of the guest begins that the test writes: behind the id, the type and the inputs.
const WRITTEN_AT: usize = 65_592;

/// The first byte says whether the rest is signals, or the memory in which there may be some.
pub fn body(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let mut rest = Unstructured::new(rest);
    let Ok(sent) = Sent::arbitrary(&mut rest) else { return };
    if kind % 2 == 0 {
        let Ok(answer) = signals(&mut rest, &sent) else { return };
        let run = sent.answered_by(&written(&answer));
        match answer.len() > LIMITS.signals {
            true => assert_eq!(run.outcome, Outcome::Invalid),
            false => assert_eq!(bits(&run.signals), bits(&answer), "{:?}", run.error),
        }
        sent.judge(run);
    } else {
        let run = sent.answered_by(rest.take_rest());
        sent.judge(run);
    }
}

/// No answer takes so long, also where a machine stands still for a while: time is not what is tested.
const PATIENCE: Duration = Duration::from_secs(60);

static LIMITS: LazyLock<Limits> =
    LazyLock::new(|| Limits { memory_bytes: 1 << 20, deadline: PATIENCE, ..Limits::default() });

struct Echo {
    prepared: Prepared,
    policy: Policy,
    key: EntityKey,
    event: Event,
    _runtime: Runtime,
}

static ECHO: LazyLock<Echo> = LazyLock::new(|| {
    let module = wat::parse_str(component::ECHO).expect("the text is WebAssembly");
    let file = component::of_module(&module, component::INTERFACE).expect("it is a detector");
    let runtime = Runtime::new(&RuntimeOptions { ceiling: *LIMITS, ..RuntimeOptions::default() })
        .expect("it starts");
    let envelope = json!({
        "specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "u", "data": {},
    });
    let bounds = EventBounds { json_depth_max: 32, ahead_ms_max: 0 };
    Echo {
        prepared: runtime.load(&file, "{}", Trust::Bundled).expect("it loads"),
        policy: Policy::compile(include_str!("policy.toml"), &Known::default())
            .expect("it compiles")
            .policy,
        key: EntityKey::new(&[7; 32]),
        event: Event::parse(envelope, &bounds, Timestamp::now()).expect("it is valid"),
        _runtime: runtime,
    }
});

/// The texts that an event brings.
#[derive(Arbitrary)]
struct Sent<'a> {
    content: &'a str,
    photos: Vec<&'a str>,
}

impl Sent<'_> {
    /// What the host makes of an answer that lies in the guest's memory.
    fn answered_by(&self, memory: &[u8]) -> Run {
        let words = memory.chunks(8).map(|word| {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            i64::from_le_bytes(bytes)
        });
        let inputs = self.inputs(words.collect());
        let call = Call { id: "1", kind: "t", time_ms: 0, inputs: &inputs };
        ECHO.prepared.evaluate(&call, PATIENCE)
    }

    fn inputs(&self, memory: Vec<i64>) -> Vec<Value<'_>> {
        vec![Value::Integers(memory), Value::Text(self.content), Value::Texts(self.photos.clone())]
    }

    fn judge(&self, run: Run) {
        let inputs = self.inputs(Vec::new());
        let error = run.error.map(|said| check::error(&inputs, &said));
        if let Some(error) = &error {
            assert!(error.len() <= ERROR_BYTES_MAX && !error.contains(char::is_control));
        }
        let mut finding = Finding::absent("echo");
        finding.stage = Some(Stage::Active);
        finding.outcome = run.outcome;
        let given = check::Given {
            manifest: ECHO.prepared.manifest(),
            known: &picket::model::Known::default(),
            inputs: &inputs,
        };
        match check::signals(&given, run.signals, &ECHO.key.of_event(&ECHO.event)) {
            Ok(signals) => {
                signals.iter().for_each(|signal| self.assert_kept(signal));
                finding.signals = signals;
            }
            Err(fault) => {
                assert!(fault.len() > 10 && fault.len() <= ERROR_BYTES_MAX, "{fault}");
                assert!(!fault.contains(char::is_control), "{fault:?}");
                finding.outcome = Outcome::Invalid;
            }
        }
        let verdict = ECHO.policy.judge(&ECHO.event, &Facts::at(ECHO.event.time), &[finding]);
        assert!((0.0..=1.0).contains(&verdict.score.as_f64()));
        assert!(!verdict.actions.is_empty() && !verdict.reason.contains(char::is_control));
    }

    /// The contract, said once more.
    fn assert_kept(&self, signal: &Signal) {
        assert!(ECHO.prepared.manifest().labels.contains(&signal.label));
        assert!(signal.score >= 0.0 && signal.score <= 1.0);
        assert!(signal.confidence >= 0.0 && signal.confidence <= 1.0);
        assert!(signal.reason.len() <= REASON_BYTES_MAX, "{} bytes", signal.reason.len());
        assert!(!signal.reason.contains(char::is_control), "{:?}", signal.reason);
        assert!(signal.spans.len() <= 64 && signal.entities.len() <= 16);
        for entity in &signal.entities {
            assert!(entity.hash.len() == 32 && !entity.kind.is_empty());
        }
        for span in &signal.spans {
            let text = match (span.field.as_str(), span.item) {
                ("data.b", None) => self.content,
                ("data.c", Some(item)) => self.photos[item as usize],
                other => panic!("{other:?} is no text"),
            };
            let evidence = &text[span.start as usize..span.end as usize];
            assert!(!evidence.is_empty());
            // What stands for hidden text may be evidence itself: then it is there, and says nothing.
            if evidence.len() >= 3 && !evidence.contains(['•', '\u{fffd}']) {
                let seen = signal.reason.split(MASK).any(|part| part.contains(evidence));
                assert!(!seen, "{:?} quotes {evidence:?}", signal.reason);
            }
        }
    }
}

/// Signals that are nearly right more often than not: what is wrong at once is refused at once.
fn signals(input: &mut Unstructured<'_>, sent: &Sent<'_>) -> Result<Vec<RawSignal>> {
    let mut texts = vec!["555-0100", "•", "\n", "the number"];
    texts.push(sent.content);
    texts.extend(&sent.photos);
    (0..input.int_in_range(0..=70)?).map(|_| signal(input, &texts)).collect()
}

fn signal(input: &mut Unstructured<'_>, texts: &[&str]) -> Result<RawSignal> {
    let label = match input.int_in_range(0..=8)? {
        0 => String::arbitrary(input)?,
        1 => "bid.echo".to_owned(),
        _ => "safety.echo".to_owned(),
    };
    let reason = (0..input.int_in_range(0..=6)?).map(|_| text(input, texts));
    let reason = reason.collect::<Result<String>>()?;
    let (score, confidence) = (number(input)?, number(input)?);
    let spans = (0..input.int_in_range(0..=66)?).map(|_| {
        let [input_, item, start] = [(); 3].map(|()| input.int_in_range(0..=3_u8).unwrap_or(0));
        let end: u32 = if input.ratio(1, 8)? {
            u32::arbitrary(input)?
        } else {
            u32::from(u8::arbitrary(input)?)
        };
        Ok(RawSpan { input: input_.into(), item: item.into(), start: start.into(), end })
    });
    let spans = spans.collect::<Result<_>>()?;
    let entities = (0..input.int_in_range(0..=18)?).map(|_| {
        let kind = if input.ratio(1, 16)? { String::arbitrary(input)? } else { "phone".to_owned() };
        Ok(RawEntity { kind, value: text(input, texts)? })
    });
    let entities = entities.collect::<Result<_>>()?;
    Ok(RawSignal { label, score, confidence, reason, spans, entities })
}

fn text(input: &mut Unstructured<'_>, texts: &[&str]) -> Result<String> {
    match input.ratio(1, 4)? {
        true => String::arbitrary(input),
        false => Ok((*input.choose(texts)?).to_owned()),
    }
}

fn number(input: &mut Unstructured<'_>) -> Result<f64> {
    match input.ratio(1, 8)? {
        true => f64::arbitrary(input),
        false => Ok(f64::from(u8::arbitrary(input)?) / 255.0),
    }
}

/// An answer as it lies in memory. Format: the canonical ABI of the component model, `Storing`.
fn written(answer: &[RawSignal]) -> Vec<u8> {
    let mut memory = Memory(vec![0; 16]);
    let mut records = Vec::new();
    for signal in answer {
        records.extend(memory.store(signal.label.as_bytes(), signal.label.len()));
        records.extend(signal.score.to_bits().to_le_bytes());
        records.extend(signal.confidence.to_bits().to_le_bytes());
        records.extend(memory.store(signal.reason.as_bytes(), signal.reason.len()));
        let words = |span: &RawSpan| [span.input, span.item, span.start, span.end];
        let spans: Vec<u8> =
            signal.spans.iter().flat_map(words).flat_map(u32::to_le_bytes).collect();
        records.extend(memory.store(&spans, signal.spans.len()));
        let mut entities = Vec::new();
        for entity in &signal.entities {
            entities.extend(memory.store(entity.kind.as_bytes(), entity.kind.len()));
            entities.extend(memory.store(entity.value.as_bytes(), entity.value.len()));
        }
        records.extend(memory.store(&entities, signal.entities.len()));
    }
    let list = memory.store(&records, answer.len());
    memory.0[4..12].copy_from_slice(&list);
    memory.0
}

struct Memory(Vec<u8>);

impl Memory {
    /// Appends and gives the pointer and the count by which it is found.
    fn store(&mut self, bytes: &[u8], count: usize) -> [u8; 8] {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let at = u32::try_from(WRITTEN_AT + self.0.len()).expect("an input is small");
        let count = u32::try_from(count).expect("an input is small");
        self.0.extend_from_slice(bytes);
        (u64::from(at) | u64::from(count) << 32).to_le_bytes()
    }
}

/// Numbers that are none are equal too, if their bits are.
fn bits(signals: &[RawSignal]) -> Vec<(RawSignal, u64, u64)> {
    let bits = |number: f64| if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() };
    let split = |signal: &RawSignal| {
        let plain = RawSignal { score: 0.0, confidence: 0.0, ..signal.clone() };
        (plain, bits(signal.score), bits(signal.confidence))
    };
    signals.iter().map(split).collect()
}
