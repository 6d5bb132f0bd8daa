//! The hook between "durable" and "told".

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use gatehold_core::commit::{LeafDraft, LeafKind};
use gatehold_gate::ports::store::{Store, StoreFault};
use gatehold_ledger::{Anchor, Frontier};
use gatehold_store::AfterCommit;

use super::Database;
use super::draft::{Draft, counter};
use super::guards::{commit, ok};

#[derive(Default)]
struct Hook {
    seen: Mutex<Vec<Anchor>>,
    calls: AtomicU64,
    fails: AtomicBool,
}

impl AfterCommit for Hook {
    fn committed(&self, head: Anchor) -> Result<(), String> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err("read-only".to_owned());
        }
        self.seen.lock().unwrap().push(head);
        Ok(())
    }

    fn safe_direction(&self, leaf: &LeafDraft) -> bool {
        leaf.kind == LeafKind::Stop
    }
}

pub(super) async fn it_runs_before_the_answer(db: &impl Database) {
    let hook = Arc::new(Hook::default());
    let store = db.open_with(hook.clone()).await;
    for size in 1..=5 {
        ok(&store, Draft::new()).await;
        let frontier = Frontier::from_bytes(&store.head().await.unwrap().frontier).unwrap();
        let last = *hook.seen.lock().unwrap().last().unwrap();
        assert_eq!((last.size, last.root), (size, frontier.root()));
    }
    let calls = hook.calls.load(Ordering::SeqCst);
    commit(&store, Draft::new().below("none", 0))
        .await
        .unwrap_err();
    assert_eq!(
        store
            .commit((0..100).map(|_| Draft::new().write()).collect())
            .await
            .unwrap()
            .len(),
        100
    );
    // One batch, one call; nothing appended, none.
    assert_eq!(hook.calls.load(Ordering::SeqCst), calls + 1);
}

pub(super) async fn what_it_refuses_is_withheld_and_later_released(db: &impl Database) {
    let hook = Arc::new(Hook::default());
    let store = db.open_with(hook.clone()).await;
    let early = ok(&store, Draft::new()).await;
    hook.fails.store(true, Ordering::SeqCst);
    let withheld = async |draft: Draft| {
        let answer = store.commit(vec![draft.write()]).await;
        assert!(
            matches!(answer, Err(StoreFault::Unavailable(_))),
            "{answer:?}"
        );
    };
    // Durable, but nobody is told: not by the answer and not by asking for the receipt.
    let draft = Draft::new().add("n", 1);
    let leaf = draft.clone().write().leaf.bytes();
    withheld(draft).await;
    assert!(store.receipt_of(&leaf).await.is_err());
    assert_eq!(store.receipt_of(&early.leaf).await.unwrap(), Some(early));
    // From now on decisions are not even applied, while stops are.
    withheld(Draft::new().add("n", 10)).await;
    // Nor does a call without writes say that they would be; neither before nor after one that stops something.
    store.commit(vec![]).await.unwrap_err();
    ok(&store, Draft::new().of_kind(LeafKind::Stop).add("n", 100)).await;
    assert_eq!(store.counters(&[counter("n")]).await.unwrap(), [101]);
    store.commit(vec![]).await.unwrap_err();
    hook.fails.store(false, Ordering::SeqCst);
    store.commit(vec![]).await.unwrap();
    // It is the first to notice, too.
    hook.fails.store(true, Ordering::SeqCst);
    store.commit(vec![]).await.unwrap_err();
    hook.fails.store(false, Ordering::SeqCst);
    ok(&store, Draft::new().add("n", 1_000)).await;
    assert_eq!(store.receipt_of(&leaf).await.unwrap().unwrap().index, 1);
    assert_eq!(store.counters(&[counter("n")]).await.unwrap(), [1_101]);
    assert_eq!(hook.seen.lock().unwrap().last().unwrap().size, 4);
}
