//! What may happen: actions, requirements, reviews, proof, and the one pure function that decides.
//!
//! No async, no I/O, no clock, no randomness, no policy engine. Time, ids, nonces and policy's answer are arguments.

#[macro_use]
pub mod mutants;

pub mod action;
pub mod approved;
pub mod assurance;
pub mod attest;
pub mod baseline;
pub mod checkpoint;
pub mod commit;
pub mod context;
pub mod correction;
pub mod decide;
pub mod delegation;
pub mod descriptor;
pub mod directory;
pub mod effect;
pub mod elsewhere;
pub mod entry;
pub mod glass;
pub mod grant;
pub mod habits;
pub mod hash;
pub mod history;
pub mod ids;
pub mod json;
pub mod jwk;
pub mod known;
pub mod lease;
pub mod limits;
pub mod passkey;
pub mod person_key;
pub mod quorum;
pub mod reason;
pub mod reconcile;
pub mod refusal;
pub mod request;
pub mod requester;
pub mod restraints;
pub mod review;
pub mod seats;
pub mod signal;
pub mod signed_body;
pub mod signer;
pub mod ssh;
pub mod stops;
pub mod strict_toml;
pub mod task;
pub mod tier;
pub mod time;
mod toml_depth;
pub mod trust;
pub mod verdict;
pub mod view;
pub mod wording;
pub mod words;
pub mod workload;
