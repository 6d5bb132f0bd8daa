//! Two processes of one gate on a real PostgreSQL server, as `docs/how-to/run-two-gates.md` sets them up: founded by
//! `init finish`, asked at one, decided at the other, redeemed at both at once, and one of them killed.

use std::collections::BTreeMap;

use gatehold_client::wire::{Claims, ExecutionOutcome, RequestState};
use gatehold_core::review::ReviewAct;
use gatehold_scenarios::cast::{Answering, Person, Workload};
use gatehold_scenarios::gate_process::GateProcess;
use gatehold_sim::postgres_server::PostgresServer;
use tokio::task::JoinSet;

use crate::share::count;
use crate::world::{World, gatehold, said};

/// Calls that redeem one request at once, at each process.
const REDEEMERS: usize = 3;

async fn approved(people: &BTreeMap<String, Person>, request: &str) {
    let answering = Answering {
        justification: "looked at it".to_owned(),
        ..Answering::default()
    };
    for name in ["reviewer", "second"] {
        let review = people[name].review(request, ReviewAct::Approve, &answering);
        review.await.unwrap();
    }
}

async fn asked(world: &World, at: &Workload, name: &str) -> String {
    let insert = format!("INSERT INTO count VALUES ('{name}')");
    world
        .ask_by(at, "sql.write", &insert, Claims::default())
        .await
}

/// How often the target was told this.
fn told(world: &World, name: &str) -> String {
    let count = format!("SELECT count(*) FROM count WHERE request = '{name}'");
    world.shop.ask(&count).unwrap().remove(0).remove(0)
}

/// Redeems at both processes at once.
fn race(clients: [&Workload; 2], request: &str) -> JoinSet<Option<ExecutionOutcome>> {
    let mut redeemers = JoinSet::new();
    for number in 0..2 * REDEEMERS {
        let (bot, request) = (clients[number % 2].clone(), request.to_owned());
        redeemers.spawn(async move {
            let redeemed = bot.client.redeem(&request, 0).await.ok()?;
            redeemed.result.map(|result| result.outcome)
        });
    }
    redeemers
}

/// Both verify the one ledger against their own anchors, and find nothing to act on.
fn whole(world: &World, gates: [&GateProcess; 2]) {
    for gate in gates {
        let config = gate.config();
        let config = config.to_string_lossy();
        let folder = world.home();
        let doctor = gatehold(&folder, &["doctor", "--config", &config]);
        assert_eq!(doctor.status.code(), Some(0), "{}", said(&doctor));
        let verified = gatehold(&folder, &["audit", "verify", "--config", &config]);
        assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gates_on_one_postgresql_decide_as_one_and_either_goes_on_alone() {
    let server = PostgresServer::start();
    let url = server.create_database("gate").await;
    let mut world = World::open_on(Some(url)).await;
    assert!(
        !world.gate.database().exists(),
        "the gate stands on PostgreSQL"
    );
    let second = world.gate.beside("gate-2").await.unwrap();
    let there = second.people().await.unwrap();
    let bot = world.bot.at(second.url(), second.address()).unwrap();

    // Asked at one, decided at the other, either way round; redeemed at both at once.
    for round in 0..count(4, 100) {
        let name = format!("round-{round}");
        let (at, people) = if round % 2 == 0 {
            (&world.bot, &there)
        } else {
            (&bot, &world.people)
        };
        let request = asked(&world, at, &name).await;
        approved(people, &request).await;
        let answers = race([&world.bot, &bot], &request).join_all().await;
        let winners: Vec<_> = answers.into_iter().flatten().collect();
        assert_eq!(winners, [ExecutionOutcome::Completed], "{request}");
        assert_eq!(told(&world, &name), "1");
        for client in [&world.bot, &bot] {
            let state = client.client.status(&request, 0).await.unwrap().state;
            assert_eq!(state, RequestState::Completed);
        }
    }
    whole(&world, [&world.gate, &second]);

    // One is gone in the middle of its work; the other finishes what waits, once.
    let waiting = asked(&world, &world.bot, "waiting").await;
    let racing = asked(&world, &world.bot, "racing").await;
    approved(&there, &racing).await;
    let redeemers = race([&world.bot, &bot], &racing);
    world.gate.kill().await.unwrap();
    let winners = redeemers.join_all().await.into_iter().flatten().count();
    assert!(winners <= 1, "{winners} calls redeemed {racing}");
    let _again = bot.client.redeem(&racing, 0).await;
    assert!(["0", "1"].contains(&told(&world, "racing").as_str()));

    approved(&there, &waiting).await;
    let redeemed = bot.client.redeem(&waiting, 0).await.unwrap();
    assert_eq!(redeemed.status.state, RequestState::Completed);
    assert_eq!(told(&world, "waiting"), "1");
    let alone = asked(&world, &bot, "alone").await;
    approved(&there, &alone).await;
    assert!(bot.client.redeem(&alone, 0).await.unwrap().result.is_some());
    whole(&world, [&world.gate, &second]);

    // And it comes back beside the one that never stopped.
    world.gate.start_again().await.unwrap();
    let people = world.gate.people().await.unwrap();
    let request = asked(&world, &bot, "back").await;
    approved(&people, &request).await;
    let redeemed = world.bot.client.redeem(&request, 0).await.unwrap();
    assert_eq!(redeemed.status.state, RequestState::Completed);
    whole(&world, [&world.gate, &second]);
}
