//! The simulator over fixed seeds, and over a share that nobody has seen. What it finds gets a test by name in
//! `regressions.rs`.
//!
//! A failing run names its seed and writes its log. `GATEHOLD_SIM_SEED=N` runs that seed instead of fresh ones;
//! `GATEHOLD_SIM_RUNS` sets how many fresh runs there are.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use gatehold_sim::simulator::{Outcome, Run, replay, run};

const STEPS: u32 = 1_500;
const FIXED: u64 = 48;
const FRESH: u64 = 8;

/// Everything that the runs must reach, by what it stands for.
const REACHED: [(&str, &[&str]); 12] = [
    (
        "everything that can be asked",
        &[
            "act",
            "again",
            "delegate",
            "end-delegation",
            "end-task",
            "escalate",
            "executed",
            "expire",
            "propose",
            "redeem",
            "reinstate",
            "report",
            "review",
            "revoke",
            "revoke-key",
            "start-task",
            "stop",
            "submit",
            "suspend",
            "withdraw",
        ],
    ),
    (
        "a crash at every step",
        &[
            "crash",
            "crash-asked",
            "crash-read",
            "crash-loaded",
            "crash-decided",
            "crash-answered",
        ],
    ),
    (
        "answers that are lost, late or another's",
        &[
            "answer-of-another",
            "conflict-deadline",
            "conflict-guard",
            "failed-and-not-stored",
            "reordered",
            "stored-and-reported-failed",
        ],
    ),
    (
        "clocks five minutes off, both ways",
        &[
            "clock-back",
            "clock-forward",
            "store-clock-back",
            "store-clock-forward",
        ],
    ),
    (
        "keys, teams and policy that change",
        &[
            "consoles-changed",
            "key-enrolled",
            "key-revoked",
            "policy-changed",
            "team-changed",
            "workload-changed",
        ],
    ),
    ("people who do not say why", &["no-reason"]),
    (
        "credentials that are made, not made, handed over, ended and gone",
        &[
            "gone",
            "handed-over",
            "lease-ended",
            "made",
            "made-or-not",
            "orphan",
            "overdue",
            "remains",
            "remains-issuing",
        ],
    ),
    (
        "a target that fails",
        &[
            "target-down",
            "target-planted",
            "target-restored",
            "target-stuck",
        ],
    ),
    (
        "people who are gone while something of theirs is on its way",
        &[
            "enrolment-overtaken",
            "enrolment-overtaken-and-back",
            "reinstatement-overtaken",
            "review-of-somebody-gone",
        ],
    ),
    (
        "between any two steps",
        &[
            "changed-under-asked",
            "changed-under-read",
            "changed-under-loaded",
            "changed-under-decided",
            "changed-under-answered",
        ],
    ),
    (
        "somebody with database access",
        &[
            "edit",
            "edited-version",
            "forged-link",
            "insert",
            "put-back",
            "swapped-root",
        ],
    ),
    (
        "what was signed, again or elsewhere",
        &[
            "misled-hand",
            "replayed-proposal",
            "replayed-redemption",
            "replayed-reinstatement",
            "replayed-review",
            "replayed-revocation",
            "replayed-submission",
        ],
    ),
];

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn holds(run_of: Run) -> Outcome {
    let outcome = run(run_of);
    if let Some(violation) = &outcome.violation {
        let file = format!("{}/seed-{}.log", env!("CARGO_TARGET_TMPDIR"), run_of.seed);
        let written = std::fs::write(&file, outcome.journal.to_text());
        assert!(written.is_ok(), "{file} could not be written");
        panic!(
            "seed {seed}: {violation}\n\
             run it again: GATEHOLD_SIM_SEED={seed} cargo nextest run -p gatehold-sim --test simulator\n\
             step through it: cargo run -p gatehold-sim --bin gatehold-sim -- replay {file}",
            seed = run_of.seed
        );
    }
    outcome
}

#[expect(
    clippy::disallowed_methods,
    reason = "a developer or the nightly run sets what is tried"
)]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
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
    let never: Vec<&str> = REACHED
        .iter()
        .flat_map(|(_, each)| each.iter().copied())
        .filter(|what| !reached.contains_key(what))
        .collect();
    for (what, times) in &reached {
        eprintln!("{what:<28} {times}");
    }
    assert!(never.is_empty(), "never reached: {never:?}");
    assert!(
        !reached.contains_key("conflict-malformed"),
        "core wrote a malformed write"
    );
}

#[test]
fn every_invariant_holds_over_seeds_that_nobody_has_seen() {
    if let Some(seed) = number("GATEHOLD_SIM_SEED") {
        holds(Run { seed, steps: STEPS });
        return;
    }
    let first = RandomState::new().hash_one("a seed") >> 1;
    let runs = number("GATEHOLD_SIM_RUNS").unwrap_or(FRESH);
    eprintln!("fresh seeds from {first}");
    for seed in first..first + runs {
        holds(Run { seed, steps: STEPS });
    }
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
