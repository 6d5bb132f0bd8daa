//! An "active" and a "gone" of the same person that meet on their way, at two processes over a real store; and a key that is
//! approved before its holder is gone. What an identity provider said last stands.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests: helpers outside test functions"
)]

mod shop;

use std::sync::Arc;

use gatehold_core::assurance::Assurance;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::trust::ENROL_NAMESPACE;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_gate::{GateError, Provisioned, Reinstated, Taken};
use gatehold_sim::postgres_server::PostgresServer;

use shop::audited::Audited;
use shop::faulty::{Faulty, Shape};
use shop::provider::{back, gone, stands, word};
use shop::{Person, Shop};

const SQL: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";
/// The key that eve makes.
const SEED: [u8; 32] = [41; 32];

fn eve() -> HumanId {
    HumanId::new("dev.local", "eve").unwrap()
}

/// Second, whom their provider deactivated, and by what.
async fn second_gone(shop: &Shop) -> (HumanId, Hash) {
    let second = Person::Second.id();
    let by = stands(&shop.gate, &second).await;
    (second, by)
}

async fn is_gone_everywhere(shop: &Shop) {
    let second = Person::Second.id();
    for gate in [shop.gate.clone(), shop.beside(None).await] {
        let standing = gate.provisioned(&second).await.unwrap();
        assert!(matches!(standing, Provisioned::Gone(_)), "{standing:?}");
        assert!(gate.directory().is_suspended(&second));
    }
    assert!(Audited::of(shop).await.report().is_sound());
}

/// "Active" was heard and signed. Before it is written, another process, or this one, hears that they are gone.
async fn a_gone_meets_an_active(shop: Shop) {
    for of_the_same_process in [false, true] {
        let (second, stands) = second_gone(&shop).await;
        let store = Faulty::of(shop.store.clone());
        let gate = shop.over_store(store.clone()).await;
        let other = if of_the_same_process {
            gate.clone()
        } else {
            shop.gate.clone()
        };
        let human = second.clone();
        store.before_the_write(async move { gone(&other, &human).await });
        let back = gate.reinstate(&second, &stands, &word()).await;
        assert_eq!(back.unwrap(), Reinstated::GoneSince);
        is_gone_everywhere(&shop).await;
        // Sent again it names what stands now, and is believed.
        let stands = gate.directory().suspended_by(&second).unwrap();
        let back = gate.reinstate(&second, &stands, &word()).await;
        assert_eq!(back.unwrap(), Reinstated::Back);
        assert!(!gate.directory().is_suspended(&second));
    }
}

/// "Gone" found them suspended already. Before it is written, the "active" that was on its way is.
async fn an_active_meets_a_gone(shop: Shop) {
    for of_the_same_process in [false, true] {
        let (second, stands) = second_gone(&shop).await;
        let store = Faulty::of(shop.store.clone());
        let gate = shop.over_store(store.clone()).await;
        let other = if of_the_same_process {
            gate.clone()
        } else {
            shop.gate.clone()
        };
        let human = second.clone();
        store.before_the_write(async move {
            let back = other.reinstate(&human, &stands, &word()).await;
            assert_eq!(back.unwrap(), Reinstated::Back);
        });
        gone(&gate, &second).await;
        is_gone_everywhere(&shop).await;
    }
}

/// Its answer is lost, or the write itself; meanwhile they are gone. The try that follows gives up.
async fn a_gone_meets_an_active_whose_write_is_lost(shop: Shop) {
    let (second, stands) = second_gone(&shop).await;
    let store = Faulty::of(shop.store.clone());
    let gate = shop.over_store(store.clone()).await;
    store.goes_wrong(0, Shape::LostUnknown);
    let (other, human) = (shop.gate.clone(), second.clone());
    store.before_the_write(async move { gone(&other, &human).await });
    let back = gate.reinstate(&second, &stands, &word()).await;
    assert_eq!(back.unwrap(), Reinstated::GoneSince);
    is_gone_everywhere(&shop).await;
}

#[tokio::test]
async fn a_gone_that_meets_an_active_on_its_way_stands_in_sqlite() {
    a_gone_meets_an_active(Shop::open().await).await;
    an_active_meets_a_gone(Shop::open().await).await;
    a_gone_meets_an_active_whose_write_is_lost(Shop::open().await).await;
}

#[tokio::test]
async fn a_gone_that_meets_an_active_on_its_way_stands_in_postgresql() {
    let server = PostgresServer::start();
    let shop = async |name: &str| Shop::in_postgres(&server.create_database(name).await).await;
    a_gone_meets_an_active(shop("gone").await).await;
    an_active_meets_a_gone(shop("active").await).await;
    a_gone_meets_an_active_whose_write_is_lost(shop("lost").await).await;
}

/// A new key of eve, who has none, as whoever asks for it names how eve stands.
fn enrolment(shop: &Shop, suspension: Option<Hash>) -> String {
    let key = software_key(&SEED).to_line();
    let message = HumanEnrol::possession_message(&shop.gate.origin(), &eve(), &key).unwrap();
    let enrol = HumanEnrol {
        human: eve(),
        key,
        assurance: Assurance::Software,
        possession: sign_software(&SEED, ENROL_NAMESPACE, &message).unwrap(),
        attestation: None,
        suspension,
    };
    String::from_utf8(canonical::to_bytes(&enrol).unwrap()).unwrap()
}

/// Asked for by the owner and approved by one of the two others.
async fn asked(shop: &Shop, suspension: Option<Hash>) -> RequestId {
    let payload = enrolment(shop, suspension);
    let asked = shop.propose("human.enrol", &payload, Person::Owner).await;
    let half = shop.approve(Person::Reviewer, asked.id).await.unwrap();
    assert_eq!(half.state, State::Held);
    asked.id
}

/// The review that completes it is written, and before the key is enrolled its holder is gone: nobody has ever enrolled them, so
/// there is nothing of theirs but what is asked for.
async fn gone_before_their_first_key(shop: Shop) {
    let id = asked(&shop, None).await;
    let store = Faulty::of(shop.store.clone());
    let gate = shop.over_store(store.clone()).await;
    let provider = shop.gate.clone();
    store.after_the_write(async move { gone(&provider, &eve()).await });
    let review = shop.sign(Person::Second, id, true).await;
    // Whatever the reviewer is told, the key is none.
    let _told = gate.review(review).await;
    let directory = shop.beside(None).await.directory();
    assert!(directory.is_suspended(&eve()));
    assert!(!directory.humans.contains_key(&eve()));
    // People who know it enrol them all the same, and that key counts until it is said again.
    let stands = directory.suspended_by(&eve());
    let id = asked(&shop, stands).await;
    let applied = shop.approve(Person::Second, id).await.unwrap();
    assert_eq!(applied.state, State::Completed);
    let name = Hash::from_bytes(software_key(&SEED).thumbprint());
    assert!(shop.gate.directory().key(&eve(), &name).is_some());
    gone(&shop.gate, &eve()).await;
    assert!(shop.gate.directory().key(&eve(), &name).is_none());
    assert!(Audited::of(&shop).await.report().is_sound());
}

#[tokio::test]
async fn a26_whoever_is_gone_before_their_first_key_is_applied_has_none_in_sqlite() {
    gone_before_their_first_key(Shop::open().await).await;
}

#[tokio::test]
async fn a26_whoever_is_gone_before_their_first_key_is_applied_has_none_in_postgresql() {
    let server = PostgresServer::start();
    gone_before_their_first_key(Shop::in_postgres(&server.create_database("first").await).await)
        .await;
}

/// Approved by everybody who has to, and not applied: whoever would apply it fails to. Meanwhile eve is gone, and back.
async fn gone_and_back_before_their_first_key(shop: Shop) {
    let id = asked(&shop, None).await;
    let store = Faulty::of(shop.store.clone());
    let gate = shop.over_store(store.clone()).await;
    let provider = shop.gate.clone();
    store.after_the_write(async move {
        gone(&provider, &eve()).await;
        back(&provider, &eve()).await;
    });
    let review = shop.sign(Person::Second, id, true).await;
    // Whatever the reviewer is told, the key is none.
    let _told = gate.review(review).await;
    let directory = shop.beside(None).await.directory();
    assert!(directory.suspended.is_empty());
    assert!(!directory.humans.contains_key(&eve()));
    // Asked for by people who may know of it, it is a key.
    let last = directory.last_gone(&eve());
    assert!(last.is_some());
    let id = asked(&shop, last).await;
    let applied = shop.approve(Person::Second, id).await.unwrap();
    assert_eq!(applied.state, State::Completed);
    assert!(shop.gate.directory().humans.contains_key(&eve()));
    assert!(Audited::of(&shop).await.report().is_sound());
}

#[tokio::test]
async fn a26_whoever_is_gone_and_back_before_their_first_key_is_applied_has_none_in_sqlite() {
    gone_and_back_before_their_first_key(Shop::open().await).await;
}

#[tokio::test]
async fn a26_whoever_is_gone_and_back_before_their_first_key_is_applied_has_none_in_postgresql() {
    let server = PostgresServer::start();
    let url = server.create_database("back").await;
    gone_and_back_before_their_first_key(Shop::in_postgres(&url).await).await;
}

/// The last time that it may be said again found them suspended, and before it is written an "active" is.
#[tokio::test]
async fn what_is_said_first_is_taken_whatever_active_is_written_meanwhile() {
    let shop = Shop::open().await;
    let (second, _) = second_gone(&shop).await;
    let store = Faulty::of(shop.store.clone());
    let gate = shop.over_store(store.clone()).await;
    for _ in 0..9 {
        gone(&gate, &second).await;
    }
    let (other, human) = (shop.gate.clone(), second.clone());
    store.before_the_write(async move { back(&other, &human).await });
    gone(&gate, &second).await;
    is_gone_everywhere(&shop).await;
    back(&gate, &second).await;
    gone(&gate, &second).await;
    let again = gate.suspend(&second, false).await.unwrap();
    assert_eq!(again, Taken::TooOften);
    is_gone_everywhere(&shop).await;
}

/// Nobody opens a request again because a provider repeats itself about somebody else.
#[tokio::test]
async fn a_review_that_is_open_counts_however_often_somebody_else_is_said_to_be_gone() {
    let shop = Shop::open().await;
    gone(&shop.gate, &Person::Owner.id()).await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", SQL).await.unwrap();
    let review = shop.sign(Person::Reviewer, held.record.id, true).await;
    gone(&shop.gate, &Person::Owner.id()).await;
    shop.gate.review(review).await.unwrap();
    // Said for the first time, it takes something, and is read.
    let review = shop.sign(Person::Second, held.record.id, true).await;
    back(&shop.gate, &Person::Owner.id()).await;
    let refused = shop.gate.review(review).await;
    assert!(
        matches!(refused, Err(GateError::Refused(Refusal::ChangedSinceShown))),
        "{refused:?}"
    );
    let approved = shop.approve(Person::Second, held.record.id).await.unwrap();
    assert_eq!(approved.state, State::Redeemable);
    assert!(Audited::of(&shop).await.report().is_sound());
}

/// Between what a provider's word looks for and what it finds, the key is enrolled: it is taken.
#[tokio::test]
async fn a26_whoever_is_gone_while_their_first_key_is_applied_keeps_no_force() {
    let shop = Shop::open().await;
    let id = asked(&shop, None).await;
    let store = Faulty::of(shop.store.clone());
    let gate = shop.over_store(store.clone()).await;
    let shop = Arc::new(shop);
    let meanwhile = shop.clone();
    store.before_the_write(async move {
        let applied = meanwhile.approve(Person::Second, id).await.unwrap();
        assert_eq!(applied.state, State::Completed);
    });
    gone(&gate, &eve()).await;
    let directory = shop.beside(None).await.directory();
    assert!(directory.humans.contains_key(&eve()) && directory.is_suspended(&eve()));
}
