//! What holds no authority: the outbox and opened views.

use gatehold_gate::ports::store::{OpenedView, Store};

use super::draft::Draft;
use super::guards::ok;
use super::{Database, after};

pub(super) async fn messages_stay_until_acknowledged(db: &impl Database) {
    let store = db.open().await;
    assert_eq!(store.outbox(10).await.unwrap(), []);
    ok(
        &store,
        Draft::new().message("a", "{\"n\":1}").message("b", "{}"),
    )
    .await;
    ok(&store, Draft::new().message("c", "")).await;
    let names = async |limit| {
        let messages = store.outbox(limit).await.unwrap();
        messages
            .into_iter()
            .map(|(_, message)| message.dedup)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(10).await, ["a", "b", "c"]);
    assert_eq!(names(2).await, ["a", "b"]);
    let messages = store.outbox(10).await.unwrap();
    assert_eq!(
        (messages[0].1.topic.as_str(), messages[0].1.body.as_str()),
        ("held", "{\"n\":1}")
    );
    store.acknowledge(messages[1].0).await.unwrap();
    store.acknowledge(messages[1].0).await.unwrap();
    assert_eq!(names(10).await, ["a", "c"]);
    ok(&store, Draft::new().message("d", "{}")).await;
    assert_eq!(names(10).await, ["a", "c", "d"]);
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
    let oldest = store.outbox(1).await.unwrap();
    assert_eq!(oldest[0].1.dedup, "3-48", "10,000 are left");
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
