//! Every leaf that decides names the answer of policy it rests on, and a hold that nobody decides widens who is asked, on the
//! store's clock, until it is denied.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: helpers outside test functions"
)]

mod shop;

use std::collections::BTreeSet;
use std::sync::Arc;

use gatehold_core::decide::ActKind;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::request::{DecidedBy, State};
use gatehold_core::time::Timestamp;
use gatehold_store::clock::SetClock;
use shop::{Person, Shop};

/// Every leaf with its opening.
async fn entries(shop: &Shop) -> Vec<Entry> {
    let leaves = shop.stored().await;
    let read = leaves.iter().map(|leaf| Entry::from_bytes(&leaf.record));
    read.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn every_leaf_that_decides_says_what_it_rests_on() {
    let clock = Arc::new(SetClock::at(Timestamp::from_millis(1_795_226_732_000)));
    let shop = Shop::open_at(Arc::clone(&clock) as _).await;
    shop.change("team.set", &shop::team_set(), Person::Owner)
        .await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let read = read.record.id;
    shop.gate.redeem(&shop.caller(), read).await.unwrap();
    let write = shop.submit(&task, "shop.write", "DELETE FROM orders");
    let write = write.await.unwrap().record.id;
    shop.approve(Person::Reviewer, write).await.unwrap();
    shop.approve(Person::Second, write).await.unwrap();
    shop.gate.redeem(&shop.caller(), write).await.unwrap();
    let mut held = Vec::new();
    for sql in ["DELETE FROM a", "DELETE FROM b", "DELETE FROM c"] {
        let held_now = shop.submit(&task, "shop.write", sql).await.unwrap();
        held.push(held_now.record.id);
    }
    let second = shop.human(Person::Second);
    shop.gate.withdraw(&shop.caller(), held[0]).await.unwrap();
    shop.gate
        .act(&second, held[1], ActKind::Deny, "no", "chat")
        .await
        .unwrap();
    clock.advance(901_000);
    assert_eq!(shop.gate.tick().await.unwrap().expired, 1);
    let mut seen = BTreeSet::new();
    for entry in entries(&shop).await {
        let (name, decides) = match &entry.event {
            Event::Submitted { .. } => ("submitted", true),
            Event::Reviewed { .. } => ("reviewed", true),
            Event::Reheld { .. } => ("reheld", true),
            Event::Closed { decided_by, .. } if *decided_by == DecidedBy::Timeout => {
                ("timeout", true)
            }
            Event::Closed { .. } => ("closed", true),
            Event::Claimed { .. } => ("claimed", true),
            Event::Executed { .. } => ("executed", true),
            Event::Acted { .. } if entry.to == Some(State::Denied) => ("act that denies", true),
            Event::Trust { .. } if entry.request.is_some() => ("applied", true),
            _ => ("", false),
        };
        if !decides {
            continue;
        }
        seen.insert(name);
        let answer = entry.event.answer();
        let answer = answer.unwrap_or_else(|| panic!("no trace: {entry:?}"));
        assert!(
            !answer.rules.is_empty() || !answer.reasons.is_empty(),
            "{entry:?}"
        );
        assert_ne!(answer.bundle, answer.input);
    }
    let all = [
        "act that denies",
        "applied",
        "claimed",
        "closed",
        "executed",
        "reviewed",
        "submitted",
        "timeout",
    ];
    assert_eq!(seen, BTreeSet::from(all));
}

#[tokio::test]
async fn who_is_asked_widens_on_the_clock_and_nobody_deciding_is_a_denial() {
    let clock = Arc::new(SetClock::at(Timestamp::from_millis(1_795_226_732_000)));
    let shop = Shop::open_at(Arc::clone(&clock) as _).await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let id = held.unwrap().record.id;
    let asked = async || {
        let record = shop.gate.show(id).await.unwrap();
        let held = record.held.clone().unwrap();
        let teams: Vec<String> = held.asked().iter().map(ToString::to_string).collect();
        (record.escalations, teams.join(" "), held.requirement_hash)
    };
    let (before, first, asked_for) = asked().await;
    assert_eq!((before, first.as_str()), (0, "reviewers"));
    // A clock that jumps ahead and back again in a process is not the store's.
    clock.advance(599_000);
    assert_eq!(shop.gate.tick().await.unwrap().escalated, 0);
    clock.advance(-300_000);
    assert_eq!(shop.gate.tick().await.unwrap().escalated, 0);
    clock.advance(302_000);
    assert_eq!(shop.gate.tick().await.unwrap().escalated, 1);
    // Once, whoever looks, and whatever the clock does next.
    clock.advance(-300_000);
    assert_eq!(shop.gate.tick().await.unwrap().escalated, 0);
    let (times, teams, still) = asked().await;
    assert_eq!((times, teams.as_str()), (1, "reviewers standby"));
    assert_eq!(still, asked_for, "what people sign is the same");
    let inbox = shop
        .gate
        .inbox(&shop.human(Person::Reviewer))
        .await
        .unwrap();
    assert!(inbox.iter().all(|item| item.escalations == 1 && item.asked));
    clock.advance(601_000);
    let tick = shop.gate.tick().await.unwrap();
    assert_eq!((tick.expired, tick.escalated), (1, 0));
    let record = shop.gate.show(id).await.unwrap();
    assert_eq!(record.state, State::Expired);
    assert_eq!(record.decided_by, Some(DecidedBy::Timeout));
    let leaves = entries(&shop).await;
    let widened = leaves.iter().filter_map(|entry| match &entry.event {
        Event::Escalated { teams, .. } => Some(teams.len()),
        _ => None,
    });
    assert_eq!(widened.collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_grant_whose_time_is_over_is_told_as_expired() {
    let clock = Arc::new(SetClock::at(Timestamp::from_millis(1_795_226_732_000)));
    let shop = Shop::open_at(Arc::clone(&clock) as _).await;
    let task = shop.task().await;
    let write = shop.submit(&task, "shop.write", "DELETE FROM orders");
    let write = write.await.unwrap().record.id;
    let state = async || {
        let status = shop.gate.status(&shop.caller(), write).await.unwrap();
        status.state
    };
    shop.approve(Person::Reviewer, write).await.unwrap();
    shop.approve(Person::Second, write).await.unwrap();
    assert_eq!(state().await, State::Redeemable);
    // Approved for fifteen minutes; the time to use it is longer, and the clock closes nothing yet.
    clock.advance(901_000);
    assert_eq!(shop.gate.tick().await.unwrap().expired, 0);
    assert_eq!(state().await, State::Expired);
    assert!(shop.gate.redeem(&shop.caller(), write).await.is_err());
    assert!(shop.executed().is_empty());
}
