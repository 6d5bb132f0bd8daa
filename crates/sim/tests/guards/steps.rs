//! A step counts into its task's chain once, from its first decision, and is never a reason against itself.

use gatehold_core::commit::{Conflict, CounterKey, Guard};
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::request::State;
use gatehold_core::task::{Boundary, Chain};
use gatehold_core::tier::Tier;
use gatehold_sim::simulator::rules::ACTIONS;
use gatehold_sim::simulator::story::{No, Story};
use gatehold_sim::simulator::work::Intent;

/// A task of at most so many steps.
fn bounded(story: &mut Story, workload: &str, steps: u64) -> TaskId {
    let boundary = Boundary {
        descriptors: ACTIONS.map(|name| name.parse().unwrap()).into(),
        targets: ["db".parse().unwrap()].into(),
        resources: Default::default(),
        steps,
        not_after: story.shelf().now().plus_seconds(3_000),
    };
    story.start_with(workload, None, Some(boundary))
}

fn asked(story: &mut Story, workload: &str, task: TaskId, kind: &str) -> RequestId {
    let intent = story.submission(workload, task, kind);
    story.submitted(intent)
}

fn chain(story: &Story, task: &TaskId) -> Chain {
    let keys: [CounterKey; 8] = Chain::counters(task, &"db".parse().unwrap());
    Chain::from_counts(keys.map(|key| story.shelf().counter(&key)))
}

#[test]
fn every_step_that_was_decided_within_the_boundary_can_be_used() {
    for steps in [1, 2, 3] {
        let mut story = Story::dev();
        let task = bounded(&mut story, "bot-0", steps);
        let allowed: Vec<RequestId> = (0..steps)
            .map(|_| asked(&mut story, "bot-0", task, "mail.send"))
            .collect();
        let beyond = asked(&mut story, "bot-0", task, "db.read");
        assert_eq!(story.record(beyond).state, State::Denied, "{steps} steps");
        for request in allowed {
            assert!(story.redeem(request).unwrap().is_let_out());
        }
        assert_eq!(chain(&story, &task).steps, steps);
    }
}

#[test]
fn the_last_step_of_a_boundary_is_taken_once_and_reads_do_not_wait_for_each_other() {
    let mut story = Story::dev();
    let task = bounded(&mut story, "bot-0", 2);
    asked(&mut story, "bot-0", task, "db.read");
    let in_hand = ["db.read", "db.read"].map(|kind| {
        let intent = story.submission("bot-0", task, kind);
        let in_hand = story.load(0, intent).unwrap();
        (story.decide(&in_hand).unwrap(), in_hand.intent)
    });
    let [first, second] = in_hand.map(|(decided, intent)| story.commit(&intent, decided));
    assert_eq!(first.unwrap().record().state, State::Allowed);
    let steps = CounterKey(format!("task:{task}:steps"));
    let beyond = matches!(
        &second,
        Err(No::Conflict(Conflict::Guard(Guard::Below(counter, 2)))) if *counter == steps
    );
    assert!(beyond, "two steps are all there is: {second:?}");

    // With room left neither of two reads has to be decided again.
    let roomy = bounded(&mut story, "bot-0", 9);
    asked(&mut story, "bot-0", roomy, "db.read");
    let in_hand = ["db.read", "db.read"].map(|kind| {
        let intent = story.submission("bot-0", roomy, kind);
        let in_hand = story.load(0, intent).unwrap();
        (story.decide(&in_hand).unwrap(), in_hand.intent)
    });
    for (decided, intent) in in_hand {
        let told = story.commit(&intent, decided).unwrap();
        assert_eq!(told.record().state, State::Allowed);
    }
}

#[test]
fn a_step_that_is_decided_twice_counts_once_and_as_the_riskier_of_both() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    let request = asked(&mut story, "bot-1", task, "db.write");
    assert_eq!(story.record(request).counted, None);
    story.approve("bob", request).unwrap();
    assert_eq!(story.record(request).counted, Some(Tier::Green));
    let green = chain(&story, &task);
    assert_eq!(
        (green.steps, green.systems, green.tier()),
        (1, 1, Tier::Green)
    );

    // A bundle that asks for more is activated: held again, at use.
    story.activate(|rules| {
        let answer = rules.answers.get_mut("db.write").unwrap();
        answer.checkpoints = [6].into();
        answer.tier = Tier::Red;
    });
    let told = story.redeem(request).unwrap();
    assert_eq!(told.record().state, State::Held);
    assert_eq!(chain(&story, &task).steps, 1, "it was decided once");
    for name in ["bob", "dia", "eve", "ann"] {
        if story.record(request).state == State::Held {
            let _ = story.approve(name, request);
        }
    }
    let record = story.record(request);
    assert_eq!(
        (record.state, record.counted),
        (State::Redeemable, Some(Tier::Red))
    );
    let red = chain(&story, &task);
    assert_eq!((red.steps, red.same_target, red.systems), (1, 1, 1));
    assert_eq!((red.amber, red.red), (0, 1));
    assert_eq!(red.around(&record), Chain::default());
}

#[test]
fn a_step_that_becomes_riskier_is_seen_by_whoever_decides_beside_it() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    let request = asked(&mut story, "bot-1", task, "db.write");
    story.approve("bob", request).unwrap();
    story.activate(|rules| {
        let answer = rules.answers.get_mut("db.write").unwrap();
        answer.checkpoints = [6].into();
        answer.tier = Tier::Red;
    });
    story.redeem(request).unwrap();
    let send = story.submission("bot-1", task, "mail.send");
    let in_hand = story.load(0, send).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    for name in ["bob", "dia", "eve", "ann"] {
        if story.record(request).state == State::Held {
            let _ = story.approve(name, request);
        }
    }
    assert_eq!(story.record(request).counted, Some(Tier::Red));
    let red = CounterKey(format!("task:{task}:red"));
    let answer = story.commit(&in_hand.intent, decided);
    let overtaken = matches!(
        &answer,
        Err(No::Conflict(Conflict::Guard(Guard::Below(counter, 1)))) if *counter == red
    );
    assert!(
        overtaken,
        "the chain was green when policy was asked: {answer:?}"
    );
}

#[test]
fn a_target_that_two_steps_are_the_first_on_counts_once() {
    let mut story = Story::dev();
    let task = story.start("bot-0");
    let in_hand = ["db.read", "db.read"].map(|kind| {
        let intent: Intent = story.submission("bot-0", task, kind);
        let in_hand = story.load(0, intent).unwrap();
        (story.decide(&in_hand).unwrap(), in_hand.intent)
    });
    let [first, second] = in_hand.map(|(decided, intent)| story.commit(&intent, decided));
    assert!(first.is_ok());
    assert!(
        matches!(
            &second,
            Err(No::Conflict(Conflict::Guard(Guard::Below(_, 1))))
        ),
        "{second:?}"
    );
    asked(&mut story, "bot-0", task, "db.read");
    let counted = chain(&story, &task);
    assert_eq!((counted.steps, counted.systems), (2, 1));
}
