//! What a dossier answers (M157): who approved, under what authority, what exactly, on which policy's word, and whether
//! it can be taken back. Everything here comes from leaves that opened.

use gatehold_core::assurance::Assurance;
use gatehold_core::decide::Claims;
use gatehold_core::directory::Authority;
use gatehold_core::entry::{Event, Stood, Trace};
use gatehold_core::grant::GrantState;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::limits::Limits;
use gatehold_core::request::{DecidedBy, State};
use gatehold_core::review::{Answers, ReviewAct};
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::verdict::Reason;
use gatehold_core::view::View;
use gatehold_ledger::SignedTreeHead;
use gatehold_render::{Display, represents, to_plain};
use serde::Serialize;

use super::{BrokenGlass, Dossier};
use crate::finding::{Finding, Gap};
use crate::fold::{CorrectionShown, Fold, LeaseFold, Link, RequestFold};
use crate::opened::Opened;
use crate::verify::Trusted;

/// What no offline verification shows (design, decision 12). Printed with every dossier.
pub const NOT_SHOWN: [&str; 4] = [
    "whether it has been revoked since the tree head: ask the gate",
    "what happened at the target: the outcome is what the target reported",
    "that the reviewers understood what they signed: only that they were shown it and answered",
    "corrections that whoever handed this over left out: the ledger has all of them",
];

/// The answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DossierReport {
    /// Which request.
    pub request: RequestId,
    /// The log, and how many leaves its tree head covers.
    pub log: Option<(String, u64)>,
    /// Everything that is wrong, by leaf.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
    /// Where all authority comes from.
    pub root: Root,
    /// Where the request stood at its last leaf.
    pub state: State,
    /// Who asked.
    pub requester: Option<RequesterShown>,
    /// What exactly.
    pub action: ActionShown,
    /// What policy said when it was submitted or last held.
    pub policy: Option<PolicyShown>,
    /// Who decided: a rule, people, the clock.
    pub decided_by: Option<DecidedBy>,
    /// The one person who answers for the decision (M001), and why them.
    pub accountable: Option<(HumanId, String)>,
    /// Every signed review, void ones included.
    pub reviews: Vec<ReviewShown>,
    /// Where the glass was broken for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken_glass: Vec<BrokenGlass>,
    /// At most this much.
    pub limits: Option<Limits>,
    /// The last time at which it may be, or might have been, used.
    pub spend_by: Timestamp,
    /// Whether and how it can be taken back.
    pub revocation: String,
    /// Whether a credential was handed out, so that this is about the credential.
    #[serde(skip)]
    pub leased: bool,
    /// What happened, in the order of the ledger.
    pub steps: Vec<Step>,
    /// What people said was recorded wrong. It changes nothing of the rest.
    pub corrections: Vec<CorrectionShown>,
    /// What this does not show.
    pub not_shown: Vec<&'static str>,
}

/// The root statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Root {
    /// Its hash.
    pub statement: Option<Hash>,
    /// Whether the auditor named that hash.
    pub pinned: bool,
    /// How many humans it names. Two are allowed and said so.
    pub humans: usize,
    /// Leaves at which a lost quorum was restored with offline keys.
    pub quorum_lost: Vec<u64>,
}

/// Who asked, with the people behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequesterShown {
    /// The name.
    pub name: String,
    /// The key that signed the submission.
    pub key: Hash,
    /// The person who answers for it.
    pub accountable: HumanId,
    /// The task's purpose, in the requester's words.
    pub purpose: Option<String>,
    /// Why, in the requester's words.
    pub claims: Vec<(String, String)>,
}

/// The exact action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionShown {
    /// The name of these bytes and no others.
    pub digest: Hash,
    /// The descriptor's sentence.
    pub sentence: Option<String>,
    /// Descriptor, target and resource.
    pub what: Option<(String, String, String)>,
    /// As it was rendered for the reviewers, as plain text.
    pub rendered: Option<String>,
    /// Whether every byte of the payload can be read back from the rendering.
    pub exact: Option<bool>,
}

/// Policy's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyShown {
    /// `allow`, `hold` or `deny`.
    pub verdict: &'static str,
    /// The tier.
    pub tier: Tier,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// Why, with sentences of ours.
    pub reasons: Vec<Reason>,
    /// The bundle that answered.
    pub bundle: Hash,
    /// Hash of what it was asked.
    pub input: Hash,
    /// The link that gave the bundle force.
    pub activated: Option<Link>,
    /// The checkpoints that held it.
    pub checkpoints: Vec<CheckpointShown>,
}

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointShown {
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// Why it exists.
    pub rationale: String,
}

/// One review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewShown {
    /// Its leaf.
    pub leaf: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub reviewer: HumanId,
    /// Their verdict.
    pub act: ReviewAct,
    /// Their key.
    pub key: Hash,
    /// What the signature counted for; nothing when it was not checked.
    pub assurance: Option<Assurance>,
    /// What they were at that moment.
    pub authority: Option<Authority>,
    /// What they answered, in their words.
    pub answers: Vec<(String, String)>,
    /// Why, in their words.
    pub justification: Option<String>,
    /// What the pages of the gate were made of when it was opened, by the gate's own word in what was signed.
    pub page_files: Option<Hash>,
    /// Whether it was void when the request was last held.
    pub void: bool,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its leaf.
    pub leaf: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// The answer of policy it rests on: every leaf that decides has one.
    pub trace: Option<Stood>,
}

impl DossierReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

pub(super) fn of(
    dossier: &Dossier,
    fold: &Fold,
    opened: &[Opened],
    head: Option<&SignedTreeHead>,
    trusted: &Trusted,
) -> DossierReport {
    let unknown = RequestFold::unknown(dossier.request);
    let request = fold.requests.get(&dossier.request).unwrap_or(&unknown);
    let own: Vec<&Opened> = opened
        .iter()
        .filter(|leaf| leaf.entry.request == Some(dossier.request))
        .collect();
    let reviews = reviews(request, &own);
    let requester = requester(request, opened, &own);
    let policy = policy(fold, request);
    let accountable = accountable(request, &reviews, policy.as_ref(), requester.as_ref());
    let lease = fold.lease(request.grant.as_ref());
    DossierReport {
        request: dossier.request,
        log: head.map(|head| (head.head().origin.to_string(), head.size())),
        findings: fold.findings.clone(),
        gaps: fold.gaps.clone(),
        root: Root {
            statement: fold.directory().map(|directory| directory.root),
            pinned: trusted.pinned_root.is_some(),
            humans: fold.root_humans,
            quorum_lost: fold.quorum_lost.clone(),
        },
        state: request.state,
        action: action(request, &own),
        policy,
        decided_by: request.decided_by,
        accountable,
        reviews,
        broken_glass: super::glass::of(dossier.request, opened),
        limits: request.limits.clone(),
        spend_by: request.spend_by,
        revocation: revocation(request, lease),
        leased: lease.is_some(),
        steps: steps(dossier.request, opened),
        corrections: fold.corrections.clone(),
        requester,
        not_shown: NOT_SHOWN.to_vec(),
    }
}

fn action(request: &RequestFold, own: &[&Opened]) -> ActionShown {
    let bytes = |name: &str| own.iter().find_map(|leaf| leaf.bytes(name));
    let display = bytes("display").and_then(|bytes| Display::from_bytes(bytes).ok());
    let exact = display
        .as_ref()
        .zip(bytes("payload"))
        .map(|(display, payload)| represents(display, payload));
    let what = request.envelope.as_ref().map(|envelope| {
        (
            envelope.descriptor.id.to_string(),
            envelope.target.to_string(),
            envelope.resource.to_string(),
        )
    });
    ActionShown {
        digest: request.digest,
        sentence: request
            .grounds
            .as_ref()
            .map(|grounds| grounds.sentence.clone()),
        what,
        rendered: display.as_ref().map(to_plain),
        exact,
    }
}

fn requester(request: &RequestFold, opened: &[Opened], own: &[&Opened]) -> Option<RequesterShown> {
    let asked = request.asked.as_ref()?;
    let task = |leaf: &&Opened| matches!(&leaf.entry.event, Event::Task { task, .. } if Some(*task) == asked.task);
    let purpose = opened
        .iter()
        .find(task)
        .and_then(|leaf| leaf.bytes("purpose"));
    let claims = own
        .iter()
        .find_map(|leaf| leaf.bytes("claims"))
        .and_then(|bytes| canonical::from_canonical_bytes::<Claims>(bytes).ok());
    Some(RequesterShown {
        name: asked.requester.name(),
        key: asked.key,
        accountable: asked.requester.accountable().clone(),
        purpose: purpose.map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        claims: claims
            .map(|claims| claims.0.into_iter().collect())
            .unwrap_or_default(),
    })
}

fn policy(fold: &Fold, request: &RequestFold) -> Option<PolicyShown> {
    let trace: &Trace = request.trace.as_ref()?;
    let grounds = request.grounds.as_ref();
    let verdict = match (request.held_before, request.state, request.decision) {
        (true, ..) => "hold",
        (false, State::Denied, None) => "deny",
        _ => "allow",
    };
    let requirement = request.held.as_ref().map(|held| &held.requirement);
    let checkpoints = requirement.into_iter().flat_map(|requirement| {
        requirement
            .checkpoints()
            .map(|(_, checkpoint)| CheckpointShown {
                name: checkpoint.name.to_string(),
                owner: checkpoint.owner.clone(),
                rationale: checkpoint.rationale.clone(),
            })
    });
    // The bundle came into force with the earliest link of the unbroken run that names it, up to this decision.
    let until = fold
        .links
        .iter()
        .filter(|link| link.directory <= trace.directory);
    let run = until.rev().take_while(|link| link.bundle == trace.bundle);
    Some(PolicyShown {
        verdict,
        tier: trace.tier,
        rules: trace.rules.clone(),
        reasons: grounds
            .map(|grounds| grounds.explained.clone())
            .unwrap_or_default(),
        bundle: trace.bundle,
        input: trace.input,
        activated: run.last().cloned(),
        checkpoints: checkpoints.collect(),
    })
}

fn reviews(request: &RequestFold, own: &[&Opened]) -> Vec<ReviewShown> {
    let reheld = |leaf: &&&Opened| matches!(leaf.entry.event, Event::Reheld { .. });
    let last_hold = own.iter().rev().find(reheld).map(|leaf| leaf.index);
    let shown = own.iter().filter_map(|leaf| {
        let Event::Reviewed {
            reviewer, key, act, ..
        } = &leaf.entry.event
        else {
            return None;
        };
        let answers: Option<Answers> = leaf
            .bytes("answers")
            .and_then(|bytes| canonical::from_canonical_bytes(bytes).ok());
        let authority = leaf.bytes("authority");
        let view: Option<View> = leaf
            .bytes("view")
            .and_then(|bytes| canonical::from_canonical_bytes(bytes).ok());
        let checked = request.checked.iter().find(|(at, _)| *at == leaf.index);
        Some(ReviewShown {
            leaf: leaf.index,
            at: leaf.entry.at,
            reviewer: reviewer.clone(),
            act: *act,
            key: *key,
            assurance: checked.map(|(_, assurance)| *assurance),
            authority: authority.and_then(|bytes| canonical::from_canonical_bytes(bytes).ok()),
            justification: answers
                .as_ref()
                .map(|answers| answers.justification.clone()),
            answers: answers
                .map(|answers| answers.criteria.into_iter().collect())
                .unwrap_or_default(),
            page_files: view.and_then(|view| view.page_files),
            void: last_hold.is_some_and(|hold| leaf.index < hold),
        })
    });
    shown.collect()
}

/// Exactly one person, and why them.
fn accountable(
    request: &RequestFold,
    reviews: &[ReviewShown],
    policy: Option<&PolicyShown>,
    requester: Option<&RequesterShown>,
) -> Option<(HumanId, String)> {
    let owner = requester.map(|requester| requester.accountable.clone());
    match request.decided_by? {
        DecidedBy::Human => {
            let last = reviews.iter().rev().find(|review| !review.void);
            match (last, &request.ended_by) {
                (_, Some(human)) => Some((human.clone(), "ended it".to_owned())),
                (Some(review), None) => {
                    let why = format!("signed the review that decided, at leaf {}", review.leaf);
                    Some((review.reviewer.clone(), why))
                }
                (None, None) => None,
            }
        }
        DecidedBy::Policy => {
            let link = policy.and_then(|policy| policy.activated.as_ref())?;
            let human = link.by.first()?;
            let why = format!(
                "brought the rules that decided into force, at leaf {}",
                link.leaf
            );
            Some((human.clone(), why))
        }
        DecidedBy::Timeout => owner.map(|owner| {
            (
                owner,
                "owns the requester; nobody decided in time".to_owned(),
            )
        }),
        DecidedBy::BreakGlass => {
            let glass = request.glass.as_ref()?.read().ok()?;
            let first = glass.signers.first()?.clone();
            let why = format!(
                "signed with others to break the glass, for {}",
                glass.incident
            );
            Some((first, why))
        }
        DecidedBy::DelegatedModel => owner.map(|owner| (owner, "owns the requester".to_owned())),
    }
}

/// What can still be taken away of what was handed out, as far as the leaves know.
fn lease_revocation(request: &RequestFold, lease: &LeaseFold) -> String {
    match (lease.state, lease.ending) {
        (GrantState::Active | GrantState::Suspended, _) => format!(
            "Yes, at once, by any enrolled human: the credential that was handed out lives until {} at most: `gatehold revoke {}`.",
            lease.not_after, request.id
        ),
        (GrantState::Revoked, _) => {
            "Done: the credential that was handed out is gone, and its target said so.".to_owned()
        }
        (_, Some(since)) => format!(
            "Under way since {since}: the target has not said yet that the credential is gone."
        ),
        (_, None) => {
            "Under way: the target has not said yet that the credential is gone.".to_owned()
        }
    }
}

fn revocation(request: &RequestFold, lease: Option<&LeaseFold>) -> String {
    if let Some(lease) = lease {
        return lease_revocation(request, lease);
    }
    let at =
        |leaf: Option<u64>| leaf.map_or_else(|| "a leaf".to_owned(), |leaf| format!("leaf {leaf}"));
    match request.state {
        State::Held => {
            "Nothing is permitted yet. It can be denied, or taken back by the requester.".to_owned()
        }
        State::Allowed | State::Redeemable => format!(
            "Yes, at once, by any enrolled human, until it is used or {} has passed: `gatehold revoke {}`.",
            request.spend_by, request.id
        ),
        State::Executing => format!(
            "No longer: its one use was claimed at {}. It is never run again.",
            at(request.execution)
        ),
        State::Completed | State::Failed | State::Unknown => format!(
            "Nothing is left to revoke: its one use was claimed at {}, the grant ended with it, and no credential was handed out. What it did can only be undone by a new action.",
            at(request.execution)
        ),
        State::Denied | State::Expired | State::Withdrawn => "Nothing was permitted.".to_owned(),
        State::Revoked => "It was revoked before it was used.".to_owned(),
    }
}

/// What happened to a request, and to the credential that came of it.
fn steps(request: RequestId, opened: &[Opened]) -> Vec<Step> {
    let is_of = |leaf: &&Opened| match &leaf.entry.event {
        // Its row is that of the grant, or there is none.
        Event::Lease { of, .. }
        | Event::PostReviewed { of, .. }
        | Event::GlassOverdue { of, .. } => *of == request,
        _ => leaf.entry.request == Some(request),
    };
    opened.iter().filter(is_of).map(step).collect()
}

fn step(leaf: &Opened) -> Step {
    let what = match &leaf.entry.event {
        Event::Submitted { requester, .. } => {
            let state = leaf.entry.to.map_or("", State::name);
            format!("{requester} asked; {state}")
        }
        Event::Reviewed { reviewer, act, .. } => {
            let act = match act {
                ReviewAct::Approve => "approved",
                ReviewAct::Deny => "denied",
            };
            format!(
                "{reviewer} {act}; {}",
                leaf.entry.to.map_or("", State::name)
            )
        }
        Event::Acted {
            human,
            act,
            channel,
            ..
        } => {
            let who = human
                .as_ref()
                .map_or_else(|| "the requester".to_owned(), ToString::to_string);
            format!("{who}: {act} ({channel})")
        }
        Event::Escalated {
            after_seconds,
            teams,
        } => {
            let teams: Vec<String> = teams.iter().map(ToString::to_string).collect();
            let waited = format!("nobody decided in {after_seconds} s");
            match teams.as_slice() {
                [] => format!("{waited}; escalated"),
                teams => format!("{waited}; also asked: {}", teams.join(", ")),
            }
        }
        Event::Reheld { .. } => "held again; earlier reviews are void".to_owned(),
        Event::Closed { code, human, .. } => match human {
            Some(human) => format!("{code} by {human}"),
            None => code.clone(),
        },
        Event::Claimed { lease: Some(_), .. } => {
            "a credential claimed, with proof rebuilt; how it is taken away is recorded".to_owned()
        }
        Event::Claimed { .. } => "execution claimed, with proof rebuilt".to_owned(),
        Event::Lease { what, code, .. } => format!("the credential: {} ({code})", what.name()),
        Event::Executed { outcome, .. } => format!("the target reported `{}`", outcome.code),
        Event::Trust { what, .. } => format!("applied: {what}"),
        other => super::glass::step(other).unwrap_or_else(|| "something else".to_owned()),
    };
    Step {
        leaf: leaf.index,
        at: leaf.entry.at,
        what,
        trace: leaf.entry.event.answer(),
    }
}
