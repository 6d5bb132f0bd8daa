//! The steps a story can have. Each says what happens and what must come of it.

use std::collections::BTreeMap;

use gatehold_client::wire::{Claims, RequestState, Tier};
use serde::Deserialize;

/// One step.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct Step {
    /// What happens, in words; printed when it does not.
    pub says: String,
    /// What happens, for the machine.
    pub does: Does,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $variant:ident($key:ident: $type_:ty)),+ $(,)?) => {
        /// What can happen.
        #[derive(Debug, Clone)]
        pub enum Does {
            $($(#[$doc])* $variant(Box<$type_>),)+
        }

        /// A step as it stands in a file: `says`, and one table named for what happens.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            says: String,
            $($key: Option<Box<$type_>>,)+
        }

        impl TryFrom<Written> for Step {
            type Error = String;

            fn try_from(written: Written) -> Result<Self, String> {
                let mut found: Vec<Does> = Vec::new();
                $(found.extend(written.$key.map(Does::$variant));)+
                match (found.pop(), found.is_empty()) {
                    (Some(does), true) => Ok(Self { says: written.says, does }),
                    _ => Err(format!("step `{}`: exactly one thing happens in a step", written.says)),
                }
            }
        }
    };
}

steps! {
    /// A workload declares a task.
    StartTask(start_task: StartTask),
    /// A workload asks for one action.
    Ask(ask: Asked),
    /// A person opens a request, reads it, and signs.
    Review(review: Reviewed),
    /// A person opens a request; the words must be on the screen.
    Look(look: Looked),
    /// A workload has the gate execute what was allowed.
    Redeem(redeem: Redeemed),
    /// A person asks for a new workload.
    Enrol(enrol: Enrolment),
    /// A workload tries what must not work.
    Cheat(cheat: Cheated),
    /// A workload ends its task.
    EndTask(end_task: EndTask),
    /// A platform says what it sees of a workload.
    Signal(signal: Signalled),
    /// A database is asked, past the gate.
    Database(database: AskedDatabase),
    /// A web service is asked what it saw.
    Web(web: AskedWeb),
    /// A request is where it must be.
    State(state: AskedState),
    /// The ledger is verified as an auditor does.
    Ledger(ledger: AskedLedger),
}

/// A workload declares a task.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartTask {
    /// Which workload.
    pub who: String,
    /// What later steps call the task.
    pub task: String,
    /// What it is for.
    pub purpose: String,
    /// What it may touch, if it says so.
    pub boundary: Option<Bounded>,
}

/// What a task may touch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounded {
    /// Kinds of action.
    pub actions: Vec<String>,
    /// Targets.
    pub targets: Vec<String>,
    /// Resources; a prefix ends in `/`.
    pub resources: Vec<String>,
    /// At most so many steps.
    pub steps: u64,
    /// For so long from now.
    pub minutes: u32,
}

/// A workload asks for one action.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Which workload.
    pub who: String,
    /// In which task.
    pub task: String,
    /// What later steps call the request.
    pub request: String,
    /// The kind of action.
    pub action: String,
    /// Where.
    pub target: String,
    /// On what.
    pub resource: String,
    /// How long access is wanted.
    pub minutes: u32,
    /// Upper bounds it accepts.
    #[serde(default)]
    pub caps: BTreeMap<String, u64>,
    /// Media type of the payload.
    pub media_type: String,
    /// The exact bytes.
    pub payload: String,
    /// What it says about it.
    #[serde(default)]
    pub claims: Claims,
    /// What must come of it.
    pub outcome: Wanted,
    /// The tier it must have.
    pub tier: Option<Tier>,
    /// Checkpoints it must be held at, at least.
    #[serde(default)]
    pub held_at: Vec<String>,
    /// The problem's code, when it is refused.
    pub refused_as: Option<String>,
}

/// What can come of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Policy lets it pass; no human is asked.
    Allowed,
    /// Policy says no.
    Denied,
    /// People must decide.
    Held,
    /// It cannot be decided: the request itself is wrong.
    Refused,
}

/// A person opens a request and signs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewed {
    /// Who: `owner`, `reviewer` or `second`.
    pub who: String,
    /// Which request.
    pub request: String,
    /// Yes or no.
    pub verdict: Verdict,
    /// Answers to the criteria that need words.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// Shorter than asked for.
    pub at_most_minutes: Option<u32>,
    /// Lower than asked for.
    #[serde(default)]
    pub at_most: BTreeMap<String, u64>,
    /// The problem's code, when the gate must refuse the review.
    pub refused_as: Option<String>,
    /// Where the request must stand afterwards.
    pub state: Option<RequestState>,
}

/// A reviewer's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// A person opens a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    /// Who.
    pub who: String,
    /// Which request.
    pub request: String,
    /// Texts that must be on the screen.
    pub on_screen: Vec<String>,
    /// Criteria that must be asked, by id.
    #[serde(default)]
    pub asked: Vec<String>,
}

/// A workload redeems.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redeemed {
    /// Which workload.
    pub who: String,
    /// Which request.
    pub request: String,
    /// How it must end.
    pub result: Ending,
    /// How many rows it must have touched.
    pub rows: Option<u64>,
    /// What the target's answer must hold.
    pub answer_has: Option<String>,
    /// The problem's code, when it is refused.
    pub refused_as: Option<String>,
}

/// How redeeming can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The target did it.
    Completed,
    /// The target refused or failed.
    Failed,
    /// The gate refused, and the target was not touched.
    Refused,
    /// It waits for people by now, and the target was not touched.
    Held,
}

/// A person asks for a new workload, or for a change of one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// Who asks.
    pub who: String,
    /// What later steps call the request.
    pub request: String,
    /// The new workload's name.
    pub workload: String,
    /// Members of the form that are left out, to see that they are needed.
    #[serde(default)]
    pub without: Vec<String>,
    /// What must come of it.
    pub outcome: Wanted,
    /// What the gate must say about it.
    #[serde(default)]
    pub because: String,
    /// The problem's code, when it is refused.
    pub refused_as: Option<String>,
}

/// A workload tries what must not work.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cheated {
    /// Which workload.
    pub who: String,
    /// Which request it is about.
    pub request: String,
    /// What it tries.
    pub way: Cheat,
    /// Problem codes with which it may be refused.
    pub refused_as: Vec<String>,
}

/// The ways by which an agent could approve itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cheat {
    /// It opens its own request as a reviewer would.
    OpenItself,
    /// It signs the review with its own key and hands it in.
    ReviewWithOwnKey,
    /// It names the reviewer in the context, and signs with its own key.
    ReviewInTheNameOfAnother,
    /// It hands in a review that a person signed for another request.
    ReplayAReview,
    /// It logs in with its own key as if that were a person's.
    LogInAsAPerson,
    /// It acts on its own request through the route that people use.
    ActAsAPerson,
    /// It asks for its own key to be enrolled as a person's.
    EnrolItself,
    /// It redeems although nobody has decided.
    RedeemUndecided,
    /// It repeats an approved call with the same Idempotency-Key and other bytes.
    RepeatWithOtherBytes,
    /// It takes a replayed login statement of a person and signs the call with its own key.
    StealALogin,
}

/// A workload ends its task.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndTask {
    /// Which workload.
    pub who: String,
    /// Which task.
    pub task: String,
}

/// A platform says what it sees of a workload, in a token that it signs and pushes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signalled {
    /// Which sender.
    pub sender: String,
    /// What it calls the workload.
    pub subject: String,
    /// The event's URI.
    pub event: String,
    /// By a key of its own making, to see that it is not believed.
    #[serde(default)]
    pub forged: bool,
    /// The status with which it must be answered.
    pub answered: u16,
}

/// A database is asked, past the gate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedDatabase {
    /// Which target's.
    pub target: String,
    /// The question.
    pub query: String,
    /// The rows, as text.
    pub rows: Vec<Vec<String>>,
}

/// A web service is asked what it saw.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedWeb {
    /// Which target's.
    pub target: String,
    /// What it saw, in order.
    pub saw: Vec<Saw>,
}

/// One call that a web service saw.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saw {
    /// Method and path.
    pub line: String,
    /// The exact body.
    pub body: String,
}

/// A request is where it must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedState {
    /// Which workload asks.
    pub who: String,
    /// Which request.
    pub request: String,
    /// Where it must stand.
    pub state: RequestState,
}

/// The ledger is verified.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedLedger {
    /// Requests each of which must have a dossier that verifies.
    pub dossiers: Vec<String>,
}
