//! What was handed out.

pub(super) mod list;
pub(super) mod show;
