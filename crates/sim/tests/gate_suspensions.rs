//! What an identity provider says of people between two sign-ins: whoever it deactivates counts no more, at once and for every
//! process, and is given back what the chain gives them by the word of the gate alone. One question a guard.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests: helpers outside test functions"
)]

mod shop;

use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::commit::{AttachmentDraft, LeafDraft, LeafKind, Write};
use gatehold_core::directory::{Directory, Suspended};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::suspension::{REINSTATEMENT_TYPE, SUSPENSION_TYPE};
use gatehold_core::trust::{
    Chain, Evidence, Reinstatement, SignedReinstatement, Suspension, TrustError,
};
use gatehold_gate::ports::notifier::{Channel, NotDelivered, Notice};
use gatehold_gate::{
    Dispatcher, GateError, Gone, OwnWord, Provisioned, Reinstated, SessionLimits, Taken,
};
use gatehold_store::clock::SetClock;
use gatehold_store::journal::Journal;
use tokio::sync::Mutex;

use shop::audited::Audited;
use shop::faulty::{Faulty, Health};
use shop::provider::{back, gone, log_signer, word};
use shop::{LOG_SEED, Person, Shop};

const SQL: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

/// A write that two people approved and nobody used.
async fn approved(shop: &Shop) -> RequestId {
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", SQL).await.unwrap();
    let id = held.record.id;
    shop.approve(Person::Reviewer, id).await.unwrap();
    let approved = shop.approve(Person::Second, id).await.unwrap();
    assert_eq!(approved.state, State::Redeemable);
    id
}

async fn is_executed(shop: &Shop, id: RequestId) -> bool {
    let answer = shop.gate.redeem(&shop.caller(), id).await;
    answer.is_ok_and(|redeemed| redeemed.execution.is_some())
}

fn suspension(human: HumanId) -> Suspension {
    Suspension {
        type_: SUSPENSION_TYPE.to_owned(),
        gate: "dev.local/gate".parse().unwrap(),
        human,
        removed: false,
        nonce: "n".to_owned(),
    }
}

fn end_of(directory: &Directory, person: Person) -> Reinstatement {
    Reinstatement {
        type_: REINSTATEMENT_TYPE.to_owned(),
        gate: directory.origin.clone(),
        human: person.id(),
        suspension: directory.suspended.get(&person.id()).unwrap().id,
    }
}

fn signed(statement: &Reinstatement, seed: [u8; 32]) -> SignedReinstatement {
    let signer = log_signer(seed);
    SignedReinstatement::sign(statement, |message| signer.sign_word(message)).unwrap()
}

/// Appends a link past the gate, as whoever writes to the database could.
async fn append(shop: &Shop, evidence: &Evidence, what: &str) {
    let attachment = AttachmentDraft {
        name: "evidence",
        salt: [7; 32],
        bytes: evidence.to_bytes().unwrap(),
    };
    let at = shop.gate.now().await.unwrap();
    let entry = Entry {
        at,
        request: None,
        version: 0,
        from: None,
        to: None,
        row: None,
        rows: [].into(),
        event: Event::Trust {
            directory: shop.gate.directory().version + 1,
            what: what.to_owned(),
            evidence: evidence.hash().unwrap(),
            trace: None,
        },
        attachments: [("evidence".to_owned(), attachment.commitment())].into(),
    };
    let leaves = shop.leaves().await;
    let write = Write {
        guards: vec![],
        deadline: None,
        rows: vec![],
        counters: vec![],
        leaf: LeafDraft {
            kind: LeafKind::Trust,
            salt: *Hash::of(&leaves.to_be_bytes()).as_bytes(),
            record: entry.to_bytes().unwrap(),
            attachments: vec![attachment],
        },
        outbox: vec![],
    };
    let written = shop.store().commit(vec![write]).await.unwrap().remove(0);
    written.unwrap();
}

/// The last link of the chain.
async fn last_link(shop: &Shop) -> Evidence {
    let stored = shop.stored().await;
    let evidence = stored.iter().rev().find_map(|leaf| {
        let mut given = leaf.attachments.iter();
        given.find(|given| given.name == "evidence")?.bytes.clone()
    });
    Evidence::from_bytes(&evidence.unwrap()).unwrap()
}

#[tokio::test]
async fn a26_what_somebody_reviewed_counts_no_more_once_they_are_deactivated() {
    let shop = Shop::open().await;
    let id = approved(&shop).await;
    gone(&shop.gate, &Person::Second.id()).await;
    assert!(!is_executed(&shop, id).await && shop.executed().is_empty());
    // Nor by a process that has only the ledger to go by.
    let shop = shop.restart_after(|_| {}).await.unwrap();
    assert!(!is_executed(&shop, id).await && shop.executed().is_empty());
    let directory = shop.gate.directory();
    assert!(directory.is_suspended(&Person::Second.id()));
    assert_eq!(directory.strongest(&Person::Second.id()), None);
    assert!(Audited::of(&shop).await.report().is_sound());
}

#[tokio::test]
async fn a26_whoever_is_deactivated_reviews_nothing_and_signs_in_nowhere() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", SQL).await.unwrap();
    let review = shop.sign(Person::Second, held.record.id, true).await;
    let limits = SessionLimits::default();
    let second = Person::Second.id();
    let session = shop.gate.sign_in_by_code(&second, limits).await.unwrap();
    let login = shop.login(&shop.gate, Person::Second).await.unwrap();
    let now = shop.gate.now().await.unwrap();
    gone(&shop.gate, &second).await;
    let refused = shop.gate.review(review).await;
    assert!(matches!(refused, Err(GateError::Refused(_))), "{refused:?}");
    let visitor = shop.gate.visitor(&session.id, limits).await.unwrap();
    assert!(visitor.is_none() && shop.gate.session(&login, now).is_none());
    assert!(shop.gate.sign_in_by_code(&second, limits).await.is_err());
    assert!(shop.login(&shop.gate, Person::Second).await.is_err());
    // Back again they are who they were: nothing was enrolled and nobody joined a team.
    let before = shop.gate.directory();
    back(&shop.gate, &Person::Second.id()).await;
    let after = shop.gate.directory();
    assert_eq!(
        (&before.humans, &before.teams),
        (&after.humans, &after.teams)
    );
    assert!(shop.login(&shop.gate, Person::Second).await.is_ok());
    shop.approve(Person::Second, held.record.id).await.unwrap();
    assert!(Audited::of(&shop).await.report().is_sound());
}

#[tokio::test]
async fn what_is_said_again_is_a_link_of_its_own_and_whoever_was_removed_stays_so() {
    let shop = Shop::in_memory().await;
    let second = Person::Second.id();
    let before = shop.leaves().await;
    let mut known = Vec::new();
    for (leaves, removed, is_removed) in [
        (1, false, false),
        (2, false, false),
        (3, true, true),
        (4, false, true),
    ] {
        assert_eq!(
            shop.gate.suspend(&second, removed).await.unwrap(),
            Taken::Gone
        );
        assert_eq!(shop.leaves().await, before + leaves);
        let Provisioned::Gone(gone) = shop.gate.provisioned(&second).await.unwrap() else {
            panic!("they are gone");
        };
        let suspension = gone.suspension;
        let (removed, wholly) = (is_removed, true);
        let wanted = Gone {
            suspension,
            removed,
            wholly,
        };
        assert_eq!(gone, wanted);
        assert!(!known.contains(&suspension));
        known.push(suspension);
    }
    // What ended is not ended again.
    let last = known[3];
    for _ in 0..2 {
        let back = shop.gate.reinstate(&second, &last, &word()).await;
        assert_eq!(back.unwrap(), Reinstated::Back);
        assert_eq!(shop.leaves().await, before + 5);
        let standing = shop.gate.provisioned(&second).await.unwrap();
        assert_eq!(standing, Provisioned::Active);
    }
    assert!(Audited::of(&shop).await.report().is_sound());
}

#[tokio::test]
async fn a_stranger_leaves_no_trace() {
    let shop = Shop::in_memory().await;
    let before = shop.leaves().await;
    let stranger = HumanId::new("dev.local", "nobody").unwrap();
    let taken = shop.gate.suspend(&stranger, true).await;
    assert_eq!(taken.unwrap(), Taken::Gone);
    let standing = shop.gate.provisioned(&stranger).await.unwrap();
    assert_eq!(standing, Provisioned::Stranger);
    let nothing = Hash::of(b"nothing");
    let back = shop.gate.reinstate(&stranger, &nothing, &word()).await;
    assert_eq!(back.unwrap(), Reinstated::Back);
    assert_eq!(shop.leaves().await, before);
    let all = shop.gate.provisioned_by("dev.local").await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(shop.gate.provisioned_by("other").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_taken_is_taken_here_and_from_people_who_are_enrolled() {
    let shop = Shop::in_memory().await;
    let directory = shop.gate.directory();
    let second = Person::Second.id();
    assert_eq!(suspension(second.clone()).check(&directory), Ok(()));
    for wrong in [
        Suspension {
            gate: "dev.other".parse().unwrap(),
            ..suspension(second.clone())
        },
        Suspension {
            type_: "gatehold/other/v1".to_owned(),
            ..suspension(second.clone())
        },
    ] {
        let refused = wrong.check(&directory);
        assert!(matches!(refused, Err(TrustError::Form(_))), "{refused:?}");
    }
}

/// However many there are: one whose key is asked for is never one too many.
#[tokio::test]
async fn nobody_who_is_gone_finds_the_directory_full() {
    let shop = Shop::in_memory().await;
    let mut directory = shop.gate.directory();
    let stranger = |number: usize| HumanId::new("dev.local", &format!("nobody-{number}")).unwrap();
    for number in 0..2_000 {
        let id = suspension(stranger(number)).id().unwrap();
        let gone = Suspended {
            id,
            removed: false,
            leaf: 9,
        };
        directory.suspended.insert(stranger(number), gone);
        directory.last_gone.insert(stranger(number), id);
    }
    for one in [stranger(7), stranger(2_000), Person::Second.id()] {
        assert_eq!(suspension(one).check(&directory), Ok(()));
    }
}

#[tokio::test]
async fn of_one_person_it_is_said_again_ten_times_an_hour_and_what_takes_more_always() {
    let clock = Arc::new(SetClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let shop = Shop::open_at(clock.clone()).await;
    let (second, reviewer) = (Person::Second.id(), Person::Reviewer.id());
    gone(&shop.gate, &second).await;
    for _ in 0..10 {
        gone(&shop.gate, &second).await;
    }
    let (leaves, stood) = (
        shop.leaves().await,
        shop.gate.directory().suspended_by(&second),
    );
    let again = shop.gate.suspend(&second, false).await.unwrap();
    assert_eq!(again, Taken::TooOften);
    assert_eq!(shop.leaves().await, leaves);
    assert_eq!(shop.gate.directory().suspended_by(&second), stood);
    // Nobody else's is one too many, nor what takes more from them, nor the first after they were back.
    gone(&shop.gate, &reviewer).await;
    gone(&shop.gate, &reviewer).await;
    let removed = shop.gate.suspend(&second, true).await.unwrap();
    assert_eq!(removed, Taken::Gone);
    back(&shop.gate, &second).await;
    gone(&shop.gate, &second).await;
    assert!(shop.gate.directory().is_suspended(&second));
    let again = shop.gate.suspend(&second, false).await.unwrap();
    assert_eq!(again, Taken::TooOften);
    clock.advance(3_601_000);
    gone(&shop.gate, &second).await;
    assert!(Audited::of(&shop).await.report().is_sound());
}

/// A chain that is folded from the links of the ledger, without some.
fn folded(links: &[(u64, Evidence)], without: &[u64]) -> Directory {
    let mut chain = Chain::default();
    for (leaf, evidence) in links {
        if !without.contains(leaf) {
            chain.add(*leaf, evidence, None).unwrap();
        }
    }
    chain.directory().unwrap().clone()
}

/// What is said again changes nothing that anybody signs, until the next link: whoever signs then names all of them.
#[tokio::test]
async fn what_is_said_again_is_named_with_the_next_link() {
    let shop = Shop::in_memory().await;
    let second = Person::Second.id();
    gone(&shop.gate, &second).await;
    let first = shop.gate.directory();
    gone(&shop.gate, &second).await;
    let again = shop.gate.directory();
    assert_eq!((again.chain, again.named), (first.chain, first.named));
    assert_eq!(again.version, first.version + 1);
    gone(&shop.gate, &Person::Reviewer.id()).await;
    let next = shop.gate.directory();
    assert_ne!(next.chain, again.chain);
    assert_eq!(next.named, next.version);
    let stored = shop.stored().await;
    let links = stored.iter().filter_map(|leaf| {
        let mut given = leaf.attachments.iter();
        let given = given.find(|given| given.name == "evidence")?;
        Some((
            leaf.index,
            Evidence::from_bytes(given.bytes.as_ref()?).unwrap(),
        ))
    });
    let links: Vec<(u64, Evidence)> = links.collect();
    assert_eq!(folded(&links, &[]).chain, next.chain);
    let [.., (said_again, _), _] = links.as_slice() else {
        panic!("{links:?}");
    };
    assert_ne!(folded(&links, &[*said_again]).chain, next.chain);
}

/// Whoever writes to the database can suspend, and cannot bring back.
#[tokio::test]
async fn only_the_gates_own_key_gives_back() {
    let shop = Shop::in_memory().await;
    gone(&shop.gate, &Person::Second.id()).await;
    let directory = shop.gate.directory();
    let statement = end_of(&directory, Person::Second);
    assert_eq!(signed(&statement, LOG_SEED).check(&directory), Ok(()));
    let forged = signed(&statement, [9; 32]);
    let refused = forged.check(&directory);
    assert!(
        matches!(refused, Err(TrustError::Signature { .. })),
        "{refused:?}"
    );
    let by_another = OwnWord::new(log_signer([9; 32]));
    let (second, stands) = (Person::Second.id(), statement.suspension);
    let refused = shop.gate.reinstate(&second, &stands, &by_another).await;
    assert!(matches!(refused, Err(GateError::Refused(_))), "{refused:?}");
    append(&shop, &Evidence::Reinstatement(forged), "person.reinstate").await;
    let shop = shop.restart().await;
    assert!(shop.gate.directory().is_suspended(&Person::Second.id()));
    let found = shop.gate.chain_findings().await;
    let told = |why: &str| found.iter().any(|finding| finding.contains(why));
    assert!(told("the log key"), "{found:?}");
}

#[tokio::test]
async fn what_gives_back_is_for_this_gate() {
    let shop = Shop::in_memory().await;
    gone(&shop.gate, &Person::Second.id()).await;
    let directory = shop.gate.directory();
    let statement = end_of(&directory, Person::Second);
    for wrong in [
        Reinstatement {
            gate: "dev.other".parse().unwrap(),
            ..statement.clone()
        },
        Reinstatement {
            type_: SUSPENSION_TYPE.to_owned(),
            ..statement.clone()
        },
    ] {
        let refused = signed(&wrong, LOG_SEED).check(&directory);
        assert!(matches!(refused, Err(TrustError::Form(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn what_gives_back_is_short() {
    let shop = Shop::in_memory().await;
    gone(&shop.gate, &Person::Second.id()).await;
    let directory = shop.gate.directory();
    let mut long = signed(&end_of(&directory, Person::Second), LOG_SEED);
    // Whether it is a signature at all is asked later.
    long.signature = "0".repeat(5 << 10);
    let refused = long.check(&directory);
    assert!(matches!(refused, Err(TrustError::Form(_))), "{refused:?}");
}

/// The end of one suspension, kept by whoever reads the ledger, ends no other.
#[tokio::test]
async fn the_end_of_one_suspension_ends_no_other() {
    let shop = Shop::in_memory().await;
    let second = Person::Second.id();
    gone(&shop.gate, &second).await;
    back(&shop.gate, &Person::Second.id()).await;
    let end = last_link(&shop).await;
    gone(&shop.gate, &second).await;
    let Evidence::Reinstatement(signed) = &end else {
        panic!("{end:?}");
    };
    let refused = signed.check(&shop.gate.directory());
    assert!(
        matches!(refused, Err(TrustError::Contradiction(_))),
        "{refused:?}"
    );
    append(&shop, &end, "person.reinstate").await;
    let shop = shop.restart().await;
    assert!(shop.gate.directory().is_suspended(&second));
}

/// An old suspension whose end is known does not take the place of a new one.
#[tokio::test]
async fn a_suspension_that_ended_does_not_come_back_with_its_end() {
    let shop = Shop::in_memory().await;
    let second = Person::Second.id();
    gone(&shop.gate, &second).await;
    let begun = last_link(&shop).await;
    back(&shop.gate, &Person::Second.id()).await;
    let end = last_link(&shop).await;
    gone(&shop.gate, &second).await;
    append(&shop, &begun, "person.suspend").await;
    append(&shop, &end, "person.reinstate").await;
    let shop = shop.restart().await;
    assert!(shop.gate.directory().is_suspended(&second));
    let found = shop.gate.chain_findings().await;
    let told = |why: &str| found.iter().any(|finding| finding.contains(why));
    assert!(told("applied before"), "{found:?}");
}

/// Whoever takes the leaf away, or writes rows, brings nobody back.
#[tokio::test]
async fn d09_a_suspension_is_not_ended_by_removing_it() {
    for edit in [
        "DELETE FROM attachment WHERE leaf = (SELECT max(leaf) FROM attachment WHERE name = 'evidence')",
        "UPDATE leaf SET leaf = CAST(x'01' || x'000c' || substr(leaf, 4) AS BLOB) WHERE number = (SELECT max(number) FROM leaf);
         UPDATE state_row SET version = version - 1 WHERE kind = 'directory'",
        "UPDATE attachment SET bytes = x'7b7d' WHERE leaf = (SELECT max(leaf) FROM attachment WHERE name = 'evidence')",
    ] {
        let shop = Shop::open().await;
        gone(&shop.gate, &Person::Second.id()).await;
        let opened = shop.restart_after(|path| {
            let database = rusqlite::Connection::open(path).unwrap();
            database.execute_batch(edit).unwrap();
        });
        assert!(opened.await.is_err(), "{edit}");
    }
}

#[tokio::test]
async fn a_key_that_people_enrol_afterwards_counts_and_is_taken_with_the_next_word() {
    let shop = Shop::in_memory().await;
    let second = Person::Second.id();
    gone(&shop.gate, &second).await;
    let mut directory = shop.gate.directory();
    // As enrolment puts it, at a later leaf.
    let leaf = shop.leaves().await;
    let keys = &mut directory.humans.get_mut(&second).unwrap().keys;
    let mut later = keys.values().next().unwrap().clone();
    later.leaf = leaf;
    let name = Hash::of(b"new");
    keys.insert(name, later);
    assert!(directory.key(&second, &name).is_some());
    assert!(directory.key(&second, &Person::Second.key()).is_none());
    assert!(!directory.is_suspended(&second) && directory.strongest(&second).is_some());
}

#[tokio::test]
async fn d06_a_deactivation_that_the_store_refuses_is_kept_and_in_force() {
    let shop = Shop::in_memory().await;
    let id = approved(&shop).await;
    let store = Faulty::of(shop.store.clone());
    let journal = Journal::open(shop.folder().join("other.journal")).unwrap();
    let gate = shop.keeping(store.clone(), None, &journal).await;
    let login = shop.login(&gate, Person::Second).await.unwrap();
    let now = gate.now().await.unwrap();
    store.is(Health::ReadOnly);
    gone(&gate, &Person::Second.id()).await;
    assert_eq!(gate.journal_waiting(), 1);
    assert!(gate.session(&login, now).is_none());
    let nothing = Hash::of(b"nothing stands in the store");
    let waits = gate
        .reinstate(&Person::Second.id(), &nothing, &word())
        .await;
    assert!(
        matches!(waits, Err(GateError::JournalWaits(_))),
        "{waits:?}"
    );
    store.is(Health::Well);
    assert_eq!(gate.tick().await.unwrap().replayed, 1);
    assert!(gate.directory().is_suspended(&Person::Second.id()));
    let answer = gate.redeem(&shop.caller(), id).await;
    assert!(!answer.is_ok_and(|redeemed| redeemed.execution.is_some()));
    assert!(shop.executed().is_empty());
}

/// It was taken when it came: it is not counted once more as it is written.
#[tokio::test]
async fn d06_what_the_journal_took_is_written_however_often_it_was_said_before() {
    let shop = Shop::in_memory().await;
    let store = Faulty::of(shop.store.clone());
    let journal = Journal::open(shop.folder().join("other.journal")).unwrap();
    let gate = shop.keeping(store.clone(), None, &journal).await;
    let second = Person::Second.id();
    for _ in 0..10 {
        gone(&gate, &second).await;
    }
    let stood = gate.directory().suspended_by(&second);
    store.is(Health::ReadOnly);
    gone(&gate, &second).await;
    assert_eq!(gate.journal_waiting(), 1);
    store.is(Health::Well);
    assert_eq!(gate.tick().await.unwrap().replayed, 1);
    assert_ne!(gate.directory().suspended_by(&second), stood);
    let again = gate.suspend(&second, false).await.unwrap();
    assert_eq!(again, Taken::TooOften);
}

/// Remembers what it is handed.
#[derive(Default)]
struct Heard(Mutex<Vec<Notice>>);

#[async_trait]
impl Channel for Heard {
    fn name(&self) -> &str {
        "chat"
    }

    fn wants(&self, _: &Notice) -> bool {
        true
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        self.0.lock().await.push(notice.clone());
        Ok(())
    }
}

/// Whom the notices name after one of them was deactivated.
async fn told_after(person: Person) -> Vec<Notice> {
    let shop = Shop::in_memory().await;
    let heard = Arc::new(Heard::default());
    let url = "https://gate.example/";
    let mut dispatcher = Dispatcher::new(shop.gate.clone(), vec![heard.clone()], url);
    for _ in 0..4 {
        dispatcher.beat().await.unwrap();
        dispatcher.settled().await.unwrap();
    }
    heard.0.lock().await.clear();
    gone(&shop.gate, &person.id()).await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", SQL).await.unwrap();
    let caller = shop.caller();
    let withdrawn = shop.gate.withdraw(&caller, held.record.id).await;
    withdrawn.unwrap();
    for _ in 0..4 {
        dispatcher.beat().await.unwrap();
        dispatcher.settled().await.unwrap();
    }
    let told = heard.0.lock().await.clone();
    assert!(!told.is_empty());
    told
}

#[tokio::test]
async fn whoever_is_gone_is_asked_nothing_more() {
    for notice in told_after(Person::Second).await {
        assert!(!notice.people.contains(&Person::Second.id()), "{notice:?}");
    }
}

#[tokio::test]
async fn an_owner_who_is_gone_is_told_nothing_more() {
    for notice in told_after(Person::Owner).await {
        assert!(!notice.people.contains(&Person::Owner.id()), "{notice:?}");
    }
}

/// Nothing of it is personal text: ids and names, in the one spelling that the chain reads.
#[tokio::test]
async fn a_suspension_reads_back_as_it_is_written() {
    let given = suspension(Person::Second.id());
    let bytes = canonical::to_bytes(&given).unwrap();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "{\"gate\":\"dev.local/gate\",\"human\":\"second@dev.local\",\"nonce\":\"n\",\"removed\":false,\"type\":\"gatehold/suspension/v1\"}"
    );
    let evidence = Evidence::Suspension(given);
    let bytes = evidence.to_bytes().unwrap();
    assert_eq!(Evidence::from_bytes(&bytes), Ok(evidence));
}
