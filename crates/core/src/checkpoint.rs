//! Checkpoints: points at which an action cannot continue until people decide, and what exactly they must do.
//!
//! A checkpoint is known by the hash of its full definition, never by its name. Nothing in a definition may be blank:
//! every member is written down, and a definition that nobody could satisfy or anybody could is refused.

mod definition;
mod glass;
mod requirement;

pub use definition::{
    Alternative, CHECKPOINT_SECONDS_MAX, Checkpoint, CheckpointLimits, CheckpointProblem,
    Criterion, CriterionKind, Eligible, EscalationStep, Justification,
};
pub use glass::{
    BreakGlass, GLASS_PEOPLE_MIN, GLASS_TTL_SECONDS_MAX, Offer, POST_REVIEW_SECONDS_MAX,
};
pub use requirement::{CHECKPOINTS_MAX, Requirement, RequirementError, asks_more, floors};

#[cfg(test)]
mod tests;
