//! A security key whose maker vouches for it, enrolled at a real gate: the maker is pinned when the gate is founded, the
//! challenge comes from the command line, two other people agree, and the key then counts as `attested`.

use gatehold_client::wire::Submitted;
use gatehold_core::assurance::Assurance;
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::HumanId;
use gatehold_core::json::canonical;
use gatehold_core::review::ReviewAct;
use gatehold_core::ssh::key::Application;
use gatehold_core::ssh::soft::{SoftAuthenticator, SoftVendor, UP, UV};
use gatehold_core::trust::ENROL_NAMESPACE;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_scenarios::cast::{Answering, Person};
use gatehold_scenarios::gate_process::{GateProcess, Ground};
use tempfile::TempDir;

use crate::world::{gatehold, program, said};

/// The maker that counts, and one that does not.
fn makers() -> [SoftVendor; 2] {
    [
        SoftVendor::new([7; 32], [0xa7; 16]),
        SoftVendor::new([8; 32], [0xa8; 16]),
    ]
}

fn carol() -> HumanId {
    HumanId::new("dev", "carol").unwrap()
}

/// What the key of carol signs to be enrolled, with this attestation.
fn enrolment(person: &Person, blob: &[u8], key: &SoftAuthenticator) -> Vec<u8> {
    let line = key.public_key().to_line();
    let message = HumanEnrol::possession_message(person.origin(), &carol(), &line).unwrap();
    let enrol = HumanEnrol {
        human: carol(),
        possession: key.sign(ENROL_NAMESPACE, &message, UP | UV, 1),
        key: line,
        assurance: Assurance::Attested,
        attestation: Some(hex(blob)),
        suspension: None,
    };
    canonical::to_bytes(&enrol).unwrap()
}

/// The challenge that the command line writes for somebody.
fn challenge(folder: &TempDir, human: &HumanId, origin: &str) -> Vec<u8> {
    let name = human.to_string();
    let arguments = [
        "human",
        "challenge",
        &name,
        "--origin",
        origin,
        "--out",
        "challenge",
    ];
    let output = gatehold(folder.path(), &arguments);
    assert!(output.status.success(), "{}", said(&output));
    std::fs::read(folder.path().join("challenge")).unwrap()
}

#[tokio::test]
async fn a_key_whose_maker_vouches_for_it_is_enrolled_as_attested_and_no_other_is() {
    let folder = TempDir::new().unwrap();
    let [maker, stranger] = makers();
    let certificate = folder.path().join("maker.der");
    std::fs::write(&certificate, maker.root_certificate()).unwrap();
    let mut ground = Ground::new(folder.path());
    ground
        .attestation_roots
        .push(("soft".to_owned(), certificate));
    let mut gate = GateProcess::start(program(), &ground).await.unwrap();
    let people = gate.people().await.unwrap();
    let descriptor = gate.descriptors(&people).await.unwrap()["human.enrol"].clone();
    let owner = &people["owner"];
    let origin = owner.origin().to_string();
    let key = SoftAuthenticator::ed25519([9; 32], Application::new("ssh:gatehold").unwrap());
    let hers = challenge(&folder, &carol(), &origin);
    let others = challenge(&folder, &owner.human, &origin);
    let other_key = SoftAuthenticator::ed25519([10; 32], Application::new("ssh:gatehold").unwrap());
    let forged = [
        stranger.attest(&key, &hers),
        maker.attest(&key, &others),
        maker.attest(&other_key, &hers),
    ];
    let resource = format!("gatehold/human/{}", carol());
    for blob in forged {
        let payload = enrolment(owner, &blob, &key);
        let asked = owner.submit_change(&descriptor, &resource, payload).await;
        assert!(asked.is_err(), "{asked:?}");
    }
    let payload = enrolment(owner, &maker.attest(&key, &hers), &key);
    let asked = owner.submit_change(&descriptor, &resource, payload).await;
    let Submitted::Held(held) = asked.unwrap() else {
        panic!("nobody was asked");
    };
    let request = held.request.unwrap();
    for name in ["reviewer", "second"] {
        people[name]
            .review(&request, ReviewAct::Approve, &Answering::default())
            .await
            .unwrap();
    }
    let humans = owner.client.humans().await.unwrap().humans;
    let human = humans
        .iter()
        .find(|human| human.human == carol().to_string());
    let [found] = &human.unwrap().keys[..] else {
        panic!("{human:?}");
    };
    assert_eq!(
        found.key,
        Hash::from_bytes(key.public_key().thumbprint()).to_string()
    );
    assert_eq!(found.assurance, "attested");
    // The maker's name is said wherever the level is.
    assert!(found.proof.contains("soft"), "{}", found.proof);
    gate.stop().await.unwrap();
    gate.verify_ledger().await.unwrap();
    gate.start_again().await.unwrap();
}
