//! The key chain: each link alone is refused where one thing about it is wrong.

use gatehold_core::assurance::Assurance;
use gatehold_core::directory::Directory;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::restraints::Loosening;
use gatehold_core::stops::Stops;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::{HumanEnrol, PointEnrol, TeamSet};
use gatehold_core::trust::{
    Chain, Change, ENROL_NAMESPACE, Evidence, Executed, ROOT_NAMESPACE, RootStatement, SignedRoot,
    TrustError,
};
use gatehold_sim::simulator::people::{Key, human};
use gatehold_sim::simulator::story::Story;

fn owners() -> TeamSet {
    TeamSet {
        team: "owners".parse().unwrap(),
        members: [human("ann"), human("bob")].into(),
    }
}

/// A team that two people approved and nobody applied, with the directory before it.
fn approved() -> (Story, Directory, Executed) {
    let mut story = Story::dev();
    let intent = story.proposal("ann", "team.set", &owners());
    let request = story.submitted(intent);
    for name in ["bob", "cem"] {
        story.approve(name, request).unwrap();
    }
    let (directory, executed) = (story.directory(), story.executed(request));
    assert_eq!(executed.check(&directory), Ok(()));
    (story, directory, executed)
}

fn contradiction(answer: Result<(), TrustError>) -> String {
    match answer {
        Err(TrustError::Contradiction(what)) => what,
        other => panic!("this contradicts the directory: {other:?}"),
    }
}

#[test]
fn whoever_gains_by_a_change_is_named() {
    let mut story = Story::dev();
    let jwk = story.new_jwk();
    let create = gatehold_core::trust::change::NhiCreate {
        id: "bot-9".parse().unwrap(),
        jwk,
        ..story.workload("bot-1")
    };
    let intent = story.proposal("ann", "nhi.create", &create);
    let request = story.submitted(intent);
    for name in ["bob", "eve"] {
        story.approve(name, request).unwrap();
    }
    let mut executed = story.executed(request);
    let directory = story.directory();
    assert_eq!(executed.check(&directory), Ok(()));
    if let gatehold_core::requester::Requester::Human { beneficiaries, .. } =
        &mut executed.record.requester
    {
        beneficiaries.clear();
    }
    executed.record.request_hash = executed.record.computed_request_hash();
    assert_eq!(
        contradiction(executed.check(&directory)),
        "whoever gains by the change must be named"
    );
}

#[test]
fn a_lift_that_nobody_approved_loosens_nothing() {
    let mut story = Story::dev();
    let all = Stops {
        everything: true,
        ..Stops::default()
    };
    let intent = story.proposal("ann", "stop.lift", &all);
    let request = story.submitted(intent);
    for name in ["bob", "cem"] {
        story.approve(name, request).unwrap();
    }
    let directory = story.directory();
    let verified = |executed: Executed| {
        let evidence = Evidence::Executed(Box::new(executed));
        let event = Event::Trust {
            directory: 1,
            what: "stop.lift".to_owned(),
            evidence: evidence.hash().unwrap(),
            trace: None,
        };
        let entry = Entry {
            at: Timestamp::from_millis(1),
            request: Some(request),
            version: 3,
            from: Some(State::Redeemable),
            to: Some(State::Completed),
            row: None,
            rows: [].into(),
            event,
            attachments: [].into(),
        };
        Loosening::verify(&entry, &evidence, &directory).map(drop)
    };
    let mut executed = story.executed(request);
    assert_eq!(verified(executed.clone()), Ok(()));
    executed.record.reviews.truncate(1);
    assert_eq!(verified(executed), Err(TrustError::NotApproved));
}

#[test]
fn a_change_is_signed_by_its_author() {
    let (mut story, directory, mut executed) = approved();
    let other = story.proposal("bob", "team.set", &owners());
    if let gatehold_sim::simulator::work::Intent::Propose { submit, .. } = other {
        executed.submit = submit;
    }
    let wrong = executed.check(&directory);
    assert!(
        matches!(wrong, Err(TrustError::Signature { .. })),
        "{wrong:?}"
    );
}

#[test]
fn a_change_matches_its_own_hashes() {
    let (_, directory, mut executed) = approved();
    executed.record.purpose = Hash::of(b"another");
    assert_eq!(
        contradiction(executed.check(&directory)),
        "the request does not match its own hashes"
    );
}

#[test]
fn a_change_needs_two_people_besides_its_author() {
    let (_, directory, mut executed) = approved();
    executed.record.reviews.pop();
    assert_eq!(executed.check(&directory), Err(TrustError::NotApproved));
}

#[test]
fn a_change_counts_once() {
    let mut story = Story::dev();
    story.change("ann", "team.set", &owners());
    let (mut chain, mut last) = (Chain::default(), None);
    for (leaf, evidence) in story.links() {
        chain.add(leaf, &evidence, None).unwrap();
        last = Some((leaf + 1, evidence));
    }
    let (leaf, evidence) = last.unwrap();
    assert_eq!(chain.add(leaf, &evidence, None), Err(TrustError::Repeated));
}

#[test]
fn a_revocation_is_for_this_gate() {
    let mut story = Story::dev();
    let directory = story.directory();
    let elsewhere = story.revocation_at("dev.other".parse().unwrap(), "bob", &["bob"]);
    let wrong = elsewhere.check(&directory);
    assert!(matches!(wrong, Err(TrustError::Form(_))), "{wrong:?}");
}

#[test]
fn a_revocation_is_signed_by_whom_it_names() {
    let mut story = Story::dev();
    let directory = story.directory();
    let mut revocation = story.revocation("bob", &["bob"]);
    let other = story.revocation("cem", &["bob"]);
    revocation.signatures = other.signatures;
    let wrong = revocation.check(&directory);
    assert!(
        matches!(wrong, Err(TrustError::Signature { .. })),
        "{wrong:?}"
    );
}

#[test]
fn one_other_person_revokes_nobodys_key() {
    let mut story = Story::dev();
    let directory = story.directory();
    let alone = story.revocation("bob", &["cem"]);
    assert_eq!(alone.check(&directory), Err(TrustError::NotApproved));
    let two = story.revocation("bob", &["cem", "dia"]);
    assert_eq!(two.check(&directory), Ok(()));
}

/// The root again, after somebody changed its statement and everybody signed that.
fn root(story: &Story, change: impl FnOnce(&mut RootStatement)) -> SignedRoot {
    let mut root = story.root();
    let mut statement: RootStatement =
        canonical::from_canonical_bytes(root.statement.as_bytes()).unwrap();
    change(&mut statement);
    let bytes = canonical::to_bytes(&statement).unwrap();
    for signature in &mut root.signatures {
        let mut keys = ["ann", "bob", "cem", "dia", "eve"]
            .into_iter()
            .flat_map(|name| &story.person(name).keys);
        let key = keys.find(|key| key.line == signature.key).unwrap();
        signature.signature = key.sign(ROOT_NAMESPACE, &bytes);
    }
    root.statement = String::from_utf8(bytes).unwrap();
    root
}

#[test]
fn a_root_names_at_least_two_people_and_nobody_twice() {
    let story = Story::dev();
    let alone = root(&story, |statement| statement.humans.truncate(1));
    assert_eq!(alone.verify().unwrap_err(), TrustError::TooFew);
    let twice = root(&story, |statement| {
        let again = statement.humans[0].clone();
        statement.humans.push(again);
    });
    assert_eq!(twice.verify().unwrap_err(), TrustError::TooFew);
}

#[test]
fn a_root_is_a_root_and_everybody_in_it_has_a_key() {
    let story = Story::dev();
    let other = root(&story, |statement| {
        "gatehold/other/v1".clone_into(&mut statement.type_);
    });
    assert!(matches!(other.verify(), Err(TrustError::Form(_))));
    let empty = root(&story, |statement| statement.humans[0].keys.clear());
    assert!(matches!(empty.verify(), Err(TrustError::Form(_))));
}

#[test]
fn every_key_of_a_root_signs_it() {
    let story = Story::dev();
    let mut signed = story.root();
    let other = signed.signatures[1].signature.clone();
    signed.signatures[0].signature = other;
    let wrong = signed.verify();
    assert!(
        matches!(wrong, Err(TrustError::Signature { .. })),
        "{wrong:?}"
    );
}

#[test]
fn only_the_pinned_root_begins_a_chain() {
    let story = Story::dev();
    let evidence = Evidence::Root(story.root());
    let pinned = Some(Hash::of(b"another"));
    let wrong = Chain::default().add(0, &evidence, pinned);
    assert!(
        matches!(wrong, Err(TrustError::NotPinned { .. })),
        "{wrong:?}"
    );
}

#[test]
fn a_key_has_one_holder() {
    let story = Story::dev();
    let shared = root(&story, |statement| {
        let key = statement.humans[0].keys[0].clone();
        statement.humans[1].keys.push(key);
    });
    let mut chain = Chain::default();
    assert_eq!(
        contradiction(chain.add(0, &Evidence::Root(shared), None)),
        "this key is enrolled already"
    );
}

#[test]
fn a_plain_key_is_never_more_than_software() {
    let story = Story::dev();
    let raised = root(&story, |statement| {
        for human in &mut statement.humans {
            human.keys[0].assurance = Assurance::Attested;
        }
    });
    let wrong = Chain::default().add(0, &Evidence::Root(raised), None);
    assert!(matches!(wrong, Err(TrustError::Level { .. })), "{wrong:?}");
}

fn applied(change: &Change, before: &Directory) -> Result<(), TrustError> {
    let now = Timestamp::from_millis(1_790_000_000_000);
    change.apply(before, &human("ann"), now, 9).map(drop)
}

fn stranger() -> HumanId {
    HumanId::new("evil.example", "ann").unwrap()
}

#[test]
fn a_new_key_shows_that_it_is_there() {
    let mut story = Story::dev();
    let directory = story.directory();
    let (key, other) = (Key::software([7; 32]), Key::software([8; 32]));
    let message =
        HumanEnrol::possession_message(&directory.origin, &human("bob"), &key.line).unwrap();
    let enrol = |hand: &Key| {
        Change::HumanEnrol(HumanEnrol {
            human: human("bob"),
            possession: hand.sign(ENROL_NAMESPACE, &message),
            key: key.line.clone(),
            assurance: Assurance::Software,
            attestation: None,
            suspension: None,
        })
    };
    assert_eq!(applied(&enrol(&key), &directory), Ok(()));
    let wrong = applied(&enrol(&other), &directory);
    assert!(
        matches!(wrong, Err(TrustError::Signature { .. })),
        "{wrong:?}"
    );
}

#[test]
fn a_point_belongs_to_somebody() {
    let mut story = Story::dev();
    let (directory, jwk) = (story.directory(), story.new_jwk());
    let point = |owner| {
        Change::PointEnrol(PointEnrol {
            id: "hook".parse().unwrap(),
            jwk: jwk.clone(),
            owner,
            workloads: ["bot-0".parse().unwrap()].into(),
        })
    };
    assert_eq!(applied(&point(human("ann")), &directory), Ok(()));
    assert_eq!(
        contradiction(applied(&point(stranger()), &directory)),
        "the owner is not enrolled"
    );
}

#[test]
fn a_team_has_no_strangers() {
    let mut story = Story::dev();
    let directory = story.directory();
    let mut set = owners();
    set.members.insert(stranger());
    let said = contradiction(applied(&Change::TeamSet(set), &directory));
    assert!(said.ends_with("is not enrolled"), "{said}");
}

#[test]
fn a_workload_has_an_owner_a_stand_in_and_a_key_of_its_own() {
    let mut story = Story::production();
    let directory = story.directory();
    let known = story.workload("bot-0");
    let changed = |change: fn(&mut gatehold_core::trust::change::NhiCreate)| {
        let mut next = known.clone();
        change(&mut next);
        applied(&Change::NhiCreate(Box::new(next)), &directory)
    };
    assert_eq!(changed(|_| {}), Ok(()));
    let said = contradiction(changed(|next| next.backup = stranger()));
    assert_eq!(said, "owner and backup must be enrolled humans");
    let said = contradiction(changed(|next| next.backup = next.owner.clone()));
    assert_eq!(said, "the backup must be somebody else than the owner");
    let other = story.workload("bot-1").jwk;
    let mut next = known.clone();
    next.jwk = other;
    let taken = applied(&Change::NhiCreate(Box::new(next)), &directory);
    assert!(
        matches!(taken, Err(TrustError::Contradiction(_))),
        "{taken:?}"
    );
}
