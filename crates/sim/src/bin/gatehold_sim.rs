//! `gatehold-sim`: runs the simulator from seeds, and steps through the log of a run.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to a terminal"
)]

use std::num::NonZeroUsize;
use std::process::ExitCode;

use gatehold_sim::simulator::sweep::{Sweep, jobs};
use gatehold_sim::simulator::{Run, replay, run};

const USAGE: &str = "\
Usage:
  gatehold-sim run [--seed N] [--steps N] [--runs N] [--jobs N]
                                                        runs with seeds N, N+1, ..., as many at a time as there are
                                                        processors; stops at the first violation
  gatehold-sim log [--seed N] [--steps N]               prints the log of one run, however it ends
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
        ["log", options @ ..] => log(options),
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
    let Some(sweep) = options_of(options, keeps_log) else {
        return Err(USAGE.to_owned());
    };
    let swept = sweep.all(|ended| {
        if keeps_log && ended.is_multiple_of(1_000) && ended > 0 {
            eprintln!("{ended} of {} runs", sweep.runs);
        }
    });
    if let Some((seed, outcome)) = swept.failed {
        let Some(outcome) = outcome else {
            return Err(format!(
                "seed {seed}: the run could not go on; why stands above"
            ));
        };
        let violation = outcome
            .violation
            .map_or_else(String::new, |v| v.to_string());
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
    println!("{} runs, {} steps, no violation", swept.runs, swept.steps);
    for (what, times) in swept.reached {
        println!("  {what:<20} {times}");
    }
    Ok(Ended::Well)
}

/// Without a guard one at a time: `cargo xtask mutants` tries as many guards at a time as there are processors.
fn options_of(options: &[&str], all_processors: bool) -> Option<Sweep> {
    let mut sweep = Sweep {
        first: 1,
        runs: 100,
        steps: 1_500,
        jobs: if all_processors {
            jobs()
        } else {
            NonZeroUsize::MIN
        },
    };
    for pair in options.chunks(2) {
        let [name, value] = pair else {
            return None;
        };
        match *name {
            "--seed" => sweep.first = value.parse().ok()?,
            "--steps" => sweep.steps = value.parse().ok()?,
            "--runs" => sweep.runs = value.parse().ok()?,
            "--jobs" => sweep.jobs = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(sweep)
}

fn log(options: &[&str]) -> Result<(), String> {
    let one = options_of(options, false).ok_or_else(|| USAGE.to_owned())?;
    let outcome = run(Run {
        seed: one.first,
        steps: one.steps,
    });
    print!("{}", outcome.journal.to_text());
    outcome
        .violation
        .map_or(Ok(()), |violation| Err(violation.to_string()))
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
