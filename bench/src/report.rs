//! Medians and ratios of one run, as a table for docs/performance.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::goals::{FEW, MANY};
use crate::load::Measured;

/// Everything measured, by who, policies and connections.
#[derive(Debug, Default)]
pub struct Report {
    rounds: BTreeMap<(String, usize, usize), Vec<Measured>>,
    idle: BTreeMap<usize, Option<u64>>,
}

impl Report {
    /// Adds one round.
    pub fn add(&mut self, who: &str, policies: usize, connections: usize, measured: Measured) {
        let key = (who.to_owned(), policies, connections);
        self.rounds.entry(key).or_default().push(measured);
    }

    /// Notes the resident memory of an idle gate.
    pub fn idle(&mut self, policies: usize, kib: Option<u64>) {
        self.idle.entry(policies).or_insert(kib);
    }

    /// The resident memory of an idle gate with so many policies, if the run had one; nothing in it, if nobody could tell.
    pub fn idle_kib(&self, policies: usize) -> Option<Option<u64>> {
        self.idle.get(&policies).copied()
    }

    /// What a gate with many policies answers of what one with few does, by the number of connections: the median over the
    /// rounds, each compared with its neighbour in time, so that a machine that others slow for a while slows both.
    pub fn many_over_few(&self) -> Vec<(usize, f64)> {
        let keys = self.rounds.keys();
        let connections: BTreeSet<usize> = keys.map(|(_, _, connections)| *connections).collect();
        let ratio = |connections| {
            let of = |policies| {
                self.rounds
                    .get(&("gatehold".to_owned(), policies, connections))
            };
            let pairs = of(MANY)?.iter().zip(of(FEW)?);
            let mut ratios: Vec<f64> = pairs
                .map(|(many, few)| many.per_second / few.per_second)
                .collect();
            ratios.sort_by(f64::total_cmp);
            let median = ratios.get(ratios.len() / 2)?;
            Some((connections, *median))
        };
        connections.into_iter().filter_map(ratio).collect()
    }

    fn median(&self, who: &str, policies: usize, connections: usize) -> Option<Measured> {
        let mut rounds = self
            .rounds
            .get(&(who.to_owned(), policies, connections))?
            .clone();
        rounds.sort_by(|left, right| left.per_second.total_cmp(&right.per_second));
        rounds.get(rounds.len() / 2).copied()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| who | policies | connections | answers/s | p50 ms | p99 ms | processor us | of the bare endpoint | times Cerbos |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        for (who, policies, connections) in self.rounds.keys() {
            let Some(median) = self.median(who, *policies, *connections) else {
                continue;
            };
            let over = |other: Option<Measured>| {
                other.map_or_else(
                    || "-".to_owned(),
                    |other| format!("{:.3}", median.per_second / other.per_second),
                )
            };
            let cerbos = self
                .median("cerbos", *policies, *connections)
                .filter(|_| who == "gatehold");
            writeln!(
                f,
                "| {who} | {policies} | {connections} | {:.0} | {:.2} | {:.2} | {} | {} | {} |",
                median.per_second,
                median.p50.as_secs_f64() * 1e3,
                median.p99.as_secs_f64() * 1e3,
                median.processor_micros(),
                over(self.median("bare axum", 0, *connections)),
                over(cerbos),
            )?;
        }
        for (connections, ratio) in self.many_over_few() {
            writeln!(
                f,
                "{MANY} policies / {FEW} policies at {connections} connections: {ratio:.3}"
            )?;
        }
        for (policies, kib) in &self.idle {
            writeln!(
                f,
                "resident memory of an idle gate with {policies} policies: {} MiB",
                mib(*kib)
            )?;
        }
        Ok(())
    }
}

/// KiB as MiB, for people.
pub fn mib(kib: Option<u64>) -> String {
    kib.map_or_else(|| "?".to_owned(), |kib| format!("{:.1}", to_mib(kib)))
}

fn to_mib(kib: u64) -> f64 {
    u32::try_from(kib).map_or(f64::NAN, |kib| f64::from(kib) / 1024.0)
}
