//! The clock of a hold: it asks more people, each in their time, and changes nothing else.

use gatehold_core::commit::Conflict;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::ids::RequestId;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_sim::simulator::story::{No, Story, Told};
use gatehold_sim::simulator::work::Intent;

use crate::refused;

/// A request held where owners are asked after a minute, and reviewers after five.
fn held(story: &mut Story) -> RequestId {
    story.activate(|rules| {
        let answer = rules.answers.get_mut("db.write").unwrap();
        answer.checkpoints = [6].into();
    });
    story.submit("bot-1", "db.write")
}

fn held_still() -> Refusal {
    Refusal::WrongState {
        state: State::Held.name(),
    }
}

fn asked(told: &Told) -> Vec<String> {
    let entry = Entry::from_bytes(&told.write.leaf.record).unwrap();
    let Event::Escalated { teams, .. } = entry.event else {
        panic!("it was escalated: {told:?}");
    };
    teams.iter().map(ToString::to_string).collect()
}

#[test]
fn nobody_is_asked_before_their_time() {
    let mut story = Story::dev();
    let request = held(&mut story);
    let before = story.record(request);
    for (seconds, team) in [(59, "owners"), (239, "reviewers")] {
        story.pass(seconds);
        let early = story.tell(Intent::Escalate { request });
        refused(early, &held_still());
        story.pass(1);
        let told = story.tell(Intent::Escalate { request }).unwrap();
        assert_eq!(asked(&told), [team]);
    }
    story.pass(200);
    refused(story.tell(Intent::Escalate { request }), &held_still());
    let after = story.record(request);
    assert_eq!(after.escalations, 2);
    assert_eq!(
        after
            .held
            .as_ref()
            .map(|held| (held.decide_by, held.requirement_hash)),
        before
            .held
            .as_ref()
            .map(|held| (held.decide_by, held.requirement_hash)),
    );
}

#[test]
fn nobody_is_asked_after_the_time_to_decide() {
    let mut story = Story::dev();
    let request = held(&mut story);
    story.pass(599);
    let in_hand = story.load(0, Intent::Escalate { request }).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.pass(2);
    let late = story.commit(&in_hand.intent, decided);
    assert!(
        matches!(late, Err(No::Conflict(Conflict::Deadline))),
        "{late:?}"
    );
}
