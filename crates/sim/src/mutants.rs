//! Running without a guard. Only the build that `cargo xtask mutants` makes can; everywhere else this does nothing.

/// The variable that names the guard.
pub const VARIABLE: &str = "GATEHOLD_WITHOUT_GUARD";

/// Removes the guard that the environment names, if it names one and this build has a switch.
///
/// # Panics
/// When the environment names a guard and this build has no switch: the test would prove nothing.
#[expect(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "development only; `cargo xtask mutants` says so which guard is gone"
)]
pub fn remove_the_named_guard() {
    let Some(name) = std::env::var(VARIABLE).ok() else {
        return;
    };
    if !remove(&name) {
        panic!("{VARIABLE} names {name}, and guards cannot be removed from this build");
    }
}

/// Removes a guard by name; false when this build has no switch.
#[cfg(gatehold_mutants)]
pub fn remove(name: &str) -> bool {
    gatehold_core::mutants::remove(Some(name));
    true
}

/// Removes a guard by name; false when this build has no switch.
#[cfg(not(gatehold_mutants))]
#[must_use]
pub const fn remove(_name: &str) -> bool {
    false
}
