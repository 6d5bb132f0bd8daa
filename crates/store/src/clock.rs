//! The clock under a store: the wall clock once, when the store opens, then time that only runs forward.
//!
//! The wall clock can be stepped by an administrator or by NTP while deadlines run; `CLOCK_BOOTTIME` cannot, and it goes
//! on while the machine sleeps, which `std::time::Instant` does not. This is the only place that asks for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use gatehold_core::guard;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::StoreFault;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// How far the wall clock may be behind the store's own time when a store is opened.
pub const BEHIND_MILLIS_MAX: i64 = 2_000;

/// A source of time. The store takes the maximum of it and of what it has already shown.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Timestamp;
}

/// The machine's clock: wall time at opening plus `CLOCK_BOOTTIME` elapsed since.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    wall_at_open: i64,
    boot_at_open: i64,
}

impl SystemClock {
    /// Reads the wall clock, for the only time.
    #[must_use]
    pub fn open() -> Self {
        Self {
            wall_at_open: millis(clock_gettime(ClockId::Realtime)),
            boot_at_open: millis(clock_gettime(ClockId::Boottime)),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = millis(clock_gettime(ClockId::Boottime)) - self.boot_at_open;
        Timestamp::from_millis(self.wall_at_open.saturating_add(elapsed))
    }
}

/// A clock that is set by hand, also backwards: for the simulator and tests.
#[derive(Debug)]
pub struct SetClock(AtomicI64);

impl SetClock {
    /// Begins at a time.
    #[must_use]
    pub const fn at(time: Timestamp) -> Self {
        Self(AtomicI64::new(time.millis()))
    }

    /// Jumps to a time.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.millis(), Ordering::SeqCst);
    }

    /// Moves by milliseconds, either way.
    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The time a store has shown: never goes back, whatever clocks do.
///
/// The authority is either the clock itself, or a database server whose clock is looked at with every commit and
/// estimated in between.
pub(crate) struct Shown {
    clock: Arc<dyn Clock>,
    /// The authority's time minus the clock's, when it was last looked at.
    offset: AtomicI64,
    /// When the store was last looked at, on the clock.
    looked: AtomicI64,
    latest: AtomicI64,
}

impl Shown {
    /// With `authority`, the time that a database server showed just now. Refuses an authority that is behind what the
    /// store has already shown to others.
    pub fn open(
        clock: Arc<dyn Clock>,
        authority: Option<Timestamp>,
        head: Timestamp,
    ) -> Result<Self, StoreFault> {
        let local = clock.now();
        let now = authority.unwrap_or(local);
        let behind = head.millis().saturating_sub(now.millis());
        if guard!("clock-open-behind", behind > BEHIND_MILLIS_MAX) {
            return Err(StoreFault::Unavailable(format!(
                "the clock says {now} and the store has already shown {head}; correct the clock, then start again"
            )));
        }
        Ok(Self {
            clock,
            offset: AtomicI64::new(now.millis().saturating_sub(local.millis())),
            looked: AtomicI64::new(local.millis()),
            latest: AtomicI64::new(head.max(now).millis()),
        })
    }

    /// Another look at a database server's clock.
    pub fn look(&self, authority: Timestamp) {
        let offset = authority.millis().saturating_sub(self.clock.now().millis());
        self.offset.store(offset, Ordering::SeqCst);
    }

    /// The store's time, not before `head`, which was read just now.
    pub fn at_least(&self, head: Timestamp) -> Timestamp {
        let local = self.clock.now();
        self.looked.store(local.millis(), Ordering::SeqCst);
        if guard!("clock-behind-head", head > self.estimate(local)) {
            return self.raise(head);
        }
        self.raise(self.estimate(local))
    }

    /// The store's time, if it was looked at within the last second; else look again.
    pub fn recent(&self) -> Option<Timestamp> {
        let local = self.clock.now();
        let age = local.millis().abs_diff(self.looked.load(Ordering::SeqCst));
        (age <= LOOK_MILLIS_MAX).then(|| self.raise(self.estimate(local)))
    }

    fn estimate(&self, local: Timestamp) -> Timestamp {
        let offset = self.offset.load(Ordering::SeqCst);
        Timestamp::from_millis(local.millis().saturating_add(offset))
    }

    fn raise(&self, time: Timestamp) -> Timestamp {
        let before = self.latest.fetch_max(time.millis(), Ordering::SeqCst);
        time.max(Timestamp::from_millis(before))
    }
}

/// How old the offset between the clock and the head row may be.
const LOOK_MILLIS_MAX: u64 = 1_000;

const fn millis(time: Timespec) -> i64 {
    time.tv_sec
        .saturating_mul(1000)
        .saturating_add(time.tv_nsec / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_reads_this_century_and_never_runs_back() {
        let clock = SystemClock::open();
        let first = clock.now();
        assert!(first > Timestamp::from_millis(1_700_000_000_000));
        assert!(clock.now() >= first);
    }
}
