//! What holds no authority: the outbox, leases, opened views, sessions of browsers, browsers that people are told at.

use gatehold_core::hash::Hash;
use gatehold_gate::ports::store::{
    BrowserSession, OpenedView, SESSIONS_OF_ONE_MAX, SUBSCRIPTIONS_OF_ONE_MAX, Store,
    StoredSubscription,
};

use super::draft::Draft;
use super::guards::ok;
use super::{Database, START, after};

pub(super) async fn messages_stay_until_acknowledged(db: &impl Database) {
    let store = db.open().await;
    assert_eq!(store.outbox(0, 10).await.unwrap(), []);
    ok(
        &store,
        Draft::new().message("a", "{\"n\":1}").message("b", "{}"),
    )
    .await;
    ok(&store, Draft::new().message("c", "")).await;
    let names = async |after, limit| {
        let messages = store.outbox(after, limit).await.unwrap();
        messages
            .into_iter()
            .map(|announced| announced.message.dedup)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(0, 10).await, ["a", "b", "c"]);
    assert_eq!(names(0, 2).await, ["a", "b"]);
    let messages = store.outbox(0, 10).await.unwrap();
    let first = &messages[0];
    assert_eq!(
        (first.message.topic.as_str(), first.message.body.as_str()),
        ("held", "{\"n\":1}")
    );
    assert_eq!(names(first.number, 10).await, ["b", "c"]);
    assert_eq!(names(messages[2].number, 10).await, [""; 0]);
    store.acknowledge(messages[1].number).await.unwrap();
    store.acknowledge(messages[1].number).await.unwrap();
    assert_eq!(names(0, 10).await, ["a", "c"]);
    ok(&store, Draft::new().message("d", "{}")).await;
    assert_eq!(names(0, 10).await, ["a", "c", "d"]);
    assert_eq!(names(messages[2].number, 10).await, ["d"]);
}

pub(super) async fn a_message_says_when_it_was_written(db: &impl Database) {
    let store = db.open().await;
    ok(&store, Draft::new().message("a", "{}")).await;
    db.clock().set(after(5_000));
    ok(&store, Draft::new().message("b", "{}")).await;
    let messages = store.outbox(0, 10).await.unwrap();
    let times: Vec<_> = messages.iter().map(|announced| announced.at).collect();
    assert_eq!(times, [START, after(5_000)]);
}

pub(super) async fn a_lease_is_one_holders_until_its_time_has_passed(db: &impl Database) {
    let (one, two) = (db.open().await, db.open().await);
    let head = one.head().await.unwrap();
    assert!(one.lease("notices", "one", 30).await.unwrap());
    assert!(!two.lease("notices", "two", 30).await.unwrap());
    assert!(two.lease("another", "two", 30).await.unwrap());
    // Whoever has it keeps it by asking again.
    db.clock().set(after(29_000));
    assert!(one.lease("notices", "one", 30).await.unwrap());
    db.clock().set(after(58_000));
    assert!(!two.lease("notices", "two", 30).await.unwrap());
    db.clock().set(after(61_000));
    assert!(two.lease("notices", "two", 30).await.unwrap());
    assert!(!one.lease("notices", "one", 30).await.unwrap());
    // Given back, it is free at once.
    assert!(two.lease("notices", "two", 0).await.unwrap());
    assert!(one.lease("notices", "one", 30).await.unwrap());
    // Nothing of it is a decision.
    assert_eq!(one.head().await.unwrap(), head);
}

pub(super) async fn the_oldest_messages_go_when_nobody_takes_them(db: &impl Database) {
    let store = db.open().await;
    // 160 writes of 64 messages: 240 more than are kept.
    for write in 0..160 {
        let mut draft = Draft::new();
        for message in 0..64 {
            draft = draft.message(&format!("{write}-{message}"), "{}");
        }
        ok(&store, draft).await;
    }
    let oldest = store.outbox(0, 1).await.unwrap();
    assert_eq!(oldest[0].message.dedup, "3-48", "10,000 are left");
}

pub(super) async fn an_opened_view_is_found_until_it_expires(db: &impl Database) {
    let store = db.open().await;
    let view = |nonce: &str, text: &str| OpenedView {
        review_nonce: nonce.to_owned(),
        request: "req_1".to_owned(),
        view: text.as_bytes().to_vec(),
        expires: after(100),
    };
    assert_eq!(store.opened("n").await.unwrap(), None);
    store.put_opened(view("n", "one")).await.unwrap();
    store.put_opened(view("n", "another")).await.unwrap();
    store.put_opened(view("m", "two")).await.unwrap();
    // A nonce is drawn once: what was shown under it does not change.
    assert_eq!(store.opened("n").await.unwrap(), Some(view("n", "one")));
    assert_eq!(store.opened("m").await.unwrap(), Some(view("m", "two")));
    db.clock().set(after(100));
    assert!(store.opened("n").await.unwrap().is_some());
    db.clock().set(after(101));
    assert_eq!(store.opened("n").await.unwrap(), None);
    assert_eq!(store.head().await.unwrap().size, 0);
}

fn session(id: &str, human: &str, created: i64) -> BrowserSession {
    BrowserSession {
        id: Hash::of(id.as_bytes()),
        human: human.to_owned(),
        csrf: Hash::of(format!("csrf of {id}").as_bytes()),
        how: "dev".to_owned(),
        created: after(created),
        last_used: after(created),
        expires: after(created + 100),
        without: "security\nowners of it".to_owned(),
        // Nobody in particular vouched for some of them.
        provider: (created == 0).then(|| Hash::of(b"a provider")),
    }
}

pub(super) async fn a_session_is_found_until_it_is_over(db: &impl Database) {
    let store = db.open().await;
    let one = session("one", "dev.local/ann", 0);
    assert_eq!(store.session(&one.id).await.unwrap(), None);
    store.put_session(one.clone()).await.unwrap();
    let same_id = session("one", "dev.local/bob", 0);
    store.put_session(same_id).await.unwrap();
    // An id is drawn once: whose it is does not change.
    assert_eq!(store.session(&one.id).await.unwrap(), Some(one.clone()));
    store.use_session(&one.id, after(50)).await.unwrap();
    store.use_session(&one.id, after(20)).await.unwrap();
    let used = store.session(&one.id).await.unwrap().unwrap();
    assert_eq!((used.last_used, used.expires), (after(50), one.expires));
    db.clock().set(after(100));
    assert!(store.session(&one.id).await.unwrap().is_some());
    db.clock().set(after(101));
    assert_eq!(store.session(&one.id).await.unwrap(), None);
    // Nothing of it is a decision.
    assert_eq!(store.head().await.unwrap().size, 0);
}

pub(super) async fn an_ended_session_is_gone_and_only_that(db: &impl Database) {
    let store = db.open().await;
    let (one, two) = (
        session("one", "dev.local/ann", 0),
        session("two", "dev.local/ann", 0),
    );
    store.put_session(one.clone()).await.unwrap();
    store.put_session(two.clone()).await.unwrap();
    store.end_session(&one.id).await.unwrap();
    store.end_session(&one.id).await.unwrap();
    store.use_session(&one.id, after(1)).await.unwrap();
    assert_eq!(store.session(&one.id).await.unwrap(), None);
    assert_eq!(store.session(&two.id).await.unwrap(), Some(two));
}

pub(super) async fn a_person_has_so_many_sessions_and_the_oldest_go(db: &impl Database) {
    let store = db.open().await;
    let of_another = session("another", "dev.local/bob", 0);
    store.put_session(of_another.clone()).await.unwrap();
    let number = i64::from(SESSIONS_OF_ONE_MAX) + 3;
    let name = |at: i64| format!("session {at}");
    for at in 0..number {
        let one = session(&name(at), "dev.local/ann", at);
        store.put_session(one).await.unwrap();
    }
    for at in 0..number {
        let found = store.session(&Hash::of(name(at).as_bytes())).await.unwrap();
        assert_eq!(found.is_some(), at >= 3, "{at}");
    }
    assert!(store.session(&of_another.id).await.unwrap().is_some());
}

fn subscription(endpoint: &str, human: &str, created: i64) -> StoredSubscription {
    StoredSubscription {
        id: Hash::of(endpoint.as_bytes()),
        human: human.to_owned(),
        endpoint: format!("https://push.example/{endpoint}"),
        p256dh: format!("key of {human}"),
        auth: "secret".to_owned(),
        server_key: Hash::of(b"the gate's"),
        created: after(created),
    }
}

pub(super) async fn a_browser_is_one_persons_until_it_is_ended_or_taken_over(db: &impl Database) {
    let (ann, bob) = ("ann@dev.local", "bob@dev.local");
    let store = db.open().await;
    let (one, two) = (subscription("one", ann, 2), subscription("two", ann, 1));
    for each in [&one, &two] {
        store.put_subscription(each.clone()).await.unwrap();
    }
    let of = async |human| store.subscriptions(human).await.unwrap();
    assert_eq!(of(ann).await, [two.clone(), one.clone()]);
    assert_eq!(of(bob).await, []);
    // Nobody ends another person's.
    store.end_subscription(&one.id, bob).await.unwrap();
    assert_eq!(of(ann).await.len(), 2);
    // Somebody else signs in at the same browser.
    let taken = subscription("one", bob, 3);
    store.put_subscription(taken.clone()).await.unwrap();
    assert_eq!(of(ann).await, std::slice::from_ref(&two));
    assert_eq!(of(bob).await, std::slice::from_ref(&taken));
    assert_eq!(store.subscribers().await.unwrap(), [ann, bob]);
    store.end_subscription(&one.id, ann).await.unwrap();
    assert_eq!(of(bob).await, [taken]);
    for _ in 0..2 {
        store.end_subscription(&one.id, bob).await.unwrap();
    }
    assert_eq!(store.subscribers().await.unwrap(), [ann]);
    drop(store);
    let store = db.open().await;
    assert_eq!(store.subscriptions(ann).await.unwrap(), [two]);
    // Nothing of it is a decision.
    assert_eq!(store.head().await.unwrap().size, 0);
}

pub(super) async fn a_person_has_so_many_browsers_and_the_oldest_go(db: &impl Database) {
    let (ann, bob) = ("ann@dev.local", "bob@dev.local");
    let store = db.open().await;
    let of_another = subscription("another", bob, 0);
    store.put_subscription(of_another.clone()).await.unwrap();
    let number = i64::from(SUBSCRIPTIONS_OF_ONE_MAX) + 3;
    for at in 0..number {
        let one = subscription(&format!("browser {at}"), ann, at);
        store.put_subscription(one).await.unwrap();
    }
    let kept = store.subscriptions(ann).await.unwrap();
    let created: Vec<_> = kept.iter().map(|one| one.created).collect();
    assert_eq!(created, (3..number).map(after).collect::<Vec<_>>());
    // The same again is no further one.
    let same = subscription(&format!("browser {}", number - 1), ann, number);
    store.put_subscription(same).await.unwrap();
    assert_eq!(store.subscriptions(ann).await.unwrap().len(), kept.len());
    assert_eq!(store.subscriptions(bob).await.unwrap(), [of_another]);
}
