//! Whose browsers are told, and where the gate never speaks to: over a gate with a store of its own. What arrives at a push service is
//! tested in crates/gatehold/tests/browser/push.mjs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: helpers outside test functions"
)]

mod shop;

use std::collections::BTreeSet;

use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::refusal::Refusal;
use gatehold_gate::ports::notifier::Subscriptions as _;
use gatehold_gate::push::{
    Endpoint, PushRules, PushServices, SaidByBrowser, StoredSubscribers, Subscribers,
};
use gatehold_gate::{Dispatcher, GateError, SessionLimits, Visitor};
use shop::{Person, Shop};

const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn rules(public_key: &str) -> PushRules {
    PushRules {
        services: PushServices::default(),
        public_key: public_key.to_owned(),
    }
}

fn browser(name: &str) -> SaidByBrowser {
    SaidByBrowser {
        endpoint: format!("https://fcm.googleapis.com/fcm/send/{name}"),
        p256dh: P256DH.to_owned(),
        auth: AUTH.to_owned(),
    }
}

async fn visitor(shop: &Shop, person: Person) -> Visitor {
    let limits = SessionLimits::default();
    let signed_in = shop.gate.sign_in_by_code(&person.id(), limits).await;
    signed_in.unwrap().visitor
}

async fn subscribe(shop: &Shop, person: Person, name: &str) -> Hash {
    let visitor = visitor(shop, person).await;
    let rules = rules("key");
    let subscribed = shop.gate.subscribe(&visitor, browser(name), &rules);
    subscribed.await.unwrap()
}

fn people(all: &[Person]) -> BTreeSet<HumanId> {
    all.iter().map(|person| person.id()).collect()
}

/// Whose browsers a channel would tell.
async fn told(shop: &Shop, key: &str) -> Vec<HumanId> {
    let both = people(&[Person::Reviewer, Person::Second]);
    let found = Subscribers::new(shop.gate.clone(), rules(key))
        .of(&both)
        .await;
    found.unwrap().into_iter().map(|one| one.human).collect()
}

async fn stored(shop: &Shop, person: Person) -> usize {
    let human = person.id().to_string();
    shop.store().subscriptions(&human).await.unwrap().len()
}

#[tokio::test]
async fn whoever_loses_their_key_is_told_nothing() {
    let shop = Shop::in_memory().await;
    subscribe(&shop, Person::Reviewer, "one").await;
    subscribe(&shop, Person::Second, "two").await;
    let both = [Person::Reviewer.id(), Person::Second.id()];
    assert_eq!(told(&shop, "key").await, both);
    shop.revoke_key(Person::Second).await.unwrap();
    assert_eq!(told(&shop, "key").await, [Person::Reviewer.id()]);
}

#[tokio::test]
async fn the_browsers_of_whoever_leaves_are_forgotten() {
    let shop = Shop::in_memory().await;
    subscribe(&shop, Person::Reviewer, "one").await;
    subscribe(&shop, Person::Second, "two").await;
    let mut dispatcher = Dispatcher::new(shop.gate.clone(), Vec::new(), "https://gate.example");
    dispatcher.beat().await.unwrap();
    assert_eq!(stored(&shop, Person::Second).await, 1);
    shop.revoke_key(Person::Second).await.unwrap();
    dispatcher.beat().await.unwrap();
    assert_eq!(stored(&shop, Person::Second).await, 0);
    assert_eq!(stored(&shop, Person::Reviewer).await, 1);
}

#[tokio::test]
async fn a_browser_that_subscribed_under_another_key_is_forgotten() {
    let shop = Shop::in_memory().await;
    subscribe(&shop, Person::Reviewer, "one").await;
    assert_eq!(told(&shop, "key").await.len(), 1);
    assert!(told(&shop, "another").await.is_empty());
    assert_eq!(stored(&shop, Person::Reviewer).await, 0);
}

#[tokio::test]
async fn a_browser_is_whose_person_subscribed_last_and_nobody_ends_anothers() {
    let shop = Shop::in_memory().await;
    let id = subscribe(&shop, Person::Reviewer, "one").await;
    let (reviewer, second) = (
        visitor(&shop, Person::Reviewer).await,
        visitor(&shop, Person::Second).await,
    );
    let of = async |visitor: &Visitor| {
        let found = shop.gate.subscriptions(visitor, &rules("key")).await;
        found.unwrap().len()
    };
    shop.gate.unsubscribe(&second, &id).await.unwrap();
    assert_eq!((of(&reviewer).await, of(&second).await), (1, 0));
    assert_eq!(subscribe(&shop, Person::Second, "one").await, id);
    assert_eq!((of(&reviewer).await, of(&second).await), (0, 1));
    shop.gate.unsubscribe(&reviewer, &id).await.unwrap();
    assert_eq!(of(&second).await, 1);
    shop.gate.unsubscribe(&second, &id).await.unwrap();
    assert_eq!(of(&second).await, 0);
}

#[tokio::test]
async fn what_somebody_wrote_into_the_database_is_spoken_to_no_more() {
    let shop = Shop::in_memory().await;
    let id = subscribe(&shop, Person::Reviewer, "one").await;
    let human = Person::Reviewer.id().to_string();
    let mut row = shop.store().subscriptions(&human).await.unwrap().remove(0);
    row.endpoint = "https://169.254.169.254/latest/meta-data".to_owned();
    shop.store().put_subscription(row).await.unwrap();
    assert!(told(&shop, "key").await.is_empty());
    assert_eq!(stored(&shop, Person::Reviewer).await, 0);
    // An operator's test believes it no more.
    subscribe(&shop, Person::Reviewer, "one").await;
    let found = StoredSubscribers::new(shop.store.clone(), rules("key"), true);
    let found = found.of(&people(&[Person::Reviewer])).await.unwrap();
    assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn what_is_no_browser_is_refused() {
    let shop = Shop::in_memory().await;
    let visitor = visitor(&shop, Person::Reviewer).await;
    for bad in [
        SaidByBrowser {
            endpoint: "https://127.0.0.1/push".to_owned(),
            ..browser("x")
        },
        SaidByBrowser {
            p256dh: P256DH.replace("Aiw4", "Aiw8"),
            ..browser("x")
        },
        SaidByBrowser {
            auth: AUTH.repeat(2),
            ..browser("x")
        },
    ] {
        let refused = shop.gate.subscribe(&visitor, bad, &rules("key")).await;
        assert!(
            matches!(refused, Err(GateError::Refused(Refusal::Subscription(_)))),
            "{refused:?}"
        );
    }
    assert_eq!(stored(&shop, Person::Reviewer).await, 0);
}

#[test]
fn messages_go_to_push_services_and_nowhere_else() {
    gatehold_sim::mutants::remove_the_named_guard();
    let usual = PushServices::default();
    for (good, origin) in [
        (
            "https://fcm.googleapis.com/fcm/send/a:b-_c",
            "https://fcm.googleapis.com",
        ),
        (
            "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
            "https://updates.push.services.mozilla.com",
        ),
        (
            "https://wns2-par02p.notify.windows.com/w/?token=BQ%3d",
            "https://wns2-par02p.notify.windows.com",
        ),
        (
            "https://web.push.apple.com/QA",
            "https://web.push.apple.com",
        ),
    ] {
        let endpoint = Endpoint::parse(good, &usual, false).unwrap();
        assert_eq!((endpoint.expose(), endpoint.origin()), (good, origin));
        assert!(!endpoint.is_here());
        assert_eq!(format!("{endpoint:?}"), format!("Endpoint({origin}/…)"));
    }
    let long = format!("https://fcm.googleapis.com/{}", "a".repeat(1_000));
    for dev in [false, true] {
        for bad in [
            "",
            "fcm.googleapis.com/a",
            "http://fcm.googleapis.com/a",
            "ftp://fcm.googleapis.com/a",
            "HTTPS://fcm.googleapis.com/a",
            "https://fcm.googleapis.com",
            "https://fcm.googleapis.com/",
            "https://fcm.googleapis.com:443/a",
            "https://fcm.googleapis.com:8443/a",
            "https://FCM.googleapis.com/a",
            "https://fcm.googleapis.com./a",
            "https://fcm.googleapis.com.evil.example/a",
            "https://evilfcm.googleapis.com/a",
            "https://notify.windows.com/a",
            "https://.notify.windows.com/a",
            "https://xnotify.windows.com/a",
            "https://a.notify.windows.com@127.0.0.1/a",
            "https://127.0.0.1#.notify.windows.com/a",
            "https://127.0.0.1\\.notify.windows.com/a",
            "https://127.0.0.1%2f.notify.windows.com/a",
            "https://fcm.googleapis.com\u{2024}evil.example/a",
            "https://user:pass@fcm.googleapis.com/a",
            "https://fcm.googleapis.com/a b",
            "https://fcm.googleapis.com/a\r\nhost: x",
            "https://fcm.googleapis.com/é",
            "https://fcm.googleapis.com/a#b",
            "https://169.254.169.254/latest",
            "https://[::1]/a",
            "https://127.0.0.1/a",
            "https://localhost/a",
            "http://127.0.0.1:9/a",
            "file:///etc/passwd",
            &long,
        ] {
            assert!(Endpoint::parse(bad, &usual, dev).is_err(), "{bad}");
        }
    }
}

#[test]
fn this_machine_is_a_push_service_of_a_development_gate_alone() {
    let here = PushServices::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let url = "http://127.0.0.1:9000/push/1";
    let endpoint = Endpoint::parse(url, &here, true).unwrap();
    assert!(endpoint.is_here());
    assert_eq!(endpoint.origin(), "http://127.0.0.1:9000");
    assert!(Endpoint::parse(url, &here, false).is_err());
    assert!(Endpoint::parse("https://127.0.0.1/a", &here, false).is_err());
    for bad in [
        "http://127.0.0.1:09000/a",
        "http://127.0.0.1:/a",
        "http://127.0.0.1:99999/a",
        "http://localhost:9000/a",
        "http://127.0.0.2:9000/a",
    ] {
        assert!(Endpoint::parse(bad, &here, true).is_err(), "{bad}");
    }
}
