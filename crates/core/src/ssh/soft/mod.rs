//! A security key in software, for tests: it makes sk- keys and signatures with whatever flags and counter it is told.
//!
//! It shows what an unattested flag is worth: nothing. It must never be compiled into a product, hence its own feature.

mod vendor;

pub use vendor::{SoftCertificate, SoftVendor, attestation_blob, authenticator_data};

use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

use super::key::{Application, Ed25519Point, P256Point, SshPublicKey};
use super::sshsig::{Hash, armor, encode, to_be_signed};
use super::wire::Writer;

/// User presence: someone touched it.
pub const UP: u8 = 0x01;
/// User verification: someone gave the PIN.
pub const UV: u8 = 0x04;

/// One credential on an imagined authenticator.
pub struct SoftAuthenticator {
    secret: Secret,
    application: Application,
}

enum Secret {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl SoftAuthenticator {
    /// An `sk-ssh-ed25519@openssh.com` key from a seed.
    #[must_use]
    pub fn ed25519(seed: [u8; 32], application: Application) -> Self {
        Self {
            secret: Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed)),
            application,
        }
    }

    /// An `sk-ecdsa-sha2-nistp256@openssh.com` key from a seed.
    #[must_use]
    pub fn ecdsa_p256(seed: [u8; 32], application: Application) -> Self {
        Self {
            secret: Secret::P256(p256_secret(seed)),
            application,
        }
    }

    /// The key to enrol.
    #[must_use]
    pub fn public_key(&self) -> SshPublicKey {
        let application = self.application.clone();
        match &self.secret {
            Secret::Ed25519(secret) => SshPublicKey::SkEd25519 {
                point: Ed25519Point::of(secret),
                application,
            },
            Secret::P256(secret) => SshPublicKey::SkEcdsaP256 {
                point: P256Point::of(secret),
                application,
            },
        }
    }

    /// An armored SSHSIG over `message`, with these flags and this counter.
    #[must_use]
    pub fn sign(&self, namespace: &str, message: &[u8], flags: u8, counter: u32) -> String {
        armor(&self.sign_raw(namespace, message, flags, counter))
    }

    /// The same as a raw blob.
    #[must_use]
    pub fn sign_raw(&self, namespace: &str, message: &[u8], flags: u8, counter: u32) -> Vec<u8> {
        let sigdata = to_be_signed(namespace, Hash::Sha512, message);
        let mut signed = Writer::new();
        signed
            .raw(&Sha256::digest(self.application.as_str().as_bytes()))
            .byte(flags)
            .u32(counter)
            .raw(&Sha256::digest(&sigdata));
        let signed = signed.into_bytes();
        let body = match &self.secret {
            Secret::Ed25519(secret) => secret.sign(&signed).to_bytes().to_vec(),
            Secret::P256(secret) => {
                let signature: p256::ecdsa::Signature = secret.sign(&signed);
                let (r, s) = signature.split_bytes();
                let mut body = Writer::new();
                body.positive_mpint(&r).positive_mpint(&s);
                body.into_bytes()
            }
        };
        let key = self.public_key();
        let mut inner = Writer::new();
        inner
            .string(key.algorithm().as_bytes())
            .string(&body)
            .byte(flags)
            .u32(counter);
        encode(&key, namespace, Hash::Sha512, &inner.into_bytes())
    }
}

/// A P-256 secret from a seed: hashed until it is a scalar of the group, which is at once but for 1 in 2^32 seeds.
pub(crate) fn p256_secret(seed: [u8; 32]) -> p256::ecdsa::SigningKey {
    let mut candidate = seed;
    loop {
        candidate = Sha256::digest(candidate).into();
        if let Ok(secret) = p256::ecdsa::SigningKey::from_slice(&candidate) {
            return secret;
        }
    }
}
