//! Why something could not be decided, said to whoever asked: what is wrong and what to do next.
//!
//! A refusal is public. What only operators may know travels beside it, never inside it. Policy's "no" is not a
//! refusal: it is a decision and has a record of its own.

/// Something that was asked of the gate and not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The action could not be read.
    #[error("{0}")]
    Action(#[from] crate::action::ActionError),
    /// No descriptor with this id and hash is active.
    #[error("no active descriptor has this id and hash")]
    UnknownDescriptor,
    /// No executor has this target.
    #[error("no executor of this gate has this target")]
    UnknownTarget,
    /// The descriptor does not take this media type.
    #[error("the descriptor does not take this media type")]
    MediaType,
    /// The target makes no credential of this payload.
    #[error("the target makes no credential of this: {0}")]
    NotIssuable(String),
    /// A credential that was handed out is not made anew.
    #[error("the credential is not made anew: {0}")]
    NotAgain(&'static str),
    /// Claims beyond their limits.
    #[error("the claims are not usable: {0}")]
    Claims(String),
    /// Something that looks like a secret stands in the request.
    #[error("the {place} holds what looks like {kind}")]
    InlineSecret {
        /// Where.
        place: &'static str,
        /// What it looks like; never the text itself.
        kind: &'static str,
    },
    /// The signer is not a registered principal.
    #[error("no registered principal signs with this key")]
    UnknownPrincipal,
    /// The principal may not do this.
    #[error("this principal may not do that: {0}")]
    NotYours(&'static str),
    /// The task is not usable.
    #[error("the task is not usable: {0}")]
    Task(&'static str),
    /// A stop is set.
    #[error("this is stopped: {0}")]
    Stopped(&'static str),
    /// The request does not exist, or not for this caller.
    #[error("there is no such request for this key")]
    NoSuchRequest,
    /// The request is not in a state that allows this.
    #[error("the request is {state}")]
    WrongState {
        /// The state's name.
        state: &'static str,
    },
    /// A deadline has passed.
    #[error("too late: {0} has passed")]
    TooLate(&'static str),
    /// What was shown is not what stands now.
    #[error("the request changed since it was opened")]
    ChangedSinceShown,
    /// The review does not verify or is about something else.
    #[error("the review does not count: {0}")]
    Review(#[from] crate::review::ReviewError),
    /// The reviewer is in the requester set.
    #[error("nobody decides on a request of their own")]
    OwnRequest,
    /// The reviewer is not listed at any checkpoint that holds this request.
    #[error("you are not entitled to decide at any checkpoint of this request")]
    NotEntitled,
    /// The key's level is below what any open seat takes.
    #[error("this signature counts as {given}, and software keys count only at a development gate")]
    Factor {
        /// What the signature counts for.
        given: crate::assurance::Assurance,
    },
    /// A checkpoint takes reviews that are signed with the other kind of key.
    #[error("a checkpoint of this request takes only reviews that are {}", .asked.in_words().unwrap_or("signed"))]
    Signer {
        /// What it takes.
        asked: crate::signer::Signer,
    },
    /// The reviewer has decided on this request before.
    #[error("you have already decided on this request")]
    AlreadyDecided,
    /// A criterion is unanswered, or an answer says no.
    #[error("criterion `{0}` is not answered with yes")]
    Criterion(String),
    /// On red: the question about the action itself is not answered with what stands on the page.
    #[error("question `{0}` is not answered with what stands on the page")]
    Fact(String),
    /// Why it is approved is not said, or in words that cannot stand there.
    #[error("{0}")]
    Reason(#[from] crate::reason::ReasonError),
    /// The limits of the review go beyond the request's.
    #[error("a review can only lower limits")]
    Limits,
    /// A review sets a cap that neither the request has nor its target keeps: approved so, it could never be executed.
    #[error("the target of this request does not enforce the cap `{cap}`; it enforces {enforced}")]
    CapNotEnforced {
        /// The review's cap.
        cap: String,
        /// What the target enforces.
        enforced: String,
    },
    /// The gate's picture of the world was stale; nothing was decided.
    #[error("the gate changed while this was decided")]
    Stale,
    /// Proof that should exist does not. Loud: it means that stored data was changed.
    #[error("the stored evidence does not prove what the state says")]
    NotProven(&'static str),
    /// The same nonce or key was used before.
    #[error("this was sent before")]
    Replayed,
    /// The idempotency key was used with another body.
    #[error("this Idempotency-Key was used with another body")]
    IdempotencyMismatch,
    /// A bundle that is to decide is not sound.
    #[error("this is no sound bundle and is never applied: {0}")]
    Bundle(String),
    /// An attachment may not be erased, or was erased and is asked for.
    #[error("{0}")]
    Erasure(String),
    /// What somebody signed is no correction of this.
    #[error("this is no correction: {0}")]
    Correction(#[from] crate::correction::CorrectionError),
    /// As many corrections as are kept of one request.
    #[error("this request has as many corrections as are kept of one")]
    TooManyCorrections,
    /// What was signed to break the glass opens nothing.
    #[error("the glass was not broken: {0}")]
    Glass(#[from] crate::glass::GlassError),
    /// A look afterwards at what was let out so does not count.
    #[error("this look does not count: {0}")]
    PostReview(#[from] crate::glass::PostReviewError),
    /// What somebody says of their browser is nothing that it could be told by.
    #[error("nothing can be sent to this browser: {0}")]
    Subscription(&'static str),
}

/// What to do next where a row was changed past the gate.
const STOP_AND_LOOK: &str = "Stop, keep the database as it is, and run `gatehold audit verify`.";

/// What to do next with a bundle that is not sound.
const LINT_FIRST: &str = "Correct it until `gatehold policy lint` finds nothing, and ask again with `gatehold policy submit`.";

/// What to do next where the glass was not broken, or a look at it does not count.
const GLASS_LIST: &str = "Do what it says; `gatehold break-glass list` shows what was opened, and who has still to look at it.";

/// What to do next with a payload in another type.
const IN_A_LISTED_TYPE: &str = "Send it in a media type that the descriptor lists, as with `gatehold request create --media-type TYPE`.";

impl Refusal {
    /// A stable code for machines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Action(_) => "invalid_action",
            Self::UnknownDescriptor => "unknown_descriptor",
            Self::UnknownTarget => "unknown_target",
            Self::MediaType => "wrong_media_type",
            Self::NotIssuable(_) => "not_issuable",
            Self::NotAgain(_) => "not_rekeyed",
            Self::Claims(_) => "invalid_claims",
            Self::InlineSecret { .. } => "inline_secret",
            Self::UnknownPrincipal => "unknown_principal",
            Self::NotYours(_) => "not_permitted",
            Self::Task(_) => "task_not_usable",
            Self::Stopped(_) => "stopped",
            Self::NoSuchRequest => "no_such_request",
            Self::WrongState { .. } => "wrong_state",
            Self::TooLate(_) => "too_late",
            Self::ChangedSinceShown => "changed_since_shown",
            Self::Review(_) => "invalid_review",
            Self::OwnRequest => "own_request",
            Self::NotEntitled => "not_entitled",
            Self::Factor { .. } => "factor_too_low",
            Self::Signer { .. } => "wrong_signer",
            Self::AlreadyDecided => "already_decided",
            Self::Criterion(_) => "criterion_unanswered",
            Self::Fact(_) => "fact_unanswered",
            Self::Reason(_) => "reason_unusable",
            Self::Limits => "limits_raised",
            Self::CapNotEnforced { .. } => "cap_not_enforced",
            Self::Stale => "stale",
            Self::NotProven(_) => "not_proven",
            Self::Replayed => "replayed",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::Bundle(_) => "unsound_bundle",
            Self::Erasure(_) => "erasure",
            Self::Correction(_) => "invalid_correction",
            Self::TooManyCorrections => "too_many_corrections",
            Self::Glass(_) => "break_glass_refused",
            Self::PostReview(_) => "post_review_refused",
            Self::Subscription(_) => "invalid_subscription",
        }
    }

    /// What the reader should do next: one sentence.
    #[must_use]
    pub const fn next(&self) -> &'static str {
        match self {
            Self::Action(_) | Self::Claims(_) | Self::NotIssuable(_) => {
                "Correct what the message names, and send it."
            }
            Self::UnknownDescriptor => {
                "List the active descriptors with `gatehold descriptor list` and use one of them."
            }
            Self::UnknownTarget => "Use a target that the gate's operator has configured.",
            Self::MediaType => IN_A_LISTED_TYPE,
            Self::InlineSecret { .. } => {
                "Remove the secret, rotate it, and name it by reference; the executor injects the real one."
            }
            Self::UnknownPrincipal => {
                "Enrol the key with `gatehold workload enrol`, or sign with the enrolled one."
            }
            Self::NotYours(_) => {
                "Ask the owner of the principal, or use the one that is permitted."
            }
            Self::Task(_) => "Start a new task with `gatehold task start` and ask again within it.",
            Self::Stopped(_) => {
                "Ask the people who stopped it; lifting it is a held action: `gatehold stops lift`."
            }
            Self::NoSuchRequest => {
                "Check the id, and ask with the key that submitted it: `gatehold request show REQUEST --key FILE`."
            }
            Self::WrongState { .. } | Self::NotAgain(_) => {
                "Look at it with `gatehold request show REQUEST`; submit a new one if the action is still needed."
            }
            Self::TooLate(_) => {
                "Submit a new one with `gatehold request create`; an expired decision is never revived."
            }
            Self::ChangedSinceShown => {
                "Open it again with `gatehold show REQUEST` and look at what changed before you decide."
            }
            Self::Review(_) => {
                "Open it again with `gatehold approve REQUEST`, which signs exactly what is shown."
            }
            Self::OwnRequest => {
                "Let somebody decide who neither asked nor answers for it; `gatehold show REQUEST` lists the teams."
            }
            Self::NotEntitled => "Ask somebody on the teams that `gatehold show REQUEST` lists.",
            Self::Factor { .. } => {
                "Sign with a hardware key that is enrolled for you; `gatehold human list` says what each counts as."
            }
            Self::Signer { asked } => asked.instead(),
            Self::AlreadyDecided => {
                "Nothing to do: your review is stored; `gatehold inbox` lists what is left."
            }
            Self::Criterion(_) => {
                "Answer every criterion; if one is not met, `gatehold deny REQUEST` or `gatehold ask REQUEST`."
            }
            Self::Fact(_) => {
                "Read the exact action again, with `gatehold show REQUEST` or on its page, and answer what is asked about it."
            }
            Self::Reason(_) => {
                "Say why in your own words, on its page or with `gatehold approve REQUEST --because WHY`; deny it if you cannot."
            }
            Self::Limits => {
                "Lower them with `gatehold narrow REQUEST`, or end the request with `gatehold deny REQUEST`."
            }
            Self::CapNotEnforced { .. } => {
                "Leave this cap out or set one that the target enforces; whoever reviews may also deny the request."
            }
            Self::Stale => "Try again.",
            Self::NotProven(_) => STOP_AND_LOOK,
            Self::Replayed => "Sign a new proof with a new nonce.",
            Self::IdempotencyMismatch => "Use a new Idempotency-Key for a new body.",
            Self::Bundle(_) => LINT_FIRST,
            Self::Erasure(_) => {
                "Wait until what needs it has ended, or name another one: `gatehold record list REQUEST`."
            }
            Self::Correction(_) => "Make it again with `gatehold correct REQUEST`.",
            Self::TooManyCorrections => "Tell whoever reads these what else was wrong.",
            Self::Glass(_) | Self::PostReview(_) => GLASS_LIST,
            Self::Subscription(_) => {
                "Subscribe on the page of your keys; if its push service is another one, operators name it in `hosts` of the push channel."
            }
        }
    }
}
