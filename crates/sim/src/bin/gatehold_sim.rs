//! `gatehold-sim`: runs the simulator from seeds, and steps through the log of a run.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to a terminal"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use gatehold_sim::simulator::{Run, replay, run};

const USAGE: &str = "\
Usage:
  gatehold-sim run [--seed N] [--steps N] [--runs N]    runs with seeds N, N+1, ...; stops at the first violation
  gatehold-sim replay FILE                              steps through a log
  gatehold-sim without GUARD [--seed N] [--steps N] [--runs N]
                                                        the same runs without a guard; fails unless one is caught
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["run", options @ ..] => many(options, true).and_then(Ended::well),
        ["without", guard, options @ ..] => without(guard, options),
        ["replay", file] => again(file),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// How many runs ended.
enum Ended {
    Well,
    Badly(String),
}

impl Ended {
    fn well(self) -> Result<(), String> {
        match self {
            Self::Well => Ok(()),
            Self::Badly(how) => Err(how),
        }
    }
}

/// The gate with a hole in it: the runs must find it.
fn without(guard: &str, options: &[&str]) -> Result<(), String> {
    if !gatehold_sim::mutants::remove(guard) {
        return Err("guards cannot be removed from this build: GATEHOLD_MUTANTS=1".to_owned());
    }
    match many(options, false)? {
        Ended::Well => Err(format!("{guard} is gone and nothing noticed")),
        Ended::Badly(how) => {
            println!("{how}");
            Ok(())
        }
    }
}

fn many(options: &[&str], keeps_log: bool) -> Result<Ended, String> {
    let (mut seed, mut steps, mut runs) = (1_u64, 1_500_u64, 100_u64);
    for pair in options.chunks(2) {
        let [name, value] = pair else {
            return Err(USAGE.to_owned());
        };
        let value = value.parse().map_err(|_| USAGE.to_owned())?;
        match *name {
            "--seed" => seed = value,
            "--steps" => steps = value,
            "--runs" => runs = value,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let steps = u32::try_from(steps).map_err(|_| USAGE.to_owned())?;
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    let mut taken = 0_u64;
    for seed in seed..seed.saturating_add(runs) {
        let outcome = run(Run { seed, steps });
        taken += u64::from(outcome.steps);
        for (what, times) in &outcome.reached {
            *reached.entry(what).or_insert(0) += times;
        }
        if let Some(violation) = &outcome.violation {
            if !keeps_log {
                return Ok(Ended::Badly(format!("seed {seed}: {violation}")));
            }
            let file = format!("seed-{seed}.log");
            std::fs::write(&file, outcome.journal.to_text())
                .map_err(|error| format!("{file}: {error}"))?;
            return Ok(Ended::Badly(format!(
                "seed {seed}: {violation}\nstep through it: gatehold-sim replay {file}"
            )));
        }
    }
    println!("{runs} runs, {taken} steps, no violation");
    for (what, times) in reached {
        println!("  {what:<20} {times}");
    }
    Ok(Ended::Well)
}

fn again(file: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let outcome = replay(&text, |number, line| println!("{number:>6}  {line}"))
        .map_err(|mismatch| mismatch.to_string())?;
    match outcome.violation {
        Some(violation) => println!("ends in {violation}"),
        None => println!("ends well"),
    }
    Ok(())
}
