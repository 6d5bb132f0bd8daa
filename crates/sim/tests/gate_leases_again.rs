//! What lives is asked about again: under another bundle, another directory, another chain, and each minute besides.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails should say where"
)]

mod shop;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatehold_audit::LedgerLeaf;
use gatehold_core::commit::Table;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::lease::{LeaseEvent, OVERDUE_SECONDS, RETRY_SECONDS_MAX};
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_gate::ports::facts::{Facts, Flag, Found, Moment, Question, Told};
use gatehold_gate::ports::store::RowQuery;
use gatehold_gate::{GateError, LeaseFilter, LeaseName, LeaseTick};
use gatehold_policy::Bundle;
use gatehold_sim::mutants::remove_the_named_guard;
use gatehold_sim::pretend_target::{Making, PretendTarget};

use tokio::sync::Semaphore;

use shop::audited::{Audited, given};
use shop::faulty::Faulty;
use shop::{Person, Shop, bundle_folder};

/// What is asked for.
const READER: &str = r#"{"role":"reader"}"#;
/// How often each is asked about although nothing is known to have changed, in seconds.
const AGAIN_SECONDS: u32 = 60;
/// Most that are asked about in a turn because their time has come.
const A_TURN: usize = 64;

const DESCRIPTOR: &str = r#"
id = "shop.access"
version = 1
title = "Read the shop by itself"
effects = ["access_grant"]
reversibility = "reversible"
media_types = ["application/json"]
payload = "json"
fields = [{ name = "role", pointer = "/role", label = "Role", type = "string", required = true }]
quantity = "one"
recipients = "nobody"
sensitivity = "resource"
sentence = "{workload} wants to be {role} on {resource} for {duration}"
criteria = []
requires = []
downstream = { declared = [] }
infers = []
facts = []
dry_run = "none"
revocation = "none"
executor = { kind = "broker", caps = [] }
"#;

const ALLOWED: &str = r#"
@id("access")
@owner("owners")
@rationale("Access to the shop is possible")
@attest_by("2027-06-30")
permit (principal, action == Action::"shop.access", resource);
"#;

const DENIED: &str = r#"
@id("no-access")
@owner("owners")
@rationale("Nobody reads the shop by itself any more")
forbid (principal, action == Action::"shop.access", resource);
"#;

/// A rule that holds access where something is so.
fn held_when(what: &str) -> String {
    format!(
        r#"{ALLOWED}
@id("hold-access")
@owner("owners")
@rationale("People look before somebody reads the shop by itself")
@checkpoint("shop-write")
forbid (principal, action == Action::"shop.access", resource)
when {{ {what} }};
"#
    )
}

const TAINTED: &str = "!context.chain.sensitive.known || context.chain.sensitive.value";
const FROZEN: &str = "!context.signals.change_freeze.known || context.signals.change_freeze.value";

/// The shop's bundle with these rules of access.
fn bundle_with(rules: &str) -> String {
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let rules = format!(
        "{}\n{rules}",
        packed["files"]["rules.cedar"].as_str().unwrap()
    );
    packed["files"]["rules.cedar"] = rules.into();
    packed["files"]["descriptors/shop.access.toml"] = DESCRIPTOR.into();
    String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap()
}

async fn activate(shop: &Shop, rules: &str) {
    let payload = bundle_with(rules);
    let activated = shop.change("bundle.activate", &payload, Person::Owner);
    assert_eq!(activated.await.state, State::Completed);
}

/// A shop with a target that hands out credentials under these rules.
async fn shop_under(rules: &str) -> (Shop, Arc<PretendTarget>, Arc<Calendar>) {
    remove_the_named_guard();
    let mut shop = Shop::in_memory().await;
    activate(&shop, rules).await;
    let target = Arc::new(PretendTarget::default());
    let calendar = Arc::new(Calendar::default());
    shop.issuing_knowing(target.clone(), calendar.clone()).await;
    (shop, target, calendar)
}

/// Whether there is a change freeze: no, yes, or nobody knows.
#[derive(Default)]
struct Calendar {
    freeze: AtomicU8,
    asked: Mutex<u32>,
    /// Questions about these tasks wait for it.
    stalls: Mutex<Option<(BTreeSet<TaskId>, Arc<Semaphore>)>>,
}

#[async_trait]
impl Facts for Calendar {
    async fn moment(&self, question: &Question<'_>) -> Moment {
        *self.asked.lock().unwrap() += 1;
        let stalls = self.stalls.lock().unwrap().clone();
        if let Some((tasks, go_on)) = stalls
            && question
                .envelope
                .task
                .is_some_and(|task| tasks.contains(&task))
        {
            drop(go_on.acquire().await);
        }
        let flag = |answer: Result<bool, &str>| Told {
            answer: answer.map_err(str::to_owned).map(|set| Flag {
                set,
                detail: "year end".to_owned(),
            }),
            from: "a test".to_owned(),
            age_seconds: 0,
        };
        Moment {
            outside_hours: flag(Ok(false)),
            weekend: flag(Ok(false)),
            holiday: flag(Ok(false)),
            change_freeze: flag(match self.freeze.load(Ordering::Relaxed) {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err("nobody answers"),
            }),
        }
    }

    async fn look_up(&self, _: &Question<'_>) -> BTreeMap<String, Told<Found>> {
        BTreeMap::new()
    }
}

/// Asks for the credential and takes it; people approve it where it is held.
async fn taken(shop: &Shop, task: &TaskId) -> RequestId {
    let asked = shop.submit(task, "shop.access", READER).await.unwrap();
    let id = asked.record.id;
    if asked.record.state == State::Held {
        shop.approve(Person::Reviewer, id).await.unwrap();
        shop.approve(Person::Second, id).await.unwrap();
    }
    let redeemed = shop.gate.redeem(&shop.caller(), id).await.unwrap();
    assert!(redeemed.credential.is_some());
    id
}

async fn turn(shop: &Shop) -> LeaseTick {
    shop.gate.tick_leases().await.unwrap()
}

/// Turns until nothing is left to be asked about.
async fn quiet(shop: &Shop) {
    while turn(shop).await != LeaseTick::default() {}
    assert_eq!(turn(shop).await, LeaseTick::default());
}

/// The states of all leases, oldest first.
async fn states(shop: &Shop) -> Vec<GrantState> {
    let query = RowQuery {
        limit: 1_000,
        ..RowQuery::default()
    };
    let rows = shop.store().rows(Table::Grant, &query).await.unwrap();
    rows.iter()
        .map(|row| canonical::from_canonical_bytes::<Grant>(&row.body).unwrap())
        .filter(|grant| grant.lease.is_some())
        .map(|grant| grant.state)
        .collect()
}

/// Why leases ended, and whether policy's answer stands with that.
async fn ends(shop: &Shop) -> Vec<(String, bool)> {
    let leaves = shop.store.leaves(0, 1_000, false).await.unwrap();
    let events = leaves
        .iter()
        .map(|leaf| Entry::from_bytes(&leaf.record).unwrap().event);
    events
        .filter_map(|event| match event {
            Event::Lease {
                what: LeaseEvent::Ended,
                code,
                trace,
                ..
            } => Some((code, trace.is_some())),
            _ => None,
        })
        .collect()
}

fn pass(shop: &Shop, seconds: u32) {
    shop.memory().clock().advance(i64::from(seconds) * 1_000);
}

/// It ends for this reason at the next turn, by a leaf that an auditor can follow, and is gone at the one after it.
async fn ends_as(shop: &Shop, target: &PretendTarget, code: &str) {
    assert_eq!(turn(shop).await.ended, 1);
    assert_eq!(ends(shop).await, [(code.to_owned(), true)]);
    assert_eq!(turn(shop).await.verified, 1);
    assert_eq!(target.standing(), Vec::<String>::new());
    let report = Audited::of(shop).await.report();
    assert!(report.is_sound(), "{report}");
}

#[tokio::test]
async fn m031_a_lease_ends_at_the_next_turn_under_a_bundle_that_denies_it() {
    let (shop, target, _) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    let id = taken(&shop, &task).await;
    quiet(&shop).await;
    assert_eq!(states(&shop).await, [GrantState::Active]);

    activate(&shop, &format!("{ALLOWED}{DENIED}")).await;
    ends_as(&shop, &target, "forbidden").await;

    // Whoever answers for the workload is told, and a dossier says what policy said.
    let announced = shop.store().outbox(0, 1_000).await.unwrap();
    let told = announced
        .iter()
        .filter(|one| one.message.topic == "lease_ended");
    assert_eq!(told.count(), 1);
    let (sound, said) = Audited::of(&shop).await.dossier(id);
    assert!(sound && said.contains("(forbidden)"), "{said}");
}

#[tokio::test]
async fn a_lease_ends_under_a_bundle_that_asks_for_what_nobody_signed() {
    let (shop, target, _) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    activate(&shop, &held_when("true")).await;
    ends_as(&shop, &target, "held_again").await;
}

#[tokio::test]
async fn a_lease_ends_under_a_bundle_that_does_not_know_its_descriptor() {
    let (shop, target, _) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    let payload = String::from_utf8(bytes).unwrap();
    let activated = shop.change("bundle.activate", &payload, Person::Owner);
    assert_eq!(activated.await.state, State::Completed);
    assert_eq!(turn(&shop).await.ended, 1);
    let code = ends(&shop).await.remove(0);
    assert_eq!(code, ("unknown_descriptor".to_owned(), false));
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn m144_what_people_signed_keeps_a_lease_alive_until_one_of_them_loses_their_key() {
    let (shop, target, _) = shop_under(&held_when("true")).await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    // Another bundle that holds it at the same.
    let more = ALLOWED.replace("\"access\"", "\"access-too\"");
    activate(&shop, &format!("{}{more}", held_when("true"))).await;
    quiet(&shop).await;
    assert_eq!(states(&shop).await, [GrantState::Active]);

    shop.revoke_key(Person::Second).await.unwrap();
    ends_as(&shop, &target, "reviews_lost").await;
}

#[tokio::test]
async fn m031_a_lease_ends_when_its_task_takes_a_step_under_which_it_would_be_held() {
    let (shop, target, _) = shop_under(&held_when(TAINTED)).await;
    let (one, two) = (shop.task().await, shop.task().await);
    taken(&shop, &one).await;
    taken(&shop, &two).await;
    // Its own step is no reason to ask about it.
    quiet(&shop).await;
    assert_eq!(target.standing().len(), 2);

    let read = shop.submit(&one, "shop.read", "SELECT 1").await.unwrap();
    assert_eq!(read.record.state, State::Allowed);
    assert_eq!(turn(&shop).await.ended, 1);
    assert_eq!(ends(&shop).await, [("held_again".to_owned(), true)]);
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(target.standing().len(), 1, "the other task's lives on");
}

#[tokio::test]
async fn a_lease_ends_within_a_minute_of_what_changes_by_itself() {
    for freeze in [1, 2] {
        let (shop, target, calendar) = shop_under(&held_when(FROZEN)).await;
        let task = shop.task().await;
        taken(&shop, &task).await;
        quiet(&shop).await;
        let asked = *calendar.asked.lock().unwrap();
        calendar.freeze.store(freeze, Ordering::Relaxed);
        // Nothing is asked in vain.
        pass(&shop, AGAIN_SECONDS - 1);
        assert_eq!(turn(&shop).await.ended, 0);
        assert_eq!(*calendar.asked.lock().unwrap(), asked);

        pass(&shop, 1);
        ends_as(&shop, &target, "held_again").await;
    }
}

#[tokio::test]
async fn what_nothing_in_policy_asks_about_ends_no_lease() {
    let (shop, target, calendar) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    for freeze in [1, 2, 0] {
        calendar.freeze.store(freeze, Ordering::Relaxed);
        pass(&shop, AGAIN_SECONDS);
        assert_eq!(turn(&shop).await, LeaseTick::default());
    }
    assert_eq!(target.standing().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_down_ends_nothing_and_is_asked_again() {
    let (shop, target, _) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    activate(&shop, &format!("{ALLOWED}{DENIED}")).await;
    shop.memory().set_down(true);
    assert!(shop.gate.tick_leases().await.is_err());
    shop.memory().set_down(false);
    assert_eq!(states(&shop).await, [GrantState::Active]);
    ends_as(&shop, &target, "forbidden").await;
}

#[tokio::test]
async fn a_change_reaches_every_lease_and_a_turn_asks_about_so_many() {
    let (shop, target, calendar) = shop_under(ALLOWED).await;
    let all = A_TURN + 6;
    for _ in 0..all {
        let task = shop.task().await;
        taken(&shop, &task).await;
    }
    while *calendar.asked.lock().unwrap() > 0 {
        *calendar.asked.lock().unwrap() = 0;
        turn(&shop).await;
    }
    activate(&shop, &format!("{ALLOWED}{DENIED}")).await;
    let first = turn(&shop).await.ended;
    assert!((1..=A_TURN as u64).contains(&first), "{first}");
    while states(&shop).await.contains(&GrantState::Active) {
        turn(&shop).await;
    }
    assert_eq!(ends(&shop).await.len(), all);
    while !target.standing().is_empty() {
        turn(&shop).await;
    }
}

#[tokio::test]
async fn d12_what_a_living_lease_is_judged_by_is_not_erased() {
    let (shop, _, _) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    let id = taken(&shop, &task).await;
    let leaves = shop.stored().await;
    let submitted = leaves.iter().find(|leaf| {
        let entry = Entry::from_bytes(&leaf.record).unwrap();
        entry.request == Some(id)
    });
    let leaf = submitted.unwrap().index;
    let erase = serde_json::json!({ "leaf": leaf, "name": "payload" }).to_string();
    let refused = shop
        .try_propose("record.erase", &erase, Person::Owner)
        .await;
    let Err(GateError::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert!(refusal.to_string().contains("is in use"), "{refusal}");

    shop.gate.end_task(&shop.caller(), task).await.unwrap();
    let asked = shop
        .try_propose("record.erase", &erase, Person::Owner)
        .await;
    assert_eq!(asked.unwrap().state, State::Held);
}

#[tokio::test]
async fn what_is_still_being_made_is_not_told_as_still_there() {
    let (shop, target, _) = shop_under(ALLOWED).await;
    target.set_making(Making::Waits);
    let task = shop.task().await;
    let asked = shop.submit(&task, "shop.access", READER).await.unwrap();
    let id = asked.record.id;
    let other = shop
        .issuing_over(shop.shared_memory(), target.clone())
        .await;
    let waiting = target.waiting.notified();
    let caller = shop.caller();
    let taking = tokio::spawn(async move { other.redeem(&caller, id).await });
    waiting.await;
    let owner = Person::Owner.id();
    shop.gate.revoke(&owner, id).await.unwrap();
    pass(&shop, OVERDUE_SECONDS);
    let did = turn(&shop).await;
    assert_eq!((did.waiting, did.overdue), (1, 0));
    let seen = shop
        .gate
        .lease_named(&owner, LeaseName::Request(id))
        .await
        .unwrap();
    assert_eq!((seen.attempts, seen.remains), (1, Some("issuing")));

    // Once it was made and stays, people are told.
    target.go_on();
    assert!(taking.await.unwrap().unwrap().credential.is_none());
    target.set_down(true);
    pass(&shop, RETRY_SECONDS_MAX);
    assert_eq!(turn(&shop).await.overdue, 1);
}

/// The leaves of a shop with one of them brought to before another, as somebody would write them who holds the log's key.
async fn moved(
    shop: &Shop,
    which: impl Fn(&Event) -> bool,
    before: impl Fn(&Event) -> bool,
) -> String {
    let mut leaves: Vec<LedgerLeaf> = shop.stored().await.into_iter().map(given).collect();
    let event = |leaf: &LedgerLeaf| Entry::from_bytes(&leaf.record).unwrap().event;
    let from = leaves.iter().rposition(|leaf| which(&event(leaf))).unwrap();
    let to = leaves.iter().position(|leaf| before(&event(leaf))).unwrap();
    let leaf = leaves.remove(from);
    leaves.insert(to, leaf);
    for (index, leaf) in leaves.iter_mut().enumerate() {
        leaf.index = u64::try_from(index).unwrap();
    }
    let report = Audited::over(shop, leaves).report();
    assert!(!report.is_sound());
    report.to_string()
}

fn is_issued(event: &Event) -> bool {
    matches!(
        event,
        Event::Lease {
            what: LeaseEvent::Issued,
            ..
        }
    )
}

#[tokio::test]
async fn an_auditor_finds_what_was_handed_over_under_a_stop_or_after_its_task() {
    let (shop, _, _) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    let stop = Stops {
        targets: ["sql:shop".parse().unwrap()].into(),
        ..Stops::default()
    };
    let owner = Person::Owner.id();
    shop.gate.stop(&owner, stop, "a test").await.unwrap();
    assert!(Audited::of(&shop).await.report().is_sound());
    let is_stop = |event: &Event| matches!(event, Event::Stops { .. });
    let told = moved(&shop, is_stop, is_issued).await;
    assert!(
        told.contains("handed over although it was stopped"),
        "{told}"
    );

    let (shop, _, _) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    shop.gate.end_task(&shop.caller(), task).await.unwrap();
    let is_end = |event: &Event| matches!(event, Event::Task { what, .. } if what == "ended");
    let told = moved(&shop, is_end, is_issued).await;
    assert!(told.contains("although its task had ended"), "{told}");
}

#[tokio::test]
async fn an_auditor_finds_an_end_by_policy_that_does_not_say_what_policy_said() {
    let (shop, _, _) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    activate(&shop, &format!("{ALLOWED}{DENIED}")).await;
    assert_eq!(turn(&shop).await.ended, 1);
    let honest: Vec<LedgerLeaf> = shop.stored().await.into_iter().map(given).collect();
    let forged = |change: &dyn Fn(&mut Event)| {
        let mut leaves = honest.clone();
        for leaf in &mut leaves {
            let mut entry = Entry::from_bytes(&leaf.record).unwrap();
            if let Event::Lease { trace: Some(_), .. } = entry.event {
                change(&mut entry.event);
                leaf.record = entry.to_bytes().unwrap();
                let salt: [u8; 32] = leaf.salt.clone().try_into().unwrap();
                let commitment = Hash::tagged("gatehold/leaf/v1", &[&salt, &leaf.record]);
                leaf.leaf.truncate(3);
                leaf.leaf.extend(commitment.as_bytes());
            }
        }
        Audited::over(&shop, leaves).report().to_string()
    };
    let silent = forged(&|event| {
        if let Event::Lease { trace, .. } = event {
            *trace = None;
        }
    });
    assert!(silent.contains("what policy said is missing"), "{silent}");
    let other = forged(&|event| {
        if let Event::Lease {
            trace: Some(trace), ..
        } = event
        {
            trace.bundle = Hash::of(b"another bundle");
        }
    });
    assert!(
        other.contains("another bundle than the active one"),
        "{other}"
    );
}

#[tokio::test]
async fn people_see_what_is_handed_out_and_where_it_stands() {
    let (shop, target, _) = shop_under(ALLOWED).await;
    let (one, two) = (shop.task().await, shop.task().await);
    let first = taken(&shop, &one).await;
    let second = taken(&shop, &two).await;
    let owner = Person::Owner.id();
    let listed = async |filter: LeaseFilter| {
        let page = shop.gate.leases(&owner, &filter).await.unwrap();
        assert_eq!(page.older, None);
        let of = page.items.iter().map(|seen| (seen.request, seen.state));
        of.collect::<Vec<_>>()
    };
    let (active, revoking) = (GrantState::Active, GrantState::Revoking);
    let all = [(second, active), (first, active)];
    assert_eq!(listed(LeaseFilter::default()).await, all);
    let of_task = LeaseFilter {
        task: Some(one),
        ..LeaseFilter::default()
    };
    assert_eq!(listed(of_task).await, [(first, active)]);
    for (name, found) in [("sql:shop", 2), ("sql:depot", 0)] {
        let at = LeaseFilter {
            target: Some(name.parse().unwrap()),
            ..LeaseFilter::default()
        };
        assert_eq!(listed(at).await.len(), found);
    }
    let nobodys = LeaseFilter {
        workload: Some("another-bot".parse().unwrap()),
        ..LeaseFilter::default()
    };
    assert!(listed(nobodys).await.is_empty());

    target.set_down(true);
    shop.gate.revoke(&owner, first).await.unwrap();
    turn(&shop).await;
    let ending = LeaseFilter {
        state: Some(revoking),
        ..LeaseFilter::default()
    };
    assert_eq!(listed(ending).await, [(first, revoking)]);
    let seen = shop.gate.lease_named(&owner, LeaseName::Request(first));
    let seen = seen.await.unwrap();
    assert_eq!((seen.attempts, seen.remains), (1, Some("unreachable")));
    assert!(seen.mine && seen.record.is_some());
    let by_grant = shop.gate.lease_named(&owner, LeaseName::Grant(seen.grant));
    assert_eq!(by_grant.await.unwrap().request, first);

    target.set_down(false);
    pass(&shop, RETRY_SECONDS_MAX);
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(listed(LeaseFilter::default()).await, [(second, active)]);
    let gone = LeaseFilter {
        state: Some(GrantState::Revoked),
        ..LeaseFilter::default()
    };
    assert_eq!(listed(gone).await, [(first, GrantState::Revoked)]);
}

#[tokio::test]
async fn what_nobody_could_be_handed_is_refused_before_anybody_is_asked() {
    let not_issuable = |answer: Result<_, GateError>| {
        let Err(GateError::Refused(refusal)) = answer else {
            panic!("it was taken");
        };
        refusal.code()
    };
    // Its target executes and hands out nothing.
    let shop = Shop::in_memory().await;
    activate(&shop, ALLOWED).await;
    let task = shop.task().await;
    let asked = shop.submit(&task, "shop.access", READER).await;
    assert_eq!(not_issuable(asked.map(drop)), "not_issuable");

    // Others hand out something, and this one is none of them.
    let (shop, _, _) = shop_under(ALLOWED).await;
    let task = shop.task().await;
    let mut input = shop.asked(Some(task), "shop.access", READER, false);
    let envelope = String::from_utf8(input.envelope).unwrap();
    input.envelope = envelope.replace("sql:shop", "sql:nowhere").into_bytes();
    let asked = shop.gate.submit(&shop.asking(&input).await, input).await;
    assert_eq!(not_issuable(asked.map(drop)), "not_issuable");

    // Whoever shares its host with others keeps no credential.
    let mut nhi = shop::nhi();
    nhi["assurance"] = "local".into();
    let payload = nhi.to_string();
    let changed = shop.change("nhi.create", &payload, Person::Owner);
    assert_eq!(changed.await.state, State::Completed);
    let asked = shop.submit(&task, "shop.access", READER).await;
    assert_eq!(not_issuable(asked.map(drop)), "not_permitted");
}

#[tokio::test]
async fn a_task_whose_leases_cannot_be_read_keeps_no_other_from_being_asked_about() {
    for bad in [0, 1] {
        let (mut shop, target, calendar) = shop_under(&held_when(TAINTED)).await;
        let store = Faulty::of(shop.store.clone());
        shop.store = store.clone();
        shop.issuing_knowing(target.clone(), calendar).await;
        let tasks = [shop.task().await, shop.task().await];
        for task in &tasks {
            taken(&shop, task).await;
        }
        quiet(&shop).await;
        for task in &tasks {
            let read = shop.submit(task, "shop.read", "SELECT 1").await.unwrap();
            assert_eq!(read.record.state, State::Allowed);
        }
        store.lists_not(Some(tasks[bad].to_string()));
        assert_eq!(turn(&shop).await.ended, 1, "{bad}");
        store.lists_not(None);
        while turn(&shop).await != LeaseTick::default() {}
        assert_eq!(target.standing(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_that_stall_keep_no_other_lease_from_being_asked_about() {
    let (shop, target, calendar) = shop_under(&held_when(TAINTED)).await;
    let mut tasks = Vec::new();
    for _ in 0..10 {
        let task = shop.task().await;
        taken(&shop, &task).await;
        tasks.push(task);
    }
    quiet(&shop).await;
    for task in &tasks {
        let read = shop.submit(task, "shop.read", "SELECT 1").await.unwrap();
        assert_eq!(read.record.state, State::Allowed);
    }
    // All but the one that comes last.
    let mut stalled: BTreeSet<TaskId> = tasks.into_iter().collect();
    stalled.pop_last().unwrap();
    let go_on = Arc::new(Semaphore::new(0));
    *calendar.stalls.lock().unwrap() = Some((stalled, go_on.clone()));
    let mut ended = 0;
    for _ in 0..60 {
        ended += turn(&shop).await.ended;
        if ended > 0 && target.standing().len() == 9 {
            break;
        }
    }
    assert_eq!((ended, target.standing().len()), (1, 9));
    go_on.add_permits(1_000);
    while !target.standing().is_empty() {
        tokio::task::yield_now().await;
        turn(&shop).await;
    }
}
