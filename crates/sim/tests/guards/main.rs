//! One question a guard: what happens if exactly this is wrong? `docs/reference/guards.md` names the test of each guard,
//! and `cargo xtask mutants` removes the guard and demands that the test goes red.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests; clippy takes the functions they call for production code"
)]

mod chain;
mod count;
mod delegations;
mod escalate;
mod history;
mod leases;
mod prove;
mod redeem;
mod review;
mod signed;
mod steps;
mod suspensions;
mod writes;

use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_sim::simulator::rules::{Answer, Rules};
use gatehold_sim::simulator::story::{No, Told};

/// Nothing happened, for this reason.
#[track_caller]
fn refused(answer: Result<Told, No>, why: &Refusal) {
    match answer {
        Err(No::Refused(said)) => assert_eq!(said, why.to_string()),
        other => panic!("this should have been refused with `{why}`: {other:?}"),
    }
}

/// Something was written, and nothing was let out.
#[track_caller]
fn ends_as(answer: Result<Told, No>, state: State) {
    let told = answer.expect("it is a decision, not a refusal");
    assert!(!told.is_let_out());
    assert_eq!(told.record().state, state);
}

/// From now on the bundle says this about a kind of action.
fn says(kind: &'static str, says: &'static str, at: &'static [u8]) -> impl FnOnce(&mut Rules) {
    move |rules| {
        let answer: &mut Answer = rules.answers.get_mut(kind).expect("a kind of action");
        answer.says = says.to_owned();
        answer.checkpoints = at.iter().copied().collect();
    }
}
