//! What came of an execution. Reported once; what nobody can tell is Unknown and never run again.

use super::world::Fresh;
use super::writer::{About, Writer};
use super::{Release, Sealed};
use crate::commit::{LeafKind, Write};
use crate::entry::{Event, Stood};
use crate::grant::{Grant, GrantState};
use crate::refusal::Refusal;
use crate::request::state::{self, Event as Step};
use crate::request::{Outcome, RequestRecord, State};
use crate::time::Timestamp;

/// The executor's report.
#[derive(Debug)]
pub struct Report {
    /// Completed, Failed or Lost.
    pub step: Step,
    /// What the target said.
    pub outcome: Outcome,
    /// The result's bytes as the workload was given them; an attachment.
    pub result: Vec<u8>,
}

pub(super) fn report(
    report: Report,
    record: &RequestRecord,
    version: u64,
    grant: Option<(&Grant, u64)>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let mut next = record.clone();
    next.state = match state::next(record.state, report.step) {
        Some(to) if record.state == State::Executing => to,
        _ => {
            return Err(Refusal::WrongState {
                state: record.state.name(),
            });
        }
    };
    next.outcome = Some(report.outcome.clone());
    let mut writer = Writer::new(fresh);
    // What was handed out under it lives on, and ends by what becomes of it.
    if let Some((grant, grant_version)) = grant.filter(|(grant, _)| grant.lease.is_none()) {
        let ended = Grant {
            state: GrantState::Ended,
            reason: "used".to_owned(),
            ..grant.clone()
        };
        writer.put_grant(&ended, grant_version)?;
    }
    if !report.result.is_empty() {
        writer.attach("result", report.result);
    }
    writer.announce_end("executed", record);
    let event = Event::Executed {
        outcome: report.outcome,
        digest: record.digest,
        grant: record.grant,
        trace: Stood::of(record),
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let write = writer.finish(LeafKind::Outcome, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(next)));
    Ok((write, sealed))
}
