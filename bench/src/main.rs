//! `gatehold-bench`: the allow path of a real gate beside a bare HTTP endpoint and beside Cerbos, in one run on one
//! machine; and what a `kill -9` under load loses. Ratios mean something, absolute numbers only here and today.
//!
//! The load generator signs everything before a timed run: signing is the client's cost. A goal that docs/performance.md
//! calls met and that a run misses is an error at its end.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to a terminal"
)]

mod bundle;
mod crash;
mod gate;
mod goals;
mod leases;
mod load;
mod peers;
mod report;
mod signed;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;

use gatehold_scenarios::{Outcome, Trouble, trouble};

use crate::goals::{FEW, Goals, MANY};
use crate::load::Measured;
use crate::report::Report;

const USAGE: &str = "gatehold-bench --gatehold PROGRAM --pack FOLDER [--cerbos PROGRAM] [--seconds 3] [--rounds 5] [--policies N] [--connections N] [--only-gate | --only-crash | --only-pending | --only-start | --only-leases]";
const POLICIES: [usize; 3] = [FEW, 100, MANY];
const CONNECTIONS: [usize; 2] = [32, 256];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match arguments.as_slice() {
        [word, port] if word == "bare" => peers::serve_bare(port),
        _ => Plan::read(&arguments).and_then(|plan| on_one_thread(run(plan))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gatehold-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The load generator has one thread, as wrk with one thread has.
fn on_one_thread<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(trouble("runtime"))?
        .block_on(work)
}

struct Plan {
    gatehold: PathBuf,
    pack: PathBuf,
    cerbos: Option<PathBuf>,
    seconds: u64,
    rounds: usize,
    policies: Vec<usize>,
    connections: Vec<usize>,
    only_gate: bool,
    only_crash: bool,
    only_pending: bool,
    only_start: bool,
    only_leases: bool,
}

impl Plan {
    fn read(arguments: &[String]) -> Outcome<Self> {
        let given = |name: &str| {
            let mut words = arguments.iter();
            words.find(|word| *word == name).and_then(|_| words.next())
        };
        let usage = || Trouble(USAGE.to_owned());
        let number = |name: &str, otherwise: u64| match given(name) {
            Some(text) => text.parse().map_err(|_| usage()),
            None => Ok(otherwise),
        };
        let has = |name: &str| arguments.iter().any(|word| word == name);
        let only = |name: &str, all: &[usize]| match given(name) {
            Some(text) => text.parse().map(|one| vec![one]).map_err(|_| usage()),
            None => Ok(all.to_vec()),
        };
        Ok(Self {
            gatehold: given("--gatehold").ok_or_else(usage)?.into(),
            pack: given("--pack").ok_or_else(usage)?.into(),
            cerbos: given("--cerbos").map(PathBuf::from),
            seconds: number("--seconds", 3)?,
            rounds: usize::try_from(number("--rounds", 5)?).map_err(|_| usage())?,
            policies: only("--policies", &POLICIES)?,
            connections: only("--connections", &CONNECTIONS)?,
            only_gate: has("--only-gate"),
            only_crash: has("--only-crash"),
            only_pending: has("--only-pending"),
            only_start: has("--only-start"),
            only_leases: has("--only-leases"),
        })
    }
}

async fn run(plan: Plan) -> Outcome<()> {
    let mut goals = Goals::default();
    if plan.only_pending {
        pending(&plan, &mut goals).await?;
        return goals.told();
    }
    if plan.only_start {
        return start(&plan).await;
    }
    if plan.only_leases {
        leases(&plan, &mut goals).await?;
        return goals.told();
    }
    let mut report = Report::default();
    if !plan.only_crash {
        for &connections in &plan.connections {
            if !plan.only_gate {
                bare(&plan, connections, &mut report).await?;
            }
            gates(&plan, connections, &mut report).await?;
            if !plan.only_gate {
                for &policies in &plan.policies {
                    cerbos(&plan, policies, connections, &mut report).await?;
                }
            }
        }
        print!("{report}");
        goals.of_rounds(&report);
    }
    if plan.only_gate {
        return goals.told();
    }
    if !plan.only_crash {
        pending(&plan, &mut goals).await?;
        start(&plan).await?;
        leases(&plan, &mut goals).await?;
    }
    let (acknowledged, lost) = crash::kill_under_load(&plan.gatehold, &plan.pack).await?;
    println!("kill -9 under load: {acknowledged} decisions acknowledged, {lost} lost");
    goals.of_crash(lost);
    goals.told()
}

/// What a longer ledger costs at a start.
async fn start(plan: &Plan) -> Outcome<()> {
    let starts = start::over_grown_ledger(&plan.gatehold, &plan.pack).await?;
    for one in &starts {
        println!(
            "start over {} decisions: ready after {:.2} s, {} MiB resident",
            one.decisions,
            one.ready_after.as_secs_f64(),
            report::mib(one.resident_kib)
        );
    }
    if let [first, .., last] = starts.as_slice() {
        let longer = last.decisions / first.decisions.max(1);
        let ratio = last.ready_after.as_secs_f64() / first.ready_after.as_secs_f64();
        println!("a ledger {longer} times as long: {ratio:.1} times as long to start");
    }
    Ok(())
}

/// What leases cost at a real server.
async fn leases(plan: &Plan, goals: &mut Goals) -> Outcome<()> {
    let sessions = leases::sessions(&plan.gatehold, &plan.pack).await?;
    print!("{sessions}");
    goals.of_sessions(&sessions);
    let many = leases::many(&plan.gatehold, &plan.pack).await?;
    print!("{many}");
    goals.of_many(&many);
    Ok(())
}

/// The memory of a gate that many requests wait in.
async fn pending(plan: &Plan, goals: &mut Goals) -> Outcome<()> {
    let mut gate = gate::BenchGate::start(&plan.gatehold, &plan.pack, FEW).await?;
    let (number, before, after) = gate.hold_many().await?;
    println!(
        "resident memory with {number} pending requests: {} MiB, before them {} MiB",
        report::mib(after),
        report::mib(before)
    );
    goals.of_pending(number, before, after);
    gate.stop().await
}

async fn bare(plan: &Plan, connections: usize, report: &mut Report) -> Outcome<()> {
    let bare = peers::Bare::start().await?;
    let request = bare.request();
    for _ in 0..plan.rounds {
        let measured =
            load::constant(&bare.server(), &request, connections, plan.seconds, None).await?;
        note(report, "bare axum", 0, connections, measured);
    }
    Ok(())
}

/// The gates with few and with many policies in turn, round by round: a machine that others use too slows all of them, and
/// their ratio stays. Twice as many rounds as the others and one more: two neighbours differ by a tenth either way with no
/// cause in the gate, as each folds its log back when it is long, and a goal stands on their ratio.
async fn gates(plan: &Plan, connections: usize, report: &mut Report) -> Outcome<()> {
    let mut gates = Vec::new();
    for &policies in &plan.policies {
        let mut gate = gate::BenchGate::start(&plan.gatehold, &plan.pack, policies).await?;
        report.idle(policies, gate.resident_kib());
        let expected = gate.warm_up(connections).await?;
        gates.push((policies, gate, expected));
    }
    for _ in 0..=plan.rounds.saturating_mul(2) {
        for (policies, gate, expected) in &mut gates {
            let measured = gate.measure(connections, plan.seconds, *expected).await?;
            *expected = f64::max(*expected, measured.per_second);
            note(report, "gatehold", *policies, connections, measured);
        }
    }
    for (_, mut gate, _) in gates {
        gate.stop().await?;
    }
    Ok(())
}

async fn cerbos(
    plan: &Plan,
    policies: usize,
    connections: usize,
    report: &mut Report,
) -> Outcome<()> {
    let Some(program) = &plan.cerbos else {
        return Ok(());
    };
    let cerbos = peers::Cerbos::start(program, policies).await?;
    let request = cerbos.request();
    for _ in 0..plan.rounds {
        let wanted = Some("EFFECT_ALLOW");
        let measured = load::constant(
            &cerbos.server(),
            &request,
            connections,
            plan.seconds,
            wanted,
        )
        .await?;
        note(report, "cerbos", policies, connections, measured);
    }
    Ok(())
}

fn note(report: &mut Report, who: &str, policies: usize, connections: usize, measured: Measured) {
    eprintln!("{who}, {policies} policies, {connections} connections: {measured}");
    report.add(who, policies, connections, measured);
}
