//! Held execution at real targets: the gate makes the approved call itself, at most once, within its limits. And what the gate
//! finds out before a decision, by questions of its own; and the channels on which people are told.
//!
//! [`Leases`] makes credentials at targets that issue them, out of proof too, and takes them away until the target says that nothing is
//! left.
//!
//! [`ways_round`] asks a target who else reaches what it guards, and changes nothing.
//!
//! [`Executors`] is the only way to a target, and it takes proof. Nothing there opens anything towards a target before that, keeps a
//! connection afterwards, repeats a call, or lets a target's secret out. What nobody can tell is said to be unknown.

mod bypass;
mod call;
mod channels;
mod config;
mod executors;
mod facts;
mod http;
mod leases;
mod metered;
mod outcome;
mod remote;
mod scrub;
mod secret;
mod sql;
mod table;
#[cfg(test)]
mod testing;
mod tls;

pub use bypass::{Brought, HttpPlace, LogKind, Names, SshFiles, Way, Ways, names_at, ways_round};
pub use channels::push::PushParts;
pub use channels::{Channels, Clock, Described, Opening};
pub use config::{ConfigErrors, Environment, Problem, Targets};
pub use executors::{Effects, Executors};
pub use facts::{Calendars, Lookups, OnCall, Probed, Roster, Sources};
pub use leases::Leases;
pub use remote::Remote;
