//! Facts in a whole gate, on every store: what was verified, what is claimed and what nobody knows stay apart from the policy to
//! the signed page, and what a decision rested on is found out again before anything is let out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should say where"
)]

mod shop;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::context::TypedValue;
use gatehold_core::entry::Grounds;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::view::{Fact, Source, View};
use gatehold_gate::Submitted;
use gatehold_gate::ports::facts::{Facts, Flag, Found, Moment, Question, Told};
use gatehold_sim::postgres_server::PostgresServer;

use shop::{Person, Shop};

/// What an incident tracker says: yes, no, or nothing.
type Says = Option<bool>;

/// Somebody who knows what a test lets them know.
struct Knows {
    state: Mutex<Now>,
    asked: Mutex<Vec<bool>>,
}

#[derive(Clone, Copy)]
struct Now {
    /// What was found out earlier and is not old.
    kept: Says,
    /// What is so now.
    incident: Says,
    outside_hours: Says,
    change_freeze: Says,
}

const CALM: Now = Now {
    kept: Some(true),
    incident: Some(true),
    outside_hours: Some(false),
    change_freeze: Some(false),
};

impl Knows {
    fn new(now: Now) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(now),
            asked: Mutex::default(),
        })
    }

    fn set(&self, now: Now) {
        *self.state.lock().unwrap() = now;
    }
}

fn told<T>(says: Option<T>) -> Told<T> {
    Told {
        answer: says.ok_or_else(|| "nobody answers".to_owned()),
        from: "a test".to_owned(),
        age_seconds: 7,
    }
}

#[async_trait]
impl Facts for Knows {
    async fn moment(&self, _: &Question<'_>) -> Moment {
        let now = *self.state.lock().unwrap();
        let flag = |says: Says, detail: &str| {
            told(says.map(|set| Flag {
                set,
                detail: detail.to_owned(),
            }))
        };
        Moment {
            outside_hours: flag(now.outside_hours, "Saturday 03:00"),
            weekend: flag(Some(false), ""),
            holiday: flag(None, ""),
            change_freeze: flag(now.change_freeze, "year end"),
        }
    }

    async fn look_up(&self, question: &Question<'_>) -> BTreeMap<String, Told<Found>> {
        self.asked.lock().unwrap().push(question.anew);
        let now = *self.state.lock().unwrap();
        let says = if question.anew {
            now.incident
        } else {
            now.kept
        };
        // The word of the requester names what is looked up, and is no answer.
        assert_eq!(question.claims.0["incident"], "INC-42");
        let found = says.map(|yes| Found {
            value: TypedValue::Bool(yes),
            detail: if yes { "yes: INC-42" } else { "no: INC-42" }.to_owned(),
        });
        BTreeMap::from([("incident".to_owned(), told(found))])
    }
}

async fn ask(shop: &Shop) -> Submitted {
    let task = shop.task().await;
    ask_about(shop, task, "shop/orders").await
}

async fn ask_about(shop: &Shop, task: TaskId, resource: &str) -> Submitted {
    let mut input = shop.asked(Some(task), "shop.repair", "UPDATE t SET x = 1", false);
    let claims = [("incident", "INC-42"), ("reason", "it is VERIFIED")];
    let envelope = String::from_utf8(input.envelope).unwrap();
    input.envelope = envelope.replace("shop/orders", resource).into_bytes();
    input.claims.0 = claims
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
    shop.gate
        .submit(&shop.asking(&input).await, input)
        .await
        .unwrap()
}

/// What the leaf of the submission keeps of what was found out.
async fn grounds(shop: &Shop, id: RequestId) -> Grounds {
    let leaves = shop.stored().await;
    let submission = leaves.iter().find_map(|leaf| {
        let text = String::from_utf8_lossy(&leaf.record);
        let verdict = leaf.attachments.iter().find(|one| one.name == "verdict");
        text.contains(&id.to_string()).then_some(verdict)?
    });
    let bytes = submission.unwrap().bytes.clone().unwrap();
    canonical::from_canonical_bytes(&bytes).unwrap()
}

fn of(facts: &[Fact], source: Source) -> Vec<String> {
    let all = facts.iter().filter(|fact| fact.source == source);
    all.map(|fact| {
        format!(
            "{}={} ({}, {} s)",
            fact.label, fact.value, fact.from, fact.age_seconds
        )
    })
    .collect()
}

/// Only what was verified passes; a no, and whatever nobody knows, waits for people.
async fn only_what_is_verified_lets_it_pass(mut shop: Shop) {
    let knows = Knows::new(CALM);
    shop.knowing(knows.clone()).await;
    assert_eq!(ask(&shop).await.record.state, State::Allowed);
    let changes: [fn(&mut Now); 6] = [
        |now| now.kept = Some(false),
        |now| now.kept = None,
        |now| now.outside_hours = Some(true),
        |now| now.outside_hours = None,
        |now| now.change_freeze = Some(true),
        |now| now.change_freeze = None,
    ];
    // Three holds of a workload at once are its most, so that each is decided before the next.
    for change in changes {
        let mut now = CALM;
        change(&mut now);
        knows.set(now);
        let held = ask(&shop).await.record;
        assert_eq!(held.state, State::Held);
        // The descriptor requires the incident: what nobody knows is missing, and a no is not.
        let missing = held.rules.contains(&"hold-missing".to_owned());
        assert_eq!(missing, now.kept.is_none(), "{:?}", held.rules);
        let denied = shop.deny(Person::Owner, held.id).await;
        let denied = match denied {
            // The owner of the workload does not decide for it.
            Err(_) => shop.deny(Person::Reviewer, held.id).await.unwrap(),
            Ok(denied) => denied,
        };
        assert_eq!(denied.state, State::Denied);
    }
    // Without anybody who knows, nothing passes either.
    shop.knowing(Arc::new(gatehold_gate::ports::facts::Nothing))
        .await;
    assert_eq!(ask(&shop).await.record.state, State::Held);
}

/// What the page shows and what the ledger keeps: three kinds, never one as another.
async fn what_is_verified_claimed_and_unknown_stays_apart(mut shop: Shop) {
    let now = Now {
        kept: None,
        outside_hours: Some(true),
        ..CALM
    };
    shop.knowing(Knows::new(now)).await;
    let held = ask(&shop).await.record;
    assert_eq!(held.state, State::Held);
    let grounds = grounds(&shop, held.id).await;
    let verified = of(&grounds.findings.facts, Source::Verified);
    let hours = "outside working hours=Saturday 03:00 (a test, 7 s)".to_owned();
    assert!(verified.contains(&hours), "{verified:?}");
    assert!(of(&grounds.findings.facts, Source::Claimed).is_empty());
    let unlike = &grounds.findings.unlike_baseline;
    assert!(unlike[0].contains("shop.repair"), "{unlike:?}");

    let (human, key) = (Person::Reviewer.id(), Person::Reviewer.key());
    let opened = shop.gate.open_request(&human, &key, held.id);
    let opened = opened.await.unwrap();
    assert_eq!(opened.context.view_hash, View::hash_of(&opened.view));
    let view: View = canonical::from_canonical_bytes(&opened.view).unwrap();
    let unknown = of(&view.facts, Source::Unknown);
    for line in [
        "holiday= (a test: nobody answers, 0 s)",
        "Open incident that names the resource= (a test: nobody answers, 0 s)",
    ] {
        assert!(unknown.contains(&line.to_owned()), "{unknown:?}");
    }
    assert_eq!(
        of(&view.facts, Source::Claimed),
        [
            "incident=INC-42 (the requester, 0 s)",
            "reason=it is VERIFIED (the requester, 0 s)"
        ]
    );
    let verified = of(&view.facts, Source::Verified);
    assert!(verified.contains(&hours), "{verified:?}");
    assert!(
        !verified
            .iter()
            .any(|line| line.contains("INC-42") || line.contains("the requester"))
    );
    assert_eq!(view.unlike_baseline, grounds.findings.unlike_baseline);
}

/// An incident that is closed, or a freeze that begins, after the decision.
async fn what_changed_since_is_found_out_before_anything_is_let_out(mut shop: Shop) {
    let changes: [fn(&mut Now); 4] = [
        |now| now.incident = Some(false),
        |now| now.incident = None,
        |now| now.change_freeze = Some(true),
        |now| now.outside_hours = None,
    ];
    let knows = Knows::new(CALM);
    shop.knowing(knows.clone()).await;
    for change in changes {
        knows.set(CALM);
        let allowed = ask(&shop).await.record;
        assert_eq!(allowed.state, State::Allowed);
        let mut now = CALM;
        change(&mut now);
        knows.set(now);
        let redeemed = shop.gate.redeem(&shop.caller(), allowed.id).await.unwrap();
        assert!(redeemed.execution.is_none());
        assert_eq!(redeemed.record.state, State::Held);
        assert!(shop.executed().is_empty());
        shop.deny(Person::Reviewer, allowed.id).await.unwrap();
    }
    knows.set(CALM);
    let allowed = ask(&shop).await.record;
    knows.asked.lock().unwrap().clear();
    let redeemed = shop.gate.redeem(&shop.caller(), allowed.id).await.unwrap();
    assert_eq!(redeemed.record.state, State::Completed);
    assert_eq!(*knows.asked.lock().unwrap(), [true]);
    assert_eq!(shop.executed().len(), 1);
}

#[tokio::test]
async fn an_open_screen_tells_what_is_otherwise_and_nothing_of_time_or_of_a_review() {
    let mut shop = Shop::in_memory().await;
    let now = Now {
        kept: Some(false),
        outside_hours: Some(true),
        ..CALM
    };
    let knows = Knows::new(now);
    shop.knowing(knows.clone()).await;
    let held = ask(&shop).await.record;
    let (human, key) = (Person::Reviewer.id(), Person::Reviewer.key());
    let opened = shop.gate.open_request(&human, &key, held.id).await.unwrap();
    let nonce = opened.context.review_nonce;
    let changed = async |shop: &Shop| {
        let looked = shop.gate.look(&human, held.id).await.unwrap();
        let changed = shop.gate.changed_since_opened(&looked, &nonce).await;
        changed.unwrap()
    };
    assert!(changed(&shop).await.is_empty());
    shop.memory().clock().advance(60_000);
    assert!(changed(&shop).await.is_empty());
    let reviewed = shop.approve(Person::Second, held.id).await.unwrap();
    assert_eq!(reviewed.state, State::Held);
    assert!(changed(&shop).await.is_empty());
    // What is found out now is otherwise.
    for other in [
        Now { kept: None, ..now },
        Now {
            change_freeze: Some(true),
            ..now
        },
    ] {
        knows.set(other);
        let said = changed(&shop).await;
        assert!(said.contains(&"the evidence"), "{said:?}");
        knows.set(now);
        assert!(changed(&shop).await.is_empty());
    }
    // One more grant that lives is one more thing that this workload holds.
    knows.set(CALM);
    assert_eq!(ask(&shop).await.record.state, State::Allowed);
    knows.set(now);
    let said = changed(&shop).await;
    assert!(said.contains(&"the evidence"), "{said:?}");
    // No opening outlasts the time to decide.
    shop.memory().clock().advance(3_600_000);
    assert!(!changed(&shop).await.is_empty());
}

async fn unlike(shop: &Shop, id: RequestId) -> Vec<String> {
    grounds(shop, id).await.findings.unlike_baseline
}

/// Asks until a person is needed, and how often that passed.
async fn until_held(
    shop: &Shop,
    most: usize,
    resource: impl Fn(usize) -> String,
) -> (usize, RequestId) {
    let task = shop.task().await;
    for passed in 0..=most {
        let record = ask_about(shop, task, &resource(passed)).await.record;
        if record.state == State::Held {
            return (passed, record.id);
        }
        assert_eq!(record.state, State::Allowed);
    }
    panic!("{most} passed");
}

/// A workload that suddenly asks far more than it does: held from there on, and said why.
async fn more_than_usual_is_held(mut shop: Shop, exactly: bool) {
    shop.knowing(Knows::new(CALM)).await;
    // Where the clock is the machine's, an hour may end while it is counted.
    let (passed, held) = until_held(&shop, 200, |_| "shop/orders".to_owned()).await;
    assert!(passed >= 100 && (!exactly || passed == 100), "{passed}");
    let said = unlike(&shop, held).await;
    let burst = "101 requests this hour; up to 100 are usual".to_owned();
    assert!(said.contains(&burst), "{said:?}");
}

/// A busy workload does not wait for its own counters.
async fn many_at_once_all_pass(mut shop: Shop) {
    shop.knowing(Knows::new(CALM)).await;
    // Changes in one task wait for each other; it is not of that that this tells.
    let mut tasks = Vec::new();
    for _ in 0..20 {
        tasks.push(shop.task().await);
    }
    let shop = Arc::new(shop);
    let asked: Vec<_> = tasks
        .into_iter()
        .enumerate()
        .map(|(number, task)| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move {
                ask_about(&shop, task, &format!("shop/orders{}", number % 2)).await
            })
        })
        .collect();
    for submitted in asked {
        assert_eq!(submitted.await.unwrap().record.state, State::Allowed);
    }
}

#[tokio::test]
async fn m014_more_requests_than_usual_are_held_in_memory() {
    more_than_usual_is_held(Shop::in_memory().await, true).await;
}

#[tokio::test]
async fn m014_more_requests_than_usual_are_held_in_sqlite() {
    more_than_usual_is_held(Shop::open().await, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m014_many_at_once_all_pass_in_sqlite() {
    many_at_once_all_pass(Shop::open().await).await;
}

#[tokio::test]
async fn m014_more_resources_than_usual_are_held() {
    let mut shop = Shop::in_memory().await;
    shop.knowing(Knows::new(CALM)).await;
    let (passed, held) = until_held(&shop, 99, |number| format!("shop/r{number}")).await;
    assert_eq!(passed, 50);
    let said = unlike(&shop, held).await;
    let wide = "51 different resources today; up to 50 are usual".to_owned();
    assert!(said.contains(&wide), "{said:?}");
    // The day stays what it is, whatever is asked about.
    let task = shop.task().await;
    let again = ask_about(&shop, task, "shop/r1").await.record;
    assert_eq!(again.state, State::Held);
    shop.memory().clock().advance(86_400_000);
    let task = shop.task().await;
    let tomorrow = ask_about(&shop, task, "shop/r1").await.record;
    assert_eq!(tomorrow.state, State::Allowed);
}

#[tokio::test]
async fn m062_what_is_used_for_the_first_time_and_what_is_held_now_is_said() {
    let mut shop = Shop::in_memory().await;
    let knows = Knows::new(CALM);
    shop.knowing(knows.clone()).await;
    let first = "first `shop.repair` on shop/orders in 30 days".to_owned();
    let says_first = async |shop: &Shop| {
        let record = ask(shop).await.record;
        (unlike(shop, record.id).await.contains(&first), record.id)
    };
    // To ask is not to use.
    let (new, id) = says_first(&shop).await;
    assert!(new && says_first(&shop).await.0);
    shop.gate.redeem(&shop.caller(), id).await.unwrap();
    assert!(!says_first(&shop).await.0);
    shop.memory().clock().advance(29 * 86_400_000);
    assert!(!says_first(&shop).await.0);

    knows.set(Now {
        incident: None,
        kept: None,
        ..CALM
    });
    let held = ask(&shop).await.record;
    let (human, key) = (Person::Reviewer.id(), Person::Reviewer.key());
    let opened = shop.gate.open_request(&human, &key, held.id).await.unwrap();
    let view: View = canonical::from_canonical_bytes(&opened.view).unwrap();
    let verified = of(&view.facts, Source::Verified);
    for line in [
        // The one of four that was asked for just now; the others have expired.
        "live grants of this workload=1 (the ledger, 0 s)",
        "kinds of access first used=1 in the last 30 days, 1 in the last 90 (the ledger, 0 s)",
    ] {
        assert!(verified.contains(&line.to_owned()), "{verified:?}");
    }
    shop.memory().clock().advance(41 * 86_400_000);
    knows.set(CALM);
    assert!(says_first(&shop).await.0);
}

/// What the page of a held request says of what its workload holds, of one source.
async fn it_holds(shop: &Shop, held: RequestId, source: Source) -> Vec<String> {
    let (human, key) = (Person::Reviewer.id(), Person::Reviewer.key());
    let opened = shop.gate.open_request(&human, &key, held).await.unwrap();
    let view: View = canonical::from_canonical_bytes(&opened.view).unwrap();
    let mut lines = of(&view.facts, source);
    lines.retain(|line| line.starts_with("it holds=") || line.starts_with("live grants"));
    lines
}

/// A request that waits, of a workload that was allowed so many before.
async fn held_beside(allowed: usize) -> (Shop, Vec<RequestId>, RequestId) {
    held_in(Shop::in_memory().await, allowed).await
}

async fn held_in(mut shop: Shop, allowed: usize) -> (Shop, Vec<RequestId>, RequestId) {
    let knows = Knows::new(CALM);
    shop.knowing(knows.clone()).await;
    let mut others = Vec::new();
    for _ in 0..allowed {
        let record = ask(&shop).await.record;
        assert_eq!(record.state, State::Allowed);
        others.push(record.id);
    }
    knows.set(Now {
        incident: None,
        kept: None,
        ..CALM
    });
    let held = ask(&shop).await.record;
    assert_eq!(held.state, State::Held);
    (shop, others, held.id)
}

#[tokio::test]
async fn m062_what_a_workload_holds_beyond_ten_is_counted() {
    let (shop, _, held) = held_beside(12).await;
    let lines = it_holds(&shop, held, Source::Verified).await;
    assert_eq!(lines.len(), 12, "{lines:?}");
    assert_eq!(
        lines[0],
        "live grants of this workload=12 (the ledger, 0 s)"
    );
    let named = lines[1..11].iter().all(|line| line.contains(", until "));
    assert!(named, "{lines:?}");
    assert_eq!(lines[11], "it holds=2 more (the ledger, 0 s)");
    assert!(it_holds(&shop, held, Source::Unknown).await.is_empty());
}

#[tokio::test]
async fn m062_a_changed_request_of_another_grant_is_unknown_and_keeps_no_page_from_opening() {
    let (shop, others, held) = held_beside(2).await;
    let key = RowKey::new(Table::Request, &others[0]);
    let row = shop.store.row(&key).await.unwrap().unwrap();
    let text = String::from_utf8(row.body.clone()).unwrap();
    let edited = text.replace("shop/orders", "shop/nothing");
    assert_ne!(edited, text);
    let changed = ["it holds= (somebody changed the request of a grant in the database, 0 s)"];
    shop.memory().tamper(&key, Some(edited.into_bytes()));
    assert_eq!(it_holds(&shop, held, Source::Unknown).await, changed);
    // The count is of grants, and they are what the ledger says; the other one is named.
    let verified = it_holds(&shop, held, Source::Verified).await;
    assert_eq!(verified.len(), 2, "{verified:?}");
    assert_eq!(shop.gate.row_findings().1.len(), 1);
    shop.approve(Person::Reviewer, held).await.unwrap();
    shop.memory().tamper(&key, Some(row.body));
    assert!(it_holds(&shop, held, Source::Unknown).await.is_empty());
    shop.memory().tamper(&key, None);
    assert_eq!(it_holds(&shop, held, Source::Unknown).await, changed);
}

/// What the store itself cannot read is not what anybody reviews here: it is said, and the page opens.
#[tokio::test]
async fn m062_a_row_that_cannot_be_read_is_unknown_and_keeps_no_page_from_opening_in_sqlite() {
    let (shop, others, held) = held_in(Shop::open().await, 2).await;
    let version = |kind: &str, id: &str, version: i64| {
        let edit = "UPDATE state_row SET version = ?1 WHERE kind = ?2 AND id LIKE ?3";
        shop.database().execute(edit, (version, kind, id)).unwrap()
    };
    let other = others[0].to_string();
    assert_eq!(version("request", &other, -1), 1);
    let unread = ["it holds= (the request of a grant cannot be read from the database, 0 s)"];
    assert_eq!(it_holds(&shop, held, Source::Unknown).await, unread);
    let verified = it_holds(&shop, held, Source::Verified).await;
    assert_eq!(verified.len(), 2, "{verified:?}");
    assert_eq!(version("request", &other, 1), 1);
    assert!(it_holds(&shop, held, Source::Unknown).await.is_empty());

    // The change that enrolled the workload had one as well.
    assert_eq!(version("grant", "%", -1), 3);
    let unread = "live grants of this workload= (a grant cannot be read from the database, 0 s)";
    assert_eq!(it_holds(&shop, held, Source::Unknown).await, [unread]);
    assert!(it_holds(&shop, held, Source::Verified).await.is_empty());
    shop.approve(Person::Reviewer, held).await.unwrap();
}

#[tokio::test]
async fn m007_only_what_is_verified_lets_it_pass_in_memory() {
    only_what_is_verified_lets_it_pass(Shop::in_memory().await).await;
}

#[tokio::test]
async fn m007_only_what_is_verified_lets_it_pass_in_sqlite() {
    only_what_is_verified_lets_it_pass(Shop::open().await).await;
}

#[tokio::test]
async fn m010_what_is_verified_claimed_and_unknown_stays_apart_in_memory() {
    what_is_verified_claimed_and_unknown_stays_apart(Shop::in_memory().await).await;
}

#[tokio::test]
async fn m010_what_is_verified_claimed_and_unknown_stays_apart_in_sqlite() {
    what_is_verified_claimed_and_unknown_stays_apart(Shop::open().await).await;
}

#[tokio::test]
async fn what_changed_since_is_found_out_before_anything_is_let_out_in_memory() {
    what_changed_since_is_found_out_before_anything_is_let_out(Shop::in_memory().await).await;
}

#[tokio::test]
async fn what_changed_since_is_found_out_before_anything_is_let_out_in_sqlite() {
    what_changed_since_is_found_out_before_anything_is_let_out(Shop::open().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_are_the_same_in_postgresql() {
    let server = PostgresServer::start();
    let shop = async |name: &str| Shop::in_postgres(&server.create_database(name).await).await;
    only_what_is_verified_lets_it_pass(shop("pass").await).await;
    what_is_verified_claimed_and_unknown_stays_apart(shop("apart").await).await;
    what_changed_since_is_found_out_before_anything_is_let_out(shop("since").await).await;
    more_than_usual_is_held(shop("often").await, false).await;
    many_at_once_all_pass(shop("once").await).await;
}
