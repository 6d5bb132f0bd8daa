//! The requester's side: ask, look, wait, redeem, take back, answer. The key that asked is the only one that may.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use gatehold_client::wire::{
    AnswerRequest, Claims, Decision, ExecutionOutcome, Held, Outcome, ProblemCode, Question,
    Reason, Redeemed, RequestState, RequestStatus, Submitted, WAIT_SECONDS_MAX,
};
use gatehold_client::{Client, ClientError, Submission};
use gatehold_core::ids::{DescriptorId, RequestId, ResourceId, TargetId, TaskId};

use crate::connect::{read_key, with_key};
use crate::context::Ctx;
use crate::draft::Draft;
use crate::exit::{Exit, Failure};
use crate::screen::{grouped, moment, plain};
use crate::session::acting;

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
    Redeem(Own),
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
        Request::Redeem(own) => {
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
    let gate = client.gate().await?;
    let workload = gate
        .caller
        .parse()
        .map_err(|error| Failure::usage(error, "sign with the key of an enrolled workload"))?;
    let action = draft.exact(&workload, &client.descriptors().await?)?;
    let how = Submission {
        idempotency_key: None,
        wait_seconds: 0,
        dry_run: create.dry_run,
    };
    let submitted = client.submit(&draft.submission(&action), &how).await?;
    let waits = (create.wait || create.redeem) && !create.dry_run;
    let after = if create.redeem {
        After::Redeem
    } else {
        After::Redeemable
    };
    follow(ctx, &client, submitted, waits, after).await
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
async fn wait(client: &Client, id: &str) -> Result<RequestStatus, Failure> {
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
async fn not_redeemed(client: &Client, id: &str, error: ClientError) -> Failure {
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

fn decision_text(decision: &Decision) -> String {
    let mut text = format!(
        "{} by {}{}\n",
        word(&decision.outcome),
        word(&decision.decided_by),
        decision
            .request
            .as_ref()
            .map(|id| format!("  {}", plain(id)))
            .unwrap_or_default()
    );
    text.push_str(&reasons_text(&decision.reasons));
    text
}

fn reasons_text(reasons: &[Reason]) -> String {
    reasons
        .iter()
        .map(|reason| match &reason.text {
            Some(text) => format!("  {} ({})\n", plain(text), plain(&reason.code)),
            None => format!("  {}\n", plain(&reason.code)),
        })
        .collect()
}

fn next_text(held: &Held, after: After) -> String {
    match (&held.request, after) {
        (None, _) => String::new(),
        (Some(id), After::Applied) => format!(
            "next: others decide it with `gatehold inbox`; gatehold request show {} --wait\n",
            plain(id)
        ),
        (Some(id), _) => format!("next: gatehold request redeem {} --wait\n", plain(id)),
    }
}

/// What a requester reads about a hold.
#[must_use]
pub fn held_text(held: &Held) -> String {
    let id = held.request.as_deref().unwrap_or("(dry run)");
    let mut text = format!(
        "HELD  {}\n  words {}\n  at {}\n  decide by {}{}\n",
        plain(id),
        plain(&held.words.join("-")),
        plain(&held.checkpoints.join(", ")),
        moment(held.decide_by, crate::ambient::now_millis()),
        escalated_text(held.escalations),
    );
    text.push_str(&reasons_text(&held.reasons));
    text
}

/// That nobody decided in time, or a reviewer passed it on.
fn escalated_text(escalations: u32) -> String {
    match escalations {
        0 => String::new(),
        1 => ", escalated".to_owned(),
        times => format!(", escalated {times} times"),
    }
}

fn status_text(status: &RequestStatus) -> String {
    let mut text = format!(
        "{}  {}  {}\n",
        plain(&status.request),
        word(&status.state),
        plain(&status.sentence)
    );
    for line in &status.change {
        text.push_str(&format!("  changes: {}\n", plain(line)));
    }
    if let Some(decision) = &status.decision {
        text.push_str(&decision_text(decision));
    }
    if let Some(held) = &status.held {
        text.push_str(&held_text(held));
    }
    text.push_str(&questions_text(&status.request, &status.questions));
    if let Some(execution) = &status.execution {
        text.push_str(&format!("  execution: {}", plain(&execution.code)));
        if let Some(quantity) = execution.quantity {
            text.push_str(&format!(", {} touched", grouped(quantity)));
        }
        text.push('\n');
    }
    if let Some(code) = &status.closed {
        text.push_str(&format!("  closed: {}\n", plain(code)));
    }
    text
}

/// Questions of reviewers, for the requester: whose, what, and how to answer.
fn questions_text(id: &str, questions: &[Question]) -> String {
    let mut text = String::new();
    for question in questions {
        text.push_str(&format!(
            "  question {} from {} ({})\n",
            question.number,
            plain(&question.by),
            if question.answered {
                "answered"
            } else {
                "open"
            }
        ));
        for line in question.text.lines() {
            text.push_str(&format!("    {}\n", plain(line)));
        }
    }
    if questions.iter().any(|question| !question.answered) {
        text.push_str(&format!(
            "  answer: gatehold request answer {} 'TEXT'\n",
            plain(id)
        ));
    }
    text
}

fn redeemed_text(redeemed: &Redeemed, width: usize) -> String {
    let Some(result) = &redeemed.result else {
        return status_text(&redeemed.status);
    };
    let mut text = format!(
        "{}  {}  {}",
        plain(&redeemed.status.request),
        word(&result.outcome),
        plain(&result.code)
    );
    if let Some(quantity) = result.quantity {
        text.push_str(&format!("  {} touched", grouped(quantity)));
    }
    text.push('\n');
    text.push_str(&crate::result::text(&result.body.0, width));
    if result.truncated {
        text.push_str("  … cut at the limit\n");
    }
    text
}

/// The wire's word for a value of a closed list.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
