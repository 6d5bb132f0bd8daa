//! D9: a lift or a resume ends what was known when it was asked for. What is stopped or paused since outlives it, and it
//! loosens nothing once its request has ended, whoever writes its leaf.

use gatehold_core::commit::{
    AttachmentDraft, Guard, LeafDraft, LeafKind, RowChange, RowIndex, Write,
};
use gatehold_core::decide::ActKind;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_core::trust::{Evidence, Executed, SubmitSignature};
use gatehold_gate::{Gate, GateError};
use gatehold_sim::postgres_server::PostgresServer;
use gatehold_store::journal::Journal;

use super::halfway::change_left;
use super::loosened::{Restraint, read};
use crate::shop::audited::Audited;
use crate::shop::faulty::{Faulty, Health};
use crate::shop::{Person, Shop};

const ALL: &str =
    r#"{"everything":true,"resources":[],"targets":[],"tasks":[],"workloads":["deploy-bot"]}"#;

fn lockdown() -> Stops {
    Stops {
        everything: true,
        ..Stops::default()
    }
}

/// Somebody restricts at this gate, by a request that is held where that takes one.
async fn restrict(shop: &Shop, gate: &Gate, what: Restraint, held: RequestId) {
    let human = shop.human(Person::Reviewer);
    match what {
        Restraint::Stop => {
            let stops = Stops {
                workloads: ["deploy-bot".parse().unwrap()].into(),
                ..Stops::default()
            };
            gate.stop(&human, stops, "odd").await.unwrap();
        }
        Restraint::Pause => {
            gate.act(&human, held, ActKind::Suspicious, "odd", "signed")
                .await
                .unwrap();
        }
    }
}

async fn held(shop: &Shop, task: &TaskId) -> [RequestId; 2] {
    let mut ids = Vec::new();
    for sql in ["DELETE FROM a", "DELETE FROM b"] {
        let held = shop.submit(task, "shop.write", sql).await.unwrap();
        ids.push(held.record.id);
    }
    ids.try_into().unwrap()
}

async fn audited(shop: &Shop) {
    let report = Audited::of(shop).await.report();
    assert!(report.is_sound(), "{report}");
}

/// Set, asked to be ended and approved; then it is set again, and only then the change is applied.
async fn outlives(shop: &Shop, what: Restraint) {
    let task = shop.task().await;
    let [first, second] = held(shop, &task).await;
    restrict(shop, &shop.gate, what, first).await;
    let (descriptor, payload) = what.change();
    let id = change_left(shop, descriptor, payload).await;
    let other = shop.beside(None).await;
    let leaves = shop.leaves().await;
    restrict(shop, &other, what, second).await;
    assert!(
        shop.leaves().await > leaves,
        "said again in a leaf of its own"
    );
    assert_eq!(shop.gate.tick().await.unwrap().applied, 1);
    let state = shop.gate.show(id).await.unwrap().state;
    assert_eq!(state, State::Completed);
    let after = shop.beside(None).await;
    let denied = (State::Denied, vec![what.code().to_owned()]);
    for gate in [&other, &shop.gate, &after] {
        assert_eq!(read(shop, gate, task).await, denied, "{what:?}");
        assert_eq!(gate.row_findings(), (0, vec![]));
        assert_eq!(gate.chain_findings().await, Vec::<String>::new());
    }
    audited(shop).await;
    // What is asked for now knows of all of it.
    what.end(shop).await;
    for gate in [&other, &shop.gate, &after] {
        assert_eq!(read(shop, gate, task).await.0, State::Allowed, "{what:?}");
    }
    audited(shop).await;
}

#[tokio::test]
async fn d09_what_is_stopped_after_a_lift_was_asked_for_outlives_it_in_memory() {
    outlives(&Shop::in_memory().await, Restraint::Stop).await;
}

#[tokio::test]
async fn d09_who_is_paused_after_a_resume_was_asked_for_stays_so_in_memory() {
    outlives(&Shop::in_memory().await, Restraint::Pause).await;
}

#[tokio::test]
async fn d09_what_is_set_after_its_end_was_asked_for_outlives_it_in_sqlite() {
    for what in [Restraint::Stop, Restraint::Pause] {
        outlives(&Shop::open().await, what).await;
    }
}

#[tokio::test]
async fn d09_what_is_set_after_its_end_was_asked_for_outlives_it_in_postgresql() {
    let server = PostgresServer::start();
    for (what, name) in [(Restraint::Stop, "stop"), (Restraint::Pause, "pause")] {
        outlives(
            &Shop::in_postgres(&server.create_database(name).await).await,
            what,
        )
        .await;
    }
}

#[tokio::test]
async fn d09_a_lockdown_of_the_journal_outlives_a_lift_that_waits() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let human = shop.human(Person::Reviewer);
    shop.gate.stop(&human, lockdown(), "first").await.unwrap();
    let id = change_left(&shop, "stop.lift", ALL).await;
    let store = Faulty::of(shop.store.clone());
    let journal = Journal::open(shop.folder().join("other.journal")).unwrap();
    let gate = shop.keeping(store.clone(), None, &journal).await;
    store.is(Health::ReadOnly);
    let kept = gate.stop(&human, lockdown(), "second").await;
    assert!(matches!(kept, Err(GateError::Journaled)), "{kept:?}");
    store.is(Health::Well);
    let tick = gate.tick().await.unwrap();
    assert_eq!((tick.replayed, tick.applied), (1, 1));
    assert_eq!(gate.show(id).await.unwrap().state, State::Completed);
    for gate in [&gate, &shop.gate] {
        let denied = (State::Denied, vec!["lockdown".to_owned()]);
        assert_eq!(read(&shop, gate, task).await, denied);
    }
    audited(&shop).await;
}

#[tokio::test]
async fn d09_a_lift_ends_what_it_names_and_not_what_came_since() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let human = shop.human(Person::Reviewer);
    shop.gate.stop(&human, lockdown(), "first").await.unwrap();
    let asked = shop.propose("stop.lift", ALL, Person::Owner).await;
    let bot = Stops {
        workloads: ["deploy-bot".parse().unwrap()].into(),
        ..Stops::default()
    };
    shop.gate.stop(&human, bot.clone(), "since").await.unwrap();
    // Whoever decides is told.
    let words = shop.gate.change_in_words(&asked).await.unwrap();
    assert_eq!(
        words,
        [
            "goes on: everything (the lockdown)",
            "stopped after this was asked for, so it stays: workload deploy-bot"
        ]
    );
    for person in [Person::Reviewer, Person::Second] {
        shop.approve(person, asked.id).await.unwrap();
    }
    let state = shop.gate.show(asked.id).await.unwrap().state;
    assert_eq!(state, State::Completed);
    let denied = (State::Denied, vec!["workload_stopped".to_owned()]);
    assert_eq!(read(&shop, &shop.gate, task).await, denied);
    audited(&shop).await;
    // Nobody asks to lift it: to say it once more is no leaf.
    let leaves = shop.leaves().await;
    shop.gate.stop(&human, bot, "again").await.unwrap();
    assert_eq!(shop.leaves().await, leaves);
}

/// How an approved request to loosen ended before its leaf is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Somebody took it away.
    Revoked,
    /// Its time is over, and no leaf says so yet.
    Late,
}

/// Writes the leaf that would apply it, as a gate would have while it lived.
async fn apply_past(shop: &Shop, what: Restraint, id: RequestId, approved: Executed) {
    let (key, body) = (what.key(), what.free());
    let evidence = Evidence::Executed(Box::new(approved));
    let event = Event::Trust {
        directory: shop.gate.directory().version,
        what: what.change().0.to_owned(),
        evidence: evidence.hash().unwrap(),
        trace: None,
    };
    let attachment = AttachmentDraft {
        name: "evidence",
        salt: [7; 32],
        bytes: evidence.to_bytes().unwrap(),
    };
    let entry = Entry {
        at: shop.gate.now().await.unwrap(),
        request: Some(id),
        version: 9,
        from: Some(State::Redeemable),
        to: Some(State::Completed),
        row: None,
        rows: [(key.to_string(), Hash::of(&body))].into(),
        event,
        attachments: [("evidence".to_owned(), attachment.commitment())].into(),
    };
    let version = shop.store.row(&key).await.unwrap().unwrap().version;
    let write = Write {
        guards: vec![Guard::Version(key.clone(), version)],
        deadline: None,
        rows: vec![RowChange {
            key,
            body,
            index: RowIndex::default(),
        }],
        counters: vec![],
        leaf: LeafDraft {
            kind: LeafKind::Outcome,
            salt: [9; 32],
            record: entry.to_bytes().unwrap(),
            attachments: vec![attachment],
        },
        outbox: vec![],
    };
    let answers = shop.store().commit(vec![write]).await.unwrap();
    answers.into_iter().next().unwrap().unwrap();
}

/// The evidence that a gate would have written.
async fn approved(shop: &Shop, what: Restraint, id: RequestId) -> Executed {
    let record = shop.gate.show(id).await.unwrap();
    let stored = shop.stored().await;
    let submitted = stored
        .iter()
        .find(|leaf| Entry::from_bytes(&leaf.record).unwrap().request == Some(id))
        .unwrap();
    let mut proof = submitted.attachments.iter();
    let proof = proof.find(|given| given.name == "proof");
    let proof = proof.unwrap().bytes.clone().unwrap();
    let submit: SubmitSignature = canonical::from_canonical_bytes(&proof).unwrap();
    Executed::new(record, what.change().1.as_bytes(), submit)
}

#[tokio::test]
async fn d09_a_lift_that_has_ended_loosens_nothing_whoever_writes_its_leaf() {
    for what in [Restraint::Stop, Restraint::Pause] {
        for (end, said) in [
            (End::Revoked, "is revoked by its leaves"),
            (End::Late, "after its time"),
        ] {
            let shop = Shop::in_memory().await;
            let task = shop.task().await;
            let [first, _] = held(&shop, &task).await;
            restrict(&shop, &shop.gate, what, first).await;
            let (descriptor, payload) = what.change();
            let id = change_left(&shop, descriptor, payload).await;
            let executed = approved(&shop, what, id).await;
            let spend_by = executed.record.spend_by;
            match end {
                End::Revoked => {
                    let human = shop.human(Person::Reviewer);
                    shop.gate.revoke(&human, id).await.unwrap();
                }
                End::Late => shop.memory().clock().set(spend_by.plus_seconds(1)),
            }
            apply_past(&shop, what, id, executed).await;
            let after = shop.beside(None).await;
            let task = shop.task().await;
            let denied = (State::Denied, vec![what.code().to_owned()]);
            for gate in [&shop.gate, &after] {
                assert_eq!(read(&shop, gate, task).await, denied, "{what:?} {end:?}");
                let findings = gate.chain_findings().await;
                let told = findings.iter().any(|what| what.contains(said));
                assert!(told, "{what:?} {end:?} {findings:?}");
            }
            assert!(!Audited::of(&shop).await.report().is_sound(), "{end:?}");
        }
    }
}
