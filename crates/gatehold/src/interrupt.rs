//! The signals that ask a command to end: Ctrl-C, an operator's SIGTERM, a terminal that is gone. Whoever makes something that
//! must not be left behind catches them first, puts it away, and ends with the exit code of the signal.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Exit, Failure};

/// Which of them came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// SIGHUP.
    HungUp,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Ending {
    /// All.
    const ALL: [Self; 3] = [Self::HungUp, Self::Interrupted, Self::Terminated];

    /// The one of this number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|ending| ending.kind().as_raw_value() == number)
    }

    /// The one that this exit code tells of.
    #[must_use]
    pub fn told_by(exit: Exit) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.exit() == exit)
    }

    /// Its exit code: 128 and its number.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::HungUp => Exit::HungUp,
            Self::Interrupted => Exit::Interrupted,
            Self::Terminated => Exit::Terminated,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HungUp => "SIGHUP",
            Self::Interrupted => "SIGINT",
            Self::Terminated => "SIGTERM",
        }
    }

    const fn kind(self) -> SignalKind {
        match self {
            Self::HungUp => SignalKind::hangup(),
            Self::Interrupted => SignalKind::interrupt(),
            Self::Terminated => SignalKind::terminate(),
        }
    }
}

/// The signals, caught from now on.
pub struct Signals([Option<Signal>; 3]);

impl Signals {
    /// Catches them, but for what the caller of this program had ignored: `nohup` stays in force.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn catch() -> Result<Self, Failure> {
        let ignored = ignored();
        let one = |ending: Ending| match ending.kind() {
            kind if ignored & (1 << (kind.as_raw_value() - 1)) != 0 => Ok(None),
            kind => signal(kind)
                .map(Some)
                .map_err(|error| Failure::fault(error, "free some file descriptors")),
        };
        let [hung_up, interrupted, terminated] = Ending::ALL;
        Ok(Self([one(hung_up)?, one(interrupted)?, one(terminated)?]))
    }

    /// Waits for the next one. What came since they were caught counts.
    pub async fn next(&mut self) -> Ending {
        let Self([hung_up, interrupted, terminated]) = self;
        tokio::select! {
            // Of two that came at once always the same: a test must be able to tell.
            biased;
            () = received(hung_up) => Ending::HungUp,
            () = received(interrupted) => Ending::Interrupted,
            () = received(terminated) => Ending::Terminated,
        }
    }

    /// The one that came meanwhile, if one did.
    pub async fn came(&mut self) -> Option<Ending> {
        tokio::select! {
            biased;
            ending = self.next() => Some(ending),
            () = std::future::ready(()) => None,
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

/// The set of signals that this process was started to ignore, where the system tells.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .unwrap_or(0)
}
