//! Why a story did not go as written: one sentence, with the place it happened in front.

use std::fmt::Display;

/// A story that did not go as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// What a step of a story gives.
pub type Outcome<T> = Result<T, Trouble>;

/// Puts a place in front of any error.
pub fn trouble<E: Display>(place: impl Display) -> impl FnOnce(E) -> Trouble {
    move |error| Trouble(format!("{place}: {error}"))
}
