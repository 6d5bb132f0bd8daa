//! A credential that whoever asked has lost is made anew under its lease: the earlier one is dead first, and nobody is handed anything
//! that is not in the ledger.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]

mod shop;

use std::sync::Arc;

use gatehold_audit::LedgerLeaf;
use gatehold_core::commit::Table;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::lease::{Lease, LeaseEvent, REKEYS_MAX, RETRY_SECONDS_MAX};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_gate::ports::store::RowQuery;
use gatehold_gate::{Gate, GateError, LeaseTick, Redeemed};
use gatehold_sim::pretend_target::{Making, PretendTarget, SECRET};
use tokio::task::JoinHandle;

use shop::audited::{Audited, given};
use shop::ending::Ending;
use shop::faulty::{Faulty, Health};
use shop::leasing::{READER, activate, shop_with_target};
use shop::{Person, Shop};

const DENIED: &str = r#"
@id("no-access")
@owner("owners")
@rationale("Nobody reads the shop by itself any more")
forbid (principal, action == Action::"shop.access", resource);
"#;

/// A shop with one credential that was handed out, in its own task.
struct Taken {
    shop: Shop,
    target: Arc<PretendTarget>,
    task: TaskId,
    request: RequestId,
}

impl Taken {
    async fn new() -> Self {
        let (shop, target) = shop_with_target().await;
        let task = shop.task().await;
        let asked = shop.submit(&task, "shop.access", READER).await.unwrap();
        let request = asked.record.id;
        let taken = shop.gate.redeem(&shop.caller(), request).await.unwrap();
        assert_eq!(taken.credential.unwrap().secret, SECRET);
        Self {
            shop,
            target,
            task,
            request,
        }
    }

    async fn rekeyed(&self) -> Result<Redeemed, GateError> {
        self.shop
            .gate
            .rekey(&self.shop.caller(), self.request)
            .await
    }

    /// Somebody has it made anew by this process, and its target has not answered.
    async fn being_made(&self, gate: Gate) -> JoinHandle<Result<Redeemed, GateError>> {
        self.target.set_making(Making::Waits);
        let waiting = self.target.waiting.notified();
        let (caller, request) = (self.shop.caller(), self.request);
        let making = tokio::spawn(async move { gate.rekey(&caller, request).await });
        waiting.await;
        making
    }

    /// What works at the target now.
    fn works(&self) -> Option<String> {
        let standing = self.target.standing();
        self.target.works(standing.first()?)
    }

    async fn grant(&self) -> Grant {
        let query = RowQuery {
            limit: 100,
            ..RowQuery::default()
        };
        let rows = self.shop.store().rows(Table::Grant, &query).await.unwrap();
        let mut grants = rows
            .iter()
            .map(|row| canonical::from_canonical_bytes::<Grant>(&row.body).unwrap());
        grants.find(|grant| grant.lease.is_some()).unwrap()
    }

    async fn lease(&self) -> Lease {
        self.grant().await.lease.unwrap()
    }

    fn pass(&self, seconds: u32) {
        let clock = self.shop.memory().clock();
        clock.advance(i64::from(seconds) * 1_000);
    }

    async fn turn(&self) -> LeaseTick {
        self.shop.gate.tick_leases().await.unwrap()
    }

    /// What became of it, by the ledger.
    async fn told(&self) -> Vec<(LeaseEvent, String)> {
        let leaves = self.shop.stored().await;
        let events =
            leaves.iter().filter_map(
                |leaf| match Entry::from_bytes(&leaf.record).unwrap().event {
                    Event::Lease { what, code, .. } => Some((what, code)),
                    _ => None,
                },
            );
        events.collect()
    }

    /// Everything that an auditor can say of it is that it is sound.
    async fn is_sound(&self) {
        let report = Audited::of(&self.shop).await.report();
        assert!(report.is_sound(), "{report}");
    }
}

fn secret(number: u32) -> String {
    format!("{SECRET}-{number}")
}

/// Why it is not made anew.
fn why(answer: Result<Redeemed, GateError>) -> &'static str {
    match answer {
        Err(GateError::Refused(Refusal::NotAgain(why))) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_lost_is_made_anew_under_the_same_lease_and_the_earlier_one_is_dead() {
    let one = Taken::new().await;
    let before = one.grant().await;
    let rekeyed = one.rekeyed().await.unwrap();
    assert_eq!(rekeyed.credential.unwrap().secret, secret(1));
    assert_eq!(rekeyed.record.state, State::Completed);
    assert_eq!(one.works(), Some(secret(1)));

    // One lease: its name at the target, its end and what the grant counts are as they were.
    let after = one.grant().await;
    assert_eq!((after.uses, after.state), (before.uses, GrantState::Active));
    let (before, after) = (before.lease.unwrap(), after.lease.unwrap());
    assert_eq!((after.rekeys, after.rekeyed), (1, 1));
    let same = Lease {
        rekeys: 0,
        rekeyed: 0,
        ..after
    };
    assert_eq!(same, before);
    let told: Vec<_> = one.told().await.into_iter().map(|(what, _)| what).collect();
    let steps = [
        LeaseEvent::Issued,
        LeaseEvent::Rekeying,
        LeaseEvent::Rekeyed,
    ];
    assert_eq!(told, steps);
    one.is_sound().await;

    one.shop
        .gate
        .end_task(&one.shop.caller(), one.task)
        .await
        .unwrap();
    assert_eq!(one.turn().await.verified, 1);
    assert_eq!(one.works(), None);
    one.is_sound().await;
    let (sound, text) = Audited::of(&one.shop).await.dossier(one.request);
    assert!(sound, "{text}");
}

#[tokio::test]
async fn it_is_made_anew_so_often_and_no_more() {
    let one = Taken::new().await;
    for number in 1..=REKEYS_MAX {
        let rekeyed = one.rekeyed().await.unwrap();
        assert_eq!(rekeyed.credential.unwrap().secret, secret(number));
    }
    let leaves = one.shop.leaves().await;
    assert!(why(one.rekeyed().await).contains("as often as"));
    assert_eq!(one.works(), Some(secret(REKEYS_MAX)));
    assert_eq!(one.shop.leaves().await, leaves);
    one.is_sound().await;
}

#[tokio::test]
async fn one_call_makes_one_credential_anew() {
    let one = Taken::new().await;
    let caller = one.shop.caller();
    one.shop.gate.rekey(&caller, one.request).await.unwrap();
    let again = one.shop.gate.rekey(&caller, one.request).await;
    assert!(
        matches!(again, Err(GateError::Refused(Refusal::Replayed))),
        "{again:?}"
    );
    assert_eq!(one.works(), Some(secret(1)));
}

#[tokio::test]
async fn another_key_learns_nothing_and_has_nothing_made() {
    let one = Taken::new().await;
    let mut other = one.shop.caller();
    other.key = Hash::of(b"another key");
    let refused = one.shop.gate.rekey(&other, one.request).await;
    assert!(
        matches!(refused, Err(GateError::Refused(Refusal::NoSuchRequest))),
        "{refused:?}"
    );
    assert_eq!(one.works(), Some(SECRET.to_owned()));
}

#[tokio::test]
async fn what_ends_is_not_made_anew() {
    let one = Taken::new().await;
    one.shop
        .gate
        .revoke(&Person::Reviewer.id(), one.request)
        .await
        .unwrap();
    assert!(why(one.rekeyed().await).contains("has ended"));
    assert_eq!(one.works(), Some(SECRET.to_owned()));
    assert_eq!(one.turn().await.verified, 1);
    assert!(why(one.rekeyed().await).contains("has ended"));
    assert_eq!(one.works(), None);

    // What was executed handed out nothing.
    let read = one
        .shop
        .submit(&one.task, "shop.read", "SELECT 1")
        .await
        .unwrap();
    let caller = one.shop.caller();
    one.shop.gate.redeem(&caller, read.record.id).await.unwrap();
    let nothing = one
        .shop
        .gate
        .rekey(&one.shop.caller(), read.record.id)
        .await;
    assert!(why(nothing).contains("none was handed out"));
}

#[tokio::test]
async fn what_is_over_or_stopped_is_not_made_anew() {
    let one = Taken::new().await;
    let stop = Stops {
        targets: ["sql:shop".parse().unwrap()].into(),
        ..Stops::default()
    };
    one.shop
        .gate
        .stop(&Person::Owner.id(), stop, "a test")
        .await
        .unwrap();
    let stopped = one.rekeyed().await;
    assert!(
        matches!(stopped, Err(GateError::Refused(Refusal::Stopped(_)))),
        "{stopped:?}"
    );
    assert_eq!(one.works(), Some(SECRET.to_owned()));

    let one = Taken::new().await;
    one.pass(601);
    let over = one.rekeyed().await;
    assert!(matches!(over, Err(GateError::Refused(_))), "{over:?}");
    assert_eq!(one.works(), Some(SECRET.to_owned()));
}

#[tokio::test]
async fn what_would_not_be_let_out_now_ends_instead() {
    let one = Taken::new().await;
    activate(&one.shop, DENIED).await;
    assert!(why(one.rekeyed().await).contains("its lease ends"));
    assert_eq!(one.grant().await.state, GrantState::Revoking);
    assert_eq!(one.lease().await.end.unwrap().code, "forbidden");
    assert_eq!(one.lease().await.rekeys, 0);
    assert_eq!(one.turn().await.verified, 1);
    one.is_sound().await;
}

#[tokio::test]
async fn a_target_that_cannot_replace_what_it_made_is_asked_for_nothing() {
    let one = Taken::new().await;
    one.target.keep_what_is_made();
    let leaves = one.shop.leaves().await;
    assert!(why(one.rekeyed().await).contains("cannot replace"));
    assert_eq!(one.works(), Some(SECRET.to_owned()));
    assert_eq!(one.shop.leaves().await, leaves);
}

#[tokio::test]
async fn a_target_that_does_not_answer_leaves_the_lease_as_it_was() {
    let one = Taken::new().await;
    one.target.set_down(true);
    assert!(why(one.rekeyed().await).contains("as it was"));
    one.target.set_down(false);
    assert_eq!(one.works(), Some(SECRET.to_owned()));
    // It is made, and the answer is lost: nobody has it, and the lease stands.
    one.target.set_making(Making::AnswerLost);
    assert!(why(one.rekeyed().await).contains("ask for it again"));
    assert_eq!(one.grant().await.state, GrantState::Active);
    one.target.set_making(Making::Well);
    let rekeyed = one.rekeyed().await.unwrap();
    assert_eq!(Some(rekeyed.credential.unwrap().secret), one.works());
    assert_eq!(
        (one.lease().await.rekeys, one.lease().await.rekeyed),
        (3, 3)
    );
    one.is_sound().await;
}

#[tokio::test]
async fn a_store_that_refuses_has_nothing_made_anew() {
    let one = Taken::new().await;
    let faulty = Faulty::of(one.shop.shared_memory());
    let gate = one
        .shop
        .issuing_over(faulty.clone(), one.target.clone())
        .await;
    for health in [Health::NoCommits, Health::ReadOnly, Health::Unreachable] {
        faulty.is(health);
        let refused = gate.rekey(&one.shop.caller(), one.request).await;
        assert!(refused.is_err(), "{health:?}: {refused:?}");
        assert_eq!(one.works(), Some(SECRET.to_owned()), "{health:?}");
    }
}

#[tokio::test]
async fn a_process_that_ends_at_any_commit_loses_no_lease() {
    for commits in 0..=2 {
        let one = Taken::new().await;
        let ending = Ending::of(one.shop.shared_memory());
        let dying = one
            .shop
            .issuing_over(ending.clone(), one.target.clone())
            .await;
        ending.after(commits);
        let handed = dying.rekey(&one.shop.caller(), one.request).await;
        let handed = handed.ok().and_then(|rekeyed| rekeyed.credential);
        // Nobody is handed what is not in the ledger; and before it is, nothing is touched.
        assert_eq!(handed.is_some(), commits == 2, "after {commits}");
        let untouched = one.works() == Some(SECRET.to_owned());
        assert_eq!(untouched, commits == 0, "after {commits}");
        drop(dying);

        one.turn().await;
        assert_eq!(one.grant().await.state, GrantState::Active);
        let rekeyed = one.rekeyed().await.unwrap();
        let rekeyed = rekeyed.credential.unwrap().secret;
        assert_eq!(Some(rekeyed), one.works(), "after {commits}");
        one.is_sound().await;
        one.shop
            .gate
            .end_task(&one.shop.caller(), one.task)
            .await
            .unwrap();
        assert_eq!(one.turn().await.verified, 1);
        assert_eq!(one.works(), None);
    }
}

#[tokio::test]
async fn whoever_ends_it_while_it_is_made_anew_has_ended_it() {
    let one = Taken::new().await;
    let making = one.being_made(one.shop.gate.clone()).await;
    one.shop
        .gate
        .revoke(&Person::Reviewer.id(), one.request)
        .await
        .unwrap();
    one.target.go_on();
    assert!(why(making.await.unwrap()).contains("has ended"));
    assert_eq!(one.lease().await.end.unwrap().code, "revoked");
    one.turn().await;
    assert_eq!(one.grant().await.state, GrantState::Revoked);
    assert_eq!(one.works(), None);

    // What was taken away first is not there again after it.
    let one = Taken::new().await;
    let making = one.being_made(one.shop.gate.clone()).await;
    one.shop
        .gate
        .revoke(&Person::Reviewer.id(), one.request)
        .await
        .unwrap();
    assert_eq!(one.turn().await.verified, 1);
    one.target.go_on();
    assert!(making.await.unwrap().is_err());
    assert_eq!(one.works(), None);
    one.pass(RETRY_SECONDS_MAX);
    assert_eq!(one.turn().await.orphans, 0);
    one.is_sound().await;
}

#[tokio::test]
async fn what_is_stopped_while_it_is_made_anew_is_handed_to_nobody() {
    let one = Taken::new().await;
    let making = one.being_made(one.shop.gate.clone()).await;
    let stop = Stops {
        everything: true,
        ..Stops::default()
    };
    one.shop
        .gate
        .stop(&Person::Owner.id(), stop, "a test")
        .await
        .unwrap();
    one.target.go_on();
    assert!(making.await.unwrap().is_err());
    one.turn().await;
    one.turn().await;
    assert_eq!(one.works(), None);
    one.is_sound().await;
}

#[tokio::test]
async fn of_two_that_ask_at_once_only_the_later_is_handed_anything() {
    let one = Taken::new().await;
    let other = one
        .shop
        .issuing_over(one.shop.shared_memory(), one.target.clone())
        .await;
    let first = one.being_made(other).await;
    one.target.set_making(Making::Well);
    let second = one.rekeyed().await.unwrap();
    assert_eq!(second.credential.unwrap().secret, secret(1));
    one.target.go_on();
    assert!(why(first.await.unwrap()).contains("made last"));
    assert_eq!(
        (one.lease().await.rekeys, one.lease().await.rekeyed),
        (2, 2)
    );
    one.is_sound().await;
}

/// The leaves of a shop with one of them brought to before another, as somebody would write them who holds the log's key.
async fn moved(
    shop: &Shop,
    which: impl Fn(&Event) -> bool,
    before: impl Fn(&Event) -> bool,
) -> String {
    let mut leaves: Vec<LedgerLeaf> = shop.stored().await.into_iter().map(given).collect();
    let event = |leaf: &LedgerLeaf| Entry::from_bytes(&leaf.record).unwrap().event;
    let from = leaves.iter().rposition(|leaf| which(&event(leaf))).unwrap();
    let to = leaves.iter().position(|leaf| before(&event(leaf))).unwrap();
    let leaf = leaves.remove(from);
    leaves.insert(to, leaf);
    for (index, leaf) in leaves.iter_mut().enumerate() {
        leaf.index = u64::try_from(index).unwrap();
    }
    let report = Audited::over(shop, leaves).report();
    assert!(!report.is_sound());
    report.to_string()
}

fn is(step: LeaseEvent) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Lease { what, .. } if *what == step)
}

#[tokio::test]
async fn an_auditor_finds_what_was_made_anew_under_a_stop_or_without_being_begun() {
    let one = Taken::new().await;
    one.rekeyed().await.unwrap();
    let stop = Stops {
        targets: ["sql:shop".parse().unwrap()].into(),
        ..Stops::default()
    };
    one.shop
        .gate
        .stop(&Person::Owner.id(), stop, "a test")
        .await
        .unwrap();
    let is_stop = |event: &Event| matches!(event, Event::Stops { .. });
    for step in [LeaseEvent::Rekeying, LeaseEvent::Rekeyed] {
        let told = moved(&one.shop, is_stop, is(step)).await;
        assert!(
            told.contains("handed over although it was stopped"),
            "{told}"
        );
    }
    let told = moved(&one.shop, is(LeaseEvent::Rekeyed), is(LeaseEvent::Rekeying)).await;
    assert!(told.contains("was not begun before"), "{told}");
    let told = moved(&one.shop, is(LeaseEvent::Rekeying), is(LeaseEvent::Issued)).await;
    assert!(told.contains("that nobody was handed"), "{told}");
}
