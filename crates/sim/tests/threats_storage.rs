//! Threats to what is stored, through the real gate: rows that somebody edits, stores that refuse, processes that stop
//! half way, and what is erased.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that fails")]

mod shop;

#[path = "threats_storage/erased.rs"]
mod erased;
#[path = "threats_storage/failing.rs"]
mod failing;
#[path = "threats_storage/given_up.rs"]
mod given_up;
#[path = "threats_storage/halfway.rs"]
mod halfway;
#[path = "threats_storage/loosened.rs"]
mod loosened;
#[path = "threats_storage/outlived.rs"]
mod outlived;
#[path = "threats_storage/overtaken.rs"]
mod overtaken;
#[path = "threats_storage/refusing.rs"]
mod refusing;
#[path = "threats_storage/rows.rs"]
mod rows;
#[path = "threats_storage/shares.rs"]
mod shares;
#[path = "threats_storage/unreported.rs"]
mod unreported;
