//! The HTTP surface of a gate: transports only. Rules live in the gate and in core; what is here turns bytes of a network
//! into calls of the gate, and answers into bytes.
//!
//! Never here: a decision, a second parser of an action, a believed header. Start at `api` (one file per verb), `auth` (who
//! signed), `console` (pages for people), `login` (who they are), `scim` (who is gone), `signals` (what others say of
//! workloads), `problem` (how no is said), `listen` (connections).

mod api;
mod app;
mod auth;
mod body;
mod channels;
mod console;
pub mod dev_tracker;
mod executor;
mod ledger;
pub mod listen;
pub mod login;
mod metrics;
mod observe;
mod openapi;
mod problem;
mod scim;
mod signals;

pub use api::{operations_router, router, safety_router};
pub use app::{ApiSettings, App};
pub use channels::{ChannelStanding, ChannelsSeen, FailedTry};
pub use console::{ConsoleError, ConsoleSettings, Enroller, PAGES, Page, PageFiles};
pub use executor::executor_router;
pub use ledger::{About, PublishedHead, PublishedLedger};
pub use metrics::Metrics;
pub use openapi::document;
pub use scim::{Provisioning, SubjectAttribute};
