//! D6: a store that refuses, on a full disk, a damaged file or one that nobody may write. Nothing new is decided, what only
//! ends something is kept in the journal, in force at once, and in the ledger as soon as the store takes it again.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use gatehold_core::approved::Approved;
use gatehold_core::commit::{LeafDraft, LeafKind, RowKey, Table};
use gatehold_core::decide::ActKind;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_core::task::{Task, TaskState};
use gatehold_gate::ports::executor::{Ending, Evidence, Execution, Executor};
use gatehold_gate::ports::store::Store;
use gatehold_gate::{Gate, GateError};
use gatehold_ledger::Anchor;
use gatehold_store::AfterCommit;
use gatehold_store::journal::Journal;
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::shop::faulty::{Faulty, Health, Shape};
use crate::shop::{Person, Shop};

fn stop_of(resource: &str) -> Stops {
    Stops {
        resources: [resource.parse().unwrap()].into(),
        ..Stops::default()
    }
}

fn kept<T: std::fmt::Debug>(answer: Result<T, GateError>) {
    assert!(matches!(answer, Err(GateError::Journaled)), "{answer:?}");
}

fn waits<T: std::fmt::Debug>(answer: Result<T, GateError>) {
    assert!(
        matches!(answer, Err(GateError::JournalWaits(_))),
        "{answer:?}"
    );
}

fn other_journal(shop: &Shop) -> Journal {
    Journal::open(shop.folder().join("other.journal")).unwrap()
}

async fn approved(shop: &Shop, task: &TaskId, sql: &str) -> RequestId {
    let held = shop.submit(task, "shop.write", sql).await.unwrap();
    shop.approve(Person::Reviewer, held.record.id)
        .await
        .unwrap();
    shop.approve(Person::Second, held.record.id).await.unwrap();
    held.record.id
}

async fn state(gate: &Gate, id: RequestId) -> State {
    gate.show(id).await.unwrap().state
}

async fn stops(shop: &Shop) -> Stops {
    let row = shop.store.row(&RowKey::new(Table::Stops, &"main")).await;
    row.unwrap().map_or_else(Stops::default, |row| {
        canonical::from_canonical_bytes(&row.body).unwrap()
    })
}

/// Everything that only ends something, once.
struct Acts {
    revoked: RequestId,
    denied: RequestId,
    denied_signed: RequestId,
    withdrawn: RequestId,
    ended: TaskId,
    in_ended: RequestId,
    other: RequestId,
}

impl Acts {
    async fn prepare(shop: &Shop) -> Self {
        let (task, ended) = (shop.task().await, shop.task().await);
        let held = async |sql| {
            let held = shop.submit(&task, "shop.write", sql).await;
            held.unwrap().record.id
        };
        let read = async |task| {
            let read = shop.submit(task, "shop.read", "SELECT 1").await;
            read.unwrap().record.id
        };
        Self {
            revoked: read(&task).await,
            denied: held("DELETE FROM a").await,
            denied_signed: held("DELETE FROM b").await,
            withdrawn: held("DELETE FROM c").await,
            ended,
            in_ended: read(&ended).await,
            other: read(&task).await,
        }
    }

    /// All of it, at a gate whose store refuses.
    async fn keep(&self, shop: &Shop, gate: &Gate, denial: gatehold_gate::ReviewInput) {
        let human = shop.human(Person::Reviewer);
        kept(gate.revoke(&human, self.revoked).await);
        let denied = gate.act(&human, self.denied, ActKind::Deny, "no", "chat");
        kept(denied.await);
        kept(gate.review(denial).await);
        kept(gate.withdraw(&shop.caller(), self.withdrawn).await);
        kept(gate.end_task(&shop.caller(), self.ended).await);
        kept(gate.stop(&human, stop_of("shop/x/"), "leak").await);
    }

    async fn are_done(&self, shop: &Shop) {
        for (id, wanted) in [
            (self.revoked, State::Revoked),
            (self.denied, State::Denied),
            (self.denied_signed, State::Denied),
            (self.withdrawn, State::Withdrawn),
            (self.in_ended, State::Revoked),
            (self.other, State::Allowed),
        ] {
            assert_eq!(state(&shop.gate, id).await, wanted, "{id}");
        }
        let key = RowKey::new(Table::Task, &self.ended);
        let row = shop.store.row(&key).await.unwrap().unwrap();
        let task: Task = canonical::from_canonical_bytes(&row.body).unwrap();
        assert_eq!(task.state, TaskState::Ended);
        assert!(
            stops(shop)
                .await
                .resources
                .contains(&"shop/x/".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn d06_every_act_in_the_safe_direction_is_kept_and_nothing_else_is_decided() {
    for health in [Health::ReadOnly, Health::Unreachable, Health::Damaged] {
        let shop = Shop::open().await;
        let acts = Acts::prepare(&shop).await;
        let denial = shop.sign(Person::Second, acts.denied_signed, false).await;
        let store = Faulty::of(shop.store.clone());
        let journal = other_journal(&shop);
        let gate = shop.keeping(store.clone(), None, &journal).await;
        store.is(health);
        let before = shop.leaves().await;
        acts.keep(&shop, &gate, denial.clone()).await;
        // The same again is the same.
        kept(gate.review(denial).await);
        assert_eq!(gate.journal_waiting(), 6);
        let task = acts.ended;
        waits(gate.redeem(&shop.caller(), acts.revoked).await);
        waits(gate.redeem(&shop.caller(), acts.other).await);
        let asked = shop.asked(Some(task), "shop.read", "SELECT 2", false);
        waits(gate.submit(&shop.asking(&asked).await, asked).await);
        let approval = shop.sign(Person::Second, acts.denied, true).await;
        waits(gate.review(approval).await);
        assert_eq!(shop.leaves().await, before);
        let _nothing = gate.tick().await;
        assert_eq!(gate.journal_waiting(), 6);

        // The process ends, the store is well, another one starts on the journal.
        drop(gate);
        drop(journal);
        store.is(Health::Well);
        let file = shop.folder().join("other.journal");
        let copy = std::fs::read(&file).unwrap();
        let journal = Journal::open(&file).unwrap();
        assert_eq!(journal.pending().len(), 6);
        let gate = shop.keeping(store.clone(), None, &journal).await;
        assert_eq!(gate.journal_waiting(), 0);
        acts.are_done(&shop).await;
        gate.redeem(&shop.caller(), acts.other).await.unwrap();
        assert!(shop.executed() == ["SELECT 1"]);

        // It ended between the write and the forgetting: everything is done again, and nothing changes.
        let leaves = shop.leaves().await;
        drop(gate);
        drop(journal);
        std::fs::write(&file, copy).unwrap();
        let journal = Journal::open(&file).unwrap();
        let gate = shop.keeping(store, None, &journal).await;
        assert_eq!((gate.journal_waiting(), shop.leaves().await), (0, leaves));
    }
}

#[tokio::test]
async fn d06_what_is_kept_is_written_by_the_clock_or_by_the_next_call() {
    for by_clock in [true, false] {
        let shop = Shop::in_memory().await;
        let task = shop.task().await;
        let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
        let id = read.record.id;
        let store = Faulty::of(shop.store.clone());
        let journal = other_journal(&shop);
        let gate = shop.keeping(store.clone(), None, &journal).await;
        store.is(Health::ReadOnly);
        kept(gate.revoke(&shop.human(Person::Owner), id).await);
        store.is(Health::Well);
        if by_clock {
            assert_eq!(gate.tick().await.unwrap().replayed, 1);
        } else {
            let answer = gate.redeem(&shop.caller(), id).await;
            assert!(matches!(answer, Err(GateError::Refused(_))), "{answer:?}");
        }
        assert_eq!(gate.journal_waiting(), 0);
        assert_eq!(state(&shop.gate, id).await, State::Revoked);
        assert!(shop.executed().is_empty());
    }
}

#[tokio::test]
async fn d06_a_key_that_is_revoked_in_the_journal_has_no_force_here() {
    let shop = Shop::in_memory().await;
    let store = Faulty::of(shop.store.clone());
    let journal = other_journal(&shop);
    let gate = shop.keeping(store.clone(), None, &journal).await;
    let login = async |gate: &Gate| shop.login(gate, Person::Reviewer).await;
    let ephemeral = login(&gate).await.unwrap();
    let now = gate.now().await.unwrap();
    assert!(gate.session(&ephemeral, now).is_some());
    store.is(Health::Unreachable);
    kept(gate.revoke_key(shop.own_revocation(Person::Reviewer)).await);
    assert!(gate.session(&ephemeral, now).is_none());
    let other = gate.revoke_key(shop.own_revocation(Person::Second)).await;
    kept(other);
    store.is(Health::Well);
    assert!(matches!(login(&gate).await, Err(GateError::Refused(_))));
    assert_eq!(gate.tick().await.unwrap().replayed, 2);
    let directory = gate.directory();
    for person in [Person::Reviewer, Person::Second] {
        assert!(directory.key(&person.id(), &person.key()).is_none());
    }
    assert!(matches!(login(&gate).await, Err(GateError::Refused(_))));
}

#[tokio::test]
async fn d06_a_stranger_keeps_nothing_and_a_machine_leaves_room_for_people() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let store = Faulty::of(shop.store.clone());
    let journal = other_journal(&shop);
    let gate = shop.keeping(store.clone(), None, &journal).await;
    store.is(Health::Unreachable);
    let stranger = gatehold_core::ids::HumanId::new("dev.local", "mallory").unwrap();
    let refused = gate.revoke(&stranger, read.record.id).await;
    assert!(matches!(refused, Err(GateError::Refused(_))), "{refused:?}");
    let mut caller = shop.caller();
    caller.key = gatehold_core::hash::Hash::of(b"nobody's");
    let refused = gate.end_task(&caller, task).await;
    assert!(matches!(refused, Err(GateError::Refused(_))), "{refused:?}");
    let mut held = 0;
    for number in 0..300_u128 {
        let task = TaskId::from_bytes(number.to_be_bytes());
        match gate.end_task(&shop.caller(), task).await {
            Err(GateError::Journaled) => held += 1,
            Err(GateError::Store(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(held, 8);
    kept(
        gate.revoke(&shop.human(Person::Owner), read.record.id)
            .await,
    );
    // What the machine made up ends nothing and is gone with the rest.
    store.is(Health::Well);
    assert_eq!(gate.tick().await.unwrap().replayed, 9);
    assert_eq!(state(&gate, read.record.id).await, State::Revoked);
}

/// Begins when told, and never ends by itself.
struct Endless(Arc<Notify>);

#[async_trait]
impl Executor for Endless {
    async fn execute(&self, _: Approved, _: &dyn Evidence) -> Execution {
        self.0.notify_one();
        std::future::pending().await
    }

    fn has_target(&self, target: &str) -> bool {
        target == "sql:shop"
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

#[tokio::test]
async fn d06_what_runs_is_given_up_by_an_act_that_is_only_kept() {
    for ends in 0..3 {
        let shop = Shop::in_memory().await;
        let task = shop.task().await;
        let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
        let id = read.record.id;
        let store = Faulty::of(shop.store.clone());
        let journal = other_journal(&shop);
        let begun = Arc::new(Notify::new());
        let executor = Arc::new(Endless(begun.clone()));
        let gate = shop.keeping(store.clone(), Some(executor), &journal).await;
        let (caller, human) = (shop.caller(), shop.human(Person::Owner));
        let (redeemed, ()) = tokio::join!(gate.redeem(&caller, id), async {
            begun.notified().await;
            store.is(Health::Unreachable);
            match ends {
                0 => kept(gate.revoke(&human, id).await),
                1 => kept(gate.end_task(&shop.caller(), task).await),
                _ => kept(gate.stop(&human, stop_of("shop/"), "leak").await),
            }
        });
        // It was given up, and what came of it could not be stored.
        assert!(matches!(redeemed, Err(GateError::Store(_))), "{redeemed:?}");
        store.is(Health::Well);
        gate.tick().await.unwrap();
        assert_eq!(gate.journal_waiting(), 0);
    }
}

#[tokio::test]
async fn d06_an_act_that_is_kept_between_claim_and_execution_is_in_time() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let id = read.record.id;
    let store = Faulty::of(shop.store.clone());
    let journal = other_journal(&shop);
    let gate = shop.keeping(store.clone(), None, &journal).await;
    let meanwhile = {
        let (gate, store, human) = (gate.clone(), store.clone(), shop.human(Person::Owner));
        async move {
            store.is(Health::Unreachable);
            kept(gate.stop(&human, stop_of("shop/"), "leak").await);
            store.is(Health::Well);
        }
    };
    store.after_the_write(meanwhile);
    let redeemed = gate.redeem(&shop.caller(), id).await.unwrap();
    assert_eq!(redeemed.execution.unwrap().ending, Ending::Failed);
    assert_eq!(redeemed.record.state, State::Failed);
    assert!(shop.executed().is_empty());
}

fn full(path: &Path) -> Arc<dyn Store> {
    let options = SqliteOptions {
        // Below what is used already, which SQLite takes for "no page more".
        pages_max: Some(1),
        ..SqliteOptions::new(path)
    };
    Arc::new(SqliteStore::open(options).unwrap())
}

#[tokio::test]
async fn d06_a_full_database_keeps_revoking() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let write = approved(&shop, &task, "DELETE FROM a").await;
    let journal = other_journal(&shop);
    let gate = shop
        .keeping(full(&shop.database_path()), None, &journal)
        .await;
    let human = shop.human(Person::Reviewer);
    // What still fits is written; from one on nothing fits any more.
    let mut number = 0;
    while gate.journal_waiting() == 0 {
        number += 1;
        let add = stop_of(&format!("shop/{number}/{}/", "x".repeat(64)));
        match gate.stop(&human, add, &"y".repeat(1_000)).await {
            Ok(_) | Err(GateError::Journaled) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(number > 1, "some stops fit");
    waits(gate.redeem(&shop.caller(), write).await);
    let revoked = gate.revoke(&human, write).await;
    assert!(
        matches!(revoked, Ok(_) | Err(GateError::Journaled)),
        "{revoked:?}"
    );
    waits(gate.redeem(&shop.caller(), write).await);
    let waiting = gate.journal_waiting();
    drop(gate);
    assert!(stops(&shop).await.resources.len() < number);
    // Space was freed.
    let gate = shop.keeping(shop.store.clone(), None, &journal).await;
    assert_eq!(gate.journal_waiting(), 0);
    assert!(waiting >= 1);
    assert_eq!(stops(&shop).await.resources.len(), number);
    assert_eq!(state(&gate, write).await, State::Revoked);
    assert!(shop.executed().is_empty());
}

/// Does something to the file under a running gate.
type Damage = fn(&Path);

fn truncated(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(4096).unwrap();
}

fn flipped(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let noise = vec![0xa5; usize::try_from(size - 4096).unwrap()];
    file.write_all_at(&noise, 4096).unwrap();
}

#[tokio::test]
async fn d06_a_truncated_or_overwritten_database_keeps_revoking() {
    for damage in [truncated as Damage, flipped] {
        let shop = Shop::open().await;
        let task = shop.task().await;
        let write = approved(&shop, &task, "DELETE FROM a").await;
        // Everything in the file and nothing in a cache.
        let shop = shop.restart().await;
        let path = shop.database_path();
        let whole = std::fs::read(&path).unwrap();
        damage(&path);
        let revoked = shop.gate.revoke(&shop.human(Person::Owner), write).await;
        kept(revoked);
        waits(shop.gate.redeem(&shop.caller(), write).await);
        assert!(shop.executed().is_empty());
        // The newest copy is put back.
        let shop = shop
            .restart_after(|path| {
                for more in ["-wal", "-shm"] {
                    let _none = std::fs::remove_file(format!("{}{more}", path.display()));
                }
                std::fs::write(path, &whole).unwrap();
            })
            .await
            .unwrap();
        assert_eq!(shop.gate.journal_waiting(), 0);
        assert_eq!(state(&shop.gate, write).await, State::Revoked);
    }
}

#[tokio::test]
async fn d06_an_act_on_a_changed_row_holds_everything_until_it_is_put_back() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let changed = approved(&shop, &task, "DELETE FROM a").await;
    let other = approved(&shop, &task, "DELETE FROM b").await;
    let shop = shop.restart().await;
    let path = shop.database_path();
    let whole = std::fs::read(&path).unwrap();
    truncated(&path);
    for request in [changed, other] {
        kept(shop.gate.revoke(&shop.human(Person::Owner), request).await);
    }
    let edit = |from: &str, to: &str| {
        format!(
            "UPDATE state_row SET body = CAST(replace(CAST(body AS TEXT), '{from}', '{to}') AS BLOB)
             WHERE kind = 'request' AND id = '{changed}'"
        )
    };
    let run = |path: &Path, sql: &str| {
        let connection = rusqlite::Connection::open(path).unwrap();
        assert_eq!(connection.execute(sql, []).unwrap(), 1);
    };
    // The newest copy is put back, and somebody changes one of the two.
    let shop = shop
        .restart_after(|path| {
            for more in ["-wal", "-shm"] {
                let _none = std::fs::remove_file(format!("{}{more}", path.display()));
            }
            std::fs::write(path, &whole).unwrap();
            run(path, &edit("\"escalations\":0", "\"escalations\":7"));
        })
        .await
        .unwrap();
    // The other act did not wait for it, and nothing else is decided.
    assert_eq!(shop.gate.journal_waiting(), 1);
    assert_eq!(state(&shop.gate, other).await, State::Revoked);
    let answer = shop.submit(&task, "shop.read", "SELECT 1").await;
    waits(answer);
    waits(shop.gate.redeem(&shop.caller(), changed).await);
    assert_eq!(shop.gate.tick().await.unwrap().tampering, 1);
    assert!(shop.executed().is_empty());
    // Put back, it goes on by itself.
    run(
        &shop.database_path(),
        &edit("\"escalations\":7", "\"escalations\":0"),
    );
    shop.gate.tick().await.unwrap();
    assert_eq!(shop.gate.journal_waiting(), 0);
    assert_eq!(state(&shop.gate, changed).await, State::Revoked);
    let allowed = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    assert_eq!(allowed.record.state, State::Allowed);
}

/// Accepts what is stored, or does not.
#[derive(Default)]
struct Anchored {
    fails: AtomicBool,
}

impl AfterCommit for Anchored {
    fn committed(&self, _: Anchor) -> Result<(), String> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err("read-only".to_owned()),
            false => Ok(()),
        }
    }

    fn safe_direction(&self, leaf: &LeafDraft) -> bool {
        leaf.kind == LeafKind::Stop
    }
}

#[tokio::test]
async fn d06_a_gate_whose_decisions_are_withheld_is_not_ready_although_stops_are_taken() {
    let shop = Shop::in_memory().await;
    let hook = Arc::new(Anchored::default());
    let store = shop.memory().clone().hooked(hook.clone());
    let gate = shop.over_store(Arc::new(store)).await;
    gate.probe().await.unwrap();
    gate.ready().await.unwrap();
    // Nobody decides anything, and the next try finds it.
    hook.fails.store(true, Ordering::SeqCst);
    let now = gate.now().await.unwrap();
    shop.memory().clock().set(now.plus_seconds(10));
    gate.probe().await.unwrap_err();
    gate.ready().await.unwrap_err();
    let human = shop.human(Person::Reviewer);
    gate.stop(&human, stop_of("shop/x/"), "leak").await.unwrap();
    gate.ready().await.unwrap_err();
    hook.fails.store(false, Ordering::SeqCst);
    gate.ready().await.unwrap_err();
    gate.probe().await.unwrap();
    gate.ready().await.unwrap();
}

#[tokio::test]
async fn d06_a_refused_or_lost_commit_makes_a_gate_unready_until_the_store_takes_one() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let store = Faulty::of(shop.store.clone());
    let gate = shop.over_store(store.clone()).await;
    gate.probe().await.unwrap();
    // Room for what decides nothing is no room for a decision.
    store.is(Health::NoCommits);
    let asked = shop.asked(Some(task), "shop.read", "SELECT 1", false);
    let caller = shop.asking(&asked).await;
    gate.submit(&caller, asked).await.unwrap_err();
    gate.ready().await.unwrap_err();
    gate.probe().await.unwrap_err();
    gate.ready().await.unwrap_err();
    store.is(Health::Well);
    gate.probe().await.unwrap();
    gate.ready().await.unwrap();
    // A lost answer is no answer, even where it can be looked up.
    store.goes_wrong(0, Shape::StoredUnknown);
    let human = shop.human(Person::Reviewer);
    gate.stop(&human, stop_of("shop/x/"), "leak").await.unwrap();
    gate.ready().await.unwrap_err();
    gate.probe().await.unwrap();
    gate.ready().await.unwrap();
}

#[tokio::test]
async fn d06_an_act_that_cannot_be_written_under_an_edited_count_keeps_none_behind_it() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
    let id = held.unwrap().record.id;
    let store = Faulty::of(shop.store.clone());
    let journal = other_journal(&shop);
    let gate = shop.keeping(store.clone(), None, &journal).await;
    store.is(Health::ReadOnly);
    let human = shop.human(Person::Reviewer);
    kept(gate.act(&human, id, ActKind::Deny, "no", "chat").await);
    kept(gate.stop(&human, stop_of("shop/x/"), "leak").await);
    let count = |by: &str| {
        let edit = format!("UPDATE state_row SET version = version {by} WHERE kind = 'directory'");
        shop.database().execute(&edit, []).unwrap();
    };
    count("+ 1");
    store.is(Health::Well);
    gate.tick().await.unwrap();
    assert_eq!(gate.journal_waiting(), 1);
    assert_eq!(stops(&shop).await, stop_of("shop/x/"));
    count("- 1");
    gate.tick().await.unwrap();
    assert_eq!(gate.journal_waiting(), 0);
    assert_eq!(state(&shop.gate, id).await, State::Denied);
}

#[tokio::test]
async fn d06_what_is_kept_is_tried_once_for_a_tick_however_many_calls_come() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let id = read.record.id;
    let store = Faulty::of(shop.store.clone());
    let journal = other_journal(&shop);
    let gate = shop.keeping(store.clone(), None, &journal).await;
    store.is(Health::ReadOnly);
    let human = shop.human(Person::Owner);
    kept(gate.stop(&human, stop_of("shop/x/"), "leak").await);
    kept(gate.revoke(&human, id).await);
    let tried = store.refused();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (gate, caller) = (gate.clone(), shop.caller());
        calls.spawn(async move { gate.redeem(&caller, id).await.map(drop) });
    }
    for answer in calls.join_all().await {
        waits(answer);
    }
    assert_eq!(store.refused(), tried + 1);
    assert_eq!(gate.journal_waiting(), 2);
    // Each tick tries once more, and no call beside it.
    for ticks in 2..5 {
        let _refused = gate.tick().await;
        waits(gate.redeem(&shop.caller(), id).await);
        assert_eq!(store.refused(), tried + ticks);
    }
    // Well again: the next tick brings all of it into the ledger, and calls go on.
    store.is(Health::Well);
    waits(gate.redeem(&shop.caller(), id).await);
    assert_eq!(gate.tick().await.unwrap().replayed, 2);
    assert_eq!(state(&shop.gate, id).await, State::Revoked);
    assert_eq!(stops(&shop).await, stop_of("shop/x/"));
    let next = shop.asked(Some(task), "shop.read", "SELECT 2", false);
    gate.submit(&shop.asking(&next).await, next).await.unwrap();
}

#[tokio::test]
async fn d06_one_person_fills_no_journal_and_nobody_is_kept_from_stopping() {
    let shop = Shop::in_memory().await;
    let store = Faulty::of(shop.store.clone());
    let journal = other_journal(&shop);
    let gate = shop.keeping(store.clone(), None, &journal).await;
    store.is(Health::Unreachable);
    let (one, other) = (shop.human(Person::Owner), shop.human(Person::Reviewer));
    let mut taken = 0;
    for number in 0..300_u128 {
        let request = RequestId::from_bytes(number.to_be_bytes());
        match gate.revoke(&one, request).await {
            Err(GateError::Journaled) => taken += 1,
            Err(GateError::Store(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(taken, 16);
    // Whoever stops ever more stops everything, and is told that each is in force.
    for number in 0..300 {
        kept(
            gate.stop(&one, stop_of(&format!("shop/{number}")), "leak")
                .await,
        );
    }
    assert_eq!(gate.journal_waiting(), 16 + 17);
    // In other words it takes no second slot, and others have their own.
    kept(gate.stop(&one, stop_of("shop/1"), "the same").await);
    assert_eq!(gate.journal_waiting(), 16 + 17);
    kept(gate.revoke(&other, RequestId::from_bytes([7; 16])).await);
    kept(gate.stop(&other, stop_of("shop/1"), "odd").await);
    assert_eq!(gate.journal_waiting(), 16 + 17 + 2);
    store.is(Health::Well);
    assert_eq!(gate.tick().await.unwrap().replayed, 16 + 17 + 2);
    let stopped = stops(&shop).await;
    assert!(stopped.everything && stopped.resources.len() == 16);
}

#[tokio::test]
async fn what_is_stopped_already_is_stopped_without_a_leaf_and_nothing_is_read_twice() {
    let shop = Shop::in_memory().await;
    let human = shop.human(Person::Reviewer);
    let both = Stops {
        everything: true,
        ..stop_of("shop/x/")
    };
    shop.gate.stop(&human, both.clone(), "x").await.unwrap();
    let leaves = shop.leaves().await;
    for again in [both.clone(), stop_of("shop/x/")] {
        let stopped = shop.gate.stop(&human, again, "x").await.unwrap();
        assert_eq!(stopped, both);
    }
    assert_eq!(shop.leaves().await, leaves);
    let stranger = gatehold_core::ids::HumanId::new("dev.local", "mallory").unwrap();
    let refused = shop.gate.stop(&stranger, both, "x").await;
    assert!(matches!(refused, Err(GateError::Refused(_))), "{refused:?}");
    let more = shop.gate.stop(&human, stop_of("shop/y/"), "x").await;
    assert_eq!(more.unwrap().resources.len(), 2);

    // What was read up to the head stays as it is, minute after minute.
    let next_minute = async || {
        let now = shop.gate.now().await.unwrap();
        shop.memory().clock().set(now.plus_seconds(60));
        shop.gate.tick().await.unwrap();
        shop.gate
            .with_directory(|directory| std::ptr::from_ref(directory).addr())
    };
    assert_eq!(next_minute().await, next_minute().await);
}
