//! Checkpoints: points at which an action cannot continue until people decide, and what exactly they must do.
//!
//! A checkpoint is known by the hash of its full definition, never by its name. Nothing in a definition may be blank:
//! every member is written down, and a definition that nobody could satisfy or anybody could is refused.

mod definition;
mod requirement;

pub use definition::{
    Alternative, Checkpoint, CheckpointLimits, CheckpointProblem, Criterion, CriterionKind,
    Eligible, EscalationStep, Justification,
};
pub use requirement::{CHECKPOINTS_MAX, Requirement, RequirementError, asks_more, floors};

#[cfg(test)]
mod tests;
