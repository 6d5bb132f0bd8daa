//! SSH public keys and signatures (SSHSIG), checked in pure code; and user certificates with their revocation lists, made in it.
//!
//! A reviewer's signature is the one thing that lets a held action out, so its verification is ours, short, and strict:
//! bytes in, a verified value or a refusal out. It must never read a file, a clock or a random source.
//! Start at [`sshsig::verify`]; keys are in [`key`], the encoding in [`wire`]; what is made is in [`certificate`] and [`krl`].

pub mod certificate;
pub mod key;
pub mod krl;
pub mod secret_key;
#[cfg(any(test, feature = "soft-authenticator"))]
pub mod soft;
pub mod sshsig;
pub mod wire;

pub use certificate::{CertificateError, UserCertificate};
pub use key::{KeyError, SshPublicKey};
pub use krl::{Krl, KrlError};
pub use secret_key::{SecretKeyError, SshSecretKey};
pub use sshsig::{SkFlags, SshsigError, UnverifiedSshsig, VerifiedSshsig, sign_software, verify};
