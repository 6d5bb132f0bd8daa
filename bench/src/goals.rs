//! The goals that docs/performance.md calls met: a run that misses one ends with an error that names it. Counts, ratios and
//! memory; no goal is a time, which is another on every machine. What the page calls missed is printed and no more.

use gatehold_scenarios::{Outcome, Trouble};

use crate::leases::{Many, Sessions};
use crate::report::{Report, mib};

/// At how many rules an idle gate is measured, and what many rules are compared with.
pub const FEW: usize = 10;
/// Many rules.
pub const MANY: usize = 1_000;
/// Most resident memory of an idle gate with few rules, KiB.
const IDLE_KIB_MAX: u64 = 64 * 1024;
/// Least share of the answers with few rules that a gate gives with many.
const MANY_OVER_FEW_MIN: f64 = 0.9;
/// Most resident memory for each request that waits, KiB.
const PENDING_KIB_MAX: u64 = 16;
/// Most resident memory for each lease that lives, KiB.
const LEASE_KIB_MAX: f64 = 4.0;

/// What a run has missed so far.
#[derive(Debug, Default)]
pub struct Goals {
    missed: Vec<String>,
}

impl Goals {
    /// The memory of an idle gate and what many rules cost, as far as the run measured them.
    pub fn of_rounds(&mut self, report: &Report) {
        if let Some(kib) = report.idle_kib(FEW) {
            self.want(
                kib.is_some_and(|kib| kib <= IDLE_KIB_MAX),
                format!(
                    "an idle gate with {FEW} policies has {} MiB resident, and may have {}",
                    mib(kib),
                    mib(Some(IDLE_KIB_MAX))
                ),
            );
        }
        for (connections, ratio) in report.many_over_few() {
            self.want(
                ratio >= MANY_OVER_FEW_MIN,
                format!(
                    "{MANY} policies give {ratio:.3} of the answers of {FEW} at {connections} connections, and should give \
                     {MANY_OVER_FEW_MIN}"
                ),
            );
        }
    }

    /// The memory of so many requests that wait: resident KiB before them and with them.
    pub fn of_pending(&mut self, number: u32, before: Option<u64>, after: Option<u64>) {
        let most = u64::from(number) * PENDING_KIB_MAX;
        let grown = before.zip(after);
        let grown = grown.map(|(before, after)| after.saturating_sub(before));
        self.want(
            grown.is_some_and(|kib| kib <= most),
            format!(
                "{number} pending requests take {} MiB, and may take {}",
                mib(grown),
                mib(Some(most))
            ),
        );
    }

    /// Nothing is left of a lease, and nobody is let in after it.
    pub fn of_sessions(&mut self, figures: &Sessions) {
        self.nothing_left(figures.left);
        self.want(
            figures.let_in == 0,
            format!(
                "{} credentials let somebody in after they were taken away",
                figures.let_in
            ),
        );
    }

    /// Nothing is left of a lease, and memory stays flat.
    pub fn of_many(&mut self, figures: &Many) {
        self.nothing_left(figures.left);
        let each = figures.kib_each();
        self.want(
            each.is_some_and(|kib| kib <= LEASE_KIB_MAX),
            format!("a living lease takes {each:?} KiB, and may take {LEASE_KIB_MAX}"),
        );
    }

    fn nothing_left(&mut self, left: i64) {
        self.want(left == 0, format!("{left} roles or sessions were left"));
    }

    /// Acknowledged decisions that a `kill -9` lost.
    pub fn of_crash(&mut self, lost: usize) {
        self.want(
            lost == 0,
            format!("{lost} decisions that were acknowledged are gone"),
        );
    }

    /// Whether everything that was measured is as it should be.
    ///
    /// # Errors
    /// Every goal that was missed. What could not be measured is missed.
    pub fn told(self) -> Outcome<()> {
        if self.missed.is_empty() {
            return Ok(());
        }
        Err(Trouble(format!("missed: {}", self.missed.join("; "))))
    }

    fn want(&mut self, met: bool, otherwise: String) {
        if !met {
            self.missed.push(otherwise);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Measured;

    /// A run of three rounds with few and with many rules, and an idle gate of so many KiB.
    fn report(few: [f64; 3], many: [f64; 3], idle: Option<u64>) -> Report {
        let mut report = Report::default();
        report.idle(FEW, idle);
        for (policies, rounds) in [(FEW, few), (MANY, many)] {
            for per_second in rounds {
                let measured = Measured {
                    per_second,
                    ..Measured::default()
                };
                report.add("gatehold", policies, 32, measured);
            }
        }
        report
    }

    fn missed(report: &Report) -> Option<String> {
        let mut goals = Goals::default();
        goals.of_rounds(report);
        goals.told().err().map(|trouble| trouble.0)
    }

    #[test]
    fn neighbouring_rounds_are_judged_by_their_median_ratio_and_by_memory() {
        let few = [1_000.0, 500.0, 2_000.0];
        let idle = Some(IDLE_KIB_MAX);
        assert_eq!(missed(&report(few, [1.0, 450.0, 2_000.0], idle)), None);
        let slow = missed(&report(few, [899.0, 5_000.0, 1.0], idle)).unwrap();
        assert!(
            slow.contains("1000 policies give 0.899 of the answers of 10 at 32"),
            "{slow}"
        );
        let large = missed(&report(few, few, Some(IDLE_KIB_MAX + 1_024))).unwrap();
        assert!(
            large.contains("has 65.0 MiB resident, and may have 64.0"),
            "{large}"
        );
        let unknown = missed(&report(few, few, None)).unwrap();
        assert!(unknown.contains("has ? MiB"), "{unknown}");
        assert_eq!(missed(&Report::default()), None);
    }

    #[test]
    fn a_lease_leaves_nothing_and_takes_little() {
        let missed = |sessions: &Sessions, many: &Many| {
            let mut goals = Goals::default();
            goals.of_sessions(sessions);
            goals.of_many(many);
            goals.told().err().map(|trouble| trouble.0)
        };
        let few = Sessions::default();
        let flat = Many {
            resident: (Some(60_000), Some(69_000)),
            ..Many::default()
        };
        assert_eq!(missed(&few, &flat), None);
        let bad = Sessions {
            left: 1,
            let_in: 2,
            ..Sessions::default()
        };
        let large = Many {
            left: 3,
            resident: (Some(60_000), Some(105_000)),
            ..Many::default()
        };
        let said = missed(&bad, &large).unwrap();
        for wanted in ["1 roles", "2 credentials", "3 roles", "Some(5.0) KiB"] {
            assert!(said.contains(wanted), "{said}");
        }
        assert!(missed(&few, &Many::default()).unwrap().contains("None KiB"));
    }

    #[test]
    fn what_waits_and_what_is_lost_is_counted() {
        let mut goals = Goals::default();
        goals.of_pending(1_000, Some(50_000), Some(66_000));
        goals.of_pending(1_000, Some(50_000), Some(40_000));
        goals.of_crash(0);
        assert_eq!(goals.told(), Ok(()));
        let mut goals = Goals::default();
        goals.of_pending(1_000, Some(50_000), Some(66_001));
        goals.of_pending(1_000, None, Some(66_000));
        goals.of_crash(1);
        let missed = goals.told().unwrap_err().0;
        assert_eq!(missed.matches("pending requests take").count(), 2);
        assert!(
            missed.contains("1 decisions that were acknowledged are gone"),
            "{missed}"
        );
    }
}
