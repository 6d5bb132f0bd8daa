//! Promises P2 and P3 on real processes: `gatehold serve` is killed with SIGKILL while approved statements run. The target
//! counts what reached it; the ledger must have known of each before, and of none twice. A run counts only if it executed
//! something, killed the gate with an execution under way, and left executions whose end nobody knows.

use std::path::Path;
use std::sync::Arc;

use gatehold_client::wire::RequestState;
use gatehold_core::commit::LeafKind;
use rusqlite::{Connection, OpenFlags};
use tokio::task::JoinSet;

use crate::share::{Seed, count};
use crate::world::{World, gatehold, said};

const REDEEMERS: usize = 6;

/// How often the target was told this.
fn counted(world: &World, name: &str) -> i64 {
    let rows = world.shop.ask(&format!(
        "SELECT count(*) FROM count WHERE request = '{name}'"
    ));
    rows.unwrap()[0][0].parse().unwrap()
}

/// When the gate is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// At any moment.
    Any,
    /// Once the claim is durable.
    Claimed,
    /// Once the target was told.
    Told,
    /// Between the two: the target lets nobody in while the claim becomes durable.
    Between,
}

const MOMENTS: [Moment; 4] = [Moment::Any, Moment::Claimed, Moment::Told, Moment::Between];

/// Nobody else uses the target's database until this is dropped.
fn alone_at(target: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let target = Connection::open_with_flags(target, flags).unwrap();
    target.execute_batch("BEGIN EXCLUSIVE").unwrap();
    target
}

/// Claims of execution in the ledger that name the request.
fn claimed(world: &World, request: &str) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let ledger = Connection::open_with_flags(world.gate.database(), flags).unwrap();
    let kind = [1, 0, LeafKind::Execution as u8];
    ledger
        .query_row(
            "SELECT count(*) FROM leaf WHERE substr(leaf, 1, 3) = ?1 AND CAST(record AS TEXT) LIKE ?2",
            (&kind[..], format!("%{request}%")),
            |row| row.get(0),
        )
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_p03_a_killed_gate_executes_nothing_twice_and_nothing_unlogged() {
    let mut seed = Seed::of("p02 killed");
    let mut world = World::open().await;
    let (mut ran, mut before, mut unknown) = (0, 0, 0);
    let rounds = count(8, 1_000);
    for round in 0..rounds {
        let name = format!("round-{round}");
        let insert = format!("INSERT INTO count VALUES ('{name}')");
        let request = world.ask("sql.write", &insert).await;
        world.approve(&request).await;

        let moment = MOMENTS[usize::try_from(round).unwrap() % MOMENTS.len()];
        let alone = (moment == Moment::Between).then(|| alone_at(world.shop.path()));
        let bot = Arc::new(world.bot.clone());
        let mut redeemers = JoinSet::new();
        for _ in 0..REDEEMERS {
            let (bot, request) = (Arc::clone(&bot), request.clone());
            redeemers.spawn(async move { drop(bot.client.redeem(&request, 0).await) });
        }
        let mut patience = seed.below(3_000);
        while !redeemers.is_empty() {
            let reached = match moment {
                Moment::Any => patience == 0,
                Moment::Claimed | Moment::Between => claimed(&world, &request) > 0,
                Moment::Told => counted(&world, &name) > 0,
            };
            if reached {
                break;
            }
            patience = patience.saturating_sub(1);
            let _one = redeemers.try_join_next();
            tokio::task::yield_now().await;
        }
        world.gate.kill().await.unwrap();
        while redeemers.join_next().await.is_some() {}
        drop(alone);
        let (told, claims) = (counted(&world, &name), claimed(&world, &request));
        assert!(told <= 1, "{request} reached the target {told} times");
        assert!(
            told <= claims && claims <= 1,
            "{request}: told {told}, claimed {claims}"
        );

        match moment {
            Moment::Any => {}
            Moment::Claimed => assert_eq!(claims, 1, "{request}"),
            Moment::Told => assert_eq!(told, 1, "{request}"),
            Moment::Between => assert_eq!((told, claims), (0, 1), "{request}"),
        }

        world.gate.start_again().await.unwrap();
        // Whoever asks again after the crash gets it done at most once, too.
        let _answer = world.bot.client.redeem(&request, 0).await;
        let told_after = counted(&world, &name);
        assert!(
            told_after <= 1 && told_after >= told,
            "{request}: {told_after}"
        );
        assert!(told_after <= claimed(&world, &request));
        let state = world.bot.client.status(&request, 0).await.unwrap().state;
        match state {
            RequestState::Completed => assert_eq!(told_after, 1, "{request}"),
            RequestState::Unknown => unknown += 1,
            other => panic!("{request} ended as {other:?}"),
        }
        assert!(
            moment != Moment::Between || state == RequestState::Unknown,
            "{request}: {state:?}"
        );
        ran += told_after;
        before += told;
        world.people = world.gate.people().await.unwrap();
    }
    println!(
        "{rounds} kills: {before} had reached the target, {ran} in the end, {unknown} unknown, 0 doubles, 0 unlogged"
    );
    let quarter = i64::try_from(rounds / 4).unwrap();
    assert!(before >= quarter && ran >= before && unknown >= quarter);
    world.gate.stop().await.unwrap();
    let config = world.home().join("gatehold.toml");
    let output = gatehold(
        &world.home(),
        &["audit", "verify", "--config", &config.to_string_lossy()],
    );
    assert!(output.status.success(), "{}", said(&output));
}
