use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU8, NonZeroU32};

use super::*;
use crate::assurance::Assurance;
use crate::checkpoint::{Alternative, CheckpointLimits, Eligible, Justification};

fn checkpoint(name: &str, teams: &[&str], humans: &[&str]) -> Checkpoint {
    let seconds = NonZeroU32::new(600).unwrap();
    Checkpoint {
        name: name.parse().unwrap(),
        title: name.to_owned(),
        owner: "security".to_owned(),
        rationale: "because".to_owned(),
        justification: Justification::Impact,
        eligible: Eligible {
            teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
            humans: humans.iter().map(|human| human.parse().unwrap()).collect(),
        },
        alternatives: vec![Alternative {
            seats: NonZeroU8::MIN,
            factor: Assurance::Present,
        }],
        separate: false,
        criteria: vec![],
        decide_within_seconds: seconds,
        spend_within_seconds: seconds,
        escalation: vec![],
        limits: CheckpointLimits {
            ttl_seconds: seconds,
            uses: NonZeroU32::MIN,
            caps: BTreeMap::new(),
        },
        requires: BTreeSet::new(),
        break_glass: None,
        signer: crate::signer::Signer::Any,
    }
}

fn through(checkpoints: Option<&[&str]>) -> Through {
    let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    Through {
        delegation: Hash::of(b"delegation"),
        from: "away@corp.example".parse().unwrap(),
        teams: ["owners".parse().unwrap()].into(),
        checkpoints: checkpoints.map(names),
        until: Timestamp::from_millis(9),
    }
}

#[test]
fn a_seat_by_name_is_nobody_elses() {
    let named = checkpoint("a", &["security"], &["away@corp.example"]);
    assert!(!through(None).admits(&named));
    let both = checkpoint("a", &["owners"], &["away@corp.example"]);
    assert!(through(None).admits(&both), "it is given for the team");
}

#[test]
fn what_counts_is_what_was_signed_as_far_as_it_holds() {
    let of = |delegation: &[u8], teams: &[&str]| Through {
        delegation: Hash::of(delegation),
        teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
        ..through(None)
    };
    let now = of(b"one", &["owners", "security"]);
    let signed = |shown: &[Through]| now.clone().as_signed(shown);
    assert_eq!(signed(&[]), None, "signed for nobody else");
    assert_eq!(signed(&[of(b"other", &["owners"])]), None);
    assert_eq!(
        signed(&[of(b"one", &["owners", "reviewers"])]),
        Some(of(b"one", &["owners"])),
        "a team that came back later was not signed for"
    );
    assert_eq!(signed(&[of(b"one", &["reviewers"])]), None);
}

#[test]
fn named_checkpoints_only_narrow() {
    let owners = checkpoint("a", &["owners"], &[]);
    let security = checkpoint("b", &["security"], &[]);
    for (names, at_owners, at_security) in [
        (None, true, false),
        (Some(&["a"][..]), true, false),
        (Some(&["b"]), false, false),
        (Some(&["a", "b"]), true, false),
    ] {
        let through = through(names);
        let admitted = (through.admits(&owners), through.admits(&security));
        assert_eq!(admitted, (at_owners, at_security), "{names:?}");
    }
}
