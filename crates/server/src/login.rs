//! Who somebody is, before there is a session: whoever vouches for people.
//!
//! They say who it is and nothing else. Whether that person has a key with force, and whether this gate takes such a sign-in
//! at all, is the gate's to decide; and no sign-in ever approves anything.

mod code;
mod open_id;

use std::sync::Arc;

pub use code::{CODE_SECONDS, PrintedCode};
pub(crate) use open_id::Callback;
pub use open_id::{
    AddressError, Answer, CallError, ClientSecret, OpenId, OpenIdError, OpenIdSettings,
    ProviderCalls, check_issuer,
};

/// Whoever vouches for the people of a gate.
#[derive(Debug, Clone)]
pub enum IdentityProvider {
    /// The terminal of a development gate.
    Code(Arc<PrintedCode>),
    /// An OpenID provider elsewhere.
    OpenId(Arc<OpenId>),
}

/// Why a code signs nobody in.
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
                "Have a new code printed, and read it in the terminal that started this gate."
            }
            Self::WrongCode => {
                "Read it again in the terminal that started this gate; the newest one counts."
            }
            Self::TooSoon => "Use that one, or wait half a minute.",
        }
    }
}
