//! What the simulator found once, told by hand and named for what went wrong. A seed means the same only as long as the
//! simulator draws in the same order; a story stays what it is.

use gatehold_core::commit::{Conflict, Guard, RowKey, Table};
use gatehold_core::grant::Grant;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::trust::change::TeamSet;
use gatehold_sim::simulator::people::human;
use gatehold_sim::simulator::story::{No, Story};
use gatehold_sim::simulator::work::Intent;

/// A process took a call whose proof was fresh, then stood still for longer than the store remembered the call's nonce.
#[test]
fn a_process_that_pauses_between_checking_a_proof_and_deciding_does_not_take_the_call_again() {
    let mut story = Story::dev();
    let task = story.start("bot-0");
    let call = story.submission("bot-0", task, "db.read");
    // Two processes have checked the same call; one of them goes on at once.
    let slow = story.load(0, call.clone()).unwrap();
    assert!(story.tell_to(1, call).is_ok());
    for minutes in [1, 5, 60] {
        story.pass(60 * minutes);
        let decided = story.decide(&slow).unwrap();
        let again = story.commit(&slow.intent, decided);
        assert!(
            matches!(
                again,
                Err(No::Conflict(
                    Conflict::Guard(Guard::Absent(..)) | Conflict::Deadline
                ))
            ),
            "{again:?}"
        );
    }
}

/// A person's signature over a submission has no end, so its nonce was forgotten like a call's and it counted again.
#[test]
fn a_persons_signed_submission_does_not_count_twice() {
    let mut story = Story::dev();
    let set = TeamSet {
        team: "owners".parse().unwrap(),
        members: [human("ann"), human("bob")].into(),
    };
    let signed = story.proposal("ann", "team.set", &set);
    assert!(story.tell(signed.clone()).is_ok());
    for days in [0, 1, 400] {
        story.pass(86_400 * days);
        let again = story.tell(signed.clone());
        assert!(
            matches!(again, Err(No::Conflict(Conflict::Guard(Guard::Absent(..))))),
            "{again:?}"
        );
    }
}

/// A request whose row was given more time in the database was let out in that time.
#[test]
fn a_row_that_was_given_more_time_ends_with_its_grant() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-1", "db.write");
    story.approve("bob", request).unwrap();
    let grant = story.record(request).grant.unwrap();
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.limits.not_after = record.limits.not_after.plus_seconds(80_000);
        record.spend_by = record.spend_by.plus_seconds(80_000);
    });
    story.edit(Table::Grant, &grant, |grant: &mut Grant| {
        grant.limits.not_after = grant.limits.not_after.plus_seconds(80_000);
        grant.expires_at = grant.expires_at.plus_seconds(80_000);
    });
    story.pass(40_000);
    let late = story.redeem(request);
    assert!(matches!(late, Err(No::Refused(_))), "{late:?}");
    // And it does end, by its row's own word, so that nothing waits for ever.
    story.pass(80_000);
    let told = story.tell(Intent::Expire { request }).unwrap();
    assert_eq!(told.record().state, State::Expired);
}

/// A review that was signed for the time as it was counted together with one for the longer time that somebody had
/// written into the row since.
#[test]
fn reviews_signed_for_different_times_to_spend_do_not_count_together() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-1", "host.reboot");
    story.approve("ann", request).unwrap();
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.spend_by = record.spend_by.plus_seconds(80_000);
    });
    let told = story.approve("bob", request).unwrap();
    assert_eq!(told.record().state, State::Held);
}

/// A hold whose row was put back, whole, ended twice and was counted off twice: one more than the cap stood open. Only an
/// auditor sees such a row; the gate goes on, and nothing is let out by it.
#[test]
fn a_hold_that_was_put_back_and_ended_again_frees_one_place_too_many() {
    let mut story = Story::dev();
    let first = story.submit("bot-1", "db.write");
    let most = story.settings().open_holds_max;
    for _ in 1..most {
        story.submit("bot-1", "db.write");
    }
    for again in [false, true] {
        if again {
            story.put_back(&RowKey::new(Table::Request, &first));
        }
        let call = story.call("bot-1");
        let told = story.tell(Intent::Withdraw {
            call,
            request: first,
        });
        assert_eq!(told.unwrap().record().state, State::Withdrawn);
    }
    for place in 1..=3 {
        let task = story.start("bot-1");
        let intent = story.submission("bot-1", task, "db.write");
        let held = story.tell(intent).unwrap().record().state == State::Held;
        assert_eq!(held, place <= 2, "place {place}");
    }
}
