//! Which rows a leaf may put: those of its own event. A leaf of another kind that names a row would make an edited row
//! follow from the ledger.

use gatehold_core::entry::Event;

use super::{Checked, wrong};
use crate::finding::Code;
use crate::opened::Opened;

/// Every row that a leaf names besides its request's belongs to its event.
pub(super) fn only_its_rows(leaf: &Opened) -> Checked {
    let about_request = leaf.entry.request.is_some();
    for key in leaf.entry.rows.keys() {
        let grant = about_request && key.starts_with("grant/");
        if !grant && !is_its_own(&leaf.entry.event, about_request, key) {
            return wrong(
                Code::Row,
                format!("it puts the row {key}, which is none of its event"),
            );
        }
    }
    Ok(())
}

fn is_its_own(event: &Event, about_request: bool, key: &str) -> bool {
    let (table, id) = key.split_once('/').unwrap_or_default();
    match event {
        Event::Submitted { requester, .. } => table == "workload" && id == requester,
        Event::Acted { act, .. } => table == "workload" && act == "suspicious",
        Event::Task { task, .. } => table == "task" && id == task.to_string(),
        Event::Stops { .. } | Event::Flagged { .. } => key == "stops/main",
        Event::Lease { grant, .. } => table == "grant" && id == grant.to_string(),
        Event::Paused { workload, .. } => table == "workload" && id == workload,
        Event::Trust { what, .. } => match what.as_str() {
            "stop.lift" if about_request => key == "stops/main",
            "workload.resume" if about_request => table == "workload",
            "record.erase" if about_request => false,
            _ => key == "directory/main",
        },
        Event::Reviewed { .. }
        | Event::Escalated { .. }
        | Event::Reheld { .. }
        | Event::Closed { .. }
        | Event::Claimed { .. }
        | Event::Executed { .. }
        | Event::Refused { .. }
        | Event::BrokeGlass { .. }
        | Event::PostReviewed { .. }
        | Event::GlassOverdue { .. }
        | Event::Corrected { .. }
        | Event::Tampered { .. }
        | Event::Rejoined { .. } => false,
    }
}
