//! When to publish: often enough that a leaf is under a tree head within a second of its append (promise P13), with half of
//! that second left for the publishing itself.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// From one publishing to the next.
const EVERY: Duration = Duration::from_millis(500);

/// Says when to publish next.
#[derive(Debug)]
pub struct Cadence(Interval);

impl Cadence {
    /// The first time is now.
    #[must_use]
    pub fn start() -> Self {
        let mut times = interval(EVERY);
        // A publishing that took longer is followed by the next at once, and never by several.
        times.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self(times)
    }

    /// Waits until it is time. Dropped while it waits, nothing is lost.
    pub async fn next(&mut self) {
        self.0.tick().await;
    }
}
