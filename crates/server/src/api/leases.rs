//! What was handed out.

pub(super) mod bounds;
pub(super) mod list;
pub(super) mod show;
