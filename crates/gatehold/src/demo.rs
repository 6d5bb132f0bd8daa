//! `gatehold demo`: the main job in one command. Real processes: a gate, an agent that speaks its public API with a key
//! of its own, and people who sign. Every step checks its own outcome; one that does not happen ends the demo with an error.

mod agent;
mod at_work;
mod browser;
mod cast;
mod cluster;
mod denial;
mod gate;
mod lease;
mod ledger;
mod people;
mod seat;
mod stage;
mod tamper;

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::context::Ctx;
use crate::exit::{Exit, Failure, both};
use crate::interrupt::{Ending, Signals};
use agent::{Agent, Said};
use cast::Cast;
use gate::Gate;
use stage::Stage;

pub use agent::{AgentArgs, run as run_agent};
pub use at_work::at_work;

/// Arguments of `gatehold demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold demo\n  gatehold demo --browser\n  gatehold demo --postgres\n  gatehold demo tamper",
    args_conflicts_with_subcommands = true
)]
pub struct Demo {
    /// A part of it alone.
    #[command(subcommand)]
    pub part: Option<Part>,
    /// Let the demo play the reviewers as well, without asking.
    #[arg(long)]
    pub auto: bool,
    /// Decide in your browser, with passkeys: it prints one address and a one-time code.
    #[arg(long, conflicts_with = "auto")]
    pub browser: bool,
    /// Another story: a login at a PostgreSQL that is started for it, and that is dead at the server when the agent's task ends.
    #[arg(long, conflicts_with = "browser")]
    pub postgres: bool,
    /// With --browser, how long it waits for each decision of yours before it gives up.
    #[arg(long, default_value = "30m", value_parser = crate::parse::seconds)]
    pub timeout: u32,
}

/// A part of the demo that is played alone.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// Alter one byte in a copy of a ledger, and see `gatehold audit verify` name the leaf.
    #[command(after_help = "Examples:\n  gatehold demo tamper")]
    Tamper(tamper::Tamper),
}

/// Who plays the reviewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reviewers {
    /// The demo.
    Demo,
    /// The user, in this terminal.
    Terminal,
    /// The user in a browser, each decision within this time.
    Browser(Duration),
}

/// The word that makes this program an agent of the demo.
pub const AGENT: &str = "demo-agent";
/// How many reads pass before anything goes wrong.
const READS: u32 = 40;

/// `gatehold demo`.
///
/// # Errors
/// The first step that did not happen.
pub async fn run(ctx: &Ctx, demo: &Demo) -> Result<Exit, Failure> {
    if let Some(Part::Tamper(tamper)) = &demo.part {
        return tamper::run(ctx, tamper).await;
    }
    let attended = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let reviewers = match (demo.browser, demo.auto || !attended) {
        (true, _) => Reviewers::Browser(Duration::from_secs(demo.timeout.into())),
        (false, true) => Reviewers::Demo,
        (false, false) => Reviewers::Terminal,
    };
    let stage = Stage::new(ctx);
    let unattended = reviewers == Reviewers::Demo && !demo.auto;
    if demo.postgres {
        stage.opening(
            "one exact login is asked for, held, signed for, used and dead at its server",
            unattended,
        );
        return lease::run(&stage, reviewers).await;
    }
    let mut signals = Signals::catch()?;
    stage.opening(
        "one exact action is asked for, held, signed for, executed and proven",
        unattended,
    );

    let mut cast = Cast::start(demo.browser, None)?;
    let story = story(&stage, &mut cast, reviewers);
    let told = watched(&mut signals, story).await;
    let became = cast.dismiss(&mut signals).await;
    closed(&stage, told, became)
}

/// Plays a story until it is told, or a signal ends it.
async fn watched(
    signals: &mut Signals,
    story: impl Future<Output = Result<(), Failure>>,
) -> Result<Option<Ending>, Failure> {
    tokio::select! {
        biased;
        ending = signals.next() => Ok(Some(ending)),
        told = story => match told {
            Ok(()) => Ok(None),
            // A signal that a person's own command got first.
            Err(failure) => Ending::told_by(failure.exit).map(Some).ok_or(failure),
        },
    }
}

/// The last words, once everything is put away.
fn closed(
    stage: &Stage,
    told: Result<Option<Ending>, Failure>,
    became: Result<String, Failure>,
) -> Result<Exit, Failure> {
    let (ending, became) = both(told, became)?;
    if let Some(ending) = ending {
        let by = ending.name();
        eprintln!("\nended by {by}: the gate and its agents are stopped, and {became}");
        return Ok(ending.exit());
    }
    stage.closing();
    Ok(Exit::Done)
}

async fn story(stage: &Stage, cast: &mut Cast, reviewers: Reviewers) -> Result<(), Failure> {
    let gate = Gate::ready(cast).await?;
    stage.done(
        "a gate of its own, founded by three generated people",
        gate.url(),
    );
    if let Some(console) = gate.console() {
        stage.console(console);
    }
    let mut bot = cast.agent(gate::DEPLOY_KEY)?;
    let mut other = cast.agent(gate::OTHER_KEY)?;
    stage.done(
        "deploy-bot enrolled: owner asked, reviewer and second signed",
        "an agent process with its own key",
    );

    routine(stage, &mut bot).await?;
    let id = held(stage, &gate, &mut bot).await?;
    let approved = match reviewers {
        Reviewers::Browser(timeout) => {
            browser::decide(stage, &gate, &mut bot, &id, timeout).await?
        }
        Reviewers::Demo | Reviewers::Terminal => {
            let auto = reviewers == Reviewers::Demo;
            match people::decide(stage, &gate, &id, auto).await? {
                None => true,
                Some(name) => {
                    denial::said_no(stage, &gate, &mut bot, &id, name).await?;
                    false
                }
            }
        }
    };
    if approved {
        let said = bot.tell(&format!("redeem {id}")).await?;
        executed(stage, &gate, &said)?;
        cheats(stage, &gate, &mut bot, &mut other, &id).await?;
        if let Reviewers::Browser(timeout) = reviewers {
            browser::look_closely(stage, &gate, &mut other, timeout).await?;
        }
    }

    // While the gate still runs: whoever has just decided sees on its page what became of it.
    ledger::verify(stage, &gate).await?;
    cast.stop_gate().await?;
    ledger::tamper(stage, &gate).await
}

async fn routine(stage: &Stage, bot: &mut Agent) -> Result<(), Failure> {
    stage.scene("1  Routine work passes at machine speed");
    let said = bot.tell(&format!("reads {READS}")).await?;
    stage.must(
        said.is("allowed", &READS.to_string()),
        "40 reads decided by policy and executed",
        &said.text,
    )?;
    let said = bot.tell("deployment").await?;
    stage.must(
        said.code == "completed" && said.text.contains("failed"),
        "deployment 991 failed",
        &said.text,
    )
}

async fn held(stage: &Stage, gate: &Gate, bot: &mut Agent) -> Result<String, Failure> {
    stage
        .scene("2  The agent asks for temporary write access, and is held before anything happens");
    let said = bot.tell("write 7").await?;
    stage.must(said.code == "held", "UPDATE of order 7 is HELD", &said.text)?;
    let id = said.id.clone();
    stage.must(
        gate.order_status(7)? == "failed",
        "nothing has happened at the database",
        "order 7 is still `failed`",
    )?;
    let early = bot.tell(&format!("redeem {id}")).await?;
    stage.refused("used before anybody decided", &early, "wrong_state")?;
    Ok(id)
}

fn executed(stage: &Stage, gate: &Gate, said: &Said) -> Result<(), Failure> {
    stage.scene("3  The gate executes exactly the bytes that were signed, once");
    stage.must(
        said.code == "completed",
        "the gate ran the UPDATE itself; the agent holds no credential",
        &said.text,
    )?;
    stage.must(
        gate.order_status(7)? == "retry",
        "the row changed",
        "order 7 is `retry`",
    )
}

async fn cheats(
    stage: &Stage,
    gate: &Gate,
    bot: &mut Agent,
    other: &mut Agent,
    id: &str,
) -> Result<(), Failure> {
    stage.scene("4  Now the agent cheats");
    after_it_was_used(stage, bot, id).await?;

    let second = bot.tell("write 6").await?;
    stage.must(
        second.code == "held",
        "asks for another write",
        &second.text,
    )?;
    let said = bot.tell(&format!("approve {}", second.id)).await?;
    stage.refused("signs its own approval", &said, "")?;
    let said = people::owner_tries(gate, &second.id).await?;
    stage.refused("has its owner sign for it", &said, "own_request")?;
    people::decide_for_a_second(gate, &second.id).await?;
    let said = other.tell(&format!("redeem {}", second.id)).await?;
    stage.refused("another workload uses the ticket", &said, "no_such_request")?;
    stage.wait_for_expiry().await;
    let said = bot.tell(&format!("redeem {}", second.id)).await?;
    stage.refused("uses the approval after it expired", &said, "too_late")?;
    stage.must(
        gate.order_status(6)? == "paid",
        "order 6 is untouched",
        "`paid`",
    )?;

    to_the_end(stage, bot).await
}

/// What it tries with a request that was executed.
async fn after_it_was_used(stage: &Stage, bot: &mut Agent, id: &str) -> Result<(), Failure> {
    let said = bot.tell(&format!("redeem {id}")).await?;
    stage.refused("replays the approved request", &said, "wrong_state")?;
    let said = bot.tell("swap").await?;
    stage.refused(
        "swaps the payload under the same key after it was approved",
        &said,
        "idempotency_mismatch",
    )
}

/// What it tries with a name that reads otherwise than it is, and after its task has ended.
async fn to_the_end(stage: &Stage, bot: &mut Agent) -> Result<(), Failure> {
    let said = bot.tell("bidi").await?;
    stage.refused(
        "hides a bidi control in the resource's name",
        &said,
        "invalid_action",
    )?;
    let said = bot.tell("end").await?;
    stage.must(
        said.code == "ended",
        "the task ends, and everything granted in it",
        &said.text,
    )?;
    let said = bot.tell("read").await?;
    stage.refused("goes on after its task ended", &said, "task_not_usable")
}
