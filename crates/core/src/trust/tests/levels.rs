//! The level of a key is what is proven about it, at the root and at every later enrolment.

use super::*;
use crate::trust::change::HumanEnrol;

/// The level and proof of ann's key in a root that says this of it.
fn at_root(
    hand: &Hand,
    claimed: Assurance,
    attestation: Option<String>,
) -> Result<(Assurance, KeyProof), TrustError> {
    let bob = Hand::file(2);
    let statement = statement(vec![
        named("ann", hand, claimed, attestation),
        named("bob", &bob, Assurance::Software, None),
    ]);
    let directory = directory(signed(&statement, [hand, &bob]))?;
    Ok(level(&directory, "ann"))
}

/// The same, enrolled later.
fn enrolled(
    hand: &Hand,
    claimed: Assurance,
    attestation: Option<String>,
) -> Result<(Assurance, KeyProof), TrustError> {
    let (bob, cem) = (Hand::file(2), Hand::file(3));
    let statement = statement(vec![
        named("bob", &bob, Assurance::Software, None),
        named("cem", &cem, Assurance::Software, None),
    ]);
    let before = directory(signed(&statement, [&bob, &cem]))?;
    let ann = human("ann");
    let message = HumanEnrol::possession_message(&origin(), &ann, &hand.line()).unwrap();
    let enrol = HumanEnrol {
        human: ann,
        key: hand.line(),
        assurance: claimed,
        possession: hand.sign(ENROL_NAMESPACE, &message),
        attestation,
        suspension: None,
    };
    let after = Change::HumanEnrol(enrol).apply(&before, &human("bob"), NOW, 7)?;
    Ok(level(&after, "ann"))
}

fn level(directory: &Directory, name: &str) -> (Assurance, KeyProof) {
    let keys = &directory.humans[&human(name)].keys;
    let key = keys.values().next().unwrap();
    (key.assurance, key.proof.clone())
}

type Enrolment = fn(&Hand, Assurance, Option<String>) -> Result<(Assurance, KeyProof), TrustError>;
const BOTH: [Enrolment; 2] = [at_root, enrolled];
const LEVELS: [Assurance; 4] = [
    Assurance::Software,
    Assurance::Present,
    Assurance::Verified,
    Assurance::Attested,
];

#[test]
fn each_kind_of_key_counts_as_much_as_it_proves_and_no_more() {
    let ann = human("ann");
    for enrol in BOTH {
        let touched = Hand::hardware(5, UP);
        let verified = Hand::hardware(6, UP | UV);
        let kinds = [
            (Hand::file(4), false, Assurance::Software),
            (Hand::hardware(7, 0), false, Assurance::Software),
            (Hand::hardware(5, UP), false, Assurance::Present),
            (Hand::hardware(6, UP | UV), false, Assurance::Verified),
            (touched, true, Assurance::Present),
            (verified, true, Assurance::Attested),
        ];
        for (hand, attested, most) in kinds {
            for claimed in LEVELS {
                let attestation = attested.then(|| hand.attestation(&maker(), &ann)).flatten();
                let outcome = enrol(&hand, claimed, attestation);
                if claimed <= most {
                    assert_eq!(outcome.unwrap().0, claimed, "most {most}");
                } else {
                    let refused = outcome.expect_err("more than is proven");
                    let TrustError::Level { proven, next, .. } = refused else {
                        panic!("{refused}");
                    };
                    assert_eq!(proven, most);
                    assert!(next.contains("enrol it as"), "{next}");
                }
            }
        }
    }
}

#[test]
fn an_attested_key_remembers_who_vouched() {
    let hand = Hand::hardware(6, UP | UV);
    for enrol in BOTH {
        let attestation = hand.attestation(&maker(), &human("ann"));
        let (_, proof) = enrol(&hand, Assurance::Attested, attestation).unwrap();
        let said = proof.to_string();
        assert!(said.starts_with("attested by soft, model a7a7"), "{said}");
        let (_, proof) = enrol(&hand, Assurance::Verified, None).unwrap();
        assert_eq!(proof, KeyProof::SecurityKey);
        let (_, proof) = enrol(&Hand::file(4), Assurance::Software, None).unwrap();
        assert_eq!(proof, KeyProof::File);
    }
}

#[test]
fn an_attestation_of_another_maker_person_or_key_is_refused_at_any_level() {
    let hand = Hand::hardware(6, UP | UV);
    let other = Hand::hardware(8, UP | UV);
    let stranger = SoftVendor::new([9; 32], MODEL);
    let (ann, bob) = (human("ann"), human("bob"));
    let bad = [
        hand.attestation(&stranger, &ann),
        hand.attestation(&maker(), &bob),
        other.attestation(&maker(), &ann),
        Some("00".to_owned()),
        Some("no hex".to_owned()),
    ];
    for enrol in BOTH {
        for attestation in &bad {
            for claimed in LEVELS {
                let refused = enrol(&hand, claimed, attestation.clone()).unwrap_err();
                assert!(
                    matches!(
                        refused,
                        TrustError::Attestation { .. } | TrustError::Form(_)
                    ),
                    "{refused}"
                );
            }
        }
        // A key in a file cannot be attested, whatever lies beside it.
        let refused = enrol(
            &Hand::file(4),
            Assurance::Software,
            hand.attestation(&maker(), &ann),
        );
        assert!(matches!(refused, Err(TrustError::Attestation { .. })));
    }
}

#[test]
fn a_root_that_pins_what_cannot_vouch_is_refused() {
    let (ann, bob) = (Hand::file(1), Hand::file(2));
    let humans = || {
        vec![
            named("ann", &ann, Assurance::Software, None),
            named("bob", &bob, Assurance::Software, None),
        ]
    };
    let mut many = statement(humans());
    let root = many.attestation_roots.roots[0].clone();
    many.attestation_roots.roots = vec![root; enrolment::PINNED_MAX + 1];
    let mut broken = statement(humans());
    broken.attestation_roots.roots[0].certificate = "3000".to_owned();
    let mut leaf = statement(humans());
    leaf.attestation_roots.roots[0].certificate = hex(&maker().leaf_certificate());
    for statement in [many, broken, leaf] {
        let refused = signed(&statement, [&ann, &bob]).verify();
        assert!(matches!(refused, Err(TrustError::Form(_))), "{refused:?}");
    }
}

#[test]
fn a_new_key_must_be_there_and_have_no_other_holder() {
    let (hand, other) = (Hand::hardware(6, UP | UV), Hand::hardware(8, UP | UV));
    let (bob, cem) = (Hand::file(2), Hand::file(3));
    let statement = statement(vec![
        named("bob", &bob, Assurance::Software, None),
        named("cem", &cem, Assurance::Software, None),
    ]);
    let before = directory(signed(&statement, [&bob, &cem])).unwrap();
    let enrol = |of: &Hand, by: &Hand| {
        let message = HumanEnrol::possession_message(&origin(), &human("ann"), &of.line()).unwrap();
        let enrol = HumanEnrol {
            human: human("ann"),
            key: of.line(),
            assurance: Assurance::Software,
            possession: by.sign(ENROL_NAMESPACE, &message),
            attestation: None,
            suspension: None,
        };
        Change::HumanEnrol(enrol).apply(&before, &human("bob"), NOW, 7)
    };
    assert!(enrol(&hand, &hand).is_ok());
    let unproven = enrol(&hand, &other);
    assert!(matches!(unproven, Err(TrustError::Signature { .. })));
    let taken = enrol(&cem, &cem);
    assert!(matches!(taken, Err(TrustError::Contradiction(_))));
}

#[test]
fn no_link_of_the_chain_can_be_erased() {
    let (bob, cem) = (Hand::file(2), Hand::file(3));
    let statement = statement(vec![
        named("bob", &bob, Assurance::Software, None),
        named("cem", &cem, Assurance::Software, None),
    ]);
    let before = directory(signed(&statement, [&bob, &cem])).unwrap();
    let erase = |name: &str| {
        let change = Change::RecordErase(crate::trust::change::RecordErase {
            leaf: 0,
            name: name.to_owned(),
        });
        change.apply(&before, &human("bob"), NOW, 7).map(drop)
    };
    assert_eq!(erase("prompt"), Ok(()));
    for link in ["evidence", "bundle"] {
        assert!(matches!(erase(link), Err(TrustError::Contradiction(_))));
    }
}
