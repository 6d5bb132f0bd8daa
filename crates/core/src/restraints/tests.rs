//! Folds small ledgers of stops, pauses and approvals.

use super::*;
use crate::ids::HumanId;
use crate::request::State;
use crate::time::Timestamp;
use crate::trust::change::WorkloadResume;

fn entry(event: Event, rows: &[(&str, Hash)]) -> Entry {
    Entry {
        at: Timestamp::from_millis(1),
        request: None,
        version: 0,
        from: None,
        to: None,
        row: None,
        rows: rows
            .iter()
            .map(|(key, hash)| ((*key).to_owned(), *hash))
            .collect(),
        event,
        attachments: [].into(),
    }
}

fn refused() -> Event {
    Event::Refused {
        principal: Hash::of(b"x"),
        code: "unknown_principal".to_owned(),
        count: 1,
    }
}

fn stopped(target: &str) -> Stops {
    Stops {
        targets: [target.parse().unwrap()].into(),
        ..Stops::default()
    }
}

fn by() -> HumanId {
    "ann@https://people.example".parse().unwrap()
}

fn stop(added: &Stops, stops: &Stops) -> Entry {
    let rows = [("stops/main", hash(stops).unwrap())];
    let event = Event::Stops {
        by: StoppedBy::Human(by()),
        added: added.clone(),
        stops: stops.clone(),
    };
    entry(event, &rows)
}

const fn request(number: u8) -> RequestId {
    RequestId::from_bytes([number; 16])
}

/// A leaf of a request: its submission where it had no state before.
fn step(number: u8, from: Option<State>, to: State) -> Entry {
    let event = if from.is_some() {
        refused()
    } else {
        submitted()
    };
    Entry {
        request: Some(request(number)),
        from,
        to: Some(to),
        ..entry(event, &[])
    }
}

fn submitted() -> Event {
    let hash = Hash::of(b"x");
    Event::Submitted {
        digest: hash,
        request_hash: hash,
        requester: by().to_string(),
        accountable: by(),
        display_hash: hash,
        trace: crate::entry::Trace {
            bundle: hash,
            input: hash,
            rules: vec![],
            reasons: vec![],
            errors: 0,
            tier: crate::tier::Tier::Amber,
            directory: 1,
        },
        requirement: None,
        decide_by: None,
        spend_by: Timestamp::from_millis(9),
        grant: None,
        decided_by: None,
        change: Some("stop.lift".to_owned()),
    }
}

/// The leaf that applies it, with the rows it puts.
fn applied(number: u8, rows: &[(&str, Hash)]) -> Entry {
    Entry {
        request: Some(request(number)),
        from: Some(State::Redeemable),
        to: Some(State::Completed),
        ..entry(refused(), rows)
    }
}

fn lift(number: u8, stops: &Stops) -> Loosening {
    Loosening {
        request: request(number),
        change: Change::StopLift(stops.clone()),
    }
}

fn resume(number: u8) -> Loosening {
    let workload = "bot".parse().unwrap();
    Loosening {
        request: request(number),
        change: Change::WorkloadResume(WorkloadResume { workload }),
    }
}

/// Adds leaves in their order, each of which must be sound.
fn added(held: &mut Restraints, next: &mut u64, leaves: &[Entry]) {
    for leaf in leaves {
        assert_eq!(held.add(*next, leaf, None), Ok(()));
        *next += 1;
    }
}

fn approved(number: u8) -> [Entry; 2] {
    let held = Some(State::Held);
    [
        step(number, None, State::Held),
        step(number, held, State::Redeemable),
    ]
}

fn free() -> Hash {
    hash(&Stops::default()).unwrap()
}

#[test]
fn any_leaf_restricts_and_only_an_approved_change_loosens_once() {
    let (mut held, mut next) = (Restraints::default(), 1);
    let set = stop(&stopped("crm"), &stopped("crm"));
    added(&mut held, &mut next, core::slice::from_ref(&set));
    assert_eq!(held.stops, stopped("crm"));
    // A row that says less, by whatever leaf.
    let forged = entry(refused(), &[("stops/main", free())]);
    assert!(held.add(2, &forged, None).is_err());
    assert_eq!(held.stops, stopped("crm"));
    // A pause comes with any row that is not free; one that is free takes none away.
    let paused = entry(refused(), &[("workload/bot", Hash::of(b"anything"))]);
    assert_eq!(held.add(3, &paused, None), Ok(()));
    let go = hash(&Pause::default()).unwrap();
    let going = entry(refused(), &[("workload/bot", go)]);
    assert!(held.add(4, &going, None).is_err());
    assert!(held.is_paused("bot") && !held.is_paused("other"));
    // Approved: once.
    next = 5;
    added(&mut held, &mut next, &approved(1));
    let lifted = applied(1, &[("stops/main", free())]);
    let lift = lift(1, &stopped("crm"));
    assert_eq!(held.add(7, &lifted, Some(&lift)), Ok(()));
    assert_eq!(held.stops, Stops::default());
    assert_eq!(held.add(8, &set, None), Ok(()));
    let again = held.add(9, &lifted, Some(&lift));
    assert!(again.unwrap_err().contains("does so once"));
    assert_eq!(held.stops, stopped("crm"));
    // What such a leaf restricts counts all the same.
    let more = applied(1, &[("workload/late", Hash::of(b"anything"))]);
    assert!(held.add(10, &more, Some(&lift)).is_err());
    assert!(held.is_paused("late"));
}

#[test]
fn what_was_set_after_a_lift_was_asked_for_stays() {
    let (crm, mail) = (stopped("crm"), stopped("mail"));
    let both = crm.and(&mail);
    for again in [true, false] {
        let (mut held, mut next) = (Restraints::default(), 1);
        added(&mut held, &mut next, &[stop(&crm, &crm)]);
        added(&mut held, &mut next, &approved(1));
        // Something else, and the same once more, when it is approved already.
        added(&mut held, &mut next, &[stop(&mail, &both)]);
        assert!(held.is_settled(&mail) && !held.is_settled(&crm));
        let left = if again {
            added(&mut held, &mut next, &[stop(&crm, &both)]);
            assert!(held.is_settled(&crm));
            &both
        } else {
            &mail
        };
        assert_eq!(held.stops, both);
        assert_eq!(held.stopped_since(2), *left);
        let leaf = applied(1, &[("stops/main", hash(left).unwrap())]);
        assert_eq!(held.add(next, &leaf, Some(&lift(1, &both))), Ok(()));
        assert_eq!(held.stops, *left);
        assert!(held.is_settled(left));
    }
}

#[test]
fn who_was_paused_after_a_resume_was_asked_for_stays_so() {
    for again in [true, false] {
        let (mut held, mut next) = (Restraints::default(), 1);
        let pause = entry(refused(), &[("workload/bot", Hash::of(b"odd"))]);
        added(&mut held, &mut next, core::slice::from_ref(&pause));
        added(&mut held, &mut next, &approved(1));
        if again {
            added(&mut held, &mut next, &[pause]);
        }
        assert_eq!(held.is_paused_since("bot", 2), again);
        let leaf = applied(1, &[]);
        assert_eq!(held.add(next, &leaf, Some(&resume(1))), Ok(()));
        assert_eq!(held.is_paused("bot"), again);
    }
}

#[test]
fn only_what_is_approved_and_lives_loosens() {
    let (crm, held_at) = (stopped("crm"), Some(State::Held));
    let ready = Some(State::Redeemable);
    let ended = [State::Withdrawn, State::Revoked, State::Expired];
    let mut cases: Vec<Vec<Entry>> = ended
        .into_iter()
        .map(|end| [&approved(1)[..], &[step(1, ready, end)]].concat())
        .collect();
    // Put back, told a second time, never approved, never asked for.
    let back = step(1, Some(State::Withdrawn), State::Redeemable);
    cases.push([&cases[0][..], &[back]].concat());
    cases.push([&cases[0][..], &approved(1)[..]].concat());
    cases.push(vec![step(1, None, State::Held)]);
    cases.push([&approved(1)[..], &[step(1, ready, State::Held)]].concat());
    cases.push(vec![step(1, held_at, State::Redeemable)]);
    for case in cases {
        let (mut held, mut next) = (Restraints::default(), 1);
        added(&mut held, &mut next, &[stop(&crm, &crm)]);
        added(&mut held, &mut next, &case);
        let leaf = applied(1, &[("stops/main", free())]);
        let said = held.add(next, &leaf, Some(&lift(1, &crm)));
        assert!(said.is_err(), "{case:?}");
        assert_eq!(held.stops, crm, "{case:?}");
    }
    // Nor does a leaf of another request, or one that does not complete it.
    for other in [
        applied(2, &[]),
        step(1, held_at, State::Completed),
        step(1, ready, State::Redeemable),
    ] {
        let (mut held, mut next) = (Restraints::default(), 1);
        added(&mut held, &mut next, &[stop(&crm, &crm)]);
        added(&mut held, &mut next, &approved(1));
        assert!(held.add(next, &other, Some(&lift(1, &crm))).is_err());
        assert_eq!(held.stops, crm);
    }
}

#[test]
fn every_leaf_that_matters_is_looked_at_and_no_other() {
    let mut held = Restraints::default();
    let bytes = |entry: &Entry| entry.to_bytes().unwrap();
    let [asked, decided] = approved(1);
    assert!(held.concerns(&bytes(&asked)));
    assert!(!held.concerns(&bytes(&decided)));
    held.add(1, &asked, None).unwrap();
    assert!(held.concerns(&bytes(&decided)));
    held.add(2, &step(1, Some(State::Held), State::Withdrawn), None)
        .unwrap();
    assert!(!held.concerns(&bytes(&decided)));
    assert!(held.concerns(&bytes(&stop(&stopped("crm"), &stopped("crm")))));
}
