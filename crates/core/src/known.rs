//! A value that may be unknown. Unknown is never absent: it is said, and it can only make an outcome stricter.

use serde::{Deserialize, Serialize};

/// `{known, value}` as policies see it. When `known` is false, `value` is the type's default and means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known<T> {
    known: bool,
    value: T,
}

impl<T: Default> Known<T> {
    /// A value the gate established.
    pub const fn some(value: T) -> Self {
        Self { known: true, value }
    }

    /// The gate does not know.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            known: false,
            value: T::default(),
        }
    }

    /// The value, when known.
    pub const fn get(&self) -> Option<&T> {
        if self.known { Some(&self.value) } else { None }
    }

    /// Whether the gate knows.
    pub const fn is_known(&self) -> bool {
        self.known
    }
}

impl<T: Default> From<Option<T>> for Known<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(Self::unknown, Self::some)
    }
}
