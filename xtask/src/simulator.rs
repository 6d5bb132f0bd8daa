//! The simulator over seeds that nobody has seen: a share in every run, the full count at night. The first line names the
//! first seed, so that whatever fails can be run again.

use std::hash::{BuildHasher as _, RandomState};

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "simulator",
    what: "every invariant over fresh seeds, named so that a failing one can be run again",
    run: || run("dev", 40),
};

/// The same at night.
pub const LONG: Step = Step {
    name: "long-simulator",
    what: "every invariant over 50,000 fresh seeds",
    run: || run("release", 50_000),
};

fn run(profile: &str, runs: u64) -> Result<(), String> {
    let seed = RandomState::new().hash_one("a seed") >> 1;
    println!("{runs} runs with seeds from {seed}");
    let (seed, runs) = (seed.to_string(), runs.to_string());
    shell::run(
        "cargo",
        &[
            "run",
            "--locked",
            "--quiet",
            "--profile",
            profile,
            "--package=gatehold-sim",
            "--no-default-features",
            "--bin=gatehold-sim",
            "--",
            "run",
            "--seed",
            &seed,
            "--runs",
            &runs,
        ],
    )
    .map_err(|problem| {
        format!("{problem}; the seed is named above, run it again with `gatehold-sim run --seed N --runs 1`")
    })
}
