//! Offline keys for break-glass: who gets one, with which key, and what it is not.

use super::*;
use crate::trust::glass::{GLASS_ENROL_NAMESPACE, GLASS_KEYS_MAX, GlassEnrol};
use crate::trust::revocation::{KeyRevocation, REVOCATION_TYPE, RevocationSignature};

/// Two people, and nobody's offline key.
fn before() -> Directory {
    let (ann, bob) = (Hand::file(1), Hand::file(2));
    let mut statement = statement(vec![
        named("ann", &ann, Assurance::Software, None),
        named("bob", &bob, Assurance::Software, None),
    ]);
    let offline = [Hand::file(11), Hand::file(12)];
    statement.recovery_keys = offline.iter().map(Hand::line).collect();
    directory(signed(&statement, [&ann, &bob].into_iter().chain(&offline))).unwrap()
}

fn asked(name: &str, hand: &Hand) -> GlassEnrol {
    let (human, key) = (human(name), hand.line());
    let message = GlassEnrol::possession_message(&origin(), &human, &key).unwrap();
    GlassEnrol {
        possession: hand.sign(GLASS_ENROL_NAMESPACE, &message),
        human,
        key,
        suspension: None,
    }
}

fn applied(enrol: GlassEnrol, before: &Directory) -> Result<Directory, TrustError> {
    Change::GlassEnrol(enrol).apply(before, &human("bob"), NOW, 7)
}

#[test]
fn an_offline_key_is_no_key_to_decide_with() {
    let before = before();
    let hand = Hand::file(21);
    let after = applied(asked("ann", &hand), &before).unwrap();
    assert_eq!((after.version, after.glass.len()), (2, 1));
    let print = *after.glass.keys().next().unwrap();
    let ann = human("ann");
    assert!(after.glass_key(&ann, &print).is_some());
    assert!(after.glass_key(&human("bob"), &print).is_none());
    assert!(after.key(&ann, &print).is_none() && after.authority(&ann, &print).is_none());
    assert_eq!(after.humans, before.humans);
}

#[test]
fn an_offline_key_is_nothing_else_and_of_one_person() {
    let before = before();
    let contradicts = |enrol: GlassEnrol, before: &Directory| {
        matches!(applied(enrol, before), Err(TrustError::Contradiction(_)))
    };
    assert!(
        contradicts(asked("ann", &Hand::file(1)), &before),
        "her own"
    );
    assert!(contradicts(asked("ann", &Hand::file(2)), &before), "bob's");
    assert!(
        contradicts(asked("ann", &Hand::file(11)), &before),
        "it recovers"
    );
    let after = applied(asked("ann", &Hand::file(21)), &before).unwrap();
    assert!(
        contradicts(asked("bob", &Hand::file(21)), &after),
        "ann has it"
    );
    assert!(
        contradicts(asked("eve", &Hand::file(22)), &before),
        "a stranger"
    );
}

#[test]
fn an_offline_key_becomes_nobodys_key_to_decide_with() {
    let hand = Hand::file(21);
    let after = applied(asked("ann", &hand), &before()).unwrap();
    let (human, key) = (human("bob"), hand.line());
    let message = change::HumanEnrol::possession_message(&origin(), &human, &key).unwrap();
    let enrol = change::HumanEnrol {
        possession: hand.sign(ENROL_NAMESPACE, &message),
        human: human.clone(),
        key,
        assurance: Assurance::Software,
        attestation: None,
        suspension: None,
    };
    let refused = Change::HumanEnrol(enrol).apply(&after, &human, NOW, 8);
    assert!(
        matches!(refused, Err(TrustError::Contradiction(_))),
        "{refused:?}"
    );
}

#[test]
fn a_new_offline_key_shows_that_it_is_there() {
    let before = before();
    let mut forged = asked("ann", &Hand::file(21));
    forged.possession = asked("ann", &Hand::file(22)).possession;
    let refused = applied(forged, &before);
    assert!(
        matches!(refused, Err(TrustError::Signature { .. })),
        "{refused:?}"
    );
}

#[test]
fn an_offline_key_that_was_asked_for_before_its_person_left_is_not_enrolled() {
    let mut before = before();
    before.last_gone.insert(human("ann"), Hash::of(b"gone"));
    let asked = asked("ann", &Hand::file(21));
    let refused = applied(asked.clone(), &before);
    assert!(matches!(refused, Err(TrustError::Contradiction(_))));
    let anew = GlassEnrol {
        suspension: Some(Hash::of(b"gone")),
        ..asked
    };
    assert!(applied(anew, &before).is_ok());
}

#[test]
fn there_are_few_offline_keys() {
    let mut now = before();
    for number in 0..GLASS_KEYS_MAX {
        let seed = u8::try_from(number).unwrap() + 100;
        now = applied(asked("ann", &Hand::file(seed)), &now).unwrap();
    }
    let refused = applied(asked("ann", &Hand::file(99)), &now);
    assert!(matches!(refused, Err(TrustError::Contradiction(_))));
}

#[test]
fn an_offline_key_is_revoked_like_any_other() {
    let after = applied(asked("ann", &Hand::file(21)), &before()).unwrap();
    let print = *after.glass.keys().next().unwrap();
    let of = |human: HumanId| KeyRevocation {
        type_: REVOCATION_TYPE.to_owned(),
        gate: origin(),
        human,
        key: print,
    };
    let by_ann = |revocation: &KeyRevocation| {
        let statement = String::from_utf8(canonical::to_bytes(revocation).unwrap()).unwrap();
        let ann = human("ann");
        let key = *after.humans[&ann].keys.keys().next().unwrap();
        let signature = Hand::file(1).sign(SAFE_NAMESPACE, statement.as_bytes());
        SignedRevocation {
            statement,
            signatures: vec![RevocationSignature {
                human: ann,
                key,
                signature,
            }],
        }
    };
    let gone = by_ann(&of(human("ann"))).apply(&after).unwrap();
    assert!(gone.glass.is_empty());
    assert_eq!(gone.humans, after.humans);
    assert!(
        by_ann(&of(human("bob"))).apply(&after).is_err(),
        "it is not bob's"
    );
}
