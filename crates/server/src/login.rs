//! Who somebody is, before there is a session: the port to whatever vouches for people, and what is behind it.
//!
//! A provider says who it is and nothing else. Whether that person has a key with force, and whether this gate takes such
//! a provider at all, is the gate's to decide ([`gatehold_gate::Gate::sign_in`]); and no sign-in ever approves anything.

mod code;

use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;
use gatehold_gate::SignedInBy;

pub use code::{CODE_SECONDS, PrintedCode};

/// Somebody who asks to be signed in.
#[derive(Debug, Clone)]
pub struct Presented {
    /// Who they say they are.
    pub human: HumanId,
    /// What is to show it.
    pub secret: String,
}

/// Whoever vouches for people. One that sends the browser elsewhere and takes it back answers in [`Self::begin`].
pub trait IdentityProvider: Send + Sync + 'static {
    /// How somebody is signed in by it.
    fn by(&self) -> SignedInBy;

    /// Prepares a sign-in: brings to the person what they are to present.
    ///
    /// # Errors
    /// Why not now.
    fn begin(&self, now: Timestamp) -> Result<(), SignInError>;

    /// Finds out whether they are who they say.
    ///
    /// # Errors
    /// Why this does not show it.
    fn identify(&self, presented: &Presented, now: Timestamp) -> Result<(), SignInError>;
}

/// Why somebody is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// There is no code now, or it is over.
    #[error("no code is waiting: codes are good once, for ten minutes and five tries")]
    NoCode,
    /// It is another one.
    #[error("that is not the code")]
    WrongCode,
    /// One was printed just now.
    #[error("a code was printed just now")]
    TooSoon,
}

impl SignInError {
    /// What to do next.
    #[must_use]
    pub const fn next(self) -> &'static str {
        match self {
            Self::NoCode => {
                "Have a new code printed, and read it in the terminal of `gatehold dev`."
            }
            Self::WrongCode => {
                "Read it again in the terminal of `gatehold dev`; the newest one counts."
            }
            Self::TooSoon => "Use that one, or wait half a minute.",
        }
    }
}
