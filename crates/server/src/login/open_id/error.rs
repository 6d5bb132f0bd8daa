//! Why a provider signs nobody in, in words for whoever wanted to be, and what they do next.

use gatehold_gate::openid::NotVouched;
use gatehold_proof::id_token::IdTokenError;

use super::CallError;

/// Why nobody is signed in by a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenIdError {
    /// It does not answer, or not as it must.
    #[error("the identity provider cannot be reached, or fails")]
    Unreachable(#[from] CallError),
    /// What it says about itself cannot be used.
    #[error("the identity provider cannot be used: {0}")]
    Unusable(&'static str),
    /// It said no, or they did.
    #[error("the identity provider did not sign you in")]
    Declined,
    /// It does not take the code.
    #[error("the identity provider did not take its code: it is used up or too old")]
    CodeRefused,
    /// It does not take us.
    #[error("the identity provider does not take this gate's client id and secret")]
    ClientRefused,
    /// Its token is refused.
    #[error("the identity provider's token is refused: {0}")]
    Token(#[from] IdTokenError),
    /// What it signed does not say who they are, to us and now.
    #[error(transparent)]
    NotVouched(#[from] NotVouched),
    /// Too many at once.
    #[error("too many people sign in at this moment")]
    Busy,
}

impl OpenIdError {
    /// What to do next.
    #[must_use]
    pub const fn next(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Busy => {
                "Nobody is signed in by that. Try again in a moment; enrolled people can go on in a terminal."
            }
            Self::Unusable(_) | Self::ClientRefused => {
                "Tell the operators of the gate: its [identity_provider] does not fit the provider."
            }
            Self::Declined | Self::CodeRefused => "Sign in again.",
            Self::NotVouched(NotVouched::NotBegunHere | NotVouched::Over) => {
                "Nothing was done. If you did not just sign in here, somebody may have sent you a link of theirs. \
                 Otherwise sign in again."
            }
            Self::NotVouched(NotVouched::TooOld) => {
                "Sign out at the identity provider, and sign in again."
            }
            Self::NotVouched(NotVouched::Name) => {
                "Ask whoever runs the identity provider for a subject without special characters."
            }
            Self::NotVouched(NotVouched::Groups) => {
                "Tell the operators of the gate: its `groups_claim` names no list of groups."
            }
            Self::Token(_) | Self::NotVouched(_) => {
                "Sign in again. When it happens twice, tell the operators of the gate."
            }
        }
    }
}
