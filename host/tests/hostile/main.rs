mod component;
mod cases;
use std::time::*;
#[test]
fn explore() {
    use picket::runtime::*;
    let rt = Runtime::new(&RuntimeOptions{ceiling: Default::default(), cache: None}).unwrap();
    let only = std::env::var("ONLY").unwrap_or_default();
    for case in cases::all() {
        if !case.name.contains(&only) { continue }
        let t = Instant::now();
        let file = match std::panic::catch_unwind(|| (case.file)(case.name)) { Ok(f) => f, Err(e) => { println!("BUILD {} {:?}", case.name, e.downcast_ref::<String>()); continue } };
        let built = t.elapsed();
        let t = Instant::now();
        let r = rt.load(&file, "{}");
        let loaded = t.elapsed();
        match r {
            Err(e) => println!("{:30} {} bytes built {:?} {:?}\n    want {:?}\n    REFUSED {e}", case.name, file.len(), built, loaded, case.expect),
            Ok(p) => {
                let t = Instant::now();
                let run = p.evaluate(&Call{id:"x",kind:"message.sent",time_ms:1,inputs:&[Value::Text(cases::CONTENT)]}, Duration::from_millis(50));
                println!("{:30} {} bytes built {:?} {:?} ran {:?} preinit {}\n    want {:?}\n    GOT {:?} {:?} signals {:?}", case.name, file.len(), built, loaded, t.elapsed(), p.pre_initialised(), case.expect, run.outcome, run.error, run.signals.first());
                println!("    log {:?} {:?}", run.log.len(), run.time);
            }
        }
    }
}
