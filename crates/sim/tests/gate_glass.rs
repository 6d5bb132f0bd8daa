//! Breaking the glass at a gate: two offline keys let one exact action out, and nothing that somebody does to the database, to a
//! signature or to the moment lets out more. One question a test.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails should say where"
)]

mod shop;

use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::glass::{GlassError, NotOpened, PostReviewError};
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{DecidedBy, RequestRecord, State};
use gatehold_core::stops::Stops;
use gatehold_gate::ports::notifier::{Channel, NotDelivered, Notice, NoticeKind};
use gatehold_gate::{Dispatcher, GateError};
use tokio::sync::{Mutex, oneshot};

use shop::audited::Audited;
use shop::faulty::Faulty;
use shop::glass::{LOOK_SECONDS, SQL, signed_by};
use shop::provider::gone;
use shop::{Person, Shop};

async fn behind_glass() -> Shop {
    let shop = Shop::in_memory().await;
    shop.behind_glass().await;
    shop
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, GateError>, why: &Refusal) {
    match answer {
        Err(GateError::Refused(said)) => assert_eq!(said, *why),
        other => panic!("this should have been refused with `{why}`: {other:?}"),
    }
}

/// Two people who had no part in anything look at everything that is open.
async fn looked_at(shop: &Shop) {
    for opening in shop.gate.openings().await.unwrap() {
        for person in [Person::Ada, Person::Abe] {
            let look = shop.look(person, &opening).await;
            shop.gate.look_afterwards(look).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a25_two_offline_keys_let_one_exact_action_out_and_two_others_look_at_it() {
    let shop = behind_glass().await;
    let id = shop.broken(&shop.gate).await.unwrap();
    let done = shop.gate.redeem(&shop.caller(), id).await.unwrap();
    assert_eq!(done.record.state, State::Completed);
    assert_eq!(done.record.decided_by, Some(DecidedBy::BreakGlass));
    assert!(done.record.limits.ttl_seconds <= 120);
    assert_eq!(
        (shop.executed(), shop.unlogged()),
        (vec![SQL.to_owned()], 0)
    );
    // What was let out is let out once, whatever is answered to whoever asks again.
    drop(shop.gate.redeem(&shop.caller(), id).await);
    assert_eq!(shop.executed().len(), 1);

    let [opening] = &shop.gate.openings().await.unwrap()[..] else {
        panic!("one was opened");
    };
    assert!(opening.is_open());
    for (person, why) in [
        (Person::Second, PostReviewError::Involved),
        (Person::Owner, PostReviewError::Involved),
    ] {
        let look = shop.look(person, opening).await;
        refused(
            shop.gate.look_afterwards(look).await,
            &Refusal::PostReview(why),
        );
    }
    let first = shop.look(Person::Ada, opening).await;
    let after = shop.gate.look_afterwards(first.clone()).await.unwrap();
    assert!(after.is_open(), "one is not two");
    let again = shop.gate.look_afterwards(first).await;
    refused(again, &Refusal::PostReview(PostReviewError::Again));
    let second = shop.look(Person::Abe, opening).await;
    assert!(!shop.gate.look_afterwards(second).await.unwrap().is_open());

    let audited = Audited::of(&shop).await;
    let report = audited.report();
    assert!(report.is_sound(), "{report}");
    let (sound, text) = audited.dossier(id);
    assert!(sound && text.contains("emergency"), "{text}");
    for said in [
        "The glass was broken: it went on without those who decide about it",
        "signed with offline keys: reviewer@dev.local, second@dev.local",
        "in their words: \"orders are stuck, and nobody who decides answers\"",
        "ada@dev.local looked at it, leaf ",
        "in their words: \"it was right, by the page of the incident\"",
        "THE GLASS WAS BROKEN by reviewer@dev.local and second@dev.local for INC-",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("had still to look at it"), "{text}");
    // A process that starts anew reads the same from the leaves.
    let shop = shop.restart().await;
    let openings = shop.gate.openings().await.unwrap();
    assert!(
        openings.iter().all(|one| one.reviewed.len() == 2),
        "{openings:?}"
    );
}

#[tokio::test]
async fn break_glass_is_off_unless_a_checkpoint_says_it() {
    let shop = Shop::in_memory().await;
    let id = shop.held_long_enough().await;
    let opening = shop.glass(id, |_| {}).await;
    let answer = shop.gate.break_glass(id, opening).await;
    refused(answer, &Refusal::Glass(GlassError::NotOffered));
    assert!(shop.gate.openings().await.unwrap().is_empty());
}

#[tokio::test]
async fn a25_one_person_twice_opens_nothing() {
    let shop = behind_glass().await;
    let id = shop.held_long_enough().await;
    let mut opening = shop.glass(id, |_| {}).await;
    let statement = opening.glass.read().unwrap();
    let alone = [Person::Reviewer, Person::Reviewer];
    opening.glass = signed_by(&statement, &alone);
    let answer = shop.gate.break_glass(id, opening.clone()).await;
    refused(answer, &Refusal::Glass(GlassError::People));
    let mut statement = statement;
    statement.signers = [Person::Reviewer.id()].into();
    opening.glass = signed_by(&statement, &alone);
    let answer = shop.gate.break_glass(id, opening).await;
    refused(answer, &Refusal::Glass(GlassError::People));
    assert!(shop.gate.openings().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_signed_for_one_request_opens_no_other() {
    let shop = behind_glass().await;
    let (one, other) = (shop.held_long_enough().await, shop.held_long_enough().await);
    let opening = shop.glass(one, |_| {}).await;
    let answer = shop.gate.break_glass(other, opening).await;
    assert!(
        matches!(
            &answer,
            Err(GateError::Refused(Refusal::Glass(GlassError::Other(_))))
        ),
        "{answer:?}"
    );
    assert!(shop.gate.openings().await.unwrap().is_empty());
}

#[tokio::test]
async fn a25_another_process_lets_out_what_was_opened_and_counts_it() {
    let shop = behind_glass().await;
    let beside = shop.beside(None).await;
    let id = shop.broken(&shop.gate).await.unwrap();
    let done = beside.redeem(&shop.caller(), id).await.unwrap();
    assert_eq!(done.record.state, State::Completed);
    assert_eq!(beside.openings().await.unwrap().len(), 1);
    // One of two is left to each of them, wherever it is asked for.
    shop.broken(&beside).await.unwrap();
    let third = shop.broken(&shop.gate).await;
    refused(
        third,
        &Refusal::Glass(GlassError::NotOpened(NotOpened::TooManyOfOne)),
    );
}

/// Two processes that decide at the same moment would each find room for one.
#[tokio::test]
async fn a25_the_last_opening_of_a_day_is_taken_once_in_a_race() {
    let shop = behind_glass().await;
    shop.broken(&shop.gate).await.unwrap();
    let (one, other) = (shop.held_long_enough().await, shop.held_long_enough().await);
    let (first, second) = (
        shop.glass(one, |_| {}).await,
        shop.glass(other, |_| {}).await,
    );
    let store = Faulty::of(shop.store.clone());
    let slow = shop.over_store(store.clone()).await;
    let quick = shop.beside(None).await;
    let (told, won) = oneshot::channel();
    // The quick one opens after the slow one decided, and before it writes.
    store.before_the_write(async move {
        let opened = quick.break_glass(other, second).await;
        told.send(opened).unwrap();
    });
    let late = slow.break_glass(one, first).await;
    assert!(won.await.unwrap().is_ok());
    refused(
        late,
        &Refusal::Glass(GlassError::NotOpened(NotOpened::TooManyOfOne)),
    );
    assert_eq!(shop.gate.openings().await.unwrap().len(), 2);
}

/// The row is written back as it was before, and the mark that a statement was used is where it is or gone: what it was signed for
/// is over either way.
#[tokio::test]
async fn a25_what_was_used_is_not_used_again_by_writing_its_row_back() {
    let shop = behind_glass().await;
    let id = shop.held_long_enough().await;
    let key = RowKey::new(Table::Request, &id);
    let before = shop.store().row(&key).await.unwrap().unwrap();
    let opening = shop.glass(id, |_| {}).await;
    shop.gate.break_glass(id, opening.clone()).await.unwrap();
    shop.gate.redeem(&shop.caller(), id).await.unwrap();
    let again = shop.gate.break_glass(id, opening.clone()).await;
    refused(again, &Refusal::WrongState { state: "completed" });
    shop.memory().tamper(&key, Some(before.body));
    let again = shop.gate.break_glass(id, opening).await;
    assert!(again.is_err(), "{again:?}");
    assert_eq!(shop.executed().len(), 1);
    assert_eq!(shop.gate.openings().await.unwrap().len(), 1);
}

/// What two people signed and no leaf tells of lets nothing out: nobody would look at it.
#[tokio::test]
async fn a25_a_row_that_says_it_was_opened_lets_nothing_out() {
    let shop = behind_glass().await;
    let id = shop.held_long_enough().await;
    let opening = shop.glass(id, |_| {}).await;
    edit(&shop, id, |record| {
        record.glass = Some(opening.glass.clone());
        record.state = State::Redeemable;
        record.decided_by = Some(DecidedBy::BreakGlass);
    })
    .await;
    assert!(shop.gate.redeem(&shop.caller(), id).await.is_err());
    assert!(shop.executed().is_empty());
}

#[tokio::test]
async fn a25_an_opened_row_without_its_signatures_lets_nothing_out() {
    let shop = behind_glass().await;
    let id = shop.broken(&shop.gate).await.unwrap();
    edit(&shop, id, |record| record.glass = None).await;
    assert!(shop.gate.redeem(&shop.caller(), id).await.is_err());
    assert!(shop.executed().is_empty());
}

/// Somebody writes to the row of a request.
async fn edit(shop: &Shop, id: RequestId, change: impl FnOnce(&mut RequestRecord)) {
    let key = RowKey::new(Table::Request, &id);
    let row = shop.store().row(&key).await.unwrap().unwrap();
    let mut record: RequestRecord = canonical::from_bytes(&row.body).unwrap();
    change(&mut record);
    let body = canonical::to_bytes(&record).unwrap();
    assert_ne!(body, row.body);
    shop.memory().tamper(&key, Some(body));
}

#[tokio::test]
async fn a25_what_nobody_looked_at_in_time_closes_the_glass_until_somebody_does() {
    let shop = behind_glass().await;
    let first = shop.broken(&shop.gate).await.unwrap();
    shop.later(LOOK_SECONDS + 1).await;
    let overdue = Refusal::Glass(GlassError::NotOpened(NotOpened::Overdue(first)));
    refused(shop.broken(&shop.gate).await.map(drop), &overdue);
    // Nor a day later, nor by a process that starts anew.
    shop.later(2 * 86_400).await;
    let shop = shop.restart().await;
    refused(shop.broken(&shop.gate).await.map(drop), &overdue);
    looked_at(&shop).await;
    shop.broken(&shop.gate).await.unwrap();
}

#[tokio::test]
async fn whoever_is_gone_breaks_no_glass_and_what_they_signed_lets_nothing_out() {
    let shop = behind_glass().await;
    let id = shop.broken(&shop.gate).await.unwrap();
    let next = shop.held_long_enough().await;
    let opening = shop.glass(next, |_| {}).await;
    gone(&shop.gate, &Person::Second.id()).await;
    let answer = shop.gate.break_glass(next, opening).await;
    refused(
        answer,
        &Refusal::Glass(GlassError::Key(Person::Second.id())),
    );
    let held = shop.gate.redeem(&shop.caller(), id).await.unwrap();
    assert_eq!(held.record.state, State::Held);
    assert!(shop.executed().is_empty());
}

#[tokio::test]
async fn what_is_stopped_is_stopped_behind_glass_too() {
    let shop = behind_glass().await;
    let id = shop.broken(&shop.gate).await.unwrap();
    let next = shop.held_long_enough().await;
    let opening = shop.glass(next, |_| {}).await;
    let all = Stops {
        everything: true,
        ..Stops::default()
    };
    shop.gate
        .stop(&Person::Ada.id(), all, "look first")
        .await
        .unwrap();
    for answer in [
        shop.gate.break_glass(next, opening).await.map(drop),
        shop.gate.redeem(&shop.caller(), id).await.map(drop),
    ] {
        assert!(
            matches!(&answer, Err(GateError::Refused(Refusal::Stopped(_)))),
            "{answer:?}"
        );
    }
    assert!(shop.executed().is_empty());
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

async fn delivered(dispatcher: &mut Dispatcher) {
    for _ in 0..32 {
        dispatcher.beat().await.unwrap();
        dispatcher.settled().await.unwrap();
    }
}

#[tokio::test]
async fn a25_everybody_is_told_that_it_was_broken_used_and_looked_at() {
    let shop = behind_glass().await;
    let heard = Arc::new(Heard::default());
    let url = "https://gate.example/";
    let mut dispatcher = Dispatcher::new(shop.gate.clone(), vec![heard.clone()], url);
    let id = shop.broken(&shop.gate).await.unwrap();
    shop.gate.redeem(&shop.caller(), id).await.unwrap();
    looked_at(&shop).await;
    delivered(&mut dispatcher).await;
    let told = heard.0.lock().await.clone();
    let of = |kind| told.iter().filter(move |notice| notice.kind == kind);
    for (kind, times) in [
        (NoticeKind::GlassBroken, 1),
        (NoticeKind::GlassUsed, 1),
        (NoticeKind::GlassReviewed, 2),
    ] {
        assert_eq!(of(kind).count(), times, "{kind:?}");
        for notice in of(kind) {
            assert_eq!(notice.request, Some(id));
            for person in [
                Person::Owner,
                Person::Reviewer,
                Person::Second,
                Person::Ada,
                Person::Abe,
            ] {
                assert!(notice.people.contains(&person.id()), "{notice:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_not_used_in_time_waits_for_people_again() {
    let shop = behind_glass().await;
    let id = shop.held_long_enough().await;
    let soon = shop.glass(id, |statement| {
        statement.use_by = statement.created_at.plus_seconds(30);
    });
    let opening = soon.await;
    shop.gate.break_glass(id, opening).await.unwrap();
    shop.later(31).await;
    let held = shop.gate.redeem(&shop.caller(), id).await.unwrap();
    assert_eq!((held.record.state, held.record.glass), (State::Held, None));
    assert!(shop.executed().is_empty());
    assert!(Audited::of(&shop).await.report().is_sound());
}

/// Of these the gate tells in this turn.
async fn overdue(gate: &gatehold_gate::Gate) -> u64 {
    gate.tick().await.unwrap().overdue
}

#[tokio::test]
async fn a25_everybody_is_told_each_day_of_what_nobody_looked_at_in_time() {
    let shop = behind_glass().await;
    let beside = shop.beside(None).await;
    let heard = Arc::new(Heard::default());
    let url = "https://gate.example/";
    let mut dispatcher = Dispatcher::new(shop.gate.clone(), vec![heard.clone()], url);
    let id = shop.broken(&shop.gate).await.unwrap();
    assert_eq!(overdue(&shop.gate).await, 0);
    shop.later(LOOK_SECONDS + 60).await;
    // Of two processes one tells it, and once.
    let told = overdue(&shop.gate).await + overdue(&beside).await + overdue(&shop.gate).await;
    assert_eq!(told, 1);
    delivered(&mut dispatcher).await;
    shop.later(86_400).await;
    assert_eq!((overdue(&shop.gate).await, overdue(&beside).await), (1, 0));
    delivered(&mut dispatcher).await;
    looked_at(&shop).await;
    shop.later(86_400).await;
    assert_eq!((overdue(&shop.gate).await, overdue(&beside).await), (0, 0));
    let heard = heard.0.lock().await.clone();
    let told: Vec<_> = heard
        .iter()
        .filter(|notice| notice.kind == NoticeKind::GlassOverdue)
        .collect();
    assert_eq!(told.len(), 2);
    for notice in told {
        assert_eq!(notice.request, Some(id));
        assert!(notice.people.contains(&Person::Abe.id()), "{notice:?}");
    }
    let audited = Audited::of(&shop).await;
    let report = audited.report();
    assert!(report.is_sound(), "{report}");
    let (sound, text) = audited.dossier(id);
    assert!(
        sound && text.contains("too few people had looked at it by "),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_owed_and_why_it_was_opened_stand_on_the_overview_until_two_looked() {
    let shop = behind_glass().await;
    let id = shop.broken(&shop.gate).await.unwrap();
    let [owed] = &shop.gate.overview().await.unwrap().owed[..] else {
        panic!("one is owed");
    };
    assert_eq!(owed.request, id);
    let [shown] = &shop.gate.openings_shown().await.unwrap()[..] else {
        panic!("one was opened");
    };
    let why = "orders are stuck, and nobody who decides answers";
    assert_eq!(shown.why.as_deref(), Some(why));
    assert!(shown.sentence.contains("deploy-bot"), "{shown:?}");
    looked_at(&shop).await;
    assert_eq!(shop.gate.overview().await.unwrap().owed, []);
}
