//! When a notice is tried again, and when it is given up. Pure: time is a value.

use gatehold_core::time::Timestamp;

/// Seconds before the second try.
const FIRST_PAUSE_SECONDS: u32 = 5;
/// Seconds between tries, at most.
const PAUSE_SECONDS_MAX: u32 = 300;
/// Seconds after which nobody wants to be told any more: whoever comes back looks at the inbox.
const WORTH_SECONDS: u32 = 24 * 3_600;

/// How a notice stands with one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It is to be tried, and was so often in vain.
    Waits {
        /// Tries that failed.
        failed: u32,
        /// Not before this time.
        at: Timestamp,
    },
    /// It is being tried.
    UnderWay {
        /// Tries that failed before.
        failed: u32,
    },
    /// The channel took it, does not want it, or it was given up.
    Over,
}

impl Stand {
    /// Before the first try.
    pub(super) const fn new(at: Timestamp) -> Self {
        Self::Waits { failed: 0, at }
    }

    pub(super) fn is_due(self, now: Timestamp) -> bool {
        matches!(self, Self::Waits { at, .. } if at <= now)
    }

    pub(super) fn is_over(self) -> bool {
        self == Self::Over
    }

    /// How often it was tried in vain.
    pub(super) const fn failed(self) -> u32 {
        match self {
            Self::Waits { failed, .. } | Self::UnderWay { failed } => failed,
            Self::Over => 0,
        }
    }

    /// It is being tried from now on.
    pub(super) const fn begun(self) -> Self {
        Self::UnderWay {
            failed: self.failed(),
        }
    }

    /// The try failed.
    pub(super) fn again(self, now: Timestamp) -> Self {
        let failed = self.failed().saturating_add(1);
        Self::Waits {
            failed,
            at: now.plus_seconds(pause_seconds(failed)),
        }
    }
}

/// How long to wait after so many failures: twice as long each time, and never long enough to be forgotten.
pub(super) fn pause_seconds(failed: u32) -> u32 {
    let doublings = failed.saturating_sub(1).min(16);
    (FIRST_PAUSE_SECONDS << doublings).min(PAUSE_SECONDS_MAX)
}

/// Whether it is too old to be worth telling.
pub(super) fn is_stale(written: Timestamp, now: Timestamp) -> bool {
    written.plus_seconds(WORTH_SECONDS) < now
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let pauses: Vec<u32> = (1..=9).map(pause_seconds).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(pause_seconds(u32::MAX), 300);
    }

    #[test]
    fn a_failed_try_waits_and_is_due_again() {
        let first = Stand::new(START);
        assert!(first.is_due(START));
        let begun = first.begun();
        assert!(!begun.is_due(START) && !begun.is_over());
        let again = begun.again(START);
        assert_eq!(again.failed(), 1);
        assert!(!again.is_due(START.plus_seconds(4)) && again.is_due(START.plus_seconds(5)));
        let later = again.begun().again(START);
        assert!(!later.is_due(START.plus_seconds(9)) && later.is_due(START.plus_seconds(10)));
    }

    #[test]
    fn a_day_is_as_long_as_anybody_waits_to_be_told() {
        assert!(!is_stale(START, START.plus_seconds(24 * 3_600)));
        assert!(is_stale(START, START.plus_seconds(24 * 3_600 + 1)));
    }
}
