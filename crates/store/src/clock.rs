//! The clock under a store: the wall clock once, when the store opens, then time that only runs forward.
//!
//! The wall clock can be stepped by an administrator or by NTP while deadlines run; `CLOCK_BOOTTIME` cannot, and it goes
//! on while the machine sleeps, which `std::time::Instant` does not. This is the only place that asks for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

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

/// The time a store has shown: never goes back, whatever its clock does.
pub(crate) struct Shown {
    clock: Arc<dyn Clock>,
    latest: AtomicI64,
    /// When the head row's time was last looked at, on the clock.
    looked: AtomicI64,
}

impl Shown {
    /// Refuses a clock that is behind what the store has already shown to others.
    pub fn open(clock: Arc<dyn Clock>, head: Timestamp) -> Result<Self, StoreFault> {
        let now = clock.now();
        let behind = head.millis().saturating_sub(now.millis());
        if behind > BEHIND_MILLIS_MAX {
            return Err(StoreFault::Unavailable(format!(
                "the machine's clock says {now} and the store has already shown {head}; correct the clock, then start \
                 again"
            )));
        }
        Ok(Self {
            clock,
            latest: AtomicI64::new(head.max(now).millis()),
            looked: AtomicI64::new(now.millis()),
        })
    }

    /// The store's time, not before `head`.
    pub fn at_least(&self, head: Timestamp) -> Timestamp {
        let clock = self.clock.now();
        self.looked.store(clock.millis(), Ordering::SeqCst);
        self.raise(head.max(clock))
    }

    /// The store's time, from a look at the head row at most a second ago.
    pub fn now(
        &self,
        head: impl FnOnce() -> Result<Timestamp, StoreFault>,
    ) -> Result<Timestamp, StoreFault> {
        let clock = self.clock.now();
        let age = clock.millis().abs_diff(self.looked.load(Ordering::SeqCst));
        if age > LOOK_MILLIS_MAX {
            return Ok(self.at_least(head()?));
        }
        Ok(self.raise(clock))
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
