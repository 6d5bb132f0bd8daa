//! The requester's side: ask, look, wait, redeem, take back, answer. The key that asked is the only one that may.

mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use gatehold_client::wire::{
    AnswerRequest, Claims, ExecutionOutcome, Outcome, ProblemCode, RequestState, RequestStatus,
    Submitted, WAIT_SECONDS_MAX,
};
use gatehold_client::{Client, ClientError, Submission};
use gatehold_core::ids::{DescriptorId, RequestId, ResourceId, TargetId, TaskId};

use crate::connect::{read_key, with_key};
use crate::context::Ctx;
use crate::draft::Draft;
use crate::exit::{Exit, Failure};
use crate::screen::plain;
use crate::session::acting;
use text::{next_text, questions_text};

pub use text::{decision_text, held_text, redeemed_text, status_text, why};

/// Between two looks at whether an approved change is applied, and how many: a process applies what another one left.
const APPLIED_LOOK: Duration = Duration::from_secs(1);
const APPLIED_LOOKS: u32 = 30;

/// `gatehold request …`.
#[derive(Debug, Subcommand)]
pub enum Request {
    /// Ask for one exact action.
    Create(Box<Create>),
    /// Say where a request stands, and what reviewers asked about it.
    Show(Own),
    /// Wait until a request is decided; what reviewers ask meanwhile is printed.
    Wait(Named),
    /// Have the gate execute what was allowed or approved, at most once.
    Redeem(Redeem),
    /// Take a request back.
    Withdraw(Named),
    /// Answer what reviewers asked: every question that is open.
    Answer(Answer),
}

/// Which key asks.
#[derive(Debug, Args)]
pub struct Key {
    /// The workload's key file; without it the one in client.toml, or with --as the person's session.
    #[arg(
        long,
        env = "GATEHOLD_KEY",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub key: Option<PathBuf>,
}

/// Arguments of `gatehold request create`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold request create --task $TASK --descriptor sql.read --target sql:shop --resource shop/orders \\\n    --payload 'SELECT status FROM orders WHERE id = 7' --cap rows=1 --redeem\n  gatehold request create -f action.json --wait\n  gatehold request create -f action.json --dry-run -o json"
)]
pub struct Create {
    /// An action file (JSON). The other options describe the action without one.
    #[arg(short, long, conflicts_with_all = ["descriptor", "target", "resource", "payload"])]
    pub file: Option<PathBuf>,
    /// Kind of action, such as sql.write.
    #[arg(long, required_unless_present = "file")]
    pub descriptor: Option<DescriptorId>,
    /// Where, as the gate's targets are named.
    #[arg(long, required_unless_present = "file")]
    pub target: Option<TargetId>,
    /// On what.
    #[arg(long, required_unless_present = "file")]
    pub resource: Option<ResourceId>,
    /// The payload, verbatim; `-` reads standard input.
    #[arg(long, default_value = "")]
    pub payload: String,
    /// Its media type, when the descriptor takes several.
    #[arg(long)]
    pub media_type: Option<String>,
    /// How long access is wanted, such as 15m.
    #[arg(long, default_value = "15m", value_parser = crate::parse::seconds)]
    pub duration: u32,
    /// An upper bound, as NAME=NUMBER.
    #[arg(long, value_parser = crate::parse::cap, value_name = "NAME=NUMBER")]
    pub cap: Vec<(String, u64)>,
    /// The state the target must still be in when it is executed: rows=NUMBER, or etag:"TAG" over HTTP.
    #[arg(long, conflicts_with = "file")]
    pub precondition: Option<String>,
    /// The task this step belongs to.
    #[arg(long, env = "GATEHOLD_TASK", hide_env_values = true)]
    pub task: Option<TaskId>,
    /// Why. A claim, like the four below.
    #[arg(long)]
    pub reason: Option<String>,
    /// A ticket or change.
    #[arg(long)]
    pub ticket: Option<String>,
    /// How it would be undone.
    #[arg(long)]
    pub rollback: Option<String>,
    /// What else is said about it, such as incident=INC-7, which the gate may look up; once for each.
    #[arg(long, value_parser = crate::parse::claim, value_name = "NAME=TEXT")]
    pub claim: Vec<(String, String)>,
    /// Only say what would be decided.
    #[arg(long)]
    pub dry_run: bool,
    /// Wait for a decision; the exit code says which.
    #[arg(long)]
    pub wait: bool,
    /// Wait, and have it executed when it may be.
    #[arg(long)]
    pub redeem: bool,
    /// Which key asks.
    #[command(flatten)]
    pub key: Key,
}

/// Arguments of the commands about one request.
#[derive(Debug, Args)]
pub struct Own {
    /// The request.
    pub id: RequestId,
    /// Wait until it is decided.
    #[arg(long)]
    pub wait: bool,
    /// Which key asked.
    #[command(flatten)]
    pub key: Key,
}

/// Arguments of the commands that need nothing but a request.
#[derive(Debug, Args)]
pub struct Named {
    /// The request.
    pub id: RequestId,
    /// Which key asked.
    #[command(flatten)]
    pub key: Key,
}

/// Arguments of `gatehold request redeem`.
#[derive(Debug, Args)]
pub struct Redeem {
    /// Which request.
    #[command(flatten)]
    pub own: Own,
    /// Make the credential that it handed out anew, because it was lost. The earlier one dies, and sessions that began with it end;
    /// nobody is asked again, and the lease ends when it did.
    #[arg(long, conflicts_with = "wait")]
    pub again: bool,
}

/// Arguments of `gatehold request answer`.
#[derive(Debug, Args)]
pub struct Answer {
    /// The request.
    pub id: RequestId,
    /// The answer.
    pub text: String,
    /// Which key asked.
    #[command(flatten)]
    pub key: Key,
}

/// Runs one of them.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn run(ctx: &Ctx, request: &Request) -> Result<Exit, Failure> {
    match request {
        Request::Create(create) => self::create(ctx, create).await,
        Request::Show(own) => {
            let client = client(ctx, &own.key).await?;
            let status = if own.wait {
                wait(&client, &own.id.to_string()).await?
            } else {
                client.status(&own.id.to_string(), 0).await?
            };
            ctx.print(&status, || status_text(&status))?;
            Ok(exit_of(status.state))
        }
        Request::Wait(named) => {
            let client = client(ctx, &named.key).await?;
            let status = wait(&client, &named.id.to_string()).await?;
            ctx.print(&status, || status_text(&status))?;
            Ok(exit_of(status.state))
        }
        Request::Redeem(Redeem { own, again: true }) => {
            let client = client(ctx, &own.key).await?;
            let rekeyed = client.rekey(&own.id.to_string()).await?;
            ctx.print(&rekeyed, || redeemed_text(&rekeyed, ctx.screen.width))?;
            Ok(Exit::Done)
        }
        Request::Redeem(Redeem { own, again: false }) => {
            let client = client(ctx, &own.key).await?;
            if own.wait {
                let status = wait(&client, &own.id.to_string()).await?;
                if !may_be_redeemed(status.state) {
                    ctx.print(&status, || status_text(&status))?;
                    return Ok(exit_of(status.state));
                }
            }
            redeem(ctx, &client, &own.id.to_string()).await
        }
        Request::Withdraw(named) => {
            let client = client(ctx, &named.key).await?;
            let status = client.withdraw(&named.id.to_string()).await?;
            ctx.print(&status, || status_text(&status))?;
            Ok(Exit::Done)
        }
        Request::Answer(answer) => {
            let client = client(ctx, &answer.key).await?;
            let body = AnswerRequest {
                text: answer.text.clone(),
            };
            let status = client.answer(&answer.id.to_string(), &body).await?;
            ctx.print(&status, || status_text(&status))?;
            Ok(Exit::Done)
        }
    }
}

/// A client with the key that asks.
///
/// # Errors
/// When there is none.
pub async fn client(ctx: &Ctx, key: &Key) -> Result<Client, Failure> {
    let profile = ctx.profile()?;
    if let Some(path) = &key.key {
        return with_key(&profile, read_key(path)?);
    }
    match (&ctx.person, &profile.workload_key) {
        (None, Some(path)) => with_key(&profile, read_key(path)?),
        _ => Ok(acting(&profile, ctx.person.as_deref()).await?.client),
    }
}

async fn create(ctx: &Ctx, create: &Create) -> Result<Exit, Failure> {
    let draft = draft(create)?;
    let client = client(ctx, &create.key).await?;
    let submitted = submit_as(&client, &draft, create.dry_run).await?;
    let waits = (create.wait || create.redeem) && !create.dry_run;
    let after = if create.redeem {
        After::Redeem
    } else {
        After::Redeemable
    };
    follow(ctx, &client, submitted, waits, after).await
}

/// Asks for what is drafted, as the workload whose key the client has.
///
/// # Errors
/// When it is not an action that the gate could read, and when the gate refuses or does not answer.
pub async fn submit(client: &Client, draft: &Draft) -> Result<Submitted, Failure> {
    submit_as(client, draft, false).await
}

async fn submit_as(client: &Client, draft: &Draft, dry_run: bool) -> Result<Submitted, Failure> {
    let gate = client.gate().await?;
    let workload = gate
        .caller
        .parse()
        .map_err(|error| Failure::usage(error, "sign with the key of an enrolled workload"))?;
    let action = draft.exact(&workload, &client.descriptors().await?)?;
    let how = Submission {
        idempotency_key: None,
        wait_seconds: 0,
        dry_run,
    };
    Ok(client.submit(&draft.submission(&action), &how).await?)
}

/// What follows the decision about a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing: the requester redeems it later.
    Redeemable,
    /// It is redeemed at once.
    Redeem,
    /// It is a change of the gate, which the last signature applies.
    Applied,
}

/// Prints what a submission led to; waits and redeems when told to.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn follow(
    ctx: &Ctx,
    client: &Client,
    submitted: Submitted,
    waits: bool,
    after: After,
) -> Result<Exit, Failure> {
    let redeems = after == After::Redeem;
    let id = match submitted {
        Submitted::Decided(decision) => {
            let allowed = decision.outcome == Outcome::Allowed;
            if !(redeems && allowed) || decision.request.is_none() {
                ctx.print(&*decision, || decision_text(&decision))?;
                return Ok(if allowed { Exit::Done } else { Exit::Denied });
            }
            decision.request.unwrap_or_default()
        }
        Submitted::Held(held) => {
            if !waits {
                ctx.print(&*held, || held_text(&held) + &next_text(&held, after))?;
                return Ok(Exit::Held);
            }
            eprint!("{}", held_text(&held));
            match held.request {
                Some(id) if waits => id,
                _ => return Ok(Exit::Held),
            }
        }
    };
    let mut status = wait(client, &id).await?;
    if after == After::Applied {
        status = applied(client, &id, status).await?;
    }
    if redeems && may_be_redeemed(status.state) {
        return redeem(ctx, client, &id).await;
    }
    ctx.print(&status, || status_text(&status))?;
    Ok(exit_of(status.state))
}

/// Waits until a change that was approved is applied. Approved is not applied: whoever waits goes on as if it were.
async fn applied(
    client: &Client,
    id: &str,
    mut status: RequestStatus,
) -> Result<RequestStatus, Failure> {
    let mut clock = tokio::time::interval(APPLIED_LOOK);
    for _ in 0..APPLIED_LOOKS {
        if !may_be_redeemed(status.state) && status.state != RequestState::Executing {
            return Ok(status);
        }
        clock.tick().await;
        status = client.status(id, 0).await?;
    }
    if status.state == RequestState::Completed {
        return Ok(status);
    }
    Err(Failure::fault(
        format!("{} was approved, but is not applied", plain(id)),
        "look at the gate's log for `an approved change cannot be applied`; then ask for it again",
    ))
}

/// Waits for a decision. What reviewers ask meanwhile is said on standard error, once.
///
/// # Errors
/// When the gate does not answer.
pub async fn wait(client: &Client, id: &str) -> Result<RequestStatus, Failure> {
    let mut heard = 0;
    loop {
        let status = client.status(id, WAIT_SECONDS_MAX).await?;
        if status.state != RequestState::Held {
            return Ok(status);
        }
        let news = status.questions.get(heard..).unwrap_or_default();
        eprint!("{}", questions_text(id, news));
        heard = status.questions.len().max(heard);
    }
}

async fn redeem(ctx: &Ctx, client: &Client, id: &str) -> Result<Exit, Failure> {
    let redeemed = match client.redeem(id, WAIT_SECONDS_MAX).await {
        Ok(redeemed) => redeemed,
        Err(error) => return Err(not_redeemed(client, id, error).await),
    };
    ctx.print(&redeemed, || redeemed_text(&redeemed, ctx.screen.width))?;
    Ok(match redeemed.result.map(|result| result.outcome) {
        Some(ExecutionOutcome::Completed) => Exit::Done,
        Some(ExecutionOutcome::Failed | ExecutionOutcome::Unknown) => Exit::Fault,
        None => exit_of(redeemed.status.state),
    })
}

/// A refusal to execute, with the exit code that says where the request stands: held, denied or expired. What was used already is
/// a call that the gate refuses.
pub async fn not_redeemed(client: &Client, id: &str, error: ClientError) -> Failure {
    let of_state = error
        .problem()
        .is_some_and(|problem| matches!(problem.code, ProblemCode::Conflict | ProblemCode::Gone));
    let mut failure = Failure::from(error);
    if let Some(status) = client.status(id, 0).await.ok().filter(|_| of_state) {
        let exit = exit_of(status.state);
        if matches!(exit, Exit::Held | Exit::Denied | Exit::Expired) {
            failure.exit = exit;
        }
        if exit == Exit::Held {
            failure.next = format!("gatehold request redeem {id} --wait");
        }
    }
    failure
}

fn draft(create: &Create) -> Result<Draft, Failure> {
    let mut draft = match (
        &create.file,
        &create.descriptor,
        &create.target,
        &create.resource,
    ) {
        (Some(path), ..) => Draft::read(path)?,
        (None, Some(descriptor), Some(target), Some(resource)) => Draft {
            descriptor: descriptor.clone(),
            target: target.clone(),
            resource: resource.clone(),
            duration_seconds: create.duration,
            caps: BTreeMap::from_iter(create.cap.iter().cloned()),
            precondition: create.precondition.clone(),
            media_type: create.media_type.clone(),
            payload: payload(&create.payload)?,
            task: None,
            claims: Claims::default(),
        },
        _ => {
            return Err(Failure::usage(
                "descriptor, target and resource are needed",
                "give them, or an action file with -f",
            ));
        }
    };
    if let Some(task) = create.task {
        draft.task = Some(task);
    }
    let claims = &mut draft.claims;
    for (from, to) in [
        (&create.reason, &mut claims.reason),
        (&create.ticket, &mut claims.ticket),
        (&create.rollback, &mut claims.rollback_plan),
    ] {
        if from.is_some() {
            to.clone_from(from);
        }
    }
    for (name, text) in &create.claim {
        if claims.more.insert(name.clone(), text.clone()).is_some() {
            let cause = format!("the claim `{name}` is there twice");
            return Err(Failure::usage(cause, "say it once"));
        }
    }
    Ok(draft)
}

fn payload(text: &str) -> Result<Vec<u8>, Failure> {
    if text != "-" {
        return Ok(text.as_bytes().to_vec());
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)
        .map_err(|error| Failure::usage(error, "pipe the payload into standard input"))?;
    Ok(bytes)
}

const fn may_be_redeemed(state: RequestState) -> bool {
    matches!(state, RequestState::Allowed | RequestState::Redeemable)
}

/// The exit code that says where a request stands.
#[must_use]
pub const fn exit_of(state: RequestState) -> Exit {
    match state {
        RequestState::Allowed
        | RequestState::Redeemable
        | RequestState::Executing
        | RequestState::Completed => Exit::Done,
        RequestState::Denied | RequestState::Revoked | RequestState::Withdrawn => Exit::Denied,
        RequestState::Expired => Exit::Expired,
        RequestState::Held => Exit::Held,
        RequestState::Failed | RequestState::Unknown => Exit::Fault,
    }
}
