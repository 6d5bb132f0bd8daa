//! `gatehold demo --postgres`: an agent that needs the database itself asks for a login, people approve it, and it is dead at the
//! server as soon as the agent's task ends, with its session open in the middle of a transaction.

use std::time::Duration;

use super::agent::Agent;
use super::cast::Cast;
use super::cluster::{Cluster, ROLE, TARGET};
use super::gate::{DEPLOY_KEY, Gate};
use super::stage::Stage;
use super::{Reviewers, ledger, people};
use crate::exit::{Exit, Failure, both};
use crate::interrupt::Signals;

/// How often the server is asked what is left, and how many times.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS_MAX: u32 = 150;
/// What a dossier says of a credential that is gone.
const GONE: &str = "the credential that was handed out is gone";

/// Plays it from the beginning to the end.
///
/// # Errors
/// The first step that did not happen.
pub async fn run(stage: &Stage, reviewers: Reviewers) -> Result<Exit, Failure> {
    let mut signals = Signals::catch()?;
    let cluster = tokio::select! {
        biased;
        ending = signals.next() => {
            eprintln!("\nended by {}: nothing was started", ending.name());
            return Ok(ending.exit());
        }
        cluster = Cluster::start() => cluster?,
    };
    let mut cast = Cast::start(false, Some(&cluster.target()?))?;
    let auto = reviewers == Reviewers::Demo;
    let story = story(stage, &cluster, &mut cast, auto);
    let told = super::watched(&mut signals, story).await;
    let became = cast.dismiss(&mut signals).await;
    let became = both(became, cluster.put_away().await).map(|(became, _cluster)| became);
    super::closed(stage, told, became)
}

async fn story(
    stage: &Stage,
    cluster: &Cluster,
    cast: &mut Cast,
    auto: bool,
) -> Result<(), Failure> {
    let gate = Gate::ready(cast).await?;
    stage.done(
        "a gate of its own, founded by three generated people",
        gate.url(),
    );
    stage.done(
        "a PostgreSQL of its own, where the gate may make logins and give them one group",
        &cluster.address(),
    );
    let mut bot = cast.agent_with(DEPLOY_KEY, &cluster.psql())?;
    let id = held(stage, cluster, &mut bot).await?;

    stage.scene(
        "2  People decide, and are told what it gets, for how long, and how it is taken away",
    );
    let denied = people::decide(stage, &gate, &id, auto).await?;
    if let Some(name) = denied {
        return not_made(stage, &gate, cluster, &mut bot, (&id, name)).await;
    }

    logged_in(stage, cluster, &mut bot, &id).await?;
    gone(stage, cluster, &mut bot).await?;

    ledger::verify(stage, &gate).await?;
    explained(stage, &gate, &id).await?;
    cast.stop_gate().await
}

/// Somebody said no: there is nothing to take away.
async fn not_made(
    stage: &Stage,
    gate: &Gate,
    cluster: &Cluster,
    bot: &mut Agent,
    (id, name): (&str, &str),
) -> Result<(), Failure> {
    stage.scene("3  No login is made that nobody approved");
    let tried = bot.tell(&format!("sign-in {id}")).await?;
    stage.refused("the agent uses it all the same", &tried, "")?;
    let logins = cluster.logins().await?;
    stage.must(
        logins.is_empty(),
        &format!("{name} signed nothing, and asked at the server: no login was made"),
        &logins.join("\n"),
    )?;
    ledger::verify(stage, gate).await
}

/// The gate calls it gone because the server said so, and that is in the ledger. A dossier holds what is under the last tree head.
async fn explained(stage: &Stage, gate: &Gate, id: &str) -> Result<(), Failure> {
    let mut looks = tokio::time::interval(LOOK);
    let mut text = String::new();
    for _ in 0..LOOKS_MAX {
        text = ledger::explained(gate, id).await?;
        if text.contains(GONE) {
            break;
        }
        looks.tick().await;
    }
    let line = text.lines().find(|line| line.contains(GONE));
    let line = line.map_or(text.as_str(), str::trim);
    stage.must(text.contains(GONE), "gatehold audit explain", line)
}

async fn held(stage: &Stage, cluster: &Cluster, bot: &mut Agent) -> Result<String, Failure> {
    stage.scene("1  The agent asks to log in to a database, and is held before there is a login");
    let said = bot.tell("login").await?;
    stage.must(
        said.code == "held",
        &format!("a login at {TARGET} with the rights of {ROLE} is HELD"),
        &said.text,
    )?;
    let early = bot.tell(&format!("redeem {}", said.id)).await?;
    stage.refused("used before anybody decided", &early, "wrong_state")?;
    let logins = cluster.logins().await?;
    stage.must(
        logins.is_empty(),
        "asked at the server: no login was made",
        &logins.join("\n"),
    )?;
    Ok(said.id)
}

async fn logged_in(
    stage: &Stage,
    cluster: &Cluster,
    bot: &mut Agent,
    id: &str,
) -> Result<(), Failure> {
    stage.scene("3  The agent logs in by itself, and may what was approved");
    let said = bot.tell(&format!("sign-in {id}")).await?;
    stage.must(
        said.code == "signed_in",
        "handed over once, and the agent is logged in",
        &said.text,
    )?;
    let logins = cluster.logins().await?;
    stage.must(
        logins.len() == 1,
        "asked at the server: one login, with an end that the server keeps too",
        &logins.join("\n"),
    )?;
    let said = bot
        .tell("say SELECT status FROM orders WHERE id = 7")
        .await?;
    stage.must(said.is("rows", "failed"), "it reads orders", &said.text)?;
    let said = bot.tell("say SELECT number FROM cards").await?;
    stage.refused("reads what its group may not", &said, "no_right")?;
    let said = bot.tell("say UPDATE orders SET status = 'paid'").await?;
    stage.refused("writes", &said, "no_right")?;
    let said = bot.tell(&format!("redeem {id}")).await?;
    stage.refused("has it handed over a second time", &said, "wrong_state")?;
    bot.tell("say BEGIN").await?;
    let said = bot.tell("say SELECT count(*) FROM orders").await?;
    stage.must(
        said.is("rows", "3"),
        "it is in the middle of a transaction",
        &cluster.open().await?.join("\n"),
    )
}

async fn gone(stage: &Stage, cluster: &Cluster, bot: &mut Agent) -> Result<(), Failure> {
    stage.scene("4  Its task ends, and so does its login, although it is in use");
    let said = bot.tell("end").await?;
    stage.must(
        said.code == "ended",
        "the task ends, and everything granted in it",
        &said.text,
    )?;
    let mut looks = tokio::time::interval(LOOK);
    let mut left = cluster.logins().await?;
    for _ in 0..LOOKS_MAX {
        if left.is_empty() {
            break;
        }
        looks.tick().await;
        left = cluster.logins().await?;
    }
    left.extend(cluster.open().await?);
    stage.must(
        left.is_empty(),
        "asked at the server: no login, no session, no transaction",
        &left.join("\n"),
    )?;
    let said = bot.tell("say SELECT count(*) FROM orders").await?;
    stage.refused("goes on in its open session", &said, "session_over")?;
    let said = bot.tell("sign-in-again").await?;
    stage.refused("logs in again with what it has", &said, "not_let_in")
}
