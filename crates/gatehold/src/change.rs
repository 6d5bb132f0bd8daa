//! Held changes of the gate itself: a human signs what they ask for, others approve it, and the review that completes it
//! applies it.

use clap::Args;
use gatehold_client::wire::{ChangeRequest, Claims, Submitted};
use gatehold_core::hash::hex;
use gatehold_core::ids::{DescriptorId, ResourceId};
use gatehold_core::json::canonical;
use gatehold_core::requester::GATE_WORKLOAD;
use gatehold_core::trust::{GATE_TARGET, SUBMIT_NAMESPACE, SubmitSignature};
use serde::Serialize;

use crate::context::Ctx;
use crate::draft::Draft;
use crate::exit::{Exit, Failure};
use crate::request::{After, follow};
use crate::session::{Acting, acting};

/// How long an approved change may wait to be redeemed, seconds.
const DURATION_SECONDS: u32 = 3_600;

/// Options of every held change.
#[derive(Debug, Clone, Args)]
pub struct Submitting {
    /// Why, for the people who decide.
    #[arg(long)]
    pub reason: Option<String>,
    /// Wait for the decision; the change is applied with the review that completes it.
    #[arg(long)]
    pub wait: bool,
    /// Only say what would be decided.
    #[arg(long)]
    pub dry_run: bool,
}

/// Asks for a change whose payload is a document.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn submit<T: Serialize>(
    ctx: &Ctx,
    how: &Submitting,
    descriptor: &str,
    resource: &str,
    change: &T,
) -> Result<Exit, Failure> {
    let payload =
        canonical::to_bytes(change).map_err(|error| Failure::usage(error, "correct the input"))?;
    submit_bytes(ctx, how, descriptor, resource, payload).await
}

/// Asks for a change whose payload is these bytes.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn submit_bytes(
    ctx: &Ctx,
    how: &Submitting,
    descriptor: &str,
    resource: &str,
    payload: Vec<u8>,
) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    submit_as(ctx, &acting, how, (descriptor, resource), payload).await
}

/// The same by somebody who is logged in already.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn submit_as(
    ctx: &Ctx,
    acting: &Acting,
    how: &Submitting,
    (descriptor, resource): (&str, &str),
    payload: Vec<u8>,
) -> Result<Exit, Failure> {
    let submitted = ask(acting, how, descriptor, resource, payload).await?;
    follow(ctx, &acting.client, submitted, how.wait, After::Applied).await
}

/// Signs and sends the change.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn ask(
    acting: &Acting,
    how: &Submitting,
    descriptor: &str,
    resource: &str,
    payload: Vec<u8>,
) -> Result<Submitted, Failure> {
    let name = |error: gatehold_core::ids::NameError| Failure::usage(error, "use another name");
    let draft = Draft {
        descriptor: descriptor.parse::<DescriptorId>().map_err(name)?,
        target: GATE_TARGET.parse().map_err(name)?,
        resource: resource.parse::<ResourceId>().map_err(name)?,
        duration_seconds: DURATION_SECONDS,
        caps: std::collections::BTreeMap::new(),
        precondition: None,
        media_type: None,
        payload,
        task: None,
        claims: Claims {
            reason: how.reason.clone(),
            ..Claims::default()
        },
    };
    let gate = GATE_WORKLOAD.parse().map_err(name)?;
    let action = draft.exact(&gate, &acting.client.descriptors().await?)?;
    let nonce = crate::ambient::random()
        .map_err(|error| Failure::fault(error, "check the system's random source"))?;
    let nonce: String = hex(&nonce).chars().take(32).collect();
    let message = SubmitSignature::message(action.envelope_bytes(), &nonce);
    let signature = acting.key.sign(SUBMIT_NAMESPACE, message.as_bytes())?;
    let body = draft.submission(&action);
    let request = ChangeRequest {
        envelope: body.envelope,
        payload: body.payload,
        claims: body.claims,
        nonce,
        signature,
    };
    Ok(acting.client.submit_change(&request, how.dry_run).await?)
}
