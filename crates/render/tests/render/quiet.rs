//! Nothing that drives a terminal or reorders text comes out, from our displays or from anybody's.

use std::collections::BTreeSet;

use gatehold_core::json::ident::hazard;
use gatehold_render::{
    Block, BlockKind, Counts, Display, Line, PayloadKind, Run, RunKind, Version, to_plain,
    to_terminal,
};
use proptest::prelude::*;

use crate::lossless::{KINDS, payloads, show};

const OURS: [&str; 7] = [
    "\u{1b}[0m",
    "\u{1b}[1m",
    "\u{1b}[2m",
    "\u{1b}[4m",
    "\u{1b}[1;4m",
    "\u{1b}[7m",
    "\u{1b}[1;31m",
];

fn is_quiet(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || hazard(c).is_none())
}

fn without_colour(text: &str) -> String {
    OURS.iter()
        .fold(text.to_owned(), |text, sequence| text.replace(sequence, ""))
}

fn kinds() -> impl Strategy<Value = RunKind> {
    prop_oneof![
        Just(RunKind::Text),
        Just(RunKind::Label),
        Just(RunKind::Warning),
        Just(RunKind::Mark),
        Just(RunKind::Name),
        Just(RunKind::Value),
        Just(RunKind::Changed),
        Just(RunKind::Chip),
    ]
}

/// Displays that nobody rendered: any text in any run.
fn forged() -> impl Strategy<Value = Display> {
    let text = prop_oneof![
        any::<String>(),
        "[a\u{1b}\\[0m\n\r\u{9b}\u{202e}\u{200b}]{0,30}"
    ];
    let run = (kinds(), text.clone()).prop_map(|(kind, text)| Run { kind, text });
    let line = proptest::collection::vec(run, 0..4).prop_map(|runs| Line { runs });
    let lines = proptest::collection::vec(line, 0..4);
    (text, lines).prop_map(|(title, lines)| Display {
        version: Version::V1,
        blocks: vec![Block {
            kind: BlockKind::Action,
            title,
            lines,
        }],
        flags: BTreeSet::new(),
        counts: Counts::default(),
    })
}

proptest! {
    #[test]
    fn forged_displays_are_quiet(display in forged(), width in 0usize..120) {
        prop_assert!(is_quiet(&to_plain(&display)));
        prop_assert!(is_quiet(&to_terminal(&display, width, false)));
        let colored = to_terminal(&display, width, true);
        prop_assert!(is_quiet(&without_colour(&colored)));
        prop_assert_eq!(without_colour(&colored), to_terminal(&display, width, false));
    }

    #[test]
    fn b08_our_displays_are_quiet_and_fit(payload in payloads(), width in 24usize..120) {
        for kind in KINDS {
            let display = show(kind, "message/http", &payload);
            let runs = || display.blocks.iter().flat_map(|block| &block.lines).flat_map(|line| &line.runs);
            prop_assert!(runs().all(|run| run.text.chars().all(|c| hazard(c).is_none())));
            // Nothing but a chip or a mark looks like a chip or a mark.
            let reserved = ['\u{27e6}', '\u{27e7}', '\u{27e8}', '\u{27e9}', '\u{21a9}', '\u{21b3}', '\u{22ef}', '\u{2502}'];
            let imitates = |run: &Run| {
                matches!(run.kind, RunKind::Value | RunKind::Changed | RunKind::Name) && run.text.contains(reserved)
            };
            prop_assert!(!runs().any(imitates));
            let text = to_terminal(&display, width, false);
            prop_assert!(is_quiet(&text));
            let titles: BTreeSet<&str> = display.blocks.iter().map(|block| block.title.as_str()).collect();
            for line in text.lines() {
                let ours = line.starts_with("  \u{2502} ")
                    || line.is_empty()
                    || titles.contains(line)
                    || line.ends_with(" words") || line.ends_with(" word")
                    || line.ends_with("UNINSPECTABLE");
                prop_assert!(ours, "{line:?} stands outside the gutter");
            }
        }
    }

    #[test]
    fn wrapping_keeps_the_text(payload in payloads(), width in 24usize..60) {
        let display = show(PayloadKind::Sql, "application/sql", &payload);
        // The display's own breaks look the same, so they go on both sides.
        let joined = |text: String| -> String {
            let joined = text.replace("\u{21a9}\n  \u{2502}   \u{21b3} ", "");
            joined.chars().filter(|c| *c != '\n').collect()
        };
        let whole = joined(to_plain(&display));
        let wrapped = joined(to_terminal(&display, width, false));
        prop_assert_eq!(wrapped, whole);
    }
}
