//! Mutants: each guard of the gate can be switched off by name in a special build, so that CI can prove that some test
//! notices. `build.rs` sets `gatehold_mutants` from the environment and refuses to in a release build: no product holds
//! any of this, and there the macro is its condition.

/// A guard that a mutant can remove: true when the bad case is present.
#[cfg(not(gatehold_mutants))]
#[macro_export]
macro_rules! guard {
    ($name:literal, $bad:expr) => {
        $bad
    };
}

/// A guard that a mutant can remove: true when the bad case is present and the guard stands.
#[cfg(gatehold_mutants)]
#[macro_export]
macro_rules! guard {
    ($name:literal, $bad:expr) => {
        !$crate::mutants::is_removed($name) && $bad
    };
}

#[cfg(gatehold_mutants)]
mod switch {
    use std::sync::{LazyLock, PoisonError, RwLock};

    static REMOVED: LazyLock<RwLock<Option<String>>> = LazyLock::new(|| RwLock::new(at_start()));

    /// This crate's own tests take the name from the environment; every other program calls [`remove`].
    #[cfg(test)]
    fn at_start() -> Option<String> {
        environment::removed()
    }

    #[cfg(not(test))]
    const fn at_start() -> Option<String> {
        None
    }

    /// Whether the named guard is switched off.
    #[must_use]
    pub fn is_removed(name: &str) -> bool {
        let removed = REMOVED.read().unwrap_or_else(PoisonError::into_inner);
        removed.as_deref() == Some(name)
    }

    /// Switches one guard off for the whole process, or all on again.
    pub fn remove(name: Option<&str>) {
        let mut removed = REMOVED.write().unwrap_or_else(PoisonError::into_inner);
        *removed = name.map(ToOwned::to_owned);
    }

    #[cfg(test)]
    mod environment {
        #[expect(
            clippy::disallowed_methods,
            reason = "`cargo xtask mutants` says so which guard is gone"
        )]
        pub(super) fn removed() -> Option<String> {
            std::env::var("GATEHOLD_WITHOUT_GUARD").ok()
        }
    }
}

#[cfg(gatehold_mutants)]
pub use switch::{is_removed, remove};
