//! A change of the gate itself, approved by people: proven, applied and put on the chain in one write. There is nothing
//! outside the store to execute, so it is claimed and completed at once.

use super::redeem::Redeem;
use super::world::{Fresh, Pause, World};
use super::writer::{About, Writer, trace};
use super::{Release, Sealed};
use crate::approved::Approved;
use crate::commit::{LeafKind, RowIndex, RowKey, Table, Write};
use crate::directory::Directory;
use crate::entry::Event;
use crate::grant::{Grant, GrantState};
use crate::hash::Hash;
use crate::refusal::Refusal;
use crate::request::state::{self, Event as Step};
use crate::request::{Outcome, RequestRecord};
use crate::time::Timestamp;
use crate::trust::{
    Change, DelegationReason, Evidence, Executed, SignedDelegation, SignedDelegationEnd,
    SignedReinstatement, SubmitSignature, Suspension, TrustError,
};

/// The body of the directory row: nothing but a count. The directory itself is folded from the chain.
#[derive(serde::Serialize)]
struct DirectoryRow {
    links: u64,
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one decision, used once; a struct would only rename them"
)]
pub(super) fn apply(
    redeem: &Redeem,
    record: &RequestRecord,
    version: u64,
    (grant, grant_version): (&Grant, u64),
    approved: &Approved,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let change = Change::of(approved.action()).map_err(|_| Refusal::NotProven("change"))?;
    let submit = redeem
        .submit
        .clone()
        .ok_or(Refusal::NotProven("submit signature"))?;
    let mut next = record.clone();
    for step in [Step::Claimed, Step::Completed] {
        next.state = state::next(next.state, step).ok_or(Refusal::WrongState {
            state: record.state.name(),
        })?;
    }
    next.outcome = Some(Outcome {
        code: "ok".to_owned(),
        quantity: None,
        result: Hash::of(b""),
        at: now,
    });
    let mut writer = Writer::new(fresh);
    // To resume a workload is to change its row: that one is read and guarded, not one of the person who asks.
    let paused = match &change {
        Change::WorkloadResume(resume) => resume.workload.to_string(),
        _ => record.requester.name(),
    };
    writer.guard_world(world, &paused);
    if guard!("apply-once", true) {
        writer.once(format!("claim:{}", record.id), None);
    }
    if guard!("apply-deadline-in-commit", true) {
        writer.deadline(record.spend_by);
        writer.deadline(grant.expires_at);
        writer.deadline(approved.limits().not_after);
    }
    let spent = Grant {
        uses: grant.uses.saturating_add(1),
        state: GrantState::Ended,
        reason: "used".to_owned(),
        ..grant.clone()
    };
    writer.put_grant(&spent, grant_version)?;
    let directory = rows(&mut writer, record, &change, world)?;
    // The evidence is the request as it was approved, so that anyone can count its reviews again.
    let (evidence, bytes) = evidence(record, approved, submit, world)?;
    writer.attach("evidence", bytes);
    writer.announce_end("executed", record);
    let event = Event::Trust {
        directory,
        what: approved.action().envelope().descriptor.id.to_string(),
        evidence,
        trace: Some(trace(world.policy.ok_or(Refusal::Stale)?, world)),
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let kind = if change.changes_directory() {
        LeafKind::Trust
    } else if matches!(change, Change::RecordErase(_)) {
        LeafKind::Erasure
    } else {
        LeafKind::Outcome
    };
    let write = writer.finish(kind, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(next)));
    Ok((write, sealed))
}

/// The rows the change touches, and the directory's version afterwards.
fn rows(
    writer: &mut Writer<'_>,
    record: &RequestRecord,
    change: &Change,
    world: &World<'_>,
) -> Result<u64, Refusal> {
    let version = world.directory.version;
    if change.changes_directory() {
        let links = version.saturating_add(1);
        let key = RowKey::new(Table::Directory, &"main");
        writer.put_row(key, version, &DirectoryRow { links }, RowIndex::default())?;
        return Ok(links);
    }
    // What was stopped or paused after it was asked for stays so: nobody who approved it knew of that.
    let asked = || {
        let asked = world.restraints.asked_at(&record.id);
        asked.ok_or(Refusal::NotProven("submission"))
    };
    match change {
        Change::StopLift(lifted) => {
            let since = world.restraints.stopped_since(asked()?);
            let stops = world.stops.value.without(lifted).and(&since);
            let key = RowKey::new(Table::Stops, &"main");
            writer.put_row(key, world.stops.version, &stops, RowIndex::default())?;
        }
        Change::WorkloadResume(resume) => {
            let name = resume.workload.as_str();
            if !world.restraints.is_paused_since(name, asked()?) {
                let key = RowKey::new(Table::Workload, &resume.workload);
                let free = Pause { code: None };
                writer.put_row(key, world.pause.version, &free, RowIndex::default())?;
            }
        }
        _ => {}
    }
    Ok(version)
}

fn evidence(
    record: &RequestRecord,
    approved: &Approved,
    submit: SubmitSignature,
    world: &World<'_>,
) -> Result<(Hash, Vec<u8>), Refusal> {
    let executed = Executed::new(record.clone(), approved.action().payload(), submit);
    // Refused here as the chain would refuse it: an unusable link must not be written, and a policy that asks for less
    // than the chain does must not make one.
    if let Err(error) = executed.check(world.directory)
        && guard!("apply-as-the-chain-would", true)
    {
        return Err(Refusal::Claims(error.to_string()));
    }
    let evidence = Evidence::Executed(Box::new(executed));
    let damaged = |_| Refusal::NotProven("evidence");
    Ok((
        evidence.hash().map_err(damaged)?,
        evidence.to_bytes().map_err(damaged)?,
    ))
}

/// The first write of a gate: leaf 0 with the root statement, and the directory row at version 1.
///
/// # Errors
/// When the root statement has no canonical form.
pub fn found(
    evidence: &Evidence,
    bundle: Vec<u8>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    let mut writer = Writer::new(fresh);
    let key = RowKey::new(Table::Directory, &"main");
    writer.put_row(key, 0, &DirectoryRow { links: 1 }, RowIndex::default())?;
    let damaged = |_| Refusal::NotProven("root");
    writer.attach("evidence", evidence.to_bytes().map_err(damaged)?);
    writer.attach("bundle", bundle);
    let event = Event::Trust {
        directory: 1,
        what: "root".to_owned(),
        evidence: evidence.hash().map_err(damaged)?,
        trace: None,
    };
    writer.finish(LeafKind::Root, &About::default(), event, now)
}

/// A key revocation: verified here as the chain verifies it.
///
/// # Errors
/// When it does not verify under this directory.
pub fn revoke_key(
    evidence: &Evidence,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    let Evidence::Revocation(revocation) = evidence else {
        return Err(Refusal::NotProven("revocation"));
    };
    revocation
        .check(world.directory)
        .map_err(|error| Refusal::Claims(error.to_string()))?;
    link(
        LeafKind::Trust,
        KEY_REVOKE,
        evidence,
        world.directory,
        fresh,
        now,
    )
}

/// Somebody who is away lets another person decide for them: verified here as the chain verifies it, and of now.
///
/// # Errors
/// When it does not verify under this directory, was signed long ago, or has other words than were signed.
pub fn delegate(
    delegation: &SignedDelegation,
    reason: Vec<u8>,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    let refused = |error: TrustError| Refusal::Claims(error.to_string());
    delegation.check(world.directory).map_err(refused)?;
    let statement = delegation.read().map_err(refused)?;
    if guard!("delegation-of-now", !statement.is_of(now)) {
        return Err(Refusal::Claims(
            "the delegation was signed too long ago, by a clock that is ahead, or is over already; sign it anew".to_owned(),
        ));
    }
    DelegationReason::check(&reason, statement.reason).map_err(refused)?;
    let mut writer = Writer::new(fresh);
    if guard!("delegation-signed-once", true) {
        writer.once(delegation_key(&delegation.id()), None);
    }
    let evidence = Evidence::Delegation(delegation.clone());
    let parts = [("reason", reason)];
    link_with(
        writer,
        (LeafKind::Trust, DELEGATION_ADD),
        &evidence,
        parts,
        world.directory,
        now,
    )
}

/// A delegation ends early: verified here as the chain verifies it.
///
/// # Errors
/// When it does not verify under this directory.
pub fn end_delegation(
    end: &SignedDelegationEnd,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    end.check(world.directory)
        .map_err(|error| Refusal::Claims(error.to_string()))?;
    let evidence = Evidence::DelegationEnd(end.clone());
    let directory = world.directory;
    link(
        LeafKind::Trust,
        DELEGATION_END,
        &evidence,
        directory,
        fresh,
        now,
    )
}

/// An identity provider says that somebody is gone: verified here as the chain verifies it.
///
/// # Errors
/// When it cannot be applied under this directory.
pub fn suspend(
    suspension: &Suspension,
    directory: &Directory,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    suspension
        .check(directory)
        .map_err(|error| Refusal::Claims(error.to_string()))?;
    let evidence = Evidence::Suspension(suspension.clone());
    let kind = LeafKind::Trust;
    link(kind, PERSON_SUSPEND, &evidence, directory, fresh, now)
}

/// It says that they are back: verified here as the chain verifies it.
///
/// # Errors
/// When it does not verify under this directory.
pub fn reinstate(
    end: &SignedReinstatement,
    directory: &Directory,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    end.check(directory)
        .map_err(|error| Refusal::Claims(error.to_string()))?;
    let evidence = Evidence::Reinstatement(end.clone());
    let kind = LeafKind::Trust;
    link(kind, PERSON_REINSTATE, &evidence, directory, fresh, now)
}

/// What the record of a suspension by an identity provider calls it.
pub const PERSON_SUSPEND: &str = "person.suspend";

/// What the record of its end calls it.
pub const PERSON_REINSTATE: &str = "person.reinstate";

/// The unique key of one signed delegation: it is recorded once.
#[must_use]
pub fn delegation_key(id: &Hash) -> String {
    format!("delegation:{}", id.hex())
}

/// What the record of a delegation calls it.
pub const DELEGATION_ADD: &str = "delegation.add";

/// What the record of its early end calls it.
pub const DELEGATION_END: &str = "delegation.end";

/// A lost quorum is restored with offline keys: verified here as the chain verifies it, and said in a leaf of its own
/// kind.
///
/// # Errors
/// When it does not verify under this directory.
pub fn recover(
    evidence: &Evidence,
    directory: &Directory,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    let Evidence::Recovery(recovery) = evidence else {
        return Err(Refusal::NotProven("recovery"));
    };
    recovery
        .check(directory)
        .map_err(|error| Refusal::Claims(error.to_string()))?;
    link(
        LeafKind::QuorumLost,
        QUORUM_LOST,
        evidence,
        directory,
        fresh,
        now,
    )
}

/// What the record of a key's revocation calls it.
pub const KEY_REVOKE: &str = "key.revoke";

/// What the record of a recovery calls it.
pub const QUORUM_LOST: &str = "quorum.lost";

/// A link of the chain that no request carries.
fn link(
    kind: LeafKind,
    what: &str,
    evidence: &Evidence,
    directory: &Directory,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    let writer = Writer::new(fresh);
    link_with(writer, (kind, what), evidence, [], directory, now)
}

/// The same with more beside its evidence.
fn link_with<const MORE: usize>(
    mut writer: Writer<'_>,
    (kind, what): (LeafKind, &str),
    evidence: &Evidence,
    more: [(&'static str, Vec<u8>); MORE],
    directory: &Directory,
    now: Timestamp,
) -> Result<Write, Refusal> {
    let links = directory.version.saturating_add(1);
    let key = RowKey::new(Table::Directory, &"main");
    writer.put_row(
        key,
        directory.version,
        &DirectoryRow { links },
        RowIndex::default(),
    )?;
    let damaged = |_| Refusal::NotProven("evidence");
    writer.attach("evidence", evidence.to_bytes().map_err(damaged)?);
    for (name, bytes) in more {
        writer.attach(name, bytes);
    }
    let event = Event::Trust {
        directory: links,
        what: what.to_owned(),
        evidence: evidence.hash().map_err(damaged)?,
        trace: None,
    };
    writer.finish(kind, &About::default(), event, now)
}
