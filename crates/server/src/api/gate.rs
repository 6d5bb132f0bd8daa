//! What a gate is, and whether it is well.

pub(super) mod descriptors;
pub(super) mod healthz;
pub(super) mod info;
pub(super) mod openapi;
pub(super) mod readyz;
