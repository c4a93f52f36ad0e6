//! A PostgreSQL that is killed, that stands still, or that is cut off in the middle of a commit: nothing is
//! acknowledged that is not kept, and when it is back, so is the program, by itself.

use databases::{Fault, Home, Proxy, Server};

use crate::faults::{REFUSED, recovers, stands_still};
use crate::world::World;

/// What becomes of commits, one after the other.
const FAULTS: [Fault; 8] = [
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::SilenceAfter,
    Fault::SilenceBefore,
];

/// A program with its record there.
async fn on_postgres(url: String) -> World {
    World::start(|program| {
        program.variables.extend([
            ("PICKET_DATABASE_URL".into(), url.into()),
            ("PICKET_DATABASE_TIMEOUT_MS".into(), "300".into()),
            ("PICKET_REQUEST_TIMEOUT_MS".into(), "500".into()),
        ]);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_away_nothing_is_acknowledged() {
    let postgres = Server::start(&[]);
    let mut world = on_postgres(postgres.url("postgres")).await;
    world.load(8);
    world.until("it works", async |world| world.acknowledged().await > 50).await;
    postgres.kill_all();
    world.until("requests are refused", async |world| world.refused() > REFUSED).await;
    postgres.resume();
    recovers(&mut world).await;
    let restart = || {
        postgres.kill_all();
        postgres.resume();
    };
    assert_eq!(world.killed(restart).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_stands_still_nothing_is_acknowledged_and_no_memory_fills() {
    let postgres = Server::start(&[]);
    let mut world = on_postgres(postgres.url("postgres")).await;
    stands_still(&mut world, async |_| postgres.stand_still()).await;
    postgres.go_on();
    recovers(&mut world).await;
    assert_eq!(world.killed(|| {}).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_in_the_middle_of_a_commit_loses_nothing() {
    let home = Home::postgres();
    let Home::Postgres(database) = &home else { unreachable!() };
    let proxy = Proxy::to(databases::shared());
    let mut world = on_postgres(proxy.url(database.name())).await;
    world.load(8);
    for (before, fault) in (0..).zip(FAULTS) {
        proxy.strike(fault);
        world.until("a commit is cut off", async |_| proxy.struck() > before).await;
        recovers(&mut world).await;
    }
    assert_eq!(world.killed(|| {}).await, []);
}
