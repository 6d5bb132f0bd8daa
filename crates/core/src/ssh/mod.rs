//! SSH public keys and signatures (SSHSIG), checked in pure code.
//!
//! A reviewer's signature is the one thing that lets a held action out, so its verification is ours, short, and strict:
//! bytes in, a verified value or a refusal out. It must never read a file, a clock or a random source.
//! Start at [`sshsig::verify`]; keys are in [`key`], the encoding in [`wire`].

pub mod key;
#[cfg(any(test, feature = "soft-authenticator"))]
pub mod soft;
pub mod sshsig;
pub mod wire;

pub use key::{KeyError, SshPublicKey};
pub use sshsig::{SkFlags, SshsigError, UnverifiedSshsig, VerifiedSshsig, sign_software, verify};
