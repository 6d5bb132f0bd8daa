//! D10: what is stored only if everything that was read still stands. Each part of the world changes between a decision and
//! its write, at another process, on SQLite and on PostgreSQL; and two processes meet at the last free place.

use std::sync::Arc;

use gatehold_core::commit::Table;
use gatehold_core::decide::ActKind;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_core::tier::Tier;
use gatehold_gate::GateError;
use gatehold_policy::Bundle;
use gatehold_sim::postgres_server::PostgresServer;

use crate::shop::faulty::Faulty;
use crate::shop::{Person, Shop, bundle_folder, team_set};

/// What changes in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Lockdown,
    StopOfTheTask,
    KeyRevoked,
    LeftTheTeam,
    Paused,
    TaskEnded,
    Withdrawn,
    BundleActivated,
    ChainStep,
}

const CHANGES: [Change; 9] = [
    Change::Lockdown,
    Change::StopOfTheTask,
    Change::KeyRevoked,
    Change::LeftTheTeam,
    Change::Paused,
    Change::TaskEnded,
    Change::Withdrawn,
    Change::BundleActivated,
    Change::ChainStep,
];

/// Activates the shop's own bundle with a rule more, under which what was decided is forbidden.
async fn activate(shop: &Shop, when: &str) {
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let rules = packed.pointer_mut("/files/rules.cedar").unwrap();
    let more = format!(
        "{}\n@id(\"no-more\")\n@owner(\"owners\")\n@rationale(\"It is enough\")\n\
         forbid (principal, action in [Action::\"shop.read\", Action::\"shop.write\"], resource){when};\n",
        rules.as_str().unwrap()
    );
    *rules = more.into();
    let payload = String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap();
    let changed = shop.change("bundle.activate", &payload, Person::Owner);
    assert_eq!(changed.await.state, State::Completed);
}

/// Allows a read, which is a step of the task.
async fn step(shop: &Shop, task: TaskId) {
    let read = shop.submit(&task, "shop.read", "SELECT 2").await;
    assert_eq!(read.unwrap().record.state, State::Allowed);
}

impl Change {
    /// What has to be so before anything is decided: for a step of the chain, rules that look at the chain.
    async fn begins(self, shop: &Shop) {
        if self == Self::ChainStep {
            let when = " when { action == Action::\"shop.write\" && context.chain.steps > 1 }";
            activate(shop, when).await;
        }
    }

    async fn happens(self, shop: &Shop, task: TaskId, id: RequestId) {
        let human = shop.human(Person::Owner);
        match self {
            Self::Lockdown => {
                let everything = Stops {
                    everything: true,
                    ..Stops::default()
                };
                shop.gate.stop(&human, everything, "x").await.unwrap();
            }
            Self::StopOfTheTask => {
                let stop = Stops {
                    tasks: [task].into(),
                    ..Stops::default()
                };
                shop.gate.stop(&human, stop, "x").await.unwrap();
            }
            Self::KeyRevoked => shop.revoke_key(Person::Reviewer).await.unwrap(),
            Self::LeftTheTeam => {
                let team = serde_json::json!({
                    "team": "reviewers", "members": [Person::Owner.id(), Person::Second.id()],
                });
                let team = team.to_string();
                let set = shop.change("team.set", &team, Person::Owner).await;
                assert_eq!(set.state, State::Completed);
            }
            Self::Paused => {
                let other = shop.submit(&task, "shop.write", "DELETE FROM b").await;
                let other = other.unwrap().record.id;
                let by = shop.human(Person::Second);
                let act = shop.gate.act(&by, other, ActKind::Suspicious, "", "cli");
                assert_eq!(act.await.unwrap().state, State::Denied);
            }
            Self::TaskEnded => {
                shop.gate.end_task(&shop.caller(), task).await.unwrap();
            }
            Self::Withdrawn => {
                shop.gate.withdraw(&shop.caller(), id).await.unwrap();
            }
            Self::BundleActivated => activate(shop, "").await,
            Self::ChainStep => step(shop, task).await,
        }
    }
}

/// Two people approved it; between the decision to let it out and its write something changes.
async fn redeem_is_overtaken(shop: Shop, change: Change) {
    let shop = Arc::new(shop);
    change.begins(&shop).await;
    let task = shop.task().await;
    step(&shop, task).await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
    let record = held.unwrap().record;
    assert_ne!(record.tier, Tier::Green);
    let id = record.id;
    shop.approve(Person::Reviewer, id).await.unwrap();
    shop.approve(Person::Second, id).await.unwrap();
    let store = Faulty::of(shop.store.clone());
    let slow = shop.over_store(store.clone()).await;
    let meanwhile = Arc::clone(&shop);
    store.before_the_write(async move { change.happens(&meanwhile, task, id).await });
    let answer = slow.redeem(&shop.caller(), id).await;
    assert!(shop.executed().is_empty(), "{change:?}: {answer:?}");
    match answer {
        Err(GateError::Refused(_)) => {}
        Ok(redeemed) => assert!(redeemed.execution.is_none(), "{change:?}"),
        Err(other) => panic!("{change:?}: {other}"),
    }
    let state = shop.gate.show(id).await.unwrap().state;
    assert!(
        !matches!(state, State::Executing | State::Completed),
        "{change:?}: {state:?}"
    );
}

/// Between the decision about a submission and its write something changes: a read that nobody has to look at, or, because
/// what only reads does not look at the chain, a write.
async fn submit_is_overtaken(shop: Shop, change: Change) {
    let shop = Arc::new(shop);
    change.begins(&shop).await;
    let task = shop.task().await;
    step(&shop, task).await;
    let store = Faulty::of(shop.store.clone());
    let slow = shop.over_store(store.clone()).await;
    let meanwhile = Arc::clone(&shop);
    let none = RequestId::from_bytes([0; 16]);
    store.before_the_write(async move { change.happens(&meanwhile, task, none).await });
    let asked = match change {
        Change::ChainStep => shop.asked(Some(task), "shop.write", "DELETE FROM b", false),
        _ => shop.asked(Some(task), "shop.read", "SELECT 1", false),
    };
    let answer = slow.submit(&shop.asking(&asked).await, asked).await;
    match answer {
        Err(GateError::Refused(_)) => {}
        Ok(submitted) => {
            let state = submitted.record.state;
            assert!(
                !matches!(state, State::Allowed | State::Held),
                "{change:?}: {state:?}"
            );
        }
        Err(other) => panic!("{change:?}: {other}"),
    }
}

#[tokio::test]
async fn d10_a_change_between_decision_and_write_overtakes_it_on_sqlite() {
    for change in CHANGES {
        redeem_is_overtaken(Shop::open().await, change).await;
    }
    for change in [
        Change::Lockdown,
        Change::StopOfTheTask,
        Change::Paused,
        Change::TaskEnded,
        Change::BundleActivated,
        Change::ChainStep,
    ] {
        submit_is_overtaken(Shop::open().await, change).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_a_change_between_decision_and_write_overtakes_it_on_postgresql() {
    let server = PostgresServer::start();
    for (number, change) in CHANGES.into_iter().enumerate() {
        let url = server.create_database(&format!("redeem_{number}")).await;
        redeem_is_overtaken(Shop::in_postgres(&url).await, change).await;
    }
}

/// Room for three holds, two of them taken, and two processes that both saw one free.
async fn last_place(shop: Shop) {
    let shop = Arc::new(shop);
    let task = shop.task().await;
    for table in ["a", "b"] {
        let sql = format!("DELETE FROM {table}");
        let held = shop.submit(&task, "shop.write", &sql).await;
        assert_eq!(held.unwrap().record.state, State::Held);
    }
    let store = Faulty::of(shop.store.clone());
    let slow = shop.over_store(store.clone()).await;
    let meanwhile = Arc::clone(&shop);
    store.before_the_write(async move {
        let last = meanwhile.submit(&task, "shop.write", "DELETE FROM c").await;
        assert_eq!(last.unwrap().record.state, State::Held);
    });
    let asked = shop.asked(Some(task), "shop.write", "DELETE FROM d", false);
    let answer = slow.submit(&shop.asking(&asked).await, asked).await;
    let held = answer.is_ok_and(|submitted| submitted.record.state == State::Held);
    assert!(!held, "a fourth hold");
    assert_eq!(
        shop.gate
            .standing()
            .await
            .unwrap()
            .holds
            .iter()
            .sum::<u64>(),
        3
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_two_processes_do_not_both_take_the_last_free_hold() {
    last_place(Shop::open().await).await;
    let server = PostgresServer::start();
    let url = server.create_database("holds").await;
    last_place(Shop::in_postgres(&url).await).await;
}

/// Whoever signed last applies the change, and so does every clock that finds it approved and not applied.
#[tokio::test]
async fn a_change_that_is_applied_between_two_reads_is_applied_for_whoever_approved_it() {
    let shop = Arc::new(Shop::open().await);
    let proposed = shop.propose("team.set", &team_set(), Person::Owner).await;
    shop.approve(Person::Reviewer, proposed.id).await.unwrap();
    let review = shop.sign(Person::Second, proposed.id, true).await;
    let store = Faulty::of(shop.store.clone());
    let slow = shop.over_store(store.clone()).await;
    let clock = Arc::clone(&shop);
    store.before_reading(Table::Grant, async move {
        let tick = clock.gate.tick().await.unwrap();
        assert_eq!(tick.applied, 1);
    });
    let told = slow.review(review).await.unwrap();
    assert_eq!(told.state, State::Completed);
}
