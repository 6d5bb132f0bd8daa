//! One question a guard of the gate itself: what happens if exactly this is wrong? The guards of core have theirs in
//! `guards/`; these need a whole gate, its store and somebody at its database.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]

mod shop;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatehold_core::approved::Approved;
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::review::ReviewError;
use gatehold_core::ssh::sshsig::sign_software;
use gatehold_core::stops::Stops;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::executor::{Ending, Evidence, Execution, Executor};
use gatehold_gate::ports::store::{Store as _, StoredLeaf};
use gatehold_gate::{Caller, Gate, GateError, LOGIN_TYPE, LoginStatement, OpenError, StartTask};
use gatehold_policy::Bundle;
use gatehold_proof::{Algorithm, SigningKey};
use gatehold_sim::conformance::{Draft, START};
use gatehold_sim::mutants::remove_the_named_guard;
use gatehold_store::clock::SetClock;
use gatehold_store::memory::MemoryStore;
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::params;
use tokio::sync::{Notify, oneshot};

use shop::{Counting, JWK, Person, Shop};

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, GateError>, why: &Refusal) {
    match answer {
        Err(GateError::Refused(said)) => assert_eq!(&said, why),
        other => panic!("this should have been refused with `{why}`: {other:?}"),
    }
}

#[track_caller]
fn damaged<T: std::fmt::Debug>(answer: Result<T, GateError>, why: &str) {
    match answer {
        Err(GateError::Damaged(said)) => assert!(said.contains(why), "{said}"),
        other => panic!("this does not follow from the ledger: {other:?}"),
    }
}

/// The reason a gate does not start on a database that somebody has changed.
async fn not_started(shop: Shop, edit: impl FnOnce(&rusqlite::Connection)) -> String {
    let edited = shop.restart_after(|path| edit(&rusqlite::Connection::open(path).unwrap()));
    match edited.await {
        Err(error @ OpenError::Chain(_)) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the gate opened on a changed database"),
    }
}

fn everything() -> Stops {
    Stops {
        everything: true,
        ..Stops::default()
    }
}

fn number(leaf: u64) -> i64 {
    i64::try_from(leaf).unwrap()
}

async fn stopped_shop() -> (Shop, StoredLeaf) {
    let shop = Shop::open().await;
    let human = shop.human(Person::Reviewer);
    shop.gate
        .stop(&human, everything(), "incident")
        .await
        .unwrap();
    let leaf = shop.stored().await.pop().unwrap();
    (shop, leaf)
}

#[tokio::test]
async fn a_stop_that_was_taken_away_still_stops() {
    remove_the_named_guard();
    let (shop, _) = stopped_shop().await;
    let task = shop.task().await;
    let gone = "DELETE FROM state_row WHERE kind = 'stops'";
    assert_eq!(shop.database().execute(gone, []).unwrap(), 1);
    damaged(
        shop.submit(&task, "shop.read", "SELECT 1").await,
        "taken away",
    );
    let shop = shop.restart().await;
    damaged(
        shop.submit(&task, "shop.read", "SELECT 1").await,
        "taken away",
    );
}

#[tokio::test]
async fn a_record_that_hides_a_stop_keeps_the_gate_from_starting() {
    remove_the_named_guard();
    let (shop, leaf) = stopped_shop().await;
    let mut entry = Entry::from_bytes(&leaf.record).unwrap();
    entry.rows.clear();
    let why = not_started(shop, |database| {
        let edit = "UPDATE leaf SET record = ?1 WHERE number = ?2";
        let edited = params![entry.to_bytes().unwrap(), number(leaf.index)];
        assert_eq!(database.execute(edit, edited).unwrap(), 1);
        let gone = "DELETE FROM state_row WHERE kind = 'stops'";
        assert_eq!(database.execute(gone, []).unwrap(), 1);
    })
    .await;
    assert!(why.contains("is not the one it commits to"), "{why}");
}

#[tokio::test]
async fn a_record_that_was_made_to_fit_an_edited_row_does_not_open_its_leaf() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
    let id = held.unwrap().record.id;
    let key = RowKey::new(Table::Request, &id);
    let row = shop.store.row(&key).await.unwrap().unwrap();
    let body = String::from_utf8(row.body).unwrap();
    let body = body.replace(r#""state":"held""#, r#""state":"redeemable""#);
    let leaf = shop.store.leaves(row.last_leaf, 1, false).await.unwrap();
    let mut entry = Entry::from_bytes(&leaf[0].record).unwrap();
    entry.row = Some(Hash::of(body.as_bytes()));
    let database = shop.database();
    let edit = "UPDATE state_row SET body = ?1 WHERE id = ?2";
    let edited = params![body.into_bytes(), id.to_string()];
    assert_eq!(database.execute(edit, edited).unwrap(), 1);
    let edit = "UPDATE leaf SET record = ?1 WHERE number = ?2";
    let edited = params![entry.to_bytes().unwrap(), number(row.last_leaf)];
    assert_eq!(database.execute(edit, edited).unwrap(), 1);
    damaged(shop.gate.show(id).await, "cannot be read");
}

/// The last link of a shop in which somebody's key was revoked.
async fn revoked_shop() -> (Shop, i64) {
    let shop = Shop::open().await;
    shop.revoke_key(Person::Second).await.unwrap();
    let link = shop.stored().await.pop().unwrap();
    (shop, number(link.index))
}

#[tokio::test]
async fn a_link_that_is_called_something_else_is_missed() {
    remove_the_named_guard();
    let (shop, link) = revoked_shop().await;
    let why = not_started(shop, |database| {
        let edit = "UPDATE leaf SET leaf = CAST(x'01' || x'000c' || substr(leaf, 4) AS BLOB) WHERE number = ?1";
        assert_eq!(database.execute(edit, [link]).unwrap(), 1);
        let count = "UPDATE state_row SET version = version - 1 WHERE kind = 'directory'";
        assert_eq!(database.execute(count, []).unwrap(), 1);
    })
    .await;
    assert!(why.contains("not those that the head commits to"), "{why}");
}

#[tokio::test]
async fn a_link_is_read_from_what_its_leaf_commits_to() {
    remove_the_named_guard();
    let (shop, link) = revoked_shop().await;
    let why = not_started(shop, |database| {
        let edit = "UPDATE attachment SET bytes = x'7b7d' WHERE leaf = ?1";
        assert_eq!(database.execute(edit, [link]).unwrap(), 1);
    })
    .await;
    assert!(why.contains("does not open"), "{why}");
}

#[tokio::test]
async fn a_bundle_that_the_root_does_not_name_founds_nothing() {
    remove_the_named_guard();
    let bundle = Bundle::load(&shop::bundle_folder()).unwrap_or_else(|all| panic!("{all:#?}"));
    let store = MemoryStore::at(Timestamp::from_millis(1_800_000_000_000));
    let root = shop::root(Hash::of(b"another bundle"));
    let found = Gate::found(&store, &Counting::default(), root, bundle.to_bytes()).await;
    assert!(matches!(found, Err(OpenError::Bundle(_))), "{found:?}");
}

#[tokio::test]
async fn only_the_key_that_asked_may_use_what_it_asked_for() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let other = Caller {
        key: Hash::of(b"another key"),
        ..shop.caller()
    };
    let id = read.record.id;
    // Not even what became of it is told (threat C13).
    refused(shop.gate.status(&other, id).await, &Refusal::NoSuchRequest);
    refused(shop.gate.redeem(&other, id).await, &Refusal::NoSuchRequest);
    assert!(shop.executed().is_empty());
}

#[tokio::test]
async fn a_workload_cannot_ask_for_a_change_of_the_gate() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let task = shop.task().await;
    refused(
        shop.submit(&task, "team.set", &shop::team_set()).await,
        &Refusal::NotYours("a workload cannot change the gate itself"),
    );
}

#[tokio::test]
async fn a_workload_whose_time_is_over_asks_for_nothing() {
    remove_the_named_guard();
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    // Beyond its `not_after`.
    shop.memory().clock().advance(2_400_000_000_000);
    refused(
        shop.submit(&task, "shop.read", "SELECT 2").await,
        &Refusal::NotYours("the workload is not active"),
    );
}

/// A point of this person's that may submit for this workload; what it calls with for `deploy-bot`.
async fn enrolled_point(shop: &Shop, whose: Person, workload: &str) -> Caller {
    let key = SigningKey::from_seed(Algorithm::Ed25519, &[9; 32]).unwrap();
    let jwk = key.public().to_jwk();
    let point = serde_json::json!({
        "id": "gateway", "jwk": jwk, "owner": whose.id(), "workloads": [workload],
    });
    let point = point.to_string();
    let enrolled = shop.change("point.enrol", &point, whose);
    assert_eq!(enrolled.await.state, State::Completed);
    Caller {
        key: gatehold_core::jwk::Jwk::parse(&jwk).unwrap().thumbprint(),
        workload: Some("deploy-bot".parse().unwrap()),
        ..shop.caller()
    }
}

/// What a point asks for, on behalf of a person whom it saw.
async fn through_point(shop: &Shop, point: &Caller, behind: Person) -> RequestId {
    let start = StartTask {
        purpose: "retry failed orders".into(),
        on_behalf_of: Some(behind.id()),
        boundary: None,
    };
    let task = shop.gate.start_task(point, start).await.unwrap().id;
    let input = shop.asked(Some(task), "shop.write", "DELETE FROM a", false);
    let caller = Caller {
        key: point.key,
        workload: point.workload.clone(),
        ..shop.asking(&input).await
    };
    shop.gate.submit(&caller, input).await.unwrap().record.id
}

#[tokio::test]
async fn a10_whoever_answers_for_a_point_decides_nothing_that_it_submits() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    // It says that the reviewer is behind it: neither they decide, nor who lets it say so, nor who proposed the workload's key.
    let point = enrolled_point(&shop, Person::Second, "deploy-bot").await;
    let held = through_point(&shop, &point, Person::Reviewer).await;
    for person in [Person::Second, Person::Reviewer, Person::Owner] {
        refused(shop.approve(person, held).await, &Refusal::OwnRequest);
    }
}

#[tokio::test]
async fn a10_a_workload_frees_nobody_by_its_own_word() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let start = StartTask {
        purpose: "retry failed orders".into(),
        on_behalf_of: Some(Person::Reviewer.id()),
        boundary: None,
    };
    let task = shop.gate.start_task(&shop.caller(), start).await.unwrap();
    assert!(!task.attested, "by its own word");
    let held = shop.submit(&task.id, "shop.write", "DELETE FROM a").await;
    let held = held.unwrap().record.id;
    refused(
        shop.approve(Person::Owner, held).await,
        &Refusal::OwnRequest,
    );
}

#[tokio::test]
async fn an_enforcement_point_submits_only_for_the_workloads_it_names() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let caller = enrolled_point(&shop, Person::Owner, "other-bot").await;
    let input = shop.asked(Some(shop.task().await), "shop.read", "SELECT 1", true);
    refused(
        shop.gate.submit(&caller, input).await,
        &Refusal::NotYours("the enforcement point may not submit for this workload"),
    );
}

#[tokio::test]
async fn what_looks_like_a_secret_is_not_stored() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let task = shop.task().await;
    let leaves = shop.leaves().await;
    let sql = format!("SELECT '{}{}'", "AKIA", "ABCDEFGHIJKLMNOP");
    let answer = shop.submit(&task, "shop.read", &sql).await;
    assert!(
        matches!(
            answer,
            Err(GateError::Refused(Refusal::InlineSecret { .. }))
        ),
        "{answer:?}"
    );
    assert_eq!(shop.leaves().await, leaves);
}

async fn held(shop: &Shop, sql: &str) -> RequestId {
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", sql).await.unwrap();
    held.record.id
}

#[tokio::test]
async fn a_view_counts_for_the_request_it_was_opened_for() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let (one, other) = (
        held(&shop, "DELETE FROM a").await,
        held(&shop, "DELETE FROM b").await,
    );
    let mut signed = shop.sign(Person::Reviewer, one, true).await;
    signed.request = other;
    refused(shop.gate.review(signed).await, &Refusal::ChangedSinceShown);
}

/// A login of the reviewer, signed.
fn login(
    shop: &Shop,
    edit: impl FnOnce(&mut LoginStatement),
    now: Timestamp,
) -> Result<(), GateError> {
    let person = Person::Reviewer;
    let mut login = LoginStatement {
        type_: LOGIN_TYPE.to_owned(),
        gate: shop.gate.origin(),
        human: person.id(),
        key: person.key(),
        jwk: JWK.to_owned(),
        issued_at: now,
        expires_at: now.plus_seconds(600),
    };
    edit(&mut login);
    let statement = canonical::to_bytes(&login).unwrap();
    let signature = sign_software(&person.seed(), LOGIN_TYPE, &statement).unwrap();
    let statement = String::from_utf8(statement).unwrap();
    shop.gate.login(&statement, &signature, now).map(drop)
}

#[tokio::test]
async fn a_login_counts_at_the_gate_it_names() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let now = shop.gate.now().await.unwrap();
    login(&shop, |_| {}, now).unwrap();
    let elsewhere = |login: &mut LoginStatement| login.gate = "dev.local/other".parse().unwrap();
    refused(
        login(&shop, elsewhere, now),
        &Refusal::Review(ReviewError::Other("gate")),
    );
}

#[tokio::test]
async fn a_login_counts_in_its_time() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let now = shop.gate.now().await.unwrap();
    let late = now.plus_seconds(601);
    let then = |login: &mut LoginStatement| {
        login.issued_at = now;
        login.expires_at = now.plus_seconds(600);
    };
    refused(login(&shop, then, late), &Refusal::TooLate("the login"));
    let endless = |login: &mut LoginStatement| login.expires_at = now.plus_seconds(86_400);
    refused(login(&shop, endless, now), &Refusal::TooLate("the login"));
    let early = |login: &mut LoginStatement| login.issued_at = now.plus_seconds(61);
    refused(login(&shop, early, now), &Refusal::TooLate("the login"));
}

/// A target that answers when it is told to.
struct Waiting {
    begun: Notify,
    answer: Mutex<Option<oneshot::Receiver<()>>>,
}

#[async_trait]
impl Executor for Waiting {
    async fn execute(&self, _: Approved, _: &dyn Evidence) -> Execution {
        let answer = self.answer.lock().unwrap().take().unwrap();
        self.begun.notify_one();
        answer.await.unwrap();
        Execution {
            ending: Ending::Completed,
            code: "ok",
            quantity: None,
            status: None,
            media_type: String::new(),
            body: Vec::new(),
            truncated: false,
        }
    }

    fn has_target(&self, target: &str) -> bool {
        target == "sql:shop"
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// Executes, lets something happen meanwhile, and only then has the target answer. Gives what the record says.
async fn meanwhile(shop: &Shop, happens: impl AsyncFnOnce(&Gate, RequestId)) -> &'static str {
    let (answer, answered) = oneshot::channel();
    let target = Arc::new(Waiting {
        begun: Notify::new(),
        answer: Mutex::new(Some(answered)),
    });
    let here = shop.beside(Some(target.clone())).await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let id = read.record.id;
    let caller = shop.caller();
    let (redeemed, ()) = tokio::join!(here.redeem(&caller, id), async {
        target.begun.notified().await;
        happens(&here, id).await;
        // What was given up hears nothing more.
        let _heard = answer.send(());
    });
    let record = redeemed.unwrap().record;
    let outcome = record.outcome.unwrap();
    match (record.state, outcome.code.as_str()) {
        (State::Completed, "ok") => "completed",
        (State::Unknown, "stopped") => "stopped",
        (State::Unknown, "task_ended") => "task_ended",
        other => panic!("it went on: {other:?}"),
    }
}

#[tokio::test]
async fn what_runs_is_given_up_when_a_stop_covers_it() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let human = shop.human(Person::Reviewer);
    let stop = async |here: &Gate, _| {
        here.stop(&human, everything(), "incident").await.unwrap();
    };
    assert_eq!(meanwhile(&shop, stop).await, "stopped");
}

#[tokio::test]
async fn what_runs_is_given_up_when_its_task_ends() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let end = async |here: &Gate, id| {
        let task = here.show(id).await.unwrap().envelope.task.unwrap();
        here.end_task(&shop.caller(), task).await.unwrap();
    };
    assert_eq!(meanwhile(&shop, end).await, "task_ended");
}

#[tokio::test]
async fn what_runs_is_not_called_lost_before_its_time() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let other = shop.beside(None).await;
    let looks = async |_: &Gate, _| {
        assert_eq!(other.tick().await.unwrap().lost, 0);
    };
    assert_eq!(meanwhile(&shop, looks).await, "completed");
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_finds_nothing() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let task = shop.task().await;
    let first = shop
        .submit_keyed(&task, "shop.read", "SELECT 1", "key")
        .await;
    let again = shop
        .submit_keyed(&task, "shop.read", "SELECT 1", "key")
        .await;
    assert_eq!(first.unwrap().record.id, again.unwrap().record.id);
    let other = shop
        .submit_keyed(&task, "shop.read", "SELECT 2", "key")
        .await;
    refused(other, &Refusal::IdempotencyMismatch);
}

#[tokio::test]
async fn a_store_whose_clock_is_behind_what_it_has_shown_does_not_open() {
    remove_the_named_guard();
    let folder = tempfile::tempdir().unwrap();
    let at = |seconds: u32| SqliteOptions {
        clock: Arc::new(SetClock::at(START.plus_seconds(seconds))) as _,
        ..SqliteOptions::new(folder.path().join("gate.db"))
    };
    let store = SqliteStore::open(at(60)).unwrap();
    let answer = store.commit(vec![Draft::new().write()]).await.unwrap();
    assert!(answer.iter().all(Result::is_ok));
    drop(store);
    assert!(SqliteStore::open(at(57)).is_err());
    SqliteStore::open(at(58)).unwrap();
}

#[tokio::test]
async fn evidence_stands_in_a_leaf_of_its_own_kind() {
    remove_the_named_guard();
    let shop = Shop::open().await;
    let entries = shop.stored().await;
    let link = entries.iter().rfind(|leaf| {
        let entry = Entry::from_bytes(&leaf.record).unwrap();
        matches!(entry.event, Event::Trust { .. })
    });
    let link = link.unwrap();
    let given = link
        .attachments
        .iter()
        .find(|a| a.name == "evidence")
        .unwrap();
    let attachment = gatehold_core::commit::AttachmentDraft {
        name: "evidence",
        salt: [7; 32],
        bytes: given.bytes.clone().unwrap(),
    };
    let mut entry = Entry::from_bytes(&link.record).unwrap();
    entry.attachments = [("evidence".to_owned(), attachment.commitment())].into();
    let write = gatehold_core::commit::Write {
        guards: vec![],
        deadline: None,
        rows: vec![],
        counters: vec![],
        leaf: gatehold_core::commit::LeafDraft {
            kind: gatehold_core::commit::LeafKind::QuorumLost,
            salt: [8; 32],
            record: entry.to_bytes().unwrap(),
            attachments: vec![attachment],
        },
        outbox: vec![],
    };
    let answer = shop.store().commit(vec![write]).await.unwrap().remove(0);
    answer.unwrap();
    let shop = shop.restart_after(|_| {}).await.unwrap();
    let found = shop.gate.chain_findings().await;
    assert!(
        found[0].contains("may not stand in a leaf of kind"),
        "{found:?}"
    );
}
