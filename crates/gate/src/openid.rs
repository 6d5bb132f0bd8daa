//! Signing in through an identity provider: which sign-in an answer belongs to, and whether what the provider signed says
//! who somebody is, to us and now. The rules alone; calling the provider is the server's.
//!
//! It ends in a [`Vouched`], which nothing else makes. Who is vouched for and has no key with force is not signed in.

mod claims;
mod transaction;

pub use claims::{Expected, Groups, LEEWAY_SECONDS, Vouched, provider};
pub use transaction::{Arrived, TRANSACTION_SECONDS, Transaction};

use std::collections::BTreeSet;

use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::time::Timestamp;

/// Why an answer of an identity provider shows nobody who they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotVouched {
    /// This browser began no such sign-in.
    #[error("this browser did not begin that sign-in")]
    NotBegunHere,
    /// It began too long ago.
    #[error("that sign-in was begun more than ten minutes ago")]
    Over,
    /// Another provider answers, or none says who it is.
    #[error("the answer is not from the identity provider that was asked")]
    OtherProvider,
    /// The token is not for this sign-in; says which claim.
    #[error("the identity provider's token is not for this sign-in: `{0}` is another")]
    Claim(&'static str),
    /// The token's times do not fit; says which.
    #[error("the identity provider's token is not of now: `{0}` does not fit")]
    Time(&'static str),
    /// They showed the provider who they are too long ago, or it does not say when.
    #[error("the identity provider does not say that you showed it who you are lately")]
    TooOld,
    /// The groups in the token are no texts.
    #[error("the groups in the identity provider's token cannot be read")]
    Groups,
    /// Their name there cannot be used.
    #[error("the identity provider's name for you cannot be used")]
    Name,
}

/// How somebody whom a provider vouches for is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) human: HumanId,
    pub(crate) until: Option<Timestamp>,
    /// Teams that the provider is asked about, and does not say they are in.
    pub(crate) without: BTreeSet<TeamId>,
    /// Names whoever said it, as [`provider`] does.
    pub(crate) provider: Hash,
}
