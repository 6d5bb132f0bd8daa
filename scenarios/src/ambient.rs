//! The clock and the random source of the people and workloads in a story.

use std::time::{SystemTime, UNIX_EPOCH};

use gatehold_client::{Ambient, AmbientError};

/// The operating system's clock and random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Os;

impl Os {
    /// 32 random bytes.
    ///
    /// # Errors
    /// When the system has none.
    pub fn random(self) -> Result<[u8; 32], AmbientError> {
        let mut bytes = [0; 32];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

impl Ambient for Os {
    fn now_unix_seconds(&self) -> u64 {
        u64::try_from(now_millis() / 1000).unwrap_or(0)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the outermost layer draws randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), AmbientError> {
        getrandom::fill(bytes).map_err(|error| AmbientError(error.to_string()))
    }
}

/// Milliseconds since 1970.
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
