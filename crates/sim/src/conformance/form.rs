//! Writes that break a rule of their own form: refused, each alone, and never a reason for a batch to fail.

use gatehold_core::commit::{
    ATTACHMENT_BYTES_MAX, Conflict, RECORD_BYTES_MAX, ROW_BYTES_MAX, RowIndex,
};
use gatehold_gate::ports::store::Store;
use gatehold_store::BATCH_WRITES_MAX;

use super::Database;
use super::draft::{Draft, numbered};
use super::guards::{commit, ok};

pub(super) async fn malformed_writes_are_refused_alone(db: &impl Database) {
    let store = db.open().await;
    let key = numbered(1);
    let sized = |bytes| "x".repeat(bytes);
    let long = sized(2_000);
    let state = |state: &str| RowIndex {
        state: state.to_owned(),
        ..RowIndex::default()
    };
    let many = |add: fn(Draft, usize) -> Draft, count| (0..count).fold(Draft::new(), add);
    let bad = [
        Draft::new().unguarded_row(&key, "no guard"),
        Draft::new()
            .version(&numbered(2), 0)
            .unguarded_row(&key, "guard on another row"),
        Draft::new().row(&key, 0, "a").unguarded_row(&key, "twice"),
        Draft::new().row(&key, 0, &sized(ROW_BYTES_MAX + 1)),
        Draft::new().row(&key, 0, "a").index(state("a\0b")),
        Draft::new().row(&key, 0, "a").index(state(&long)),
        Draft::new().record(RECORD_BYTES_MAX + 1),
        Draft::new().attachment("payload", &vec![0; ATTACHMENT_BYTES_MAX + 1]),
        Draft::new().attachment("a", b"").attachment("a", b""),
        Draft::new().attachment("", b""),
        many(|draft, n| draft.attachment(LETTERS[n], b""), 17),
        Draft::new().absent("k", None).absent("k", None),
        Draft::new().absent("", None),
        Draft::new().absent("a\0b", None),
        Draft::new().absent(&long, None),
        Draft::new().below("\0", 1),
        Draft::new().add("", 1),
        Draft::new().message("", "{}"),
        Draft::new().message("m", "\0"),
        Draft::new().message("m", &sized((64 << 10) + 1)),
        many(|draft, n| draft.absent(&n.to_string(), None), 257),
        many(|draft, n| draft.row(&numbered(n as u64), 0, ""), 65),
        many(|draft, n| draft.add(&n.to_string(), 1), 65),
        many(|draft, n| draft.message(&n.to_string(), ""), 65),
    ];
    for (number, bad) in bad.into_iter().enumerate() {
        let batch = vec![Draft::new().write(), bad.write(), Draft::new().write()];
        let answers = store.commit(batch).await.unwrap();
        assert!(
            matches!(answers[1], Err(Conflict::Malformed(_))),
            "{number}: {:?}",
            answers[1]
        );
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{number}");
    }
    let largest = Draft::new()
        .row(&key, 0, &sized(ROW_BYTES_MAX))
        .record(RECORD_BYTES_MAX)
        .attachment("payload", &vec![0xff; ATTACHMENT_BYTES_MAX]);
    ok(&store, largest).await;
    assert_eq!(
        store.row(&key).await.unwrap().unwrap().body.len(),
        ROW_BYTES_MAX
    );
    // Names are data, never SQL.
    let odd = "'; DROP TABLE head; -- \" % _ \u{1F600}";
    ok(&store, Draft::new().absent(odd, None).add(odd, 1)).await;
    assert!(
        commit(&store, Draft::new().absent(odd, None))
            .await
            .is_err()
    );
}

const LETTERS: [&str; 17] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
];

pub(super) async fn too_many_writes_are_refused(db: &impl Database) {
    let store = db.open().await;
    let batch = |count| (0..count).map(|_| Draft::new().write()).collect();
    let answers = store.commit(batch(BATCH_WRITES_MAX + 1)).await.unwrap();
    assert_eq!(answers.len(), BATCH_WRITES_MAX + 1);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(Conflict::Malformed(_))))
    );
    let answers = store.commit(batch(BATCH_WRITES_MAX)).await.unwrap();
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(store.head().await.unwrap().size, BATCH_WRITES_MAX as u64);
}
