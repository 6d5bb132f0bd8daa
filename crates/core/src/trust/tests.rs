//! The chain by hand: people with soft security keys, a maker of them, and every way to claim more than is proven.

use super::root::ROOT_TYPE;
use super::*;
use crate::directory::{Directory, KeyProof};
use crate::hash::hex;
use crate::ids::{HumanId, Origin};
use crate::json::canonical;
use crate::ssh::key::Application;
use crate::ssh::soft::{SoftAuthenticator, SoftVendor, UP, UV};
use crate::ssh::sshsig::{sign_software, software_key};
use crate::time::Timestamp;

mod glass;
mod levels;
mod passkeys;
mod recovery;

const MODEL: [u8; 16] = [0xa7; 16];
const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Somebody's key: in a file, or on an authenticator that gives these flags.
enum Hand {
    File([u8; 32]),
    Hardware(Box<SoftAuthenticator>, u8),
}

impl Hand {
    fn file(seed: u8) -> Self {
        Self::File([seed; 32])
    }

    fn hardware(seed: u8, flags: u8) -> Self {
        let application = Application::new("ssh:gatehold").unwrap();
        Self::Hardware(
            Box::new(SoftAuthenticator::ed25519([seed; 32], application)),
            flags,
        )
    }

    fn line(&self) -> String {
        match self {
            Self::File(seed) => software_key(seed).to_line(),
            Self::Hardware(authenticator, _) => authenticator.public_key().to_line(),
        }
    }

    fn sign(&self, namespace: &str, message: &[u8]) -> String {
        match self {
            Self::File(seed) => sign_software(seed, namespace, message).unwrap(),
            Self::Hardware(authenticator, flags) => {
                authenticator.sign(namespace, message, *flags, 1)
            }
        }
    }

    /// What its maker writes when it is made for this person.
    fn attestation(&self, maker: &SoftVendor, human: &HumanId) -> Option<String> {
        let Self::Hardware(authenticator, _) = self else {
            return None;
        };
        let challenge = attestation_challenge(&origin(), human).unwrap();
        Some(hex(&maker.attest(authenticator, challenge.as_bytes())))
    }
}

fn origin() -> Origin {
    "gate.example".parse().unwrap()
}

fn human(name: &str) -> HumanId {
    HumanId::new("corp.example", name).unwrap()
}

fn maker() -> SoftVendor {
    SoftVendor::new([1; 32], MODEL)
}

fn pinned(maker: &SoftVendor) -> AttestationRoots {
    AttestationRoots {
        roots: vec![PinnedRoot {
            name: "soft".to_owned(),
            certificate: hex(&maker.root_certificate()),
        }],
        intermediates: vec![],
    }
}

fn statement(humans: Vec<RootHuman>) -> RootStatement {
    RootStatement {
        type_: ROOT_TYPE.to_owned(),
        origin: origin(),
        created_at: NOW,
        humans,
        teams: [].into(),
        bundle: Hash::of(b"bundle"),
        log_key: "log".to_owned(),
        recovery_keys: vec![],
        attestation_roots: pinned(&maker()),
        consoles: vec![],
    }
}

fn signed<'a>(statement: &RootStatement, hands: impl IntoIterator<Item = &'a Hand>) -> SignedRoot {
    let statement = String::from_utf8(canonical::to_bytes(statement).unwrap()).unwrap();
    let signatures = hands.into_iter().map(|hand| RootSignature {
        key: hand.line(),
        signature: hand.sign(ROOT_NAMESPACE, statement.as_bytes()),
    });
    SignedRoot {
        signatures: signatures.collect(),
        statement,
    }
}

fn named(name: &str, hand: &Hand, assurance: Assurance, attestation: Option<String>) -> RootHuman {
    RootHuman {
        human: human(name),
        keys: vec![RootKey {
            key: hand.line(),
            assurance,
            attestation,
        }],
    }
}

fn directory(root: SignedRoot) -> Result<Directory, TrustError> {
    let mut chain = Chain::default();
    chain.add(0, &Evidence::Root(root), None)?;
    Ok(chain.directory().unwrap().clone())
}
