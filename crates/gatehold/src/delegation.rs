//! `gatehold delegation add|list|end`: who decides for you while you are away. Your own key signs it, and it ends by itself.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use gatehold_client::wire::{
    DelegationEndRequest, DelegationItem, DelegationRequest, DelegationStanding, Delegations,
    KeySignature,
};
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::{CheckpointName, HumanId, TaskId, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::delegation::{
    DELEGATION_END_TYPE, DELEGATION_SECONDS_MAX, DELEGATION_TYPE,
};
use gatehold_core::trust::{DelegationEnd, DelegationReason, DelegationStatement, SAFE_NAMESPACE};

use crate::ambient::{now_millis, random};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::parse::When;
use crate::screen::{moment, plain};
use crate::session::acting;

/// `gatehold delegation …`.
#[derive(Debug, Subcommand)]
pub enum Delegation {
    /// Let another person decide for you while you are away.
    Add(Box<Add>),
    /// Who decides for whom, and what each delegation gives now.
    List,
    /// End a delegation, at once: yours or one to you, or with --cosign as one of two others.
    End(End),
}

/// Arguments of `gatehold delegation add`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  gatehold delegation add --to tomas@login.acme.example --team reviewers --until 2026-12-01T08:00:00Z --reason holiday"
)]
pub struct Add {
    /// Who decides for you, as subject@issuer.
    #[arg(long)]
    pub to: HumanId,
    /// A team of yours that they decide for.
    #[arg(long, required = true)]
    pub team: Vec<TeamId>,
    /// When it ends: a time in UTC such as 2026-12-01T08:00:00Z, or from now, such as 5d; 30 days at most.
    #[arg(long, value_name = "TIME", value_parser = crate::parse::when)]
    pub until: When,
    /// When it begins, written alike; now without it.
    #[arg(long, value_name = "TIME", value_parser = crate::parse::when)]
    pub from: Option<When>,
    /// In this task alone: it ends with it.
    #[arg(long)]
    pub task: Option<TaskId>,
    /// At checkpoints of this name alone.
    #[arg(long, value_name = "NAME")]
    pub checkpoint: Vec<CheckpointName>,
    /// Why, for whoever reads the ledger; it can be erased.
    #[arg(long, default_value = "")]
    pub reason: String,
}

/// Arguments of `gatehold delegation end`.
#[derive(Debug, Args)]
pub struct End {
    /// Which, as `gatehold delegation list` prints it.
    pub id: Hash,
    /// A signature of another person over the same end, as this command prints it with --sign-only.
    #[arg(long, value_name = "FILE")]
    pub cosign: Vec<PathBuf>,
    /// Print the signature instead of sending it.
    #[arg(long)]
    pub sign_only: bool,
}

/// Runs a delegation command.
///
/// # Errors
/// When the gate refuses or does not answer, or the key does not sign.
pub async fn run(ctx: &Ctx, delegation: &Delegation) -> Result<Exit, Failure> {
    match delegation {
        Delegation::Add(add) => self::add(ctx, add).await,
        Delegation::List => list(ctx).await,
        Delegation::End(end) => self::end(ctx, end).await,
    }
}

async fn add(ctx: &Ctx, add: &Add) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let now = Timestamp::from_millis(now_millis());
    let (begins, ends) = window(add, now)?;
    let broken = |error: String| Failure::fault(error, "report this");
    let draw =
        || random().map_err(|error| Failure::fault(error, "check the system's random source"));
    let reason = DelegationReason {
        text: add.reason.clone(),
        salt: hex(&draw()?),
    };
    let bytes = reason
        .to_bytes()
        .map_err(|error| broken(error.to_string()))?;
    let named = add.checkpoint.iter().cloned().collect();
    let statement = DelegationStatement {
        type_: DELEGATION_TYPE.to_owned(),
        gate: profile.origin.clone(),
        from: acting.person.human.clone(),
        key: acting.key.thumbprint(),
        to: add.to.clone(),
        teams: add.team.iter().cloned().collect(),
        task: add.task,
        checkpoints: (!add.checkpoint.is_empty()).then_some(named),
        not_before: begins,
        not_after: ends,
        reason: DelegationReason::hash_of(&bytes),
        nonce: hex(&draw()?),
        created_at: now,
    };
    eprintln!(
        "you let {} decide for you in {} until {ends}",
        plain(&statement.to.to_string()),
        plain(&joined(&statement.teams)),
    );
    let bytes = canonical::to_bytes(&statement).map_err(|error| broken(error.to_string()))?;
    let signature = acting.key.sign(DELEGATION_TYPE, &bytes)?;
    let request = DelegationRequest {
        statement: bytes.into(),
        signature,
        reason: reason.text,
        salt: reason.salt,
    };
    let made = acting.client.delegate(&request).await?;
    ctx.print(&made, || lines(std::slice::from_ref(&made)))?;
    Ok(Exit::Done)
}

/// When it begins and ends. It begins before it ends, and ends within the longest time.
fn window(add: &Add, now: Timestamp) -> Result<(Timestamp, Timestamp), Failure> {
    let begins = add.from.map_or(now, |when| when.at(now));
    let ends = add.until.at(now);
    if ends <= begins || ends <= now || ends > now.plus_seconds(DELEGATION_SECONDS_MAX) {
        return Err(Failure::usage(
            "a delegation ends after it begins, and within 30 days from now",
            "give another --until, such as 5d",
        ));
    }
    Ok((begins, ends))
}

async fn list(ctx: &Ctx) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let all: Delegations = acting.client.delegations().await?;
    ctx.print(&all, || match all.delegations.as_slice() {
        [] => "nobody decides for anybody\n".to_owned(),
        some => lines(some),
    })?;
    Ok(Exit::Done)
}

async fn end(ctx: &Ctx, end: &End) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let statement = DelegationEnd {
        type_: DELEGATION_END_TYPE.to_owned(),
        gate: profile.origin.clone(),
        delegation: end.id,
    };
    let bytes =
        canonical::to_bytes(&statement).map_err(|error| Failure::fault(error, "report this"))?;
    let signature = KeySignature {
        human: acting.person.human.to_string(),
        key: acting.key.thumbprint().to_string(),
        signature: acting.key.sign(SAFE_NAMESPACE, &bytes)?,
    };
    if end.sign_only {
        let text = serde_json::to_string_pretty(&signature)
            .map_err(|error| Failure::fault(error, "report this"))?;
        ctx.print(&signature, || text + "\n")?;
        return Ok(Exit::Done);
    }
    let mut signatures = vec![signature];
    for path in &end.cosign {
        let text = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
        signatures.push(serde_json::from_slice(&text).map_err(|error| {
            Failure::usage(
                format!("{}: {error}", path.display()),
                "give what `gatehold delegation end --sign-only` printed",
            )
        })?);
    }
    let request = DelegationEndRequest {
        statement: bytes.into(),
        signatures,
    };
    acting.client.end_delegation(&request).await?;
    let answer = serde_json::json!({ "delegation": end.id, "ended": true });
    ctx.print(&answer, || {
        "ended; nobody decides by it from now on\n".to_owned()
    })?;
    Ok(Exit::Done)
}

fn joined(names: impl IntoIterator<Item = impl ToString>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    names.join(", ")
}

/// Delegations, three lines each.
fn lines(all: &[DelegationItem]) -> String {
    let mut text = String::new();
    for one in all {
        let _ = writeln!(
            text,
            "{}  {}\n  {}",
            plain(&one.delegation),
            standing(one.standing),
            said(one)
        );
        if let Some(reason) = one.reason.as_ref().filter(|reason| !reason.is_empty()) {
            let _ = writeln!(text, "  in their words: {}", plain(reason));
        }
    }
    text
}

/// One delegation in a sentence.
#[must_use]
pub fn said(one: &DelegationItem) -> String {
    let now = now_millis();
    let task = match &one.task {
        Some(task) => format!(", in task {} alone", plain(task)),
        None => String::new(),
    };
    let checkpoints = match &one.checkpoints {
        Some(names) => format!(", at {} alone", plain(&names.join(", "))),
        None => String::new(),
    };
    format!(
        "{} decides for {} in {}{task}{checkpoints}, {} to {}",
        plain(&one.to),
        plain(&one.from),
        plain(&one.teams.join(", ")),
        moment(one.not_before, now),
        moment(one.not_after, now)
    )
}

/// What a delegation gives now, in a few words.
#[must_use]
pub const fn standing(standing: DelegationStanding) -> &'static str {
    match standing {
        DelegationStanding::Active => "active",
        DelegationStanding::Waiting => "not begun",
        DelegationStanding::Over => "over",
        DelegationStanding::KeyGone => "gives nothing: the key that signed it has lost its force",
        DelegationStanding::NoMember => "gives nothing: whoever signed it has left the team",
        DelegationStanding::NobodyThere => "gives nothing: nobody is there to decide",
        DelegationStanding::TaskEnded => "gives nothing: its task has ended",
    }
}
