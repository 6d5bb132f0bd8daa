//! Sessions of browsers, and looking without opening: one question a guard, on the store's clock, and how often the store is
//! asked for a full inbox.

#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

mod shop;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use gatehold_core::commit::{
    Conflict, CounterKey, LeafBytes, Receipt, RowKey, Table, UniqueKey, Write,
};
use gatehold_core::decide::Settings;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{ROOT_NAMESPACE, RootSignature, SignedRoot};
use gatehold_gate::ports::entropy::Entropy;
use gatehold_gate::ports::facts::Nothing;
use gatehold_gate::ports::store::{
    Announced, BrowserSession, Head, OpenedView, Row, RowQuery, Store, StoreFault, StoredLeaf,
    StoredRecord, StoredSubscription,
};
use gatehold_gate::{Catalog, Gate, GateError, May, Parts, SessionId, SessionLimits, Visitor};
use gatehold_policy::Bundle;
use gatehold_sim::postgres_server::PostgresServer;
use gatehold_store::memory::MemoryStore;

use shop::people::OFFLINE;
use shop::{Counting, Person, Shop, bundle_folder, root};

const LIMITS: SessionLimits = SessionLimits {
    seconds_max: 8 * 3_600,
    idle_seconds_max: 1_800,
    provider: None,
};

async fn sign_in(shop: &Shop, person: Person) -> (SessionId, Visitor) {
    let signed_in = shop
        .gate
        .sign_in_by_code(&person.id(), LIMITS)
        .await
        .unwrap();
    (signed_in.id, signed_in.visitor)
}

async fn is_there(shop: &Shop, id: &SessionId, limits: SessionLimits) -> bool {
    shop.gate.visitor(id, limits).await.unwrap().is_some()
}

async fn after(shop: &Shop, start: Timestamp, seconds: u32) {
    shop.memory().clock().set(start.plus_seconds(seconds));
}

#[tokio::test]
async fn a_session_ends_when_nobody_is_seen_for_half_an_hour() {
    let shop = Shop::in_memory().await;
    let (id, visitor) = sign_in(&shop, Person::Reviewer).await;
    let start = visitor.since;
    after(&shop, start, 1_800).await;
    // To be looked at keeps nothing alive; to be seen does.
    let visitor = shop.gate.visitor(&id, LIMITS).await.unwrap().unwrap();
    assert_eq!(visitor.last_used, start);
    shop.gate.seen(&visitor).await.unwrap();
    after(&shop, start, 3_600).await;
    assert!(is_there(&shop, &id, LIMITS).await);
    after(&shop, start, 3_601).await;
    assert!(!is_there(&shop, &id, LIMITS).await);
}

#[tokio::test]
async fn a_session_ends_whatever_the_person_does_and_a_lowered_setting_holds() {
    let shop = Shop::in_memory().await;
    let (id, visitor) = sign_in(&shop, Person::Reviewer).await;
    let start = visitor.since;
    for seconds in (0..8 * 3_600).step_by(1_500) {
        after(&shop, start, seconds).await;
        let visitor = shop.gate.visitor(&id, LIMITS).await.unwrap().unwrap();
        shop.gate.seen(&visitor).await.unwrap();
    }
    let lowered = SessionLimits {
        seconds_max: 3_600,
        ..LIMITS
    };
    assert!(!is_there(&shop, &id, lowered).await);
    assert!(is_there(&shop, &id, LIMITS).await);
    after(&shop, start, 8 * 3_600 + 1).await;
    assert!(!is_there(&shop, &id, LIMITS).await);
}

#[tokio::test]
async fn an_ended_session_and_a_foreign_one_are_nobodys() {
    let shop = Shop::in_memory().await;
    let (id, visitor) = sign_in(&shop, Person::Reviewer).await;
    let (other, others) = sign_in(&shop, Person::Second).await;
    assert_ne!(id, other);
    assert!(visitor.owns_form(&visitor.form_token()));
    assert!(!visitor.owns_form(&others.form_token()) && !visitor.owns_form(""));
    shop.gate.sign_out(&id).await.unwrap();
    shop.gate.sign_out(&id).await.unwrap();
    assert!(!is_there(&shop, &id, LIMITS).await);
    assert!(is_there(&shop, &other, LIMITS).await);
    let guessed = SessionId::parse(&"00".repeat(32)).unwrap();
    assert!(!is_there(&shop, &guessed, LIMITS).await);
    // What the store has is no id: whoever reads it has nobody's session.
    let stored = Hash::tagged("gatehold/browser-session/v1", &[&[0; 32]]);
    assert!(shop.store().session(&stored).await.unwrap().is_none());
}

#[tokio::test]
async fn nobody_without_a_key_signs_in() {
    let shop = Shop::in_memory().await;
    let stranger = "mallory@dev.local".parse().unwrap();
    let refused = shop.gate.sign_in_by_code(&stranger, LIMITS).await;
    assert!(matches!(
        refused,
        Err(GateError::Refused(Refusal::UnknownPrincipal))
    ));
}

#[tokio::test]
async fn a26_whoever_loses_their_key_loses_their_session() {
    let shop = Shop::in_memory().await;
    let (id, _) = sign_in(&shop, Person::Second).await;
    let (another, _) = sign_in(&shop, Person::Reviewer).await;
    shop.revoke_key(Person::Second).await.unwrap();
    assert!(!is_there(&shop, &id, LIMITS).await);
    assert!(is_there(&shop, &another, LIMITS).await);
}

#[tokio::test]
async fn a_printed_code_signs_in_at_a_development_gate_alone() {
    gatehold_sim::mutants::remove_the_named_guard();
    let store = MemoryStore::at(Timestamp::from_millis(1_800_000_000_000));
    let entropy = Arc::new(Counting::default());
    let bundle = Bundle::load(&bundle_folder()).unwrap();
    let root = elsewhere(&root(bundle.hash()));
    Gate::found(&store, entropy.as_ref(), root, bundle.to_bytes())
        .await
        .unwrap();
    let shop = Shop::in_memory().await;
    let gate = gate_of(&shop, Arc::new(store)).await;
    assert!(!gate.origin().is_dev());
    let refused = gate.sign_in_by_code(&Person::Owner.id(), LIMITS).await;
    assert!(
        matches!(refused, Err(GateError::Refused(Refusal::NotYours(_)))),
        "{refused:?}"
    );
}

/// The same root for a gate that is no development gate.
fn elsewhere(root: &SignedRoot) -> SignedRoot {
    let statement = root.statement.replace("dev.local/gate", "gate.example/a");
    let people = [Person::Owner, Person::Reviewer, Person::Second];
    let seeds = people.map(Person::seed).into_iter().chain(OFFLINE);
    let signature = |seed: [u8; 32]| RootSignature {
        key: software_key(&seed).to_line(),
        signature: sign_software(&seed, ROOT_NAMESPACE, statement.as_bytes()).unwrap(),
    };
    SignedRoot {
        signatures: seeds.map(signature).collect(),
        statement: statement.clone(),
    }
}

#[tokio::test]
async fn looking_writes_nothing_and_tells_nobody_of_anothers_review() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let id = shop
        .submit(&task, "shop.write", "DELETE FROM orders")
        .await
        .unwrap()
        .record
        .id;
    let look = async |person: Person| shop.gate.look(&person.id(), id).await.unwrap();
    let leaves = shop.leaves().await;
    let before = look(Person::Second).await;
    assert_eq!(
        (before.may, before.record.state),
        (May::Decide, State::Held)
    );
    assert_eq!(look(Person::Owner).await.may, May::Own);
    assert!(before.view.is_some() && before.display.is_some());
    assert_eq!(shop.leaves().await, leaves);

    shop.approve(Person::Reviewer, id).await.unwrap();
    assert_eq!(look(Person::Reviewer).await.may, May::Signed);
    let after = look(Person::Second).await;
    assert_eq!(after.may, May::Decide);
    // Nothing that the second person sees has changed.
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert!(after.history.entered.is_empty() && after.history.unread == 0);

    shop.deny(Person::Second, id).await.unwrap();
    let decided = look(Person::Second).await;
    assert_eq!(decided.record.state, State::Denied);
    let entered = decided.history.entered.iter();
    let said: Vec<_> = entered
        .filter_map(|entered| entered.said.as_ref())
        .map(|said| {
            let context = said.context.as_ref().unwrap();
            (context.reviewer.subject.as_str(), said.answers.is_some())
        })
        .collect();
    assert_eq!(said, [("reviewer", true), ("second", true)]);
    assert_eq!(decided.history.unread, 0);
}

#[tokio::test]
async fn what_is_decided_is_listed_newest_first_on_pages() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let mut asked = Vec::new();
    for number in 0..3 {
        let sql = format!("DELETE FROM orders WHERE id = {number}");
        let submitted = shop.submit(&task, "shop.write", &sql).await.unwrap();
        asked.push(submitted.record.id);
        let read = format!("SELECT {number}");
        shop.submit(&task, "shop.read", &read).await.unwrap();
    }
    for id in &asked {
        shop.deny(Person::Reviewer, *id).await.unwrap();
    }
    let page = shop.gate.decided(None, false).await.unwrap();
    let listed: Vec<RequestId> = page.items.iter().map(|record| record.id).collect();
    let [first, second, third] = asked[..] else {
        panic!("three")
    };
    // The last thing decided by people before: the workload was enrolled.
    assert_eq!(listed.get(..3), Some(&[third, second, first][..]));
    assert_eq!(
        (listed.len(), page.by_policy_alone, page.older),
        (4, 3, None)
    );
    let everything = shop.gate.decided(None, true).await.unwrap();
    assert_eq!((everything.items.len(), everything.by_policy_alone), (7, 0));
}

/// Counts what it is asked.
struct Counted {
    store: Arc<dyn Store>,
    asked: AtomicU64,
}

impl Counted {
    fn ask(&self) -> &dyn Store {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.store.as_ref()
    }
}

/// How many queries an inbox takes, over this store, while more and more is held.
async fn few_however_much_is_held(shop: &Shop, store: Arc<dyn Store>, held_at_last: usize) {
    let counted = Arc::new(Counted {
        store,
        asked: AtomicU64::new(0),
    });
    let gate = gate_of(shop, counted.clone()).await;
    let asked = || counted.asked.swap(0, Ordering::Relaxed);
    let task = shop.task().await;
    let session = gate.sign_in_by_code(&Person::Reviewer.id(), LIMITS).await;
    let session = session.unwrap();
    let mut held = 0;
    for more in [1_usize, held_at_last - 1] {
        for number in held..held + more {
            let sql = format!("DELETE FROM orders WHERE id = {number}");
            let input = shop.asked(Some(task), "shop.write", &sql, false);
            let submitted = gate.submit(&shop.asking(&input).await, input).await;
            assert_eq!(submitted.unwrap().record.state, State::Held);
        }
        held += more;
        for _ in 0..2 {
            asked();
            let inbox = gate.inbox(&Person::Reviewer.id()).await.unwrap();
            assert_eq!(inbox.len(), held);
            let queries = asked();
            assert!(queries <= 3, "{queries} queries for {held}");
            // The page of a browser: who looks takes as many as are said, whatever is held, and then the same.
            let visitor = gate.visitor(&session.id, LIMITS).await.unwrap().unwrap();
            assert_eq!(asked(), 3, "the session, the time, the directory");
            let page = gate.held_now().await.unwrap();
            assert_eq!(page.through(&visitor).len(), held);
            let queries = asked();
            assert!(queries <= 3, "{queries} queries for {held}");
        }
        few_for_owners(&gate, &counted, held).await;
    }
    // One reading serves everybody, and what they see beside it: no view asks again.
    asked();
    let all = gate.held_now().await.unwrap();
    assert_eq!(all.is_whole(), held < 1_000, "as many as are read at once");
    for person in [Person::Owner, Person::Reviewer, Person::Second] {
        assert_eq!(all.of(&person.id()).len(), held);
    }
    assert!(asked() <= 3);
}

#[tokio::test]
async fn an_inbox_takes_three_queries_however_much_is_held() {
    let shop = Shop::in_memory().await;
    few_however_much_is_held(&shop, shop.shared_memory(), 1_000).await;
}

#[tokio::test]
async fn an_inbox_takes_three_queries_however_much_is_held_in_sqlite() {
    let shop = Shop::open().await;
    few_however_much_is_held(&shop, shop.store.clone(), 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_takes_three_queries_however_much_is_held_in_postgresql() {
    let server = PostgresServer::start();
    let shop = Shop::in_postgres(&server.create_database("inbox").await).await;
    few_however_much_is_held(&shop, shop.store.clone(), 150).await;
}

/// What owners and operators look at takes as many queries for a thousand requests as for one.
async fn few_for_owners(gate: &Gate, counted: &Counted, held: usize) {
    let held = u64::try_from(held).unwrap();
    counted.asked.store(0, Ordering::Relaxed);
    let owned = gate.owned(&Person::Owner.id()).await.unwrap();
    let asked = counted.asked.load(Ordering::Relaxed);
    assert!(asked <= 9, "{asked} queries for {held}");
    assert!(
        owned
            .workloads
            .iter()
            .any(|one| one.mine && one.counts.held == held)
    );
    counted.asked.store(0, Ordering::Relaxed);
    let overview = gate.overview().await.unwrap();
    let asked = counted.asked.load(Ordering::Relaxed);
    assert!(asked <= 13, "{asked} queries for {held}");
    assert_eq!(overview.held, held);
    assert_eq!(overview.waits.iter().flatten().sum::<u64>(), held);
}

#[tokio::test]
async fn an_inbox_says_what_waits_for_whom_and_who_answers_for_it() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let write = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let change = shop
        .propose("team.set", &shop::team_set(), Person::Second)
        .await;
    let held = [write.unwrap().record.id, change.id];
    let all = shop.gate.held_now().await.unwrap();
    assert!(all.is_whole());
    for (person, mine, accountable) in [
        (Person::Owner, [false, false], [true, false]),
        (Person::Reviewer, [true, true], [false, false]),
        (Person::Second, [true, false], [false, true]),
    ] {
        let items = all.of(&person.id());
        for (number, id) in held.iter().enumerate() {
            let item = items.iter().find(|item| item.id == *id).unwrap();
            let says = (Some(&item.mine), Some(&item.accountable));
            assert_eq!(
                says,
                (mine.get(number), accountable.get(number)),
                "{} {id}",
                person.id()
            );
            assert!(item.seat, "{} is of the team that is asked", person.id());
        }
    }
}

#[tokio::test]
async fn what_raised_the_tier_is_kept_with_a_request_and_orders_what_waits() {
    // SQLite: the row that is read back is the one that was written.
    let shop = Shop::open().await;
    let task = shop.task().await;
    let write = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let write = write.unwrap();
    assert_eq!(write.record.raised, write.trace.tier.raised());
    assert!(!write.record.raised.is_empty());
    // Asked later, so it ends later.
    shop.propose("team.set", &shop::team_set(), Person::Second)
        .await;
    let inbox = shop.gate.inbox(&Person::Reviewer.id()).await.unwrap();
    assert_eq!(inbox.len(), 2);
    let known = |item: &gatehold_gate::InboxItem| {
        let unknown = item.raised.iter().filter(|one| one.unknown).count();
        (item.tier, item.raised.len(), unknown)
    };
    assert!(
        inbox.is_sorted_by(|one, other| {
            (known(one), other.decide_by) >= (known(other), one.decide_by)
        }),
        "{inbox:?}"
    );
    for item in &inbox {
        let record = shop.gate.show(item.id).await.unwrap();
        assert_eq!(record.raised, item.raised);
    }
}

#[tokio::test]
async fn how_what_is_held_stands_to_somebody_is_worked_out_once() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let write = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    assert_eq!(write.unwrap().record.state, State::Held);
    let (_, one) = sign_in(&shop, Person::Reviewer).await;
    let (_, other) = sign_in(&shop, Person::Reviewer).await;
    let held = shop.gate.held_now().await.unwrap();
    // As every window of theirs has it.
    for visitor in [&one, &other, &one] {
        let items = held.clone().through(visitor);
        assert!(items.iter().all(|item| item.mine) && items.len() == 1);
    }
    assert_eq!(held.worked_out(), 1);
    // Another person, and a session with fewer seats, stand to it otherwise.
    let mut narrowed = one;
    narrowed.without.insert("reviewers".parse().unwrap());
    assert!(held.through(&narrowed).iter().all(|item| !item.mine));
    assert!(held.of(&Person::Owner.id()).iter().all(|item| !item.mine));
    assert_eq!(held.worked_out(), 3);
}

/// A gate that waits hears of what another one on the same store writes, and of nothing else.
async fn hears(shop: &Shop, other: &Gate) {
    let leaves = shop.leaves().await;
    let moment = std::time::Duration::from_millis(1);
    assert_eq!(other.grown(leaves, moment).await.unwrap(), leaves);
    let long = std::time::Duration::from_secs(60);
    let (heard, _) = tokio::join!(other.grown(leaves, long), shop.task());
    assert_eq!(heard.unwrap(), shop.leaves().await);
    // What was written before it was asked is not waited for.
    assert_eq!(
        other.grown(leaves, long).await.unwrap(),
        shop.leaves().await
    );
}

#[tokio::test]
async fn a_gate_hears_what_another_one_writes() {
    let shop = Shop::in_memory().await;
    let other = gate_of(&shop, shop.shared_memory()).await;
    hears(&shop, &other).await;
    hears(&shop, &shop.gate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_hears_what_another_one_writes_in_postgresql() {
    let server = PostgresServer::start();
    let shop = Shop::in_postgres(&server.create_database("heard").await).await;
    let other = shop.beside(None).await;
    hears(&shop, &other).await;
}

#[tokio::test]
async fn a_day_is_counted_without_what_is_held() {
    let shop = Shop::in_memory().await;
    let before = shop.gate.today().await.unwrap();
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    assert_eq!(read.record.state, State::Allowed);
    let write = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let id = write.unwrap().record.id;
    let held = shop.gate.today().await.unwrap();
    let counted = |today: &gatehold_gate::Today| (today.let_through, today.denied, today.by_people);
    let (let_through, denied, by_people) = counted(&before);
    assert_eq!(counted(&held), (let_through + 1, denied, by_people));
    assert_ne!(held.last.as_ref().map(|last| last.id), Some(id));
    // A review that does not decide changes nothing of it.
    shop.approve(Person::Reviewer, id).await.unwrap();
    let reviewed = shop.gate.today().await.unwrap();
    assert_eq!(format!("{reviewed:?}"), format!("{held:?}"));
    shop.deny(Person::Second, id).await.unwrap();
    let decided = shop.gate.today().await.unwrap();
    assert_eq!(counted(&decided), (let_through + 1, denied, by_people + 1));
    assert_eq!(decided.last.map(|last| last.id), Some(id));
    assert!(
        decided.checkpoints > 0 && decided.uncovered.is_empty(),
        "{:?}",
        decided.uncovered
    );
    // Yesterday is not today.
    let now = shop.gate.now().await.unwrap();
    after(&shop, now, 86_400).await;
    let tomorrow = shop.gate.today().await.unwrap();
    assert_eq!(counted(&tomorrow), (0, 0, 0));
    assert!(tomorrow.last.is_some() && !tomorrow.at_least);
}

/// Another process on a store, in which a workload may ask for more than the shop lets it.
async fn gate_of(shop: &Shop, store: Arc<dyn Store>) -> Gate {
    let parts = Parts {
        store,
        entropy: Arc::new(Apart(Counting::default())),
        executor: shop.executor(),
        issuer: Arc::new(gatehold_gate::ports::issuer::NoIssuer),
        facts: Arc::new(Nothing),
        journal: None,
        settings: Settings {
            open_holds_max: 1_000,
            ..Settings::default()
        },
        pinned_root: None,
        catalog: Catalog::default(),
        page_files: None,
        execution_seconds_max: 60,
        alone: false,
    };
    Gate::open(parts).await.unwrap()
}

/// Draws what the shop does not.
struct Apart(Counting);

impl Entropy for Apart {
    fn bytes(&self) -> [u8; 32] {
        *Hash::of(&self.0.bytes()).as_bytes()
    }
}

#[async_trait]
impl Store for Counted {
    async fn commit(
        &self,
        writes: Vec<Write>,
    ) -> Result<Vec<Result<Receipt, Conflict>>, StoreFault> {
        self.ask().commit(writes).await
    }

    async fn receipt_of(&self, leaf: &LeafBytes) -> Result<Option<Receipt>, StoreFault> {
        self.ask().receipt_of(leaf).await
    }

    async fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.ask().row(key).await
    }

    async fn rows(&self, table: Table, query: &RowQuery) -> Result<Vec<Row>, StoreFault> {
        self.ask().rows(table, query).await
    }

    async fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        self.ask().counters(keys).await
    }

    async fn unique(&self, key: &UniqueKey) -> Result<Option<u64>, StoreFault> {
        self.ask().unique(key).await
    }

    async fn head(&self) -> Result<Head, StoreFault> {
        self.ask().head().await
    }

    async fn leaves(
        &self,
        first: u64,
        limit: u32,
        bytes: bool,
    ) -> Result<Vec<StoredLeaf>, StoreFault> {
        self.ask().leaves(first, limit, bytes).await
    }

    async fn records(&self, first: u64, limit: u32) -> Result<Vec<StoredRecord>, StoreFault> {
        self.ask().records(first, limit).await
    }

    async fn records_of(&self, leaves: &[u64]) -> Result<Vec<StoredRecord>, StoreFault> {
        self.ask().records_of(leaves).await
    }

    async fn now(&self) -> Result<Timestamp, StoreFault> {
        self.ask().now().await
    }

    async fn erase(&self, leaf: u64, name: &str, erased_by: u64) -> Result<(), StoreFault> {
        self.ask().erase(leaf, name, erased_by).await
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<Announced>, StoreFault> {
        self.ask().outbox(after, limit).await
    }

    async fn lease(&self, name: &str, holder: &str, seconds: u32) -> Result<bool, StoreFault> {
        self.ask().lease(name, holder, seconds).await
    }

    async fn acknowledge(&self, message: u64) -> Result<(), StoreFault> {
        self.ask().acknowledge(message).await
    }

    async fn put_opened(&self, view: OpenedView) -> Result<(), StoreFault> {
        self.ask().put_opened(view).await
    }

    async fn opened(&self, review_nonce: &str) -> Result<Option<OpenedView>, StoreFault> {
        self.ask().opened(review_nonce).await
    }

    async fn put_session(&self, session: BrowserSession) -> Result<(), StoreFault> {
        self.ask().put_session(session).await
    }

    async fn session(&self, id: &Hash) -> Result<Option<BrowserSession>, StoreFault> {
        self.ask().session(id).await
    }

    async fn use_session(&self, id: &Hash, at: Timestamp) -> Result<(), StoreFault> {
        self.ask().use_session(id, at).await
    }

    async fn end_session(&self, id: &Hash) -> Result<(), StoreFault> {
        self.ask().end_session(id).await
    }

    async fn put_subscription(&self, subscription: StoredSubscription) -> Result<(), StoreFault> {
        self.ask().put_subscription(subscription).await
    }

    async fn subscriptions(&self, human: &str) -> Result<Vec<StoredSubscription>, StoreFault> {
        self.ask().subscriptions(human).await
    }

    async fn subscribers(&self) -> Result<Vec<String>, StoreFault> {
        self.ask().subscribers().await
    }

    async fn end_subscription(&self, id: &Hash, human: &str) -> Result<(), StoreFault> {
        self.ask().end_subscription(id, human).await
    }
}
