//! The exact action as lines of runs, from the stored rendering, and the parts of a view as sentences of ours.

use gatehold_core::requester::Requester;
use gatehold_core::view::View;
use gatehold_render::{BlockKind, Display, RunKind};

use super::super::said::counted;

/// A titled part of the rendering.
pub(super) struct Block {
    pub class: &'static str,
    pub title: String,
    pub lines: Vec<Vec<Run>>,
}

/// A stretch of text of one origin.
pub(super) struct Run {
    pub class: &'static str,
    pub text: String,
}

/// The blocks of a display, whole and in their order.
pub(super) fn blocks(display: &Display) -> Vec<Block> {
    let block = |block: &gatehold_render::Block| Block {
        class: match block.kind {
            BlockKind::Warnings => "warnings",
            BlockKind::Action => "envelope",
            BlockKind::Payload => "payload",
            BlockKind::NotDescribed => "undescribed",
            BlockKind::Exact => "exact",
        },
        title: block.title.clone(),
        lines: block
            .lines
            .iter()
            .map(|line| line.runs.iter().map(run).collect())
            .collect(),
    };
    display.blocks.iter().map(block).collect()
}

fn run(run: &gatehold_render::Run) -> Run {
    Run {
        class: match run.kind {
            RunKind::Text => "t",
            RunKind::Label => "l",
            RunKind::Warning => "w",
            RunKind::Mark => "m",
            RunKind::Name => "n",
            RunKind::Value => "v",
            RunKind::Chip => "ch",
        },
        text: run.text.clone(),
    }
}

/// How much it is, for the header.
pub(super) fn size(display: &Display) -> String {
    let counts = &display.counts;
    format!(
        "{}, {}",
        counted(counts.bytes, "byte"),
        counted(counts.lines, "line")
    )
}

/// Who asks, line by line.
pub(super) fn who(requester: &Requester) -> Vec<String> {
    match requester {
        Requester::Workload {
            id,
            kind,
            owner,
            backup,
            assurance,
            point,
            initiator,
            ..
        } => {
            let mut lines = vec![
                format!("{id} ({kind}), key proven: {assurance}"),
                format!("owner {owner}, backup {backup}"),
            ];
            lines.extend(point.iter().map(|point| {
                format!(
                    "through enforcement point {}, owner {}",
                    point.id, point.owner
                )
            }));
            lines.push(initiator.as_ref().map_or_else(
                || "on behalf of UNKNOWN: nobody attested who is behind it".to_owned(),
                |initiator| {
                    let word = if initiator.attested {
                        "attested"
                    } else {
                        "by its own word"
                    };
                    format!("on behalf of {} ({word})", initiator.human)
                },
            ));
            lines
        }
        Requester::Human {
            human,
            beneficiaries,
            ..
        } => {
            let own = format!("{human}, by their own signature");
            let gains = beneficiaries.iter().map(|who| format!("{who} gains by it"));
            std::iter::once(own).chain(gains).collect()
        }
    }
}

/// What its task has done, newest first; equal neighbours stand on one line.
pub(super) fn so_far(view: &View) -> Vec<String> {
    let so_far = &view.so_far;
    let mut lines = vec![counted(so_far.steps, "step")];
    for (set, text) in [
        (so_far.labels.sensitive, "it has read sensitive data"),
        (
            so_far.labels.untrusted,
            "it has taken in text that strangers can write",
        ),
        (so_far.labels.external, "it has reached outside"),
        (so_far.crosses_systems, "it was on other targets before"),
    ] {
        if set {
            lines.push(text.to_owned());
        }
    }
    let same = so_far.latest.chunk_by(|left, right| left == right);
    lines.extend(same.filter_map(|same| {
        let one = same.first()?;
        Some(match same.len() {
            1 => one.clone(),
            several => format!("{several} × {one}"),
        })
    }));
    lines
}
