//! A passkey gets force like any other key: on the pages that people agreed on, by its own proofs.

use super::*;
use crate::passkey::soft::SoftPasskey;
use crate::passkey::{PasskeyPublicKey, WebOrigin};
use crate::trust::change::{ConfigChange, HumanEnrol};

fn console() -> WebOrigin {
    WebOrigin::new("https://gate.acme.internal").unwrap()
}

/// A gate whose founders named these pages.
fn founded(consoles: &[WebOrigin]) -> Result<Directory, TrustError> {
    let (bob, cem) = (Hand::file(2), Hand::file(3));
    let mut statement = statement(vec![
        named("bob", &bob, Assurance::Software, None),
        named("cem", &cem, Assurance::Software, None),
    ]);
    statement.consoles = consoles.to_vec();
    directory(signed(&statement, [&bob, &cem]))
}

/// What ann hands in for this passkey, as a browser makes it.
fn proof(passkey: &SoftPasskey) -> HumanEnrol {
    let (ann, key) = (human("ann"), passkey.public_key().to_line());
    let message = HumanEnrol::possession_message(&origin(), &ann, &key).unwrap();
    let challenge = PasskeyPublicKey::challenge(ENROL_NAMESPACE, &message);
    let made_for = attestation_challenge(&origin(), &ann).unwrap();
    HumanEnrol {
        possession: passkey.sign(&challenge).to_text().unwrap(),
        attestation: Some(passkey.register(&made_for).to_text().unwrap()),
        assurance: Assurance::Verified,
        suspension: None,
        human: ann,
        key,
    }
}

fn enrolled(before: &Directory, proof: HumanEnrol) -> Result<(Assurance, KeyProof), TrustError> {
    let after = Change::HumanEnrol(proof).apply(before, &human("bob"), NOW, 7)?;
    let keys = &after.humans[&human("ann")].keys;
    let key = keys.values().next().unwrap();
    Ok((key.assurance, key.proof.clone()))
}

#[test]
fn a_passkey_counts_as_verified_and_as_more_only_when_its_maker_vouches() {
    let gate = founded(&[console()]).unwrap();
    let passkey = SoftPasskey::new([7; 32], console());
    let verified = (Assurance::Verified, KeyProof::Passkey);
    assert_eq!(enrolled(&gate, proof(&passkey)), Ok(verified.clone()));
    let mut bare = proof(&passkey);
    bare.attestation = None;
    assert_eq!(enrolled(&gate, bare), Ok(verified));
    let mut more = proof(&passkey);
    more.assurance = Assurance::Attested;
    let refused = enrolled(&gate, more);
    assert!(
        matches!(refused, Err(TrustError::Attestation { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_passkey_is_enrolled_only_where_people_agreed_that_one_signs() {
    let elsewhere = WebOrigin::new("https://other.acme.internal").unwrap();
    let passkey = SoftPasskey::new([7; 32], console());
    for consoles in [vec![], vec![elsewhere]] {
        let refused = enrolled(&founded(&consoles).unwrap(), proof(&passkey));
        assert!(
            matches!(refused, Err(TrustError::Signature { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_passkey_can_sign_while_a_console_of_its_relying_party_is_named() {
    let ann = human("ann");
    let gate = founded(&[console()]).unwrap();
    let passkey = SoftPasskey::new([7; 32], console());
    let enrol = Change::HumanEnrol(proof(&passkey));
    let gate = enrol.apply(&gate, &human("bob"), NOW, 7).unwrap();
    assert_eq!(gate.strongest(&ann), Some(Assurance::Verified));
    let on = |consoles: &[&str]| {
        let consoles = consoles.iter().map(|page| WebOrigin::new(page).unwrap());
        let consoles = consoles.collect();
        let change = Change::ConfigChange(ConfigChange { consoles });
        change.apply(&gate, &human("bob"), NOW, 8).unwrap()
    };
    // Another port of the host is a page of the same relying party.
    let moved = on(&["https://gate.acme.internal:8443"]);
    assert_eq!(moved.strongest(&ann), Some(Assurance::Verified));
    for gone in [on(&[]), on(&["https://other.acme.internal"])] {
        assert_eq!(gone.strongest(&ann), None, "{:?}", gone.consoles);
        // Keys of terminals need no page.
        assert_eq!(gone.strongest(&human("bob")), Some(Assurance::Software));
    }
    assert_eq!(gate.strongest(&human("nobody")), None);
}

#[test]
fn a_registration_is_of_the_key_that_is_enrolled() {
    let gate = founded(&[console()]).unwrap();
    let (own, other) = (
        SoftPasskey::new([7; 32], console()),
        SoftPasskey::new([8; 32], console()),
    );
    let mut swapped = proof(&own);
    swapped.attestation = proof(&other).attestation;
    let refused = enrolled(&gate, swapped);
    assert!(matches!(refused, Err(TrustError::Form(_))), "{refused:?}");
}

#[test]
fn consoles_are_named_once_and_few() {
    let page = |number: usize| WebOrigin::new(&format!("https://gate-{number}.example")).unwrap();
    let many: Vec<WebOrigin> = (0..9).map(page).collect();
    let gate = founded(&many[..8]).unwrap();
    assert_eq!(gate.consoles, many[..8]);
    for bad in [many.clone(), vec![page(1), page(1)]] {
        assert!(founded(&bad).is_err(), "{bad:?}");
        let change = Change::ConfigChange(ConfigChange { consoles: bad });
        assert!(change.apply(&gate, &human("bob"), NOW, 7).is_err());
    }
    let none = Change::ConfigChange(ConfigChange { consoles: vec![] });
    let after = none.apply(&gate, &human("bob"), NOW, 7).unwrap();
    assert!(after.consoles.is_empty());
}
