//! The request machine: the states a request can be in, and the only ways from one to another.
//!
//! A state is a fact about what was written down; it is never proof. `Redeemable` is a hint: proof is rebuilt at the
//! moment of use ([`crate::approved`]).

pub mod record;
pub mod state;
pub mod turns;

pub use record::{Asked, Closing, DecidedBy, HeldAt, Outcome, RequestRecord};
pub use state::{Event, State};
pub use turns::Turn;
