//! `gatehold exec`, where it is used: a gate in a process of its own, a real server, the real client under supervision, and people who
//! take away what it uses.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: helpers outside test functions"
)]

#[path = "../gate/mod.rs"]
mod gate;
#[path = "../leases/world.rs"]
mod leases;
mod pg;
mod psql;
mod seat;
mod ssh;
#[path = "../ssh_leases/world.rs"]
mod ssh_leases;
