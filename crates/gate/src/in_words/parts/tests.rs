use gatehold_core::assurance::Assurance;
use gatehold_core::directory::{Baseline, EnrolledKey, Human, KeyProof};
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};

use super::*;
use crate::delegations;

const JWK: &str =
    r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const LINE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR";

fn names<T: std::str::FromStr<Err: std::fmt::Debug> + Ord>(names: &[&str]) -> BTreeSet<T> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn directory() -> Directory {
    let key = EnrolledKey {
        key: PersonKey::from_line(LINE).unwrap(),
        assurance: Assurance::Verified,
        proof: KeyProof::SecurityKey,
        leaf: 0,
    };
    let ann = Human {
        keys: [(Hash::of(b"ann"), key)].into(),
    };
    Directory {
        humans: [("ann@acme".parse().unwrap(), ann)].into(),
        teams: [("owners".parse().unwrap(), names(&["ann@acme", "bob@acme"]))].into(),
        delegations: [].into(),
        consoles: Vec::new(),
        ..delegations::tests::directory()
    }
}

fn bot(owner: &str, actions: &[&str]) -> NhiCreate {
    NhiCreate {
        id: "bot".parse().unwrap(),
        kind: WorkloadKind::AiAgent,
        jwk: JWK.to_owned(),
        owner: owner.parse().unwrap(),
        backup: "bob@acme".parse().unwrap(),
        custodians: BTreeSet::new(),
        assurance: WorkloadAssurance::Pop,
        teams: BTreeSet::new(),
        baseline: Baseline {
            descriptors: names(actions),
            ..Baseline::default()
        },
        lifecycle: Lifecycle::Active,
        not_after: Timestamp::from_millis(1_900_000_000_000),
    }
}

#[test]
fn a_team_says_who_goes_who_comes_and_who_stays() {
    let set = |team: &str, members: &[&str]| TeamSet {
        team: team.parse().unwrap(),
        members: names(members),
    };
    assert_eq!(
        team(&set("owners", &["bob@acme", "eve@acme"]), &directory()),
        [
            "the team owners is set anew",
            "members: REMOVED: ann@acme; added: eve@acme",
            "stay in it: bob@acme",
        ]
    );
    assert_eq!(
        team(&set("night", &["eve@acme"]), &directory()),
        ["the team night is new", "members: added: eve@acme"]
    );
}

#[test]
fn a_key_says_whose_which_and_what_it_decides() {
    let enrol = |human: &str| HumanEnrol {
        human: human.parse().unwrap(),
        key: LINE.to_owned(),
        assurance: Assurance::Verified,
        possession: String::new(),
        attestation: None,
        suspension: None,
    };
    let key = PersonKey::from_line(LINE).unwrap();
    let (print, words) = (
        key.fingerprint(),
        words::of_key(&key.thumbprint()).join(" "),
    );
    assert_eq!(
        human(&enrol("ann@acme"), &directory()),
        [
            format!(
                "ann@acme gets the key {print}, which counts as `verified`, without attestation"
            ),
            format!("whoever made it reads the words `{words}` beside it: have ann@acme say them"),
            "ann@acme keeps 1 key that has force".to_owned(),
            "ann@acme is in owners, and decides with it at once".to_owned(),
        ]
    );
    let mut suspended = directory();
    let gone = gatehold_core::directory::Suspended {
        id: Hash::of(b"gone"),
        removed: false,
        leaf: 7,
    };
    let ann: HumanId = "ann@acme".parse().unwrap();
    suspended.suspended.insert(ann.clone(), gone);
    suspended.last_gone.insert(ann.clone(), gone.id);
    let mut back = suspended.clone();
    back.suspended.remove(&ann);
    let knowing = HumanEnrol {
        suspension: Some(Hash::of(b"gone")),
        ..enrol("ann@acme")
    };
    for (enrol, now, said) in [
        (
            &knowing,
            &suspended,
            "THE IDENTITY PROVIDER DEACTIVATED ann@acme, and this key would count all the same",
        ),
        (
            &enrol("ann@acme"),
            &suspended,
            "THE IDENTITY PROVIDER DEACTIVATED ann@acme since this was asked for: it cannot be applied any more",
        ),
        (
            &enrol("ann@acme"),
            &back,
            "the identity provider deactivated ann@acme since this was asked for, and has them back: it cannot be applied any more",
        ),
        (
            &knowing,
            &directory(),
            "it says that the identity provider deactivated ann@acme, which it never did: it cannot be applied",
        ),
        // Whoever is back is nobody who is gone, and the key counts as any.
        (&knowing, &back, "ann@acme keeps 1 key that has force"),
    ] {
        assert_eq!(human(enrol, now)[2], said);
    }
    let known = human(&knowing, &suspended);
    assert_eq!(known[3], "ann@acme has no key with force yet");
    let new = human(&enrol("eve@acme"), &directory());
    assert_eq!(
        &new[2..],
        [
            "eve@acme has no key with force yet",
            "eve@acme is in no team, and decides nothing until one is set",
        ]
    );
}

#[test]
fn a_workload_says_what_is_new_or_what_differs() {
    let mut now = directory();
    let first = workload(&bot("ann@acme", &["sql.read"]), &now);
    assert!(first[0].starts_with("the workload bot becomes known: ai_agent, key sha256:"));
    assert_eq!(
        first[1],
        "ann@acme answers for it, and bob@acme as the backup"
    );
    assert!(
        first.contains(&"normal actions: added: sql.read".to_owned()),
        "{first:?}"
    );
    let mut custodian = bot("ann@acme", &["sql.read"]);
    custodian.custodians = names(&["eve@acme"]);
    custodian.lifecycle = Lifecycle::Suspended;
    let said = workload(&custodian, &now);
    for line in [
        "holders of its key: added: eve@acme",
        "lifecycle: suspended",
    ] {
        assert!(said.contains(&line.to_owned()), "{said:?}");
    }

    let create = bot("ann@acme", &["sql.read"]);
    let known = gatehold_core::directory::Workload {
        kind: create.kind,
        key: Jwk::parse(JWK).unwrap().thumbprint(),
        jwk: create.jwk,
        owner: create.owner,
        backup: create.backup,
        custodians: create.custodians,
        proposer: "ann@acme".parse().unwrap(),
        assurance: create.assurance,
        teams: create.teams,
        baseline: create.baseline,
        lifecycle: create.lifecycle,
        not_after: create.not_after,
        leaf: 1,
    };
    now.workloads.insert(create.id, known);
    let same = workload(&bot("ann@acme", &["sql.read"]), &now);
    assert_eq!(same[1..], ["nothing differs"]);
    assert_eq!(
        workload(&bot("eve@acme", &["sql.write"]), &now)[1..],
        [
            "owner: eve@acme instead of ann@acme",
            "normal actions: REMOVED: sql.read; added: sql.write",
        ]
    );
}

#[test]
fn a_point_says_for_whom_it_may_submit() {
    let enrol = PointEnrol {
        id: "proxy".parse().unwrap(),
        jwk: "{}".to_owned(),
        owner: "ann@acme".parse().unwrap(),
        workloads: names(&["a", "b"]),
    };
    assert_eq!(
        point(&enrol, &directory()),
        [
            "the enforcement point proxy becomes known, key that cannot be read",
            "ann@acme answers for it",
            "submits for: added: a, b",
        ]
    );
}

#[test]
fn a_list_of_scopes_that_goes_away_is_said_to_compare_nothing_any_more() {
    let list =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(ToString::to_string).collect() };
    let (one, two) = (list(&["a"]), list(&["a", "b"]));
    for (before, after, said) in [
        (None, None, &[][..]),
        (Some(&one), Some(&two), &["normal scopes: added: b"][..]),
        (
            None,
            Some(&one),
            &[
                "its scopes are held against a list",
                "normal scopes: added: a",
            ],
        ),
        (
            Some(&one),
            None,
            &[
                "its scopes: NO LONGER held against a list",
                "normal scopes: REMOVED: a",
            ],
        ),
    ] {
        assert_eq!(scopes(before, after), said);
    }
}
