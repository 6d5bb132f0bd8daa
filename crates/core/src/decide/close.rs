//! Ends without execution: withdrawn by the requester, expired on the clock, revoked by people or by the task's end.

use super::world::{CallNonce, Fresh, World};
use super::writer::{About, Writer, holds};
use super::{Release, Sealed};
use crate::commit::{LeafKind, Write};
use crate::entry::{Basis, Event, Stood};
use crate::grant::{Grant, GrantState};
use crate::hash::Hash;
use crate::ids::HumanId;
use crate::refusal::Refusal;
use crate::request::state::{self, Event as Step};
use crate::request::{Closing, DecidedBy, RequestRecord, State};
use crate::time::Timestamp;

/// Somebody takes away what was allowed, or the task it belonged to has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    /// Who; nobody when the task ended.
    pub human: Option<HumanId>,
    /// A stable code: `revoked`, `task_ended`, `stopped`.
    pub code: &'static str,
}

/// The requester takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdraw {
    /// Thumbprint of the key that signed this call; it must be the one that asked.
    pub key: Hash,
    /// The nonce of this call's proof.
    pub nonce: CallNonce,
}

pub(super) fn withdraw(
    withdraw: &Withdraw,
    record: &RequestRecord,
    version: u64,
    grant: Option<(&Grant, u64)>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    if guard!("withdraw-own-key", withdraw.key != record.requester.key()) {
        return Err(Refusal::NoSuchRequest);
    }
    let end = End {
        step: Step::Withdrawn,
        code: "withdrawn",
        decided_by: DecidedBy::Policy,
        human: None,
        call: Some((withdraw.key, withdraw.nonce.clone())),
    };
    finish(&end, record, version, grant, fresh, now)
}

pub(super) fn expire(
    record: &RequestRecord,
    version: u64,
    grant: Option<(&Grant, u64)>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let early = record.deadline().is_none_or(|due| now <= due);
    if guard!("expire-due", early) {
        return Err(Refusal::WrongState {
            state: record.state.name(),
        });
    }
    let end = End {
        step: Step::Expired,
        code: "expired",
        decided_by: DecidedBy::Timeout,
        human: None,
        call: None,
    };
    finish(&end, record, version, grant, fresh, now)
}

pub(super) fn revoke(
    revoke: Revoke,
    record: &RequestRecord,
    version: u64,
    grant: Option<(&Grant, u64)>,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    if let Some(human) = &revoke.human
        && guard!(
            "revoke-known-human",
            !world.directory.humans.contains_key(human)
        )
    {
        return Err(Refusal::NotEntitled);
    }
    // What is still held when its task ends is taken back rather than revoked: nothing was allowed yet.
    let step = if record.state == State::Held {
        Step::Withdrawn
    } else {
        Step::Revoked
    };
    let decided_by = if revoke.human.is_some() {
        DecidedBy::Human
    } else {
        DecidedBy::Policy
    };
    let end = End {
        step,
        code: revoke.code,
        decided_by,
        human: revoke.human,
        call: None,
    };
    finish(&end, record, version, grant, fresh, now)
}

/// How it ends.
struct End {
    step: Step,
    code: &'static str,
    decided_by: DecidedBy,
    human: Option<HumanId>,
    /// The signed call that ends it, if one does.
    call: Option<(Hash, CallNonce)>,
}

fn finish(
    end: &End,
    record: &RequestRecord,
    version: u64,
    grant: Option<(&Grant, u64)>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let mut next = record.clone();
    next.state = state::next(record.state, end.step).ok_or(Refusal::WrongState {
        state: record.state.name(),
    })?;
    next.decided_by = Some(end.decided_by);
    next.closing = Some(Closing {
        code: end.code.to_owned(),
        decided_by: end.decided_by,
        at: now,
    });
    let mut writer = Writer::new(fresh);
    if let Some((key, nonce)) = &end.call
        && guard!("withdraw-nonce-once", true)
    {
        writer.once_called(key, nonce);
    }
    if record.state == State::Held {
        writer.add(holds(&record.requester.name()), -1);
    }
    if let Some((grant, grant_version)) = grant {
        // Held execution leaves nothing at the target before it is claimed, so the end is verified by being written.
        let state = if end.step == Step::Revoked {
            GrantState::Revoked
        } else {
            GrantState::Ended
        };
        let ended = Grant {
            state,
            reason: end.code.to_owned(),
            ..grant.clone()
        };
        writer.put_grant(&ended, grant_version)?;
    }
    writer.announce_end("closed", record);
    let event = Event::Closed {
        code: end.code.to_owned(),
        decided_by: end.decided_by,
        human: end.human.clone(),
        trace: Basis::Stood(Stood::of(record)),
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let write = writer.finish(LeafKind::Closing, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(next)));
    Ok((write, sealed))
}
