//! The exact action as lines of runs, from the stored rendering.

use gatehold_render::{BlockKind, Display, RunKind};

/// A titled part of the rendering.
pub(super) struct Block {
    pub class: &'static str,
    pub title: String,
    pub lots: Vec<Lot>,
}

/// Lines that stand together.
pub(super) struct Lot {
    /// Whether they stand in a part of their own, which the browser lays out when somebody comes near it.
    pub apart: bool,
    pub lines: Vec<Vec<Run>>,
}

/// A stretch of text of one origin.
pub(super) struct Run {
    pub class: &'static str,
    pub text: String,
}

/// As in the page's own module.
const LINES_TOGETHER: usize = 200;

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
        lots: block
            .lines
            .chunks(LINES_TOGETHER)
            .map(|lines| Lot {
                apart: lines.len() == LINES_TOGETHER,
                lines: lines
                    .iter()
                    .map(|line| line.runs.iter().map(run).collect())
                    .collect(),
            })
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
            RunKind::Changed => "v cd",
            RunKind::Chip => "ch",
        },
        text: run.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use gatehold_core::json::canonical;
    use gatehold_render::{Block, BlockKind, Counts, Display, Line, Run, RunKind, Version};

    use super::blocks;

    /// Every kind; a new one does not compile until it is named here.
    const KINDS: [RunKind; 8] = [
        RunKind::Text,
        RunKind::Label,
        RunKind::Warning,
        RunKind::Mark,
        RunKind::Name,
        RunKind::Value,
        RunKind::Changed,
        RunKind::Chip,
    ];

    #[test]
    fn the_module_and_the_page_give_runs_the_same_classes() {
        let runs = KINDS.map(|kind| Run {
            kind,
            text: "a".to_owned(),
        });
        let shown = blocks(&Display {
            version: Version::V1,
            blocks: vec![Block {
                kind: BlockKind::Payload,
                title: "Payload".to_owned(),
                lines: vec![Line {
                    runs: runs.to_vec(),
                }],
            }],
            flags: [].into(),
            counts: Counts::default(),
        });
        let panel = include_str!("../../../static/panel.js");
        let kinds = panel.split_once("const RUNS = {").unwrap().1;
        let kinds = kinds.split_once('}').unwrap().0;
        assert_eq!(kinds.split(',').count(), KINDS.len(), "{kinds}");
        for (kind, run) in KINDS.iter().zip(&shown[0].lots[0].lines[0]) {
            match kind {
                RunKind::Text
                | RunKind::Label
                | RunKind::Warning
                | RunKind::Mark
                | RunKind::Name
                | RunKind::Value
                | RunKind::Changed
                | RunKind::Chip => {}
            }
            let name = String::from_utf8(canonical::to_bytes(&kind).unwrap()).unwrap();
            let name = name.trim_matches('"');
            let wanted = format!(" {name}: \"{}\"", run.class);
            assert!(kinds.contains(&wanted), "{wanted} is not in panel.js");
        }
    }
}
