//! The five humans of a run and the keys they sign with. Whatever they sign with their own hands is theirs: the oracle
//! is told of every signature, and of no other.

use std::sync::LazyLock;

use gatehold_core::assurance::Assurance;
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::{HumanId, Origin};
use gatehold_core::passkey::soft::SoftPasskey;
use gatehold_core::passkey::{PasskeyPublicKey, WebOrigin};
use gatehold_core::person_key::PersonKey;
use gatehold_core::ssh::key::Application;
use gatehold_core::ssh::soft::{SoftAuthenticator, SoftVendor, UP, UV};
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::trust::{AttestationRoots, PinnedRoot, attestation_challenge};

/// Their names.
pub const NAMES: [&str; 5] = ["ann", "bob", "cem", "dia", "eve"];

/// One human.
pub struct Person {
    /// Who.
    pub id: HumanId,
    /// Keys they hold, with force or without.
    pub keys: Vec<Key>,
}

/// A key in somebody's hand.
pub struct Key {
    secret: Secret,
    /// The public key's line.
    pub line: String,
    /// Its thumbprint.
    pub thumbprint: Hash,
    /// What it is enrolled as.
    pub assurance: Assurance,
}

enum Secret {
    Software([u8; 32]),
    Security(Box<SoftAuthenticator>, u8),
    Passkey(Box<SoftPasskey>),
}

impl Key {
    /// A plain key.
    #[must_use]
    pub fn software(seed: [u8; 32]) -> Self {
        Self::new(
            Secret::Software(seed),
            &software_key(&seed).into(),
            Assurance::Software,
        )
    }

    /// A passkey of the one console.
    #[must_use]
    pub fn passkey(seed: [u8; 32]) -> Self {
        let passkey = SoftPasskey::new(seed, console());
        let public = passkey.public_key().into();
        Self::new(
            Secret::Passkey(Box::new(passkey)),
            &public,
            Assurance::Verified,
        )
    }

    /// A security key that gives these flags.
    #[must_use]
    pub fn security(seed: [u8; 32], assurance: Assurance) -> Self {
        let application = Application::new("ssh:gatehold").expect("a plain name");
        let authenticator = SoftAuthenticator::ed25519(seed, application);
        let public = authenticator.public_key().into();
        let flags = if assurance >= Assurance::Verified {
            UP | UV
        } else {
            UP
        };
        Self::new(
            Secret::Security(Box::new(authenticator), flags),
            &public,
            assurance,
        )
    }

    fn new(secret: Secret, public: &PersonKey, assurance: Assurance) -> Self {
        Self {
            secret,
            line: public.to_line(),
            thumbprint: public.thumbprint(),
            assurance,
        }
    }

    /// Whether a browser holds it. The oracle goes by the hand that signed, and not by what the gate enrolled.
    #[must_use]
    pub const fn is_passkey(&self) -> bool {
        matches!(self.secret, Secret::Passkey(_))
    }

    /// What the maker of a security key says of it when it is made for this gate and this person.
    #[must_use]
    pub fn attestation(&self, origin: &Origin, human: &HumanId) -> Option<String> {
        let Secret::Security(authenticator, _) = &self.secret else {
            return None;
        };
        let challenge = attestation_challenge(origin, human).expect("a name has a canonical form");
        Some(hex(&maker().attest(authenticator, challenge.as_bytes())))
    }

    /// An armored SSHSIG, or an assertion.
    #[must_use]
    pub fn sign(&self, namespace: &str, message: &[u8]) -> String {
        match &self.secret {
            Secret::Software(seed) => {
                sign_software(seed, namespace, message).expect("our own namespaces are usable")
            }
            Secret::Security(authenticator, flags) => {
                authenticator.sign(namespace, message, *flags, 1)
            }
            Secret::Passkey(passkey) => passkey
                .sign(&PasskeyPublicKey::challenge(namespace, message))
                .to_text()
                .expect("text has a canonical form"),
        }
    }
}

/// The one page on which passkeys sign.
#[must_use]
pub fn console() -> WebOrigin {
    WebOrigin::new("https://gate.sim.example").expect("a plain origin")
}

fn maker() -> SoftVendor {
    SoftVendor::new([7; 32], [0xa7; 16])
}

/// The one maker of security keys that everybody agreed on.
#[must_use]
pub fn pinned() -> AttestationRoots {
    static CERTIFICATE: LazyLock<String> = LazyLock::new(|| hex(&maker().root_certificate()));
    AttestationRoots {
        roots: vec![PinnedRoot {
            name: "soft".to_owned(),
            certificate: CERTIFICATE.clone(),
        }],
        intermediates: vec![],
    }
}

/// The five, with keys as a development gate or a production gate has them.
#[must_use]
pub fn everybody(dev: bool, mut seed: impl FnMut() -> [u8; 32]) -> Vec<Person> {
    let levels = [
        Assurance::Attested,
        Assurance::Verified,
        Assurance::Verified,
        Assurance::Present,
        Assurance::Software,
    ];
    let person = |(name, level): (&str, Assurance)| Person {
        id: human(name),
        keys: vec![match (dev || level == Assurance::Software, name) {
            (true, _) => Key::software(seed()),
            (false, "cem") => Key::passkey(seed()),
            (false, _) => Key::security(seed(), level),
        }],
    };
    NAMES.into_iter().zip(levels).map(person).collect()
}

/// The human of this name.
#[must_use]
pub fn human(name: &str) -> HumanId {
    HumanId::new("corp.example", name).expect("a plain name")
}
