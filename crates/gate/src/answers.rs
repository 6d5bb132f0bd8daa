//! What callers hand in and get back. Plain values: whoever fills them has authenticated the caller already.

use gatehold_core::checkpoint::Criterion;
use gatehold_core::commit::Receipt;
use gatehold_core::decide::{CallNonce, Claims};
use gatehold_core::effect::Environment;
use gatehold_core::grant::GrantState;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId, WorkloadId};
use gatehold_core::lease::Lease;
use gatehold_core::request::RequestRecord;
use gatehold_core::review::{Answers, ReviewContext, UnverifiedReview};
use gatehold_core::task::Boundary;
use gatehold_core::tier::{Raised, Tier};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::SubmitSignature;
use gatehold_core::verdict::Trace;
use gatehold_core::workload::WorkloadKind;

use crate::ports::executor::Execution;
use crate::ports::issuer::Credential;
use crate::who_stopped::StoppedNow;

/// A machine whose signed call has been verified.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Thumbprint of the key that signed.
    pub key: Hash,
    /// The proof's nonce, and until when any process would take the proof; consumed by calls that change something.
    pub nonce: CallNonce,
    /// What proves the call; kept in the ledger.
    pub evidence: Vec<u8>,
    /// The body that was signed; kept beside it when the call asks for an action.
    pub body: Vec<u8>,
    /// The caller's idempotency key.
    pub idempotency: Option<String>,
    /// For which workload, when an enforcement point calls.
    pub workload: Option<WorkloadId>,
}

/// A task to begin.
#[derive(Debug, Clone)]
pub struct StartTask {
    /// What for, in the requester's words.
    pub purpose: String,
    /// On whose behalf, by the requester's word.
    pub on_behalf_of: Option<HumanId>,
    /// What it may touch.
    pub boundary: Option<Boundary>,
}

/// An action to be asked for.
#[derive(Debug, Clone)]
pub struct Submit {
    /// Strict JSON.
    pub envelope: Vec<u8>,
    /// Verbatim.
    pub payload: Vec<u8>,
    /// What the requester says.
    pub claims: Claims,
    /// Decide, but write nothing.
    pub dry_run: bool,
}

/// A change of the gate itself, asked for by a human.
#[derive(Debug, Clone)]
pub struct HumanSubmit {
    /// Who.
    pub human: HumanId,
    /// Thumbprint of the enrolled key they sign with.
    pub key: Hash,
    /// Strict JSON.
    pub envelope: Vec<u8>,
    /// The change.
    pub payload: Vec<u8>,
    /// Why, in their words.
    pub claims: Claims,
    /// Their signature over envelope and nonce.
    pub submit: SubmitSignature,
    /// Decide, but write nothing.
    pub dry_run: bool,
}

/// What became of a submission.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The request.
    pub record: RequestRecord,
    /// Policy's answer and why.
    pub trace: Trace,
    /// The four digest words.
    pub words: [String; 4],
    /// Proof that it is durable; absent for a dry run.
    pub receipt: Option<Receipt>,
    /// The same Idempotency-Key with the same body was answered before; this is that request as it stands now.
    pub replayed: bool,
}

/// What became of a review.
#[derive(Debug, Clone)]
pub struct Reviewed {
    /// The request as it now stands; while it is held nobody learns of reviews.
    pub record: RequestRecord,
    /// Policy asks for more than was shown: it is held anew, and every review until here is void, this one too.
    pub held_again: bool,
}

/// What became of a redemption.
#[derive(Debug)]
pub struct Redeemed {
    /// The request as it now stands.
    pub record: RequestRecord,
    /// The execution; absent when the request was held again or ended instead.
    pub execution: Option<Execution>,
    /// The credential, where one was made: handed over once, and kept nowhere.
    pub credential: Option<Credential>,
    /// The lease that it was handed over under, as it stood then.
    pub lease: Option<(GrantState, Lease)>,
}

/// One line of an inbox.
#[derive(Debug, Clone)]
pub struct InboxItem {
    /// Which request.
    pub id: RequestId,
    /// The descriptor's sentence.
    pub sentence: String,
    /// Which kind of action.
    pub descriptor: String,
    /// How risky.
    pub tier: Tier,
    /// What raised that, and what of it nobody knows.
    pub raised: Vec<Raised>,
    /// Who asks.
    pub requester: String,
    /// Where.
    pub target: String,
    /// On what.
    pub resource: String,
    /// What kind of software asks, where it is software.
    pub kind: Option<WorkloadKind>,
    /// Who answers for whoever asks.
    pub owner: HumanId,
    /// Which world the resource is in, where anybody has said it.
    pub environment: Option<Environment>,
    /// Reason codes.
    pub why: Vec<String>,
    /// What stops it, or whoever asks it, as far as this process has read the ledger: within about a second.
    pub stopped: Option<StoppedNow>,
    /// When it was asked.
    pub submitted_at: Timestamp,
    /// Last time to decide.
    pub decide_by: Timestamp,
    /// Who said they are looking at it.
    pub claimed_by: Option<HumanId>,
    /// How many people are needed. How many have decided is never said.
    pub people_needed: u32,
    /// Whether the caller may decide it.
    pub mine: bool,
    /// Whether the caller is asked to, by now: some are asked only when others have not decided in time.
    pub asked: bool,
    /// Whether the caller has signed it already: it waits for others.
    pub signed: bool,
    /// Whether a checkpoint that holds it has a seat for the caller or a team of theirs, even where they must not take it.
    pub seat: bool,
    /// Whether the caller answers for it: it is of a workload that they own or back up, or their own.
    pub accountable: bool,
    /// How often it was escalated.
    pub escalations: u32,
}

/// Everything a reviewer needs to look and to sign.
#[derive(Debug, Clone)]
pub struct OpenedRequest {
    /// The request. Reviews are withheld: nobody learns that one exists.
    pub record: RequestRecord,
    /// The stored rendering.
    pub display: Vec<u8>,
    /// The stored view.
    pub view: Vec<u8>,
    /// The canonical envelope, for a second renderer.
    pub envelope: Vec<u8>,
    /// The payload, for a second renderer.
    pub payload: Vec<u8>,
    /// What was asked and by whom, as its leaf keeps it: what `request_hash` is over.
    pub asked: Vec<u8>,
    /// What the requester says: untrusted, shown last.
    pub claims: Claims,
    /// What it answered since, oldest first: untrusted too.
    pub answers: Vec<String>,
    /// The context to sign; act, limits and answers are the reviewer's to fill in.
    pub context: ReviewContext,
    /// Who they are to the gate by now and for whom else they may decide, as canonical JSON: what `authority_hash` is over.
    pub authority: Vec<u8>,
    /// The four digest words.
    pub words: [String; 4],
    /// What must be answered.
    pub criteria: Vec<Criterion>,
}

/// A signed review.
#[derive(Debug, Clone)]
pub struct ReviewInput {
    /// Which request.
    pub request: RequestId,
    /// What was signed, and the signature.
    pub review: UnverifiedReview,
    /// What was answered.
    pub answers: Answers,
}
