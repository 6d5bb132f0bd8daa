//! D2, D4: what a process began and did not finish is finished by whoever looks next, or it expires.

use gatehold_core::ids::RequestId;
use gatehold_core::request::State;
use gatehold_gate::GateError;

use crate::shop::ending::Ending;
use crate::shop::{Person, Shop, team_set};

/// A change that two people approved, whose process ended before it applied it.
async fn approved_and_left(shop: &Shop) -> RequestId {
    change_left(shop, "team.set", &team_set()).await
}

/// The same of any change.
pub async fn change_left(shop: &Shop, descriptor: &str, payload: &str) -> RequestId {
    let store = Ending::of(shop.store.clone());
    let ending = shop.over_store(store.clone()).await;
    let asked = shop.propose(descriptor, payload, Person::Owner).await;
    shop.approve(Person::Reviewer, asked.id).await.unwrap();
    let last = shop.sign(Person::Second, asked.id, true).await;
    store.after(1);
    let answer = ending.review(last).await;
    assert!(matches!(answer, Err(GateError::Store(_))), "{answer:?}");
    let record = shop.gate.show(asked.id).await.unwrap();
    assert_eq!(record.state, State::Redeemable);
    asked.id
}

#[tokio::test]
async fn d02_an_approved_change_is_applied_once_by_any_process() {
    for shop in [Shop::open().await, Shop::in_memory().await] {
        let id = approved_and_left(&shop).await;
        let version = shop.gate.directory().version;
        let other = shop.beside(None).await;
        let (here, there) = tokio::join!(shop.gate.tick(), other.tick());
        here.unwrap();
        there.unwrap();
        assert_eq!(shop.gate.tick().await.unwrap().applied, 0);
        let record = shop.gate.show(id).await.unwrap();
        assert_eq!(record.state, State::Completed);
        assert_eq!(shop.gate.directory().version, version + 1);
        other.tick().await.unwrap();
        assert_eq!(other.directory(), shop.gate.directory());
    }
}

#[tokio::test]
async fn d04_an_approved_change_that_nobody_applied_in_time_expires() {
    let shop = Shop::in_memory().await;
    let id = approved_and_left(&shop).await;
    let directory = shop.gate.directory();
    let spend_by = shop.gate.show(id).await.unwrap().spend_by;
    shop.memory().clock().set(spend_by.plus_seconds(1));
    let tick = shop.gate.tick().await.unwrap();
    assert_eq!((tick.expired, tick.applied), (1, 0));
    let record = shop.gate.show(id).await.unwrap();
    assert_eq!(record.state, State::Expired);
    assert_eq!(shop.gate.directory(), directory);
}
