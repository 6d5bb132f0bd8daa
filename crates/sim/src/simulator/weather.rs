//! How rough a run is. In a storm faults come so thick that little work is ever finished; in calm weather most of it is,
//! and one fault meets a long history. Everything can happen in both.

use super::seed::Seed;

/// How often what happens in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// Work ends.
    Calm,
    /// Work is cut off.
    Storm,
}

/// What one step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happens {
    /// Work in flight goes one stage on.
    Advance,
    /// Somebody asks for something.
    Errand,
    /// Time passes.
    Time,
    /// A clock is set wrong, or right.
    Clocks,
    /// A process dies and is started again.
    Crash,
    /// A process looks at what is due.
    Tick,
    /// Somebody writes into the database.
    Tamper,
    /// What was written there is taken back.
    Repair,
    /// A process is slow to take up a bundle.
    Lag,
    /// Much of the gate changes at once.
    Upheaval,
    /// Something happens to the target.
    Target,
    /// Something that was sent arrives again.
    SendAgain,
}

impl Weather {
    /// Half the runs each.
    pub(super) fn of(seed: &mut Seed) -> Self {
        if seed.per_mille(500) {
            Self::Calm
        } else {
            Self::Storm
        }
    }

    /// What a roll of a thousand means.
    pub(super) const fn happens(self, roll: u64) -> Happens {
        match self {
            Self::Storm => match roll {
                0..612 => Happens::Advance,
                612..620 => Happens::Target,
                620..850 => Happens::Errand,
                850..895 => Happens::Time,
                895..905 => Happens::Clocks,
                905..917 => Happens::Crash,
                917..945 => Happens::Tick,
                945..965 => Happens::Tamper,
                965..972 => Happens::Repair,
                972..975 => Happens::Lag,
                975..980 => Happens::Upheaval,
                _ => Happens::SendAgain,
            },
            Self::Calm => match roll {
                0..741 => Happens::Advance,
                741..745 => Happens::Target,
                745..945 => Happens::Errand,
                945..960 => Happens::Time,
                960..962 => Happens::Clocks,
                962..963 => Happens::Crash,
                963..978 => Happens::Tick,
                978..982 => Happens::Tamper,
                982..986 => Happens::Repair,
                986..987 => Happens::Lag,
                987..990 => Happens::Upheaval,
                _ => Happens::SendAgain,
            },
        }
    }

    /// Most work in flight; beyond it only what is there goes on.
    pub(super) const fn work_max(self) -> usize {
        match self {
            Self::Calm => 8,
            Self::Storm => 24,
        }
    }

    /// One in so many stretches of time is long, three are of some seconds.
    pub(super) const fn hours(self) -> u64 {
        match self {
            Self::Calm => 30,
            Self::Storm => 10,
        }
    }

    /// Three in so many clocks that are set are set wrong.
    pub(super) const fn clocks(self) -> u64 {
        match self {
            Self::Calm => 8,
            Self::Storm => 4,
        }
    }

    /// How many times rarer than in a storm the store and the way back from it fail.
    pub(super) const fn store_holds(self) -> u64 {
        match self {
            Self::Calm => 10,
            Self::Storm => 1,
        }
    }
}
