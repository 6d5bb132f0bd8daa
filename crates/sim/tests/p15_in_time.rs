//! Promise P15 on the real gate and SQLite: what is decided or used after its time on the store's clock never goes
//! through, and no clock that is stepped back makes it early again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

#[path = "../../audit/tests/share/mod.rs"]
mod share;
mod shop;

use std::sync::Arc;

use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::time::Timestamp;
use gatehold_gate::{GateError, May};
use gatehold_store::clock::SetClock;
use share::{Seed, count};
use shop::{Person, Shop};

const START: i64 = 1_795_226_732_000;
const FIVE_MINUTES: i64 = 300_000;

fn refused<T: std::fmt::Debug>(answer: Result<T, GateError>) {
    match answer {
        Err(GateError::Refused(_)) => {}
        other => panic!("it went through: {other:?}"),
    }
}

#[tokio::test]
async fn p15_nothing_is_decided_or_used_after_its_time_on_the_stores_clock() {
    let mut seed = Seed::of("p15");
    for _ in 0..count(12, 400) {
        let clock = Arc::new(SetClock::at(Timestamp::from_millis(START)));
        let mut shop = Shop::open_at(Arc::clone(&clock) as _).await;
        let task = shop.task().await;
        let held = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
        let record = held.unwrap().record;
        let decide_by = record.held.as_ref().unwrap().decide_by;
        // Signed in time; what counts is when it arrives.
        let reviews = [
            shop.sign(Person::Reviewer, record.id, true).await,
            shop.sign(Person::Second, record.id, true).await,
        ];
        let [first, second] = reviews;
        shop.gate.review(first).await.unwrap();
        let late_review = seed.below(2) == 0;
        let deadline = if late_review {
            decide_by
        } else {
            shop.gate.review(second.clone()).await.unwrap();
            record.spend_by
        };
        // Steps of five minutes both ways, up to the deadline and beyond; the store shows the furthest.
        while clock_at(&clock) <= deadline.millis() {
            let step = i64::try_from(seed.next() % 600_000).unwrap() - FIVE_MINUTES + 60_000;
            clock.advance(step);
            shop.gate.now().await.unwrap();
            if clock_at(&clock) <= deadline.millis() && seed.below(4) == 0 {
                shop.gate.tick().await.unwrap();
            }
        }
        shop.gate.now().await.unwrap();
        if seed.below(2) == 0 {
            // What the store has written, a new process reads.
            shop.gate.tick().await.unwrap();
            shop = shop.restart().await;
        }
        // And back again before anybody asks: what was shown is not taken back.
        clock.advance(-FIVE_MINUTES);
        if late_review {
            refused(shop.gate.review(second).await);
        }
        refused(shop.gate.redeem(&shop.caller(), record.id).await);
        assert!(shop.executed().is_empty());
        shop.gate.tick().await.unwrap();
        let state = shop.gate.show(record.id).await.unwrap().state;
        assert_eq!(state, State::Expired);
        assert_eq!(shop.unlogged(), 0);
    }
}

fn clock_at(clock: &SetClock) -> i64 {
    use gatehold_store::clock::Clock as _;
    clock.now().millis()
}

#[tokio::test]
async fn whoever_looks_before_the_clock_comes_by_is_shown_nothing_to_sign() {
    let clock = Arc::new(SetClock::at(Timestamp::from_millis(START)));
    let shop = Shop::open_at(Arc::clone(&clock) as _).await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let record = held.unwrap().record;
    let reviewer = shop.human(Person::Reviewer);
    let shown = shop.gate.look(&reviewer, record.id).await.unwrap();
    assert_eq!((shown.view.is_some(), shown.may), (true, May::Decide));
    let decide_by = record.held.as_ref().unwrap().decide_by;
    clock.advance(decide_by.millis() - clock_at(&clock) + 1);
    let shown = shop.gate.look(&reviewer, record.id).await.unwrap();
    assert_eq!((shown.view, shown.may), (None, May::Nothing));
    assert_eq!(shown.no_view, Some(Refusal::TooLate("the time to decide")));
}
