//! Credentials that are handed out, from the claim to the target's word that nothing of them is left.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails should say where"
)]

mod shop;

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::ActKind;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::lease::{LeaseEvent, OVERDUE_SECONDS, RETRY_SECONDS_MAX, RevocationClass};
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_gate::ports::store::RowQuery;
use gatehold_gate::{GateError, LeaseTick, Redeemed};
use gatehold_sim::pretend_target::{Making, PretendTarget, SECRET};
use tokio::task::JoinHandle;

use shop::leasing::{READER, shop_with_target};
use shop::{Person, Shop};

/// Asks for the credential and takes it.
async fn taken(shop: &Shop, task: &TaskId) -> Redeemed {
    let asked = shop.submit(task, "shop.access", READER).await.unwrap();
    assert_eq!(asked.record.state, State::Allowed);
    let caller = shop.caller();
    shop.gate.redeem(&caller, asked.record.id).await.unwrap()
}

/// Somebody takes a credential that is still being made.
async fn being_made(
    shop: &Shop,
    target: &PretendTarget,
) -> JoinHandle<Result<Redeemed, GateError>> {
    target.set_making(Making::Waits);
    let task = shop.task().await;
    let asked = shop.submit(&task, "shop.access", READER).await.unwrap();
    let waiting = target.waiting.notified();
    let (gate, caller) = (shop.gate.clone(), shop.caller());
    let taking = tokio::spawn(async move { gate.redeem(&caller, asked.record.id).await });
    waiting.await;
    taking
}

async fn turn(shop: &Shop) -> LeaseTick {
    shop.gate.tick_leases().await.unwrap()
}

/// Every grant with a lease, oldest first.
async fn leased(shop: &Shop) -> Vec<Grant> {
    let query = RowQuery {
        limit: 100,
        ..RowQuery::default()
    };
    let rows = shop.store().rows(Table::Grant, &query).await.unwrap();
    rows.iter()
        .map(|row| canonical::from_canonical_bytes::<Grant>(&row.body).unwrap())
        .filter(|grant| grant.lease.is_some())
        .collect()
}

async fn state(shop: &Shop) -> GrantState {
    leased(shop).await[0].state
}

/// What became of leases, by the ledger.
async fn told(shop: &Shop) -> Vec<(LeaseEvent, String)> {
    let leaves = shop.stored().await;
    let events = leaves
        .iter()
        .map(|leaf| Entry::from_bytes(&leaf.record).unwrap().event);
    events
        .filter_map(|event| match event {
            Event::Lease { what, code, .. } => Some((what, code)),
            _ => None,
        })
        .collect()
}

fn pass(shop: &Shop, seconds: u32) {
    shop.memory().clock().advance(i64::from(seconds) * 1_000);
}

#[tokio::test]
async fn a_credential_is_handed_over_once_its_making_is_durable_and_dies_with_its_task() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    let redeemed = taken(&shop, &task).await;
    assert_eq!(redeemed.record.state, State::Completed);
    assert_eq!(redeemed.credential.unwrap().secret, SECRET);
    assert_eq!(target.standing().len(), 1);
    let grant = leased(&shop).await.remove(0);
    assert_eq!(grant.state, GrantState::Active);
    let lease = grant.lease.unwrap();
    assert!(lease.issued_at.is_some() && lease.not_after <= grant.expires_at);
    assert_eq!(target.standing(), [lease.recipe.handle]);

    // Nothing is due: nothing happens.
    assert_eq!(turn(&shop).await, LeaseTick::default());

    shop.gate.end_task(&shop.caller(), task).await.unwrap();
    assert_eq!(state(&shop).await, GrantState::Revoking);
    let did = turn(&shop).await;
    assert_eq!((did.verified, did.waiting), (1, 0));
    assert_eq!(target.standing(), Vec::<String>::new());
    assert_eq!(state(&shop).await, GrantState::Revoked);
    let told = told(&shop).await;
    let ended = (LeaseEvent::Ended, "task_ended".to_owned());
    assert_eq!(told[1], ended);
    assert_eq!(told[2].0, LeaseEvent::Verified);

    // P16: of the secret nothing is anywhere in the ledger or the rows.
    for leaf in shop.stored().await {
        let parts = leaf
            .attachments
            .iter()
            .filter_map(|part| part.bytes.clone());
        for bytes in parts.chain([leaf.record.clone()]) {
            assert!(!String::from_utf8_lossy(&bytes).contains(SECRET));
        }
    }
}

#[tokio::test]
async fn the_way_to_take_it_away_is_durable_before_anything_exists() {
    let (shop, target) = shop_with_target().await;
    let taking = being_made(&shop, &target).await;
    let grant = leased(&shop).await.remove(0);
    assert!(grant.lease.unwrap().issued_at.is_none());
    assert_eq!(target.standing(), Vec::<String>::new());

    // Stopped while it is made: nobody is handed it, and it is not called gone before its making has ended.
    let stop = Stops {
        workloads: ["deploy-bot".parse().unwrap()].into(),
        ..Stops::default()
    };
    let owner = Person::Owner.id();
    shop.gate.stop(&owner, stop, "a test").await.unwrap();
    target.go_on();
    let redeemed = taking.await.unwrap().unwrap();
    assert!(redeemed.credential.is_none());
    turn(&shop).await;
    assert_eq!(state(&shop).await, GrantState::Revoked);
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn what_another_process_still_makes_is_not_called_gone() {
    let (shop, target) = shop_with_target().await;
    target.set_making(Making::Waits);
    let task = shop.task().await;
    let asked = shop.submit(&task, "shop.access", READER).await.unwrap();
    let other = shop
        .issuing_over(shop.shared_memory(), target.clone())
        .await;
    let waiting = target.waiting.notified();
    let caller = shop.caller();
    let taking = tokio::spawn(async move { other.redeem(&caller, asked.record.id).await });
    waiting.await;
    let owner = Person::Owner.id();
    shop.gate.revoke(&owner, asked.record.id).await.unwrap();
    let did = turn(&shop).await;
    assert_eq!((did.verified, did.waiting), (0, 1));
    assert_eq!(state(&shop).await, GrantState::Revoking);

    target.go_on();
    let redeemed = taking.await.unwrap().unwrap();
    assert!(redeemed.credential.is_none(), "it was revoked meanwhile");
    pass(&shop, RETRY_SECONDS_MAX);
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(target.standing(), Vec::<String>::new());
}

/// A process that is told to stop gives the call up at once; its target works on at it.
#[tokio::test]
async fn c01_what_was_given_up_is_not_called_gone_while_its_target_still_makes_it() {
    let (shop, target) = shop_with_target().await;
    let taking = being_made(&shop, &target).await;
    let stop = Stops {
        everything: true,
        ..Stops::default()
    };
    let owner = Person::Owner.id();
    shop.gate.stop(&owner, stop, "a test").await.unwrap();
    // Whatever can go on without the target does.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(turn(&shop).await.verified, 0);
    assert_eq!(state(&shop).await, GrantState::Revoking);

    target.go_on();
    let redeemed = taking.await.unwrap().unwrap();
    assert!(redeemed.credential.is_none());
    assert_eq!(target.standing().len(), 1, "it was made after all");
    pass(&shop, RETRY_SECONDS_MAX);
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn c01_revoked_is_never_said_before_the_target_has_said_it() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    let redeemed = taken(&shop, &task).await;
    target.set_down(true);
    let owner = Person::Owner.id();
    shop.gate.revoke(&owner, redeemed.record.id).await.unwrap();
    assert_eq!(turn(&shop).await.verified, 0);
    assert_eq!(state(&shop).await, GrantState::Revoking);
    target.set_down(false);
    target.set_stuck(true);
    pass(&shop, RETRY_SECONDS_MAX);
    assert_eq!(turn(&shop).await.verified, 0);
    assert_eq!(state(&shop).await, GrantState::Revoking);
    target.set_stuck(false);
    pass(&shop, RETRY_SECONDS_MAX);
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(state(&shop).await, GrantState::Revoked);
}

#[tokio::test]
async fn m215_how_soon_a_target_was_rid_of_a_credential_is_measured_from_the_decision() {
    let (shop, target) = shop_with_target().await;
    let bounds = || async { shop.gate.revocation_bounds().await.unwrap() };
    let first = bounds().await;
    assert_eq!((first.len(), first[0].measured.leases), (1, 0));
    assert!(first[0].configured && first[0].class == RevocationClass::Immediate);

    let task = shop.task().await;
    let quick = taken(&shop, &task).await.record.id;
    let slow = taken(&shop, &task).await.record.id;
    taken(&shop, &task).await;
    let owner = Person::Owner.id();
    shop.gate.revoke(&owner, quick).await.unwrap();
    assert_eq!(turn(&shop).await.verified, 1);
    // It stands for as long as its target does not say that it is gone, however long that was ago.
    target.set_down(true);
    shop.gate.revoke(&owner, slow).await.unwrap();
    assert_eq!(turn(&shop).await.verified, 0);
    assert_eq!(bounds().await[0].measured.leases, 1);
    pass(&shop, 2 * RETRY_SECONDS_MAX);
    target.set_down(false);
    assert_eq!(turn(&shop).await.verified, 1);
    let measured = bounds().await[0].measured;
    let told = (measured.leases, measured.longest_millis);
    assert_eq!(told, (2, u64::from(2 * RETRY_SECONDS_MAX) * 1000));
    assert_eq!(measured.median_millis, 0);
}

#[tokio::test]
async fn c03_p07_a_target_that_is_down_for_an_hour_is_tried_until_it_answers() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    target.set_down(true);
    shop.gate.end_task(&shop.caller(), task).await.unwrap();
    let mut overdue = 0;
    let mut at = Vec::new();
    for second in 0..3_600 {
        let did = turn(&shop).await;
        assert_eq!(did.waiting, 1);
        overdue += did.overdue;
        if did.overdue > 0 {
            at.push(second);
        }
        pass(&shop, 1);
    }
    // P7: people are told once, a minute after the decision, at the next attempt.
    assert_eq!(overdue, 1);
    let told_at = u32::try_from(at[0]).unwrap();
    assert!((OVERDUE_SECONDS..=OVERDUE_SECONDS + RETRY_SECONDS_MAX).contains(&told_at));
    let announced = shop.store().outbox(0, 1_000).await.unwrap();
    let remains = announced
        .iter()
        .filter(|one| one.message.topic == "lease_remains");
    assert_eq!(remains.count(), 1);
    // It is tried often, and not in every second.
    assert!(
        (300..=600).contains(&target.removals()),
        "{}",
        target.removals()
    );

    target.set_down(false);
    let mut seconds = 0;
    while turn(&shop).await.verified == 0 {
        seconds += 1;
        pass(&shop, 1);
    }
    assert!(
        seconds <= RETRY_SECONDS_MAX,
        "P7: gone {seconds} s after it answers"
    );
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn c03_a_target_restored_from_a_backup_gives_nothing_back() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    let backup = target.backup();
    shop.gate.end_task(&shop.caller(), task).await.unwrap();
    turn(&shop).await;
    assert_eq!(state(&shop).await, GrantState::Revoked);

    target.restore(&backup);
    assert_eq!(target.standing().len(), 1);
    pass(&shop, 31);
    let did = turn(&shop).await;
    assert_eq!((did.orphans, did.verified), (1, 1));
    assert_eq!(target.standing(), Vec::<String>::new());
    assert_eq!(leased(&shop).await[0].lease.clone().unwrap().returned, 1);
}

/// Between the target's answer and the write of it another process calls it gone, and finds it there again.
#[tokio::test]
async fn c03_an_answer_from_before_a_restore_says_nothing_of_what_stands_since() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    let backup = target.backup();
    let other = shop
        .issuing_over(shop.shared_memory(), target.clone())
        .await;
    shop.gate.end_task(&shop.caller(), task).await.unwrap();
    target.answer_late();
    let waiting = target.waiting.notified();
    let slow = tokio::spawn(async move { other.tick_leases().await });
    waiting.await;
    assert_eq!(turn(&shop).await.verified, 1);

    target.restore(&backup);
    target.set_stuck(true);
    pass(&shop, 31);
    let did = turn(&shop).await;
    assert_eq!((did.orphans, did.verified), (1, 0));
    target.go_on();
    assert_eq!(slow.await.unwrap().unwrap().verified, 0);
    assert_eq!(state(&shop).await, GrantState::Revoking);
    assert_eq!(target.standing().len(), 1);
}

#[tokio::test]
async fn c04_what_nobody_remembers_is_taken_away_and_told() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    let mine = target.standing();
    target.plant("gh_grt_00000000000000000000000000000000");
    target.plant("gh_something_else");
    pass(&shop, 31);
    assert_eq!(turn(&shop).await.orphans, 2);
    assert_eq!(target.standing(), mine, "what is in force stays");
    assert_eq!(shop.gate.tick().await.unwrap().tampering, 2);
}

#[tokio::test]
async fn c04_a_credential_whose_making_nobody_heard_of_is_taken_away() {
    for making in [Making::AnswerLost, Making::Lost, Making::Refused] {
        let (shop, target) = shop_with_target().await;
        target.set_making(making);
        let task = shop.task().await;
        let redeemed = taken(&shop, &task).await;
        assert!(redeemed.credential.is_none());
        let known = if making == Making::Refused {
            State::Failed
        } else {
            State::Unknown
        };
        assert_eq!(redeemed.record.state, known);
        assert_eq!(turn(&shop).await.verified, 1, "{making:?}");
        assert_eq!(target.standing(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn c04_a_process_that_ends_at_any_commit_leaves_nothing_standing() {
    for commits in 1..=4 {
        let (shop, target) = shop_with_target().await;
        let task = shop.task().await;
        let asked = shop.submit(&task, "shop.access", READER).await.unwrap();
        let ending = shop::ending::Ending::of(shop.shared_memory());
        let dying = shop.issuing_over(ending.clone(), target.clone()).await;
        ending.after(commits);
        let taken = dying.redeem(&shop.caller(), asked.record.id).await;
        let handed = taken.is_ok_and(|redeemed| redeemed.credential.is_some());
        drop(dying);
        // Another process goes on: what was executing is Unknown after its time, and what was made is taken away.
        pass(&shop, 61);
        shop.gate.tick().await.unwrap();
        pass(&shop, 1);
        turn(&shop).await;
        turn(&shop).await;
        assert_eq!(target.standing().is_empty(), !handed, "after {commits}");
    }
}

#[tokio::test]
async fn a_lease_ends_at_its_time_and_at_every_change_that_it_rests_on() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    pass(&shop, 601);
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(told(&shop).await[1].1, "expired");

    for (stop, code) in [
        (
            Stops {
                targets: ["sql:shop".parse().unwrap()].into(),
                ..Stops::default()
            },
            "stopped",
        ),
        (
            Stops {
                everything: true,
                ..Stops::default()
            },
            "stopped",
        ),
    ] {
        let (shop, target) = shop_with_target().await;
        let task = shop.task().await;
        taken(&shop, &task).await;
        let owner = Person::Owner.id();
        shop.gate.stop(&owner, stop, "a test").await.unwrap();
        let did = turn(&shop).await;
        assert_eq!((did.ended, did.verified), (1, 1));
        assert_eq!(told(&shop).await[1].1, code);
        assert_eq!(target.standing(), Vec::<String>::new());
    }
    assert_eq!(target.standing(), Vec::<String>::new());
}

/// A process that ends between the end of a task and that of its leases.
#[tokio::test]
async fn a_lease_whose_task_ended_is_found_by_whoever_looks_next() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    let ending = shop::ending::Ending::of(shop.shared_memory());
    let dying = shop.issuing_over(ending.clone(), target.clone()).await;
    ending.after(1);
    assert!(dying.end_task(&shop.caller(), task).await.is_err());
    assert_eq!(state(&shop).await, GrantState::Active);
    let did = turn(&shop).await;
    assert_eq!((did.ended, did.verified), (1, 1));
    assert_eq!(told(&shop).await[1].1, "task_ended");
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lease_ends_when_the_key_that_asked_loses_its_force() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    assert_eq!(turn(&shop).await, LeaseTick::default());
    let mut nhi = shop::nhi();
    nhi["lifecycle"] = "suspended".into();
    let payload = nhi.to_string();
    let suspended = shop.change("nhi.create", &payload, Person::Owner);
    assert_eq!(suspended.await.state, State::Completed);
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(told(&shop).await[1].1, "requester_gone");
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn a_payload_that_the_target_makes_nothing_of_is_refused_before_anybody_is_asked() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    for payload in [r#"{"role":"owner"}"#, r#"{"role":"odd"}"#] {
        let refused = shop.submit(&task, "shop.access", payload).await;
        let Err(GateError::Refused(refusal)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal.code(), "not_issuable");
    }
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn two_leases_of_one_entitlement_end_apart() {
    let (shop, target) = shop_with_target().await;
    let (one, two) = (shop.task().await, shop.task().await);
    taken(&shop, &one).await;
    taken(&shop, &two).await;
    assert_eq!(target.standing().len(), 2);
    shop.gate.end_task(&shop.caller(), one).await.unwrap();
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(target.standing().len(), 1, "C5: the other one lives on");
}

#[tokio::test]
async fn only_somebody_who_is_enrolled_takes_a_credential_away() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    let redeemed = taken(&shop, &task).await;
    let id: RequestId = redeemed.record.id;
    let stranger = gatehold_core::ids::HumanId::new("https://idp.example", "mallory").unwrap();
    assert!(shop.gate.revoke(&stranger, id).await.is_err());
    turn(&shop).await;
    assert_eq!(target.standing().len(), 1);
    let reviewer = Person::Reviewer.id();
    shop.gate.revoke(&reviewer, id).await.unwrap();
    turn(&shop).await;
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn a_removal_that_stalls_keeps_no_other_waiting() {
    let (shop, target) = shop_with_target().await;
    let (one, two) = (shop.task().await, shop.task().await);
    taken(&shop, &one).await;
    let stalled = target.standing().remove(0);
    target.stall(&stalled);
    taken(&shop, &two).await;
    for task in [one, two] {
        shop.gate.end_task(&shop.caller(), task).await.unwrap();
    }
    let did = turn(&shop).await;
    assert_eq!((did.verified, did.waiting), (1, 1));
    assert_eq!(target.standing(), [stalled]);
    // What is under way is not begun again, and is told once it has come to its end.
    assert_eq!(turn(&shop).await.verified, 0);
    target.go_on();
    let mut verified = 0;
    while verified == 0 {
        tokio::task::yield_now().await;
        verified = turn(&shop).await.verified;
    }
    assert_eq!((verified, target.removals()), (1, 2));
    assert_eq!(target.standing(), Vec::<String>::new());
}

/// As many credentials of one task.
async fn many(shop: &Shop, count: usize) -> TaskId {
    let task = shop.task().await;
    for _ in 0..count {
        taken(shop, &task).await;
    }
    task
}

async fn everything_stops(shop: &Shop) {
    let stop = Stops {
        everything: true,
        ..Stops::default()
    };
    let by = Person::Owner.id();
    shop.gate.stop(&by, stop, "a test").await.unwrap();
}

#[tokio::test]
async fn a_stop_of_many_is_through_without_another_turn() {
    let (shop, target) = shop_with_target().await;
    many(&shop, 40).await;
    everything_stops(&shop).await;
    let did = turn(&shop).await;
    assert_eq!((did.ended, did.verified, did.waiting), (40, 40, 0));
    assert_eq!(target.removals(), 40);
    assert_eq!(target.standing(), Vec::<String>::new());
    let gone = told(&shop).await;
    let verified = gone
        .iter()
        .filter(|(what, _)| *what == LeaseEvent::Verified);
    assert_eq!(verified.count(), 40);
}

#[tokio::test]
async fn a_stop_of_many_shuts_all_before_each_is_taken_away() {
    let (shop, target) = shop_with_target().await;
    many(&shop, 150).await;
    let all = target.standing();
    for handle in &all {
        target.stall(handle);
    }
    everything_stops(&shop).await;
    let did = turn(&shop).await;
    assert_eq!((did.verified, did.waiting), (0, 150));
    // Every one of them stands, some of them are being taken away, and nobody can use any other.
    assert_eq!(target.standing().len(), 150);
    let (begun, shut) = (target.begun(), target.shut_first());
    let open: Vec<&String> = all
        .iter()
        .filter(|handle| !begun.contains(*handle) && !shut.contains(*handle))
        .collect();
    assert_eq!(open, Vec::<&String>::new());
    assert!(begun.len() < 20, "{}", begun.len());
    // That they are shut is not believed: each is taken away.
    target.stall_nothing();
    let mut verified = 0;
    while verified < 150 {
        tokio::task::yield_now().await;
        verified += turn(&shop).await.verified;
    }
    assert_eq!((target.removals(), target.begun().len()), (150, 150));
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_target_that_was_down_missed_is_shut_once_it_is_back_and_nothing_twice() {
    let (shop, target) = shop_with_target().await;
    many(&shop, 40).await;
    let all = target.standing();
    target.set_down(true);
    everything_stops(&shop).await;
    while target.removals() < 40 {
        tokio::task::yield_now().await;
        turn(&shop).await;
    }
    assert_eq!(target.shut_first().len(), 0);
    // It is back, and slow.
    target.set_down(false);
    for handle in &all {
        target.stall(handle);
    }
    pass(&shop, RETRY_SECONDS_MAX);
    turn(&shop).await;
    // Eight are being taken away, and nobody can use any of the others.
    assert!(target.shut_first().len() >= 32, "{:?}", target.shut_first());

    // Who is shut, and has a session that does not end, needs nobody who shuts it once more.
    target.set_stuck(true);
    target.stall_nothing();
    while target.removals() < 80 {
        tokio::task::yield_now().await;
        turn(&shop).await;
    }
    target.forget_shut();
    for handle in &all {
        target.stall(handle);
    }
    pass(&shop, RETRY_SECONDS_MAX);
    turn(&shop).await;
    assert_eq!(target.shut_first().len(), 0);
}

#[tokio::test]
async fn whoever_waits_behind_removals_that_stall_is_shut_meanwhile() {
    let (shop, target) = shop_with_target().await;
    let first = many(&shop, 8).await;
    let stalled = target.standing();
    for handle in &stalled {
        target.stall(handle);
    }
    shop.gate.end_task(&shop.caller(), first).await.unwrap();
    turn(&shop).await;
    assert_eq!((target.begun().len(), target.shut_first().len()), (8, 0));
    let other = many(&shop, 1).await;
    let ninth: Vec<String> = target.standing();
    let ninth: Vec<String> = ninth
        .into_iter()
        .filter(|handle| !stalled.contains(handle))
        .collect();
    shop.gate.end_task(&shop.caller(), other).await.unwrap();
    turn(&shop).await;
    assert!(!target.begun().contains(&ninth[0]));
    assert_eq!(target.shut_first(), ninth.into_iter().collect());
}

#[tokio::test]
async fn a_credential_is_not_handed_over_under_a_stop_that_is_only_kept() {
    let (shop, target) = shop_with_target().await;
    let taking = being_made(&shop, &target).await;
    // About somebody else: what is under way here is not given up by it, and nothing is decided before it is stored.
    shop.memory().set_down(true);
    let stop = Stops {
        workloads: ["another-bot".parse().unwrap()].into(),
        ..Stops::default()
    };
    let kept = shop.gate.stop(&Person::Owner.id(), stop, "a test").await;
    assert!(matches!(kept, Err(GateError::Journaled)), "{kept:?}");
    shop.memory().set_down(false);
    target.go_on();
    let redeemed = taking.await.unwrap().unwrap();
    assert!(redeemed.credential.is_none());
    turn(&shop).await;
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn what_somebody_changed_of_one_lease_keeps_no_lease_alive() {
    let (shop, target) = shop_with_target().await;
    let (one, two) = (shop.task().await, shop.task().await);
    let damaged = taken(&shop, &one).await.record.id;
    taken(&shop, &two).await;
    let key = |table, id: &dyn std::fmt::Display| RowKey::new(table, &id.to_string());
    let memory = shop.memory();
    memory.tamper(&key(Table::Request, &damaged), Some(b"{}".to_vec()));
    memory.tamper(&key(Table::Task, &one), Some(b"{}".to_vec()));
    memory.tamper(&key(Table::Stops, &"main"), Some(b"{}".to_vec()));
    pass(&shop, 61);
    let did = turn(&shop).await;
    assert_eq!((did.ended, did.verified), (1, 1));
    assert_eq!(told(&shop).await.last().unwrap().0, LeaseEvent::Verified);
    assert_eq!(target.standing().len(), 1, "the other one lives on");
    pass(&shop, 600);
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(target.standing(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lease_ends_when_its_workload_is_paused() {
    let (shop, target) = shop_with_target().await;
    let task = shop.task().await;
    taken(&shop, &task).await;
    let odd = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let odd = odd.unwrap().record.id;
    let reviewer = Person::Reviewer.id();
    let told_so = shop
        .gate
        .act(&reviewer, odd, ActKind::Suspicious, "odd", "signed")
        .await;
    assert_eq!(told_so.unwrap().state, State::Denied);
    assert_eq!(turn(&shop).await.verified, 1);
    assert_eq!(told(&shop).await[1].1, "workload_paused");
    assert_eq!(target.standing(), Vec::<String>::new());
}
