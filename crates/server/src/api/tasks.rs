//! A workload's declared units of work.

pub(super) mod end;
pub(super) mod start;
