//! A lost quorum comes back through enough offline keys, once, in one form, and in no other.

use super::*;
use crate::commit::LeafKind;
use crate::ids::TeamId;
use crate::trust::recovery::{
    LostKey, RECOVERY_NAMESPACE, RECOVERY_TYPE, RecoverySignature, signers_needed,
};

/// A root of two people, one of whom has lost their key, and three offline keys.
struct House {
    ann: Hand,
    bob: Hand,
    offline: [Hand; 3],
    /// Who is put back.
    eve: Hand,
}

impl House {
    fn new() -> Self {
        Self {
            ann: Hand::file(1),
            bob: Hand::file(2),
            offline: [Hand::file(11), Hand::file(12), Hand::hardware(13, UP)],
            eve: Hand::hardware(5, UP | UV),
        }
    }

    fn root(&self) -> SignedRoot {
        let mut statement = statement(vec![
            named("ann", &self.ann, Assurance::Software, None),
            named("bob", &self.bob, Assurance::Software, None),
        ]);
        statement.recovery_keys = self.offline.iter().map(Hand::line).collect();
        signed(
            &statement,
            [&self.ann, &self.bob].into_iter().chain(&self.offline),
        )
    }

    fn directory(&self) -> Directory {
        directory(self.root()).unwrap()
    }

    /// Ann's key is lost, eve comes.
    fn recovery(&self) -> Recovery {
        let ann = human("ann");
        let before = self.directory();
        let lost = before.humans[&ann].keys.keys().next().copied().unwrap();
        let owners: TeamId = "owners".parse().unwrap();
        Recovery {
            type_: RECOVERY_TYPE.to_owned(),
            gate: origin(),
            root: before.root,
            directory: before.version,
            created_at: NOW,
            revoke: vec![LostKey {
                human: ann,
                key: lost,
            }],
            enrol: vec![named("eve", &self.eve, Assurance::Verified, None)],
            teams: [(owners, [human("bob"), human("eve")].into())].into(),
        }
    }
}

fn by<'a>(recovery: &Recovery, hands: impl IntoIterator<Item = &'a Hand>) -> SignedRecovery {
    let statement = String::from_utf8(canonical::to_bytes(recovery).unwrap()).unwrap();
    let signatures = hands.into_iter().map(|hand| RecoverySignature {
        key: hand.line(),
        signature: hand.sign(RECOVERY_NAMESPACE, statement.as_bytes()),
    });
    SignedRecovery {
        signatures: signatures.collect(),
        statement,
    }
}

#[test]
fn two_of_three_offline_keys_put_people_back_and_the_chain_says_so() {
    let house = House::new();
    let [first, second, _] = &house.offline;
    let recovery = by(&house.recovery(), [first, second, &house.eve]);
    let mut chain = Chain::default();
    chain.add(0, &Evidence::Root(house.root()), None).unwrap();
    chain
        .add(9, &Evidence::Recovery(recovery.clone()), None)
        .unwrap();
    let after = chain.directory().unwrap();
    assert!(after.humans[&human("ann")].keys.is_empty());
    let eve = after.humans[&human("eve")].keys.values().next().unwrap();
    assert_eq!((eve.assurance, eve.leaf), (Assurance::Verified, 9));
    assert_eq!(after.teams_of(&human("eve")).len(), 1);
    assert_eq!((after.version, &after.quorum_lost), (2, &vec![9]));
    // Once: the directory it was for is gone.
    let again = chain.add(10, &Evidence::Recovery(recovery), None);
    assert!(matches!(again, Err(TrustError::Contradiction(_))));
}

#[test]
fn too_few_wrong_or_repeated_offline_keys_recover_nothing() {
    let house = House::new();
    let before = house.directory();
    let [first, second, third] = &house.offline;
    let recovery = house.recovery();
    let stranger = Hand::file(99);
    for hands in [
        vec![&house.eve],
        vec![first, &house.eve],
        vec![first, first, &house.eve],
        vec![first, &stranger, &house.eve],
        vec![first, &house.bob, &house.ann, &house.eve],
        vec![first, second, third],
    ] {
        let refused = by(&recovery, hands).check(&before);
        assert!(
            matches!(refused, Err(TrustError::Signature { .. })),
            "{refused:?}"
        );
    }
    // One signature that does not hold spoils it: two good ones do not carry a third in somebody's name.
    let mut forged = by(&recovery, [first, second, &house.eve]);
    let other = by(
        &Recovery {
            directory: 7,
            ..recovery
        },
        [third],
    );
    forged.signatures.extend(other.signatures);
    assert!(forged.check(&before).is_err());
}

#[test]
fn it_is_for_one_gate_one_root_one_version_and_one_type() {
    let house = House::new();
    let before = house.directory();
    let hands = || house.offline.iter().chain([&house.eve]);
    assert_eq!(by(&house.recovery(), hands()).check(&before), Ok(()));
    let changes: [fn(&mut Recovery); 6] = [
        |recovery| recovery.gate = "other.example".parse().unwrap(),
        |recovery| recovery.root = Hash::of(b"another root"),
        |recovery| recovery.type_ = "gatehold/root/v1".to_owned(),
        |recovery| recovery.directory = 2,
        |recovery| recovery.directory = 0,
        |recovery| recovery.revoke[0].key = Hash::of(b"no such key"),
    ];
    for change in changes {
        let mut recovery = house.recovery();
        change(&mut recovery);
        assert!(by(&recovery, hands()).check(&before).is_err());
    }
}

#[test]
fn it_cannot_enrol_who_is_not_there_or_claim_more_than_is_proven() {
    let house = House::new();
    let before = house.directory();
    let offline = || house.offline.iter();
    // Eve has not signed.
    let refused = by(&house.recovery(), offline()).check(&before);
    assert!(matches!(refused, Err(TrustError::Signature { .. })));
    let mut more = house.recovery();
    more.enrol[0].keys[0].assurance = Assurance::Attested;
    let refused = by(&more, offline().chain([&house.eve])).check(&before);
    assert!(matches!(refused, Err(TrustError::Level { .. })));
    // An offline key is not somebody's key.
    let mut offline_key = house.recovery();
    offline_key.enrol[0].keys[0].key = house.offline[0].line();
    offline_key.enrol[0].keys[0].assurance = Assurance::Software;
    let refused = by(&offline_key, offline()).check(&before);
    assert!(matches!(refused, Err(TrustError::Contradiction(_))));
    let mut strangers = house.recovery();
    let team = strangers.teams.keys().next().cloned().unwrap();
    strangers.teams.insert(team, [human("nobody")].into());
    let refused = by(&strangers, offline().chain([&house.eve])).check(&before);
    assert!(matches!(refused, Err(TrustError::Contradiction(_))));
}

#[test]
fn it_must_leave_enough_people_to_go_on() {
    let house = House::new();
    let before = house.directory();
    let mut recovery = house.recovery();
    recovery.enrol.clear();
    recovery.teams.clear();
    let refused = by(&recovery, &house.offline).check(&before);
    assert_eq!(refused, Err(TrustError::TooFew));
}

#[test]
fn a_gate_without_offline_keys_cannot_be_recovered() {
    let house = House::new();
    let statement = statement(vec![
        named("ann", &house.ann, Assurance::Software, None),
        named("bob", &house.bob, Assurance::Software, None),
    ]);
    let before = directory(signed(&statement, [&house.ann, &house.bob])).unwrap();
    let mut recovery = house.recovery();
    recovery.root = before.root;
    let hands = house.offline.iter().chain([&house.eve, &house.bob]);
    let refused = by(&recovery, hands).check(&before);
    assert!(matches!(refused, Err(TrustError::Signature { .. })));
}

#[test]
fn offline_keys_are_none_or_two_and_more_distinct_and_there() {
    let house = House::new();
    let [first, second, _] = &house.offline;
    let people = [&house.ann, &house.bob];
    let root = |offline: &[&Hand], signers: &[&Hand]| {
        let mut statement = statement(vec![
            named("ann", &house.ann, Assurance::Software, None),
            named("bob", &house.bob, Assurance::Software, None),
        ]);
        statement.recovery_keys = offline.iter().map(|hand| hand.line()).collect();
        signed(
            &statement,
            people.into_iter().chain(signers.iter().copied()),
        )
        .verify()
    };
    assert!(root(&[], &[]).is_ok());
    assert!(root(&[first, second], &[first, second]).is_ok());
    assert!(matches!(root(&[first], &[first]), Err(TrustError::Form(_))));
    let twice = root(&[first, first], &[first]);
    assert!(matches!(twice, Err(TrustError::Form(_))));
    let absent = root(&[first, second], &[first]);
    assert!(matches!(absent, Err(TrustError::Signature { .. })));
    let somebodys = root(&[first, &house.ann], &[first]);
    assert!(matches!(somebodys, Err(TrustError::Contradiction(_))));
    // Signed by another hand in its name.
    let mut statement = statement(vec![
        named("ann", &house.ann, Assurance::Software, None),
        named("bob", &house.bob, Assurance::Software, None),
    ]);
    statement.recovery_keys = [first, second].map(Hand::line).to_vec();
    let mut forged = signed(&statement, [&house.ann, &house.bob, first, second]);
    forged.signatures[3].signature = forged.signatures[2].signature.clone();
    assert!(matches!(forged.verify(), Err(TrustError::Signature { .. })));
}

#[test]
fn more_than_half_must_sign_and_never_fewer_than_two() {
    let needed: Vec<usize> = (0..8).map(signers_needed).collect();
    assert_eq!(needed, [2, 2, 2, 2, 3, 3, 4, 4]);
}

#[test]
fn a_recovery_stands_in_its_own_kind_of_leaf_and_alone_there() {
    let house = House::new();
    let recovery = Evidence::Recovery(by(&house.recovery(), &house.offline));
    let root = Evidence::Root(house.root());
    let kinds = [LeafKind::Root, LeafKind::Trust, LeafKind::QuorumLost];
    let fits = |evidence: &Evidence| kinds.map(|kind| evidence.fits(kind));
    assert_eq!(fits(&recovery), [false, false, true]);
    assert_eq!(fits(&root), [true, false, false]);
}
