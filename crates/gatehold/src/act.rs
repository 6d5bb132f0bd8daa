//! What people do besides approving: `deny`, `ask`, `claim`, `escalate`, `suspicious`, `revoke`, `stop`, `lockdown`. All of
//! them are safe directions, so a session is enough and scripts may do them.

use clap::{Args, ValueEnum};
use gatehold_client::wire::{Act, ActRequest, DenyReason, RequestStatus, StopRequest, StopScope};
use gatehold_client::{Client, ClientError};
use gatehold_core::ids::RequestId;

use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::profile::Profile;
use crate::session::acting;

/// Arguments of `gatehold deny`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  gatehold deny REQUEST --reason too_broad --text 'ask for the one row'"
)]
pub struct Deny {
    /// The request.
    pub id: RequestId,
    /// Why.
    #[arg(long, value_enum)]
    pub reason: Reason,
    /// A sentence; needed for `other`.
    #[arg(long)]
    pub text: Option<String>,
}

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Reason {
    /// Nobody needs this.
    NotJustified,
    /// More than the purpose needs.
    TooBroad,
    /// Not now, or not this way.
    OperationallyUnsafe,
    /// What would be needed to decide is not known.
    ContextMissing,
    /// Looks like misuse.
    Suspicious,
    /// Against a rule that policy does not know.
    AgainstPolicy,
    /// Another way needs no access.
    BetterAlternative,
    /// It was already done or asked.
    Duplicate,
    /// Something else; say it with --text.
    Other,
}

impl From<Reason> for DenyReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::NotJustified => Self::NotJustified,
            Reason::TooBroad => Self::TooBroad,
            Reason::OperationallyUnsafe => Self::OperationallyUnsafe,
            Reason::ContextMissing => Self::ContextMissing,
            Reason::Suspicious => Self::Suspicious,
            Reason::AgainstPolicy => Self::AgainstPolicy,
            Reason::BetterAlternative => Self::BetterAlternative,
            Reason::Duplicate => Self::Duplicate,
            Reason::Other => Self::Other,
        }
    }
}

/// Arguments of `ask`, `claim`, `escalate` and `suspicious`.
#[derive(Debug, Args)]
pub struct Say {
    /// The request.
    pub id: RequestId,
    /// The question, or a remark.
    pub text: Option<String>,
}

/// Arguments of `gatehold revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    /// The request whose grant is taken away.
    pub id: RequestId,
}

/// Arguments of `gatehold stop`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold stop workload deploy-bot --reason 'its key may be stolen'\n  gatehold stop resource shop/ --reason 'the shop is being moved'"
)]
pub struct Stop {
    /// What kind of thing is stopped.
    #[arg(value_enum)]
    pub scope: Scope,
    /// Which one.
    pub name: String,
    /// Why.
    #[arg(long)]
    pub reason: String,
}

/// What can be stopped by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// One workload.
    Workload,
    /// One task.
    Task,
    /// One target.
    Target,
    /// One resource, or a prefix that ends in `/`.
    Resource,
}

/// Arguments of `gatehold lockdown`.
#[derive(Debug, Args)]
pub struct Lockdown {
    /// Why.
    #[arg(long)]
    pub reason: String,
}

/// `gatehold deny`.
///
/// # Errors
/// When the gate refuses.
pub async fn deny(ctx: &Ctx, args: &Deny) -> Result<Exit, Failure> {
    let request = ActRequest {
        act: Act::Deny,
        reason: Some(args.reason.into()),
        text: args.text.clone(),
    };
    send(ctx, args.id, &request, "denied").await
}

/// `ask`, `claim`, `release`, `escalate`, `suspicious`.
///
/// # Errors
/// When the gate refuses.
pub async fn say(ctx: &Ctx, args: &Say, act: Act) -> Result<Exit, Failure> {
    let request = ActRequest {
        act,
        reason: None,
        text: args.text.clone(),
    };
    let told = match act {
        Act::Ask => "asked; the clock keeps running, and the answer will be a claim",
        Act::Claim => "claimed; others see that you are looking at it",
        Act::Release => "released; nobody says any more that they are looking at it",
        Act::Escalate => "passed on to whoever is next",
        Act::Suspicious => "denied and reported; the workload is paused",
        Act::Deny => "denied",
    };
    send(ctx, args.id, &request, told).await
}

async fn send(ctx: &Ctx, id: RequestId, request: &ActRequest, told: &str) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let result = acting.client.act(&id.to_string(), request).await?;
    ctx.print(&result, || format!("{told}\n"))?;
    Ok(Exit::Done)
}

/// `gatehold revoke`.
///
/// # Errors
/// When the gate refuses.
pub async fn revoke(ctx: &Ctx, args: &Revoke) -> Result<Exit, Failure> {
    let id = args.id.to_string();
    let status = safely(ctx, async |client| client.revoke_request(&id).await).await?;
    ctx.print(&status, || revoked_text(&status).to_owned())?;
    Ok(Exit::Done)
}

/// What became of what was allowed or handed out, and nothing that its target has not said.
fn revoked_text(status: &RequestStatus) -> &'static str {
    match status.lease.as_ref().map(|lease| lease.state.as_str()) {
        None => "revoked\n",
        Some("revoked") => "revoked: its target says that nothing is left\n",
        Some(_) => {
            "it is being taken away; its target has not said yet that it is gone: `gatehold request show` says when it has\n"
        }
    }
}

/// `gatehold stop`.
///
/// # Errors
/// When the gate refuses.
pub async fn stop(ctx: &Ctx, args: &Stop) -> Result<Exit, Failure> {
    let scope = match args.scope {
        Scope::Workload => StopScope::Workload,
        Scope::Task => StopScope::Task,
        Scope::Target => StopScope::Target,
        Scope::Resource => StopScope::Resource,
    };
    stopping(ctx, scope, Some(args.name.clone()), &args.reason).await
}

/// `gatehold lockdown`.
///
/// # Errors
/// When the gate refuses.
pub async fn lockdown(ctx: &Ctx, args: &Lockdown) -> Result<Exit, Failure> {
    stopping(ctx, StopScope::All, None, &args.reason).await
}

/// Does what only stops something with the session of whoever acts, at the address for that first.
///
/// # Errors
/// When there is no session, or the gate refuses at both addresses.
pub async fn safely<T>(
    ctx: &Ctx,
    act: impl AsyncFn(&Client) -> Result<T, ClientError>,
) -> Result<T, Failure> {
    let profile = ctx.profile()?;
    let person = ctx.person.as_deref();
    safety_first(&profile, async |at: &Profile| {
        let acting = acting(at, person).await?;
        Ok(act(&acting.client).await?)
    })
    .await
}

/// Does something at the address for what only stops, where the client knows one, and else, or where it is not done there for
/// whatever reason, at the other one: an address that is wrong keeps nobody from stopping. Doing it twice stops no more.
///
/// # Errors
/// When it is done at neither.
pub async fn safety_first<T>(
    profile: &Profile,
    act: impl AsyncFn(&Profile) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if let Some(safety) = profile.at_safety() {
        match act(&safety).await {
            // What is in the journal is in force.
            Err(failure) if failure.exit != Exit::Done => {
                let at = safety.connect_url.unwrap_or_default();
                eprintln!(
                    "note:  it was not done at {} ({}); trying {}",
                    crate::screen::plain(&at),
                    failure.causes.join("; "),
                    crate::screen::plain(&profile.url)
                );
            }
            done => return done,
        }
    }
    act(profile).await
}

async fn stopping(
    ctx: &Ctx,
    scope: StopScope,
    name: Option<String>,
    reason: &str,
) -> Result<Exit, Failure> {
    let named = name.clone().unwrap_or_default();
    let request = StopRequest {
        scope,
        name,
        reason: reason.to_owned(),
    };
    let stop = safely(ctx, async |client| client.stop(&request).await).await?;
    if stop.unknown_workload {
        eprintln!(
            "warning: no workload of this name is enrolled: `{}`; nothing that runs is stopped by it. Look at the spelling",
            crate::screen::plain(&named)
        );
    }
    ctx.print(&stop, || {
        "stopped; lifting it is a held action: gatehold stops lift\n".to_owned()
    })?;
    Ok(Exit::Done)
}
