//! What may happen: actions, requirements, reviews, proof, and the one pure function that decides.
//!
//! No async, no I/O, no clock, no randomness, no policy engine. Time, ids, nonces and policy's answer are arguments.

pub mod assurance;
pub mod attest;
pub mod checkpoint;
pub mod commit;
pub mod context;
pub mod descriptor;
pub mod effect;
pub mod hash;
pub mod ids;
pub mod json;
pub mod known;
pub mod limits;
pub mod seats;
pub mod ssh;
pub mod strict_toml;
pub mod tier;
pub mod time;
pub mod verdict;
pub mod words;
pub mod workload;
