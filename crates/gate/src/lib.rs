//! The use cases: submit, review, redeem, execute, expire, revoke, escalate, enrol, activate.
//!
//! Loads what a decision reads, asks core to decide, commits the one write, and only then releases. No HTTP, no SQL,
//! and no port is called inside a commit.

pub mod ports;
