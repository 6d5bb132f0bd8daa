//! Stops: the safe direction.

pub(super) mod set;
