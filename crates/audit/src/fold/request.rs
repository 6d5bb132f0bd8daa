//! One request, put together from its leaves. From them follow its state, its row and everything a review must be about;
//! the row that the gate says it wrote must be the one that follows.

use gatehold_core::action::Envelope;
use gatehold_core::approved::bound;
use gatehold_core::assurance::Assurance;
use gatehold_core::commit::LeafKind;
use gatehold_core::decide::Claims;
use gatehold_core::entry::{Basis, Event, Grounds, Stood, Trace};
use gatehold_core::glass::SignedGlass;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::limits::Limits;
use gatehold_core::request::record::Asked;
use gatehold_core::request::state::{self, Event as Step};
use gatehold_core::request::{Closing, DecidedBy, HeldAt, Outcome, RequestRecord, State, Turn};
use gatehold_core::requester::Requester;
use gatehold_core::review::UnverifiedReview;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::verdict::Reason;

use super::{Checked, Fold, ensure, wrong};
use crate::finding::Code;
use crate::opened::{Expect, Opened};

/// What the leaves so far say about one request. Parts that were erased are not there.
#[derive(Debug, Clone)]
pub(crate) struct RequestFold {
    pub(crate) id: RequestId,
    /// A finding stands against it: nothing later of it is checked.
    pub(crate) broken: bool,
    pub(crate) state: State,
    pub(crate) version: u64,
    pub(crate) digest: Hash,
    pub(crate) request_hash: Hash,
    pub(crate) display_hash: Hash,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) asked: Option<Asked>,
    pub(crate) claims_head: Option<Hash>,
    pub(crate) grounds: Option<Grounds>,
    pub(crate) trace: Option<Trace>,
    /// The tier its row carries.
    pub(crate) tier: Tier,
    /// The tier at which its step was counted into its task's chain.
    pub(crate) counted: Option<Tier>,
    pub(crate) held_before: bool,
    /// What holds it; nothing when it was never held or the definitions were erased.
    pub(crate) held: Option<HeldAt>,
    /// The limits now; nothing when the grounds that state them were erased.
    pub(crate) limits: Option<Limits>,
    pub(crate) spend_by: Timestamp,
    /// Reviews since it was last held; erased ones are not there.
    pub(crate) reviews: Vec<Option<UnverifiedReview>>,
    pub(crate) approved_by: Vec<HumanId>,
    /// The glass was broken since it was last held.
    pub(crate) broken_open: bool,
    /// By what was signed; nothing when that was erased.
    pub(crate) glass: Option<SignedGlass>,
    pub(crate) nonces: Vec<String>,
    /// Reviews whose signature verified: their leaf, and what it counted for.
    pub(crate) checked: Vec<(u64, Assurance)>,
    /// Who ended it without a signed review.
    pub(crate) ended_by: Option<HumanId>,
    pub(crate) claimed_by: Option<HumanId>,
    pub(crate) escalations: u32,
    pub(crate) handled: u32,
    pub(crate) turns: Vec<Turn>,
    pub(crate) decided_by: Option<DecidedBy>,
    pub(crate) grant: Option<GrantId>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) closing: Option<Closing>,
    /// The leaf that let it out: policy's or the last reviewer's.
    pub(crate) decision: Option<u64>,
    pub(crate) execution: Option<u64>,
    pub(crate) outcome_leaf: Option<u64>,
}

impl RequestFold {
    /// A request of which nothing sound is known.
    pub(crate) fn unknown(id: RequestId) -> Self {
        let nothing = Hash::of(b"");
        let never = Timestamp::from_millis(0);
        Self {
            id,
            broken: true,
            state: State::Unknown,
            version: 0,
            digest: nothing,
            request_hash: nothing,
            display_hash: nothing,
            envelope: None,
            asked: None,
            claims_head: None,
            grounds: None,
            trace: None,
            tier: Tier::Red,
            counted: None,
            held_before: false,
            held: None,
            limits: None,
            spend_by: never,
            reviews: Vec::new(),
            approved_by: Vec::new(),
            broken_open: false,
            glass: None,
            nonces: Vec::new(),
            checked: Vec::new(),
            ended_by: None,
            claimed_by: None,
            escalations: 0,
            handled: 0,
            turns: Vec::new(),
            decided_by: None,
            grant: None,
            outcome: None,
            closing: None,
            decision: None,
            execution: None,
            outcome_leaf: None,
        }
    }

    /// The row that follows from the leaves, when nothing it needs was erased.
    // INVARIANT(fold-equals-row): compared with the hash that each leaf records.
    pub(crate) fn record(&self) -> Option<RequestRecord> {
        let (asked, grounds) = (self.asked.as_ref()?, self.grounds.as_ref()?);
        let trace = self.trace.as_ref()?;
        let unread = self.broken_open && self.glass.is_none();
        if unread || self.held_before && self.held.is_none() {
            return None;
        }
        Some(RequestRecord {
            id: self.id,
            state: self.state,
            envelope: self.envelope.clone()?,
            digest: self.digest,
            requester: asked.requester.clone(),
            claims_root: asked.claims_root,
            claims_head: self.claims_head?,
            purpose: asked.purpose,
            submitted_at: asked.submitted_at,
            request_nonce: asked.request_nonce,
            request_hash: self.request_hash,
            intent: grounds.intent,
            tier: self.tier,
            raised: grounds.tier.raised(),
            labels: grounds.labels,
            counted: self.counted,
            sentence: grounds.sentence.clone(),
            display_hash: self.display_hash,
            bundle: trace.bundle,
            input: trace.input,
            rules: trace.rules.clone(),
            reasons: grounds.reasons.clone(),
            limits: self.limits.clone()?,
            held: self.held.clone(),
            spend_by: self.spend_by,
            reviews: self.reviews.iter().cloned().collect::<Option<_>>()?,
            glass: self.glass.clone(),
            claimed_by: self.claimed_by.clone(),
            escalations: self.escalations,
            handled: self.handled,
            turns: self.turns.clone(),
            decided_by: self.decided_by,
            grant: self.grant,
            outcome: self.outcome.clone(),
            closing: self.closing.clone(),
        })
    }

    /// It was decided: its step counts, once, and at the highest tier at which it was decided.
    pub(super) fn count_step(&mut self) {
        let in_task = self.envelope.as_ref().is_some_and(|it| it.task.is_some());
        if in_task {
            self.counted = self.counted.max(Some(self.tier));
        }
    }

    pub(crate) fn requester(&self) -> Option<&Requester> {
        self.asked.as_ref().map(|asked| &asked.requester)
    }

    /// Who approved since it was last held, as their signed reviews say.
    pub(crate) fn approvers(&self) -> Vec<HumanId> {
        self.approved_by.clone()
    }

    /// Takes the machine's steps, if it has them and they end where the leaf says.
    // INVARIANT(terminal-stays-terminal): no row of the table starts at a terminal state.
    pub(super) fn step(&mut self, steps: &[Step], leaf: &Opened) -> Checked {
        let from = self.state;
        let to = steps
            .iter()
            .try_fold(from, |state, step| state::next(state, *step));
        if to.is_none() || to != leaf.entry.to {
            let to = leaf.entry.to.map_or("nothing", State::name);
            return wrong(
                Code::Transition,
                format!("a request cannot go from {} to {to} this way", from.name()),
            );
        }
        self.state = to.unwrap_or(from);
        Ok(())
    }

    /// The next leaf of this request must follow its last one.
    fn check_order(&self, leaf: &Opened) -> Checked {
        let entry = &leaf.entry;
        if entry.version != self.version.saturating_add(1) || entry.from != Some(self.state) {
            let text = format!(
                "it changes version {} ({}), and the leaves before it lead to version {} ({}): one is missing, added or moved",
                entry.version.saturating_sub(1),
                entry.from.map_or("nothing", State::name),
                self.version,
                self.state.name()
            );
            return wrong(Code::Order, text);
        }
        Ok(())
    }
}

impl Fold {
    /// Follows a leaf about a request that was submitted before.
    pub(super) fn follow(&mut self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        request.check_order(leaf)?;
        match (&leaf.entry.event, leaf.kind) {
            (Event::Reviewed { .. }, LeafKind::Review | LeafKind::Decision) => {
                self.reviewed(request, leaf)?;
            }
            (Event::BrokeGlass { .. }, LeafKind::BreakGlass) => self.broke_glass(request, leaf)?,
            (Event::Acted { .. }, LeafKind::Act) => self.acted(request, leaf)?,
            (Event::Escalated { .. }, LeafKind::Act) => escalated(request, leaf)?,
            (Event::Reheld { .. }, LeafKind::Closing) => self.reheld(request, leaf)?,
            (Event::Closed { .. }, LeafKind::Closing) => self.closed(request, leaf)?,
            (Event::Claimed { .. }, LeafKind::Execution) => self.claimed(request, leaf)?,
            (Event::Executed { .. }, LeafKind::Outcome) => self.executed(request, leaf)?,
            (Event::Trust { .. }, LeafKind::Trust | LeafKind::Outcome | LeafKind::Erasure) => {
                self.changed(request, leaf)?;
            }
            _ => {
                return wrong(
                    Code::Record,
                    "its event does not belong into a leaf of this kind",
                );
            }
        }
        request.version = leaf.entry.version;
        self.check_row(request, leaf)
    }

    /// The recorded row is the one that follows.
    pub(super) fn check_row(&mut self, request: &RequestFold, leaf: &Opened) -> Checked {
        let Some(said) = leaf.entry.row else {
            return wrong(Code::Row, "it records no row");
        };
        let Some(record) = request.record() else {
            if !request.state.is_terminal() {
                return Ok(());
            }
            if self.expect == Expect::Everything {
                let text = format!(
                    "the row of {} cannot be rebuilt: a part was erased",
                    request.id
                );
                self.gap(Some(leaf.index), text);
            }
            return Ok(());
        };
        let bytes = canonical::to_bytes(&record).map_err(|error| (Code::Row, error.to_string()))?;
        ensure(
            Hash::of(&bytes) == said,
            Code::Row,
            "the row it records does not follow from the request's leaves",
        )
    }

    /// Policy, asked again, holds it at something else.
    fn reheld(&mut self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::Reheld {
            trace,
            requirement,
            decide_by,
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        self.check_trace(trace)?;
        request.step(&[Step::Reheld], leaf)?;
        let grounds = self.grounds(leaf, trace, Some(*requirement))?;
        ensure(
            grounds
                .as_ref()
                .is_none_or(|grounds| grounds.reasons == trace.reasons),
            Code::Policy,
            "its reasons are not those that policy gave when it was asked again",
        )?;
        request.held_before = true;
        request.held = None;
        if let Some(Grounds {
            requirement: Some(requirement),
            limits,
            ..
        }) = &grounds
        {
            let last = leaf
                .entry
                .at
                .plus_seconds(requirement.decide_within_seconds());
            ensure(
                *decide_by == last.min(request.spend_by),
                Code::Deadline,
                "its new time to decide is not the one its checkpoints give",
            )?;
            let before = request.limits.as_ref();
            ensure(
                before.is_none_or(|before| *limits == bound(requirement, before)),
                Code::Limits,
                "its limits are not the old ones within its new checkpoints",
            )?;
            request.held = Some(HeldAt::new(requirement, leaf.entry.at, *decide_by));
        }
        request.limits = grounds.as_ref().map(|grounds| grounds.limits.clone());
        request.grounds = grounds;
        request.reviews.clear();
        request.approved_by.clear();
        request.broken_open = false;
        request.glass = None;
        request.grant = None;
        request.decided_by = None;
        request.decision = None;
        request.tier = trace.tier;
        request.trace = Some(trace.clone());
        Ok(())
    }

    /// It ended without being executed.
    fn closed(&mut self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::Closed {
            code,
            decided_by,
            human,
            trace,
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let at = leaf.entry.at;
        let step = match leaf.entry.to {
            Some(State::Expired) => Step::Expired,
            Some(State::Withdrawn) => Step::Withdrawn,
            Some(State::Revoked) => Step::Revoked,
            Some(State::Denied) if *decided_by == DecidedBy::Policy => Step::Forbidden,
            Some(State::Denied) => Step::Denied,
            _ => return wrong(Code::Transition, "no request ends this way"),
        };
        if step == Step::Expired {
            let due = match (&request.held, request.state) {
                (Some(held), State::Held) => held.decide_by.min(request.spend_by),
                _ => request.spend_by,
            };
            ensure(at > due, Code::Deadline, "it expired before its time")?;
        }
        if let Some(human) = human {
            ensure(
                self.is_enrolled(human),
                Code::Directory,
                "whoever ended it was not enrolled",
            )?;
        }
        match trace {
            Basis::Asked(trace) => {
                self.check_trace(trace)?;
                request.trace = Some(trace.clone());
                if let Some(grounds) = &mut request.grounds {
                    asked_again(grounds, trace);
                }
            }
            Basis::Stood(stood) => check_stood(request, stood)?,
        }
        request.step(&[step], leaf)?;
        request.ended_by.clone_from(human);
        request.decided_by = Some(*decided_by);
        request.closing = Some(Closing {
            code: code.clone(),
            decided_by: *decided_by,
            at,
        });
        Ok(())
    }

    /// An act without a verdict.
    fn acted(&mut self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::Acted {
            human, act, trace, ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let code = match act.as_str() {
            "deny" => Some("denied_by_human"),
            "suspicious" => Some("suspicious"),
            "ask" | "answer" | "claim" | "release" | "escalate" => None,
            _ => return wrong(Code::Record, "there is no such act"),
        };
        let step = if code.is_some() {
            Step::Denied
        } else {
            Step::Acted
        };
        ensure(
            trace.is_some() == code.is_some(),
            Code::Policy,
            "an act that denies states the answer of policy that stood, and no other does",
        )?;
        if let Some(stood) = trace {
            check_stood(request, stood)?;
        }
        request.step(&[step], leaf)?;
        if let Some(human) = human {
            self.check_actor(request, human, leaf)?;
        } else {
            ensure(act == "answer", Code::Record, "the act has no author")?;
        }
        if matches!(act.as_str(), "ask" | "answer") {
            request.turns.push(Turn {
                version: leaf.entry.version,
                asked_by: human.clone(),
                at: leaf.entry.at,
            });
        }
        if matches!(act.as_str(), "claim" | "release" | "escalate") {
            request.handled = request.handled.saturating_add(1);
        }
        match act.as_str() {
            "answer" => {
                request.claims_head = request
                    .claims_head
                    .zip(text(leaf))
                    .map(|(head, text)| Claims::extend(head, &text));
            }
            "claim" => request.claimed_by.clone_from(human),
            "release" => {
                let own = request.claimed_by.is_some() && request.claimed_by == *human;
                ensure(own, Code::Record, "a claim is released by somebody else")?;
                request.claimed_by = None;
            }
            "escalate" => {
                request.escalations = request.escalations.saturating_add(1);
                if let Some(held) = &mut request.held {
                    held.escalate(0);
                }
            }
            _ => {}
        }
        if let Some(code) = code {
            request.ended_by.clone_from(human);
            request.decided_by = Some(DecidedBy::Human);
            request.closing = Some(Closing {
                code: code.to_owned(),
                decided_by: DecidedBy::Human,
                at: leaf.entry.at,
            });
        }
        Ok(())
    }

    /// Whoever acts may decide, by themselves or for somebody who is away.
    fn check_actor(&mut self, request: &RequestFold, human: &HumanId, leaf: &Opened) -> Checked {
        let Some(directory) = self.directory() else {
            return Ok(());
        };
        let known = directory.humans.contains_key(human);
        let mut given = directory.delegations.values();
        let given = given.any(|given| given.to == *human);
        let may = request.held.as_ref().is_none_or(|held| {
            let lending = self.lending(request, held, directory, leaf.entry.at);
            lending.entitles(human)
        });
        let requester = request.requester();
        if known && !may && given && requester.is_none() {
            let text =
                "who asked is not here: whether a delegation let somebody act was not checked";
            self.gap(Some(leaf.index), text);
            return Ok(());
        }
        let own = requester.is_some_and(|requester| requester.set().contains(human));
        ensure(
            known && may && !own,
            Code::Review,
            "whoever acted was not entitled to",
        )
    }
}

/// The text of an act: nothing when it was erased, empty when there was none.
fn text(leaf: &Opened) -> Option<String> {
    match (leaf.bytes("text"), leaf.entry.attachments.get("text")) {
        (Some(bytes), _) => Some(String::from_utf8_lossy(bytes).into_owned()),
        (None, None) => Some(String::new()),
        (None, Some(_)) => None,
    }
}

/// Nobody decided in the time that its checkpoints give.
fn escalated(request: &mut RequestFold, leaf: &Opened) -> Checked {
    let Event::Escalated {
        after_seconds,
        teams,
    } = &leaf.entry.event
    else {
        return Ok(());
    };
    request.step(&[Step::Escalated], leaf)?;
    request.escalations = request.escalations.saturating_add(1);
    let Some(held) = &mut request.held else {
        return Ok(());
    };
    ensure(
        held.escalates_at().is_some_and(|at| leaf.entry.at >= at),
        Code::Deadline,
        "it was escalated before its time",
    )?;
    ensure(
        held.escalate(*after_seconds) == *teams,
        Code::Deadline,
        "its checkpoints do not ask these teams by then",
    )
}

/// The reasons are those of the last answer. It keeps codes alone: a sentence is known where the answer before gave it.
fn asked_again(grounds: &mut Grounds, trace: &Trace) {
    grounds.reasons.clone_from(&trace.reasons);
    let known = std::mem::take(&mut grounds.explained);
    let text = |code: &String| {
        let reason = known.iter().find(|reason| reason.code == *code);
        reason.map_or_else(String::new, |reason| reason.text.clone())
    };
    let explain = |code: &String| Reason {
        code: code.clone(),
        text: text(code),
    };
    grounds.explained = trace.reasons.iter().map(explain).collect();
}

/// What a leaf says stood is what the leaves before it led to.
pub(super) fn check_stood(request: &RequestFold, stood: &Stood) -> Checked {
    let same = request.trace.as_ref().is_none_or(|trace| {
        trace.bundle == stood.bundle && trace.input == stood.input && trace.rules == stood.rules
    });
    let reasons = request.grounds.as_ref();
    ensure(
        same && stood.tier == request.tier
            && reasons.is_none_or(|grounds| grounds.reasons == stood.reasons),
        Code::Policy,
        "the answer of policy that it says stood is not the one that did",
    )
}
