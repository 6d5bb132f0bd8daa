use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroU32};

use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{
    Alternative, Checkpoint, CheckpointLimits, Eligible, Justification, Requirement,
};
use gatehold_core::directory::{EnrolledKey, Human, KeyProof};
use gatehold_core::passkey::WebOrigin;
use gatehold_core::person_key::PersonKey;
use gatehold_core::requester::Requester;
use gatehold_core::signer::Signer;
use gatehold_core::trust::AttestationRoots;

use super::*;

/// The generator of P-256, on the host of [`console`].
const PASSKEY: &str = "webauthn-es256 gate.acme.example \
                       BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU AQ";
const LINE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR";
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn console() -> WebOrigin {
    WebOrigin::new("https://gate.acme.example").unwrap()
}

fn enrolled(line: &str) -> (Human, Hash) {
    let key = PersonKey::from_line(line).unwrap();
    let thumbprint = key.thumbprint();
    let enrolled = EnrolledKey {
        key,
        assurance: Assurance::Verified,
        proof: KeyProof::Passkey,
        leaf: 0,
    };
    let keys = [(thumbprint, enrolled)].into();
    (Human { keys }, thumbprint)
}

/// Bob, an owner, is away, and lets ann decide: for an hour from now, in any task.
pub(crate) fn directory() -> Directory {
    let ((ann, _), (bob, key)) = (enrolled(LINE), enrolled(PASSKEY));
    let given = Delegation {
        from: "bob@acme".parse().unwrap(),
        key,
        to: "ann@acme".parse().unwrap(),
        teams: ["owners".parse().unwrap()].into(),
        task: None,
        checkpoints: None,
        not_before: NOW,
        not_after: NOW.plus_seconds(3_600),
        leaf: 7,
    };
    Directory {
        version: 1,
        chain: Hash::of(b"chain"),
        named: 1,
        origin: "gate.acme.example".parse().unwrap(),
        root: Hash::of(b"root"),
        bundle: Hash::of(b"bundle"),
        humans: [
            ("ann@acme".parse().unwrap(), ann),
            ("bob@acme".parse().unwrap(), bob),
        ]
        .into(),
        teams: [(
            "owners".parse().unwrap(),
            ["bob@acme".parse().unwrap()].into(),
        )]
        .into(),
        workloads: BTreeMap::new(),
        points: BTreeMap::new(),
        delegations: [(Hash::of(b"given"), given)].into(),
        recovery: Vec::new(),
        attestation_roots: AttestationRoots::default(),
        consoles: vec![console()],
        suspended: BTreeMap::new(),
        last_gone: BTreeMap::new(),
        log_key: String::new(),
        glass: BTreeMap::new(),
        quorum_lost: Vec::new(),
    }
}

/// So many seats for owners.
pub(crate) fn requirement(seats: u8) -> Requirement {
    let seconds = NonZeroU32::new(600).unwrap();
    let checkpoint = Checkpoint {
        name: "a".parse().unwrap(),
        title: "a".to_owned(),
        owner: "owners".to_owned(),
        rationale: "because".to_owned(),
        justification: Justification::Impact,
        eligible: Eligible {
            teams: ["owners".parse().unwrap()].into(),
            humans: BTreeSet::new(),
        },
        alternatives: vec![Alternative {
            seats: NonZeroU8::new(seats).unwrap(),
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
        signer: Signer::Any,
    };
    Requirement::new(vec![checkpoint]).unwrap()
}

/// A workload that others answer for.
pub(crate) fn requester() -> Requester {
    let workload = serde_json::json!({
        "id": "bot", "kind": "ai_agent", "key": Hash::of(b"bot"), "owner": "cem@acme", "backup": "dia@acme",
        "custodians": [], "proposer": "cem@acme", "assurance": "pop", "point": null, "initiator": null,
        "delegators": [], "drafters": [],
    });
    serde_json::from_value(serde_json::json!({ "workload": workload })).unwrap()
}

pub(crate) fn moment() -> Moment {
    Moment {
        now: NOW,
        task: None,
    }
}

fn standing(directory: &Directory, now: Timestamp) -> DelegationStanding {
    let given = directory.delegations.values().next().unwrap();
    DelegationStanding::of(given, directory, &BTreeSet::new(), now)
}

#[test]
fn what_a_passkey_signed_stands_while_a_page_may_ask_it() {
    let mut directory = directory();
    assert_eq!(standing(&directory, NOW), DelegationStanding::Active);
    directory.consoles = vec![WebOrigin::new("https://other.acme.example").unwrap()];
    assert_eq!(standing(&directory, NOW), DelegationStanding::KeyGone);
}

#[test]
fn a_delegation_that_is_over_asks_for_no_task() {
    let mut directory = directory();
    let task: TaskId = "tsk_00000000000000000000000000000001".parse().unwrap();
    let given = directory.delegations.values_mut().next().unwrap();
    given.task = Some(task);
    let ends = given.not_after;
    assert_eq!(
        tasks_named(directory.delegations.values(), ends),
        [task].into()
    );
    let after = Timestamp::from_millis(ends.millis() + 1);
    assert_eq!(
        tasks_named(directory.delegations.values(), after),
        [].into()
    );
    assert_eq!(standing(&directory, after), DelegationStanding::Over);
}
