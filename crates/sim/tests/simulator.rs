//! The simulator over fixed seeds, over seeds that failed once, and over a share that nobody has seen.
//!
//! `GATEHOLD_SIM_RUNS` sets how many fresh runs there are; the nightly run sets thousands.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use gatehold_sim::simulator::journal::header;
use gatehold_sim::simulator::{Outcome, Run, replay, run};

const STEPS: u32 = 1_500;
const FIXED: u64 = 16;
const FRESH: u64 = 8;

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn holds(run_of: Run) -> Outcome {
    let outcome = run(run_of);
    if let Some(violation) = &outcome.violation {
        let file = format!("{}/seed-{}.log", env!("CARGO_TARGET_TMPDIR"), run_of.seed);
        let written = std::fs::write(&file, outcome.journal.to_text());
        assert!(written.is_ok(), "{file} could not be written");
        panic!("{run_of:?}: {violation}\nstep through it: gatehold-sim replay {file}");
    }
    outcome
}

#[expect(
    clippy::disallowed_methods,
    reason = "the nightly run sets how much is tried"
)]
fn fresh_runs() -> u64 {
    let runs = std::env::var("GATEHOLD_SIM_RUNS").ok();
    runs.and_then(|runs| runs.parse().ok()).unwrap_or(FRESH)
}

#[test]
fn every_invariant_holds_over_fixed_seeds_and_everything_is_reached() {
    let mut reached = BTreeMap::new();
    for seed in 1..=FIXED {
        for (what, times) in holds(Run { seed, steps: STEPS }).reached {
            *reached.entry(what).or_insert(0_u64) += times;
        }
    }
    // A simulator that stops reaching something proves nothing about it, and says so here.
    for what in [
        "act",
        "conflict-deadline",
        "conflict-guard",
        "crash",
        "edit",
        "end-task",
        "executed",
        "expire",
        "forged-link",
        "propose",
        "put-back",
        "redeem",
        "report",
        "review",
        "revoke",
        "revoke-key",
        "start-task",
        "stop",
        "submit",
        "withdraw",
    ] {
        assert!(reached.contains_key(what), "never reached: {what}");
    }
    assert!(
        !reached.contains_key("conflict-malformed"),
        "core wrote a malformed write"
    );
}

#[test]
fn every_invariant_holds_over_seeds_that_nobody_has_seen() {
    let first = RandomState::new().hash_one("a seed") >> 1;
    for seed in first..first + fresh_runs() {
        holds(Run { seed, steps: STEPS });
    }
}

#[test]
fn seeds_that_failed_once_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds");
    let mut found = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            found += 1;
            holds(header(&std::fs::read_to_string(path).unwrap()).unwrap());
        }
    }
    assert!(found > 0);
}

#[test]
fn one_number_decides_a_whole_run_and_a_log_can_be_stepped_through() {
    let short = Run {
        seed: 7,
        steps: 400,
    };
    let log = holds(short).journal.to_text();
    let mut shown = 0;
    replay(&log, |_, _| shown += 1).unwrap();
    assert_eq!(shown + 1, log.lines().count());
    let other = log.replace("founded", "invented");
    assert!(replay(&other, |_, _| {}).is_err());
    assert!(replay("no log", |_, _| {}).is_err());
}
