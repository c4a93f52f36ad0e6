use super::*;
use std::time::Instant;

fn sched() -> std::collections::BTreeMap<String, (u64, u64)> {
    let mut map = std::collections::BTreeMap::new();
    for t in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let name = std::fs::read_to_string(t.path().join("comm")).unwrap_or_default().trim().to_owned();
        let s = std::fs::read_to_string(t.path().join("schedstat")).unwrap_or_default();
        let v: Vec<u64> = s.split_whitespace().map(|x| x.parse().unwrap()).collect();
        if v.len() < 2 { continue; }
        let e = map.entry(name).or_insert((0, 0));
        e.0 += v[0] / 1000; e.1 += v[1] / 1000;
    }
    map
}

async fn round(store: &Store, tasks: usize, per: usize, tag: &str) {
    let before = sched();
    let begun = Instant::now();
    let handles: Vec<_> = (0..tasks).map(|t| {
        let (store, tag) = (store.clone(), tag.to_owned());
        tokio::spawn(async move {
            let mut worst = vec![];
            for n in 0..per {
                let mut e = event(&format!("{tag}-{:x}-{t}-{n}", (n * 2654435761 + t * 40503) & 0xffffff));
                e.subject = format!("user-{}", (n * 31 + t * 17) % 5000);
                let e = entry_of(e, |_| {});
                let at = Instant::now();
                store.commit(&e).await.unwrap();
                worst.push(at.elapsed().as_micros());
            }
            worst
        })
    }).collect();
    let t: Vec<u64> = super::super::writer::T.iter().map(|t| t.swap(0, std::sync::atomic::Ordering::Relaxed)).collect();
    let n = t[6].max(1);
    eprintln!("   batches {n} of {} | begin {} claim {} prep {} insert {} audit {} commit {} us", tasks*per/n as usize, t[0]/n,t[1]/n,t[2]/n,t[3]/n,t[4]/n,t[5]/n);
    for (name, (cpu, wait)) in sched() { let b = before.get(&name).copied().unwrap_or((0, 0)); let total = (tasks * per) as f64; if cpu - b.0 > 1000 { eprintln!("     {name}: cpu {:.1} us/commit, waiting for a core {:.1} us/commit", (cpu - b.0) as f64 / total, (wait - b.1) as f64 / total); } }
    let mut all = vec![];
    for h in handles { all.extend(h.await.unwrap()); }
    all.sort();
    let s = begun.elapsed().as_secs_f64();
    eprintln!("{tag}: {tasks} committers: {:.0}/s p50 {} p99 {} max {} us", (tasks * per) as f64 / s, all[all.len()/2], all[all.len()*99/100], all[all.len()-1]);
}

#[test]
#[ignore]
fn bench() {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async {
        let dir = std::env::var("BENCH_DIR").unwrap_or("/tmp".into());
        let folder = tempfile::tempdir_in(dir).unwrap();
        let mut options = Options::new(format!("sqlite://{}/picket.db", folder.path().display()));
        options.migrate = true;
        let store = Store::open(&options).await.unwrap();
        if std::env::var("NOTRIG").is_ok() { store.inner.writer.pragma("DROP TRIGGER audit_only_appends; SELECT 1").await.unwrap(); }
        let e = entry("x");
        let at = Instant::now();
        for _ in 0..2000 { std::hint::black_box(e.seal().unwrap()); }
        eprintln!("seal {:.1} us", at.elapsed().as_micros() as f64 / 2000.0);
        let time = |name: &str, f: &dyn Fn()| { let at = Instant::now(); for _ in 0..2000 { f(); } eprintln!("{name} {:.1} us", at.elapsed().as_micros() as f64 / 2000.0); };
        time("json decision", &|| { std::hint::black_box(serde_json::to_vec(&*e.decision).unwrap()); });
        time("json event", &|| { std::hint::black_box(serde_json::to_vec(&*e.event).unwrap()); });
        time("seal decision", &|| { std::hint::black_box(super::super::sealed::seal("d", &*e.decision).unwrap()); });
        time("seal event", &|| { std::hint::black_box(super::super::sealed::seal("d", &*e.event).unwrap()); });
        time("leaf", &|| { std::hint::black_box(super::super::decisions::leaf_tmp(&e.decision)); });
        let s = e.seal().unwrap();
        eprintln!("event sealed {} leaf {}", s.event.sealed.len(), s.leaf_len());
        round(&store, 64, 50, "warm").await;
        for r in 0..3 { round(&store, 64, 400, &format!("r{r}")).await; }
        round(&store, 256, 100, "r256").await;
        round(&store, 1, 500, "one").await;
        let b = count(&store, "PRAGMA page_count").await * 4096;
        let n = count(&store, "SELECT count(*) FROM decisions").await;
        eprintln!("{} bytes per decision, {} decisions, sealed {}", b / n, n, count(&store, "SELECT cast(avg(length(sealed)) AS INTEGER) FROM decisions").await);
        store.close().await.unwrap();
    });
}
