//! The one place where the binary reads the clock, the random source and the environment.

use std::ffi::OsString;
use std::time::{SystemTime, UNIX_EPOCH};

use gatehold_client::{Ambient, AmbientError};
use gatehold_gate::ports::entropy::Entropy;

/// The operating system's clock and random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Os;

impl Ambient for Os {
    fn now_unix_seconds(&self) -> u64 {
        u64::try_from(now_millis() / 1000).unwrap_or(0)
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), AmbientError> {
        fill(bytes).map_err(AmbientError)
    }
}

impl Entropy for Os {
    #[expect(
        clippy::panic,
        reason = "without randomness no id or nonce may be made at all"
    )]
    fn bytes(&self) -> [u8; 32] {
        match random() {
            Ok(bytes) => bytes,
            Err(error) => panic!("the system has no random bytes: {error}"),
        }
    }
}

/// Milliseconds since 1970, for screens and for statements whose times the gate checks with its own clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the outermost layer reads the clock"
)]
#[must_use]
pub fn now_millis() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the outermost layer draws randomness"
)]
fn fill(bytes: &mut [u8]) -> Result<(), String> {
    getrandom::fill(bytes).map_err(|error| error.to_string())
}

/// 32 random bytes.
///
/// # Errors
/// What the system says when it has none.
pub fn random() -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A variable of the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the binary reads the environment"
)]
#[must_use]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A variable of the environment that is text.
#[must_use]
pub fn text_variable(name: &str) -> Option<String> {
    variable(name).and_then(|value| value.into_string().ok())
}
