//! Break-glass: two people let one held action out with keys that lie offline, and others look at it afterwards.

pub(super) mod list;
pub(super) mod look;
pub(super) mod open;
