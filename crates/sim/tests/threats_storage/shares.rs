//! D6: the shares of the revocation journal hold against calls that come at once, against callers that go away, and against
//! one statement that is signed again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::ssh::sshsig::sign_software;
use gatehold_core::stops::Stops;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::SAFE_NAMESPACE;
use gatehold_core::trust::revocation::RevocationSignature;
use gatehold_gate::GateError;
use gatehold_gate::ports::journal::{Journal as KeptIn, JournalEntry, JournalRefused};
use gatehold_store::journal::Journal;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinSet, yield_now};

use crate::shop::faulty::{Faulty, Health};
use crate::shop::{Person, Shop};

/// A journal on a device that writes when it is told to.
struct Slow {
    journal: Journal,
    begun: Notify,
    times: AtomicU64,
    writes: Semaphore,
}

impl Slow {
    fn of(shop: &Shop) -> Arc<Self> {
        Arc::new(Self {
            journal: Journal::open(shop.folder().join("other.journal")).unwrap(),
            begun: Notify::new(),
            times: AtomicU64::new(0),
            writes: Semaphore::new(0),
        })
    }
}

#[async_trait]
impl KeptIn for Slow {
    async fn keep(&self, bytes: Vec<u8>) -> Result<u64, JournalRefused> {
        self.times.fetch_add(1, Ordering::SeqCst);
        self.begun.notify_one();
        self.writes.acquire().await.unwrap().forget();
        self.journal.keep(bytes).await
    }

    fn kept(&self) -> Vec<JournalEntry> {
        self.journal.kept()
    }

    fn waiting(&self) -> u64 {
        self.journal.waiting()
    }

    async fn forget(&self, number: u64) -> Result<(), JournalRefused> {
        self.journal.forget(number).await
    }

    fn clock(&self) -> Timestamp {
        self.journal.clock()
    }
}

#[tokio::test]
async fn d06_a_burst_of_calls_keeps_no_more_than_one_call_after_another() {
    for withdrawn in [true, false] {
        let shop = Shop::in_memory().await;
        let store = Faulty::of(shop.store.clone());
        let journal = Slow::of(&shop);
        let gate = shop.keeping_in(store.clone(), None, journal.clone()).await;
        store.is(Health::Unreachable);
        let mut calls = JoinSet::new();
        for number in 0..40_u128 {
            let (gate, caller) = (gate.clone(), shop.caller());
            calls.spawn(async move {
                let number = number.to_be_bytes();
                if withdrawn {
                    let request = RequestId::from_bytes(number);
                    gate.withdraw(&caller, request).await.map(drop)
                } else {
                    gate.end_task(&caller, TaskId::from_bytes(number))
                        .await
                        .map(drop)
                }
            });
        }
        // On one thread: every call comes as far as it can before the device writes anything.
        journal.begun.notified().await;
        for _ in 0..1_000 {
            yield_now().await;
        }
        journal.writes.add_permits(40);
        let mut told = 0;
        for answer in calls.join_all().await {
            match answer {
                Err(GateError::Journaled) => told += 1,
                Err(GateError::Store(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((told, gate.journal_waiting()), (8, 8));
        // There is room for people.
        let stop = Stops {
            everything: true,
            ..Stops::default()
        };
        let stopped = gate.stop(&shop.human(Person::Owner), stop, "odd").await;
        assert!(matches!(stopped, Err(GateError::Journaled)), "{stopped:?}");
    }
}

#[tokio::test]
async fn d06_what_a_caller_that_went_away_began_is_kept_and_counts() {
    let shop = Shop::in_memory().await;
    let store = Faulty::of(shop.store.clone());
    let journal = Slow::of(&shop);
    let gate = shop.keeping_in(store.clone(), None, journal.clone()).await;
    store.is(Health::Unreachable);
    let (human, request) = (shop.human(Person::Owner), RequestId::from_bytes([7; 16]));
    let call = {
        let (gate, human) = (gate.clone(), human.clone());
        tokio::spawn(async move { gate.revoke(&human, request).await.map(drop) })
    };
    journal.begun.notified().await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    journal.writes.add_permits(2);
    // The same again finds it kept.
    let again = gate.revoke(&human, request).await;
    assert!(matches!(again, Err(GateError::Journaled)), "{again:?}");
    assert_eq!(journal.times.load(Ordering::SeqCst), 1);
    assert_eq!(gate.journal_waiting(), 1);
}

#[tokio::test]
async fn d06_one_statement_takes_one_slot_however_it_is_signed() {
    let shop = Shop::in_memory().await;
    let store = Faulty::of(shop.store.clone());
    let journal = Slow::of(&shop);
    journal.writes.add_permits(300);
    let gate = shop.keeping_in(store.clone(), None, journal.clone()).await;
    store.is(Health::Unreachable);
    let own = shop.own_revocation(Person::Reviewer);
    for times in 1..5 {
        let mut again = own.clone();
        again.signatures = vec![own.signatures[0].clone(); times];
        let kept = gate.revoke_key(again).await;
        assert!(matches!(kept, Err(GateError::Journaled)), "{kept:?}");
    }
    assert_eq!(gate.journal_waiting(), 1);
    // What the key signs after that has no force, here as in the ledger.
    let mut other = shop.own_revocation(Person::Second);
    let statement = other.statement.as_bytes();
    other.signatures.push(RevocationSignature {
        signature: sign_software(&Person::Reviewer.seed(), SAFE_NAMESPACE, statement).unwrap(),
        ..own.signatures[0].clone()
    });
    let refused = gate.revoke_key(other).await.unwrap_err();
    assert!(
        refused.to_string().contains("has lost its force"),
        "{refused}"
    );
    store.is(Health::Well);
    assert_eq!(gate.tick().await.unwrap().replayed, 1);
    let directory = gate.directory();
    let key = |person: Person| directory.key(&person.id(), &person.key());
    assert!(key(Person::Reviewer).is_none() && key(Person::Second).is_some());
}
