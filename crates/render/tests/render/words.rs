//! The marks of changed words are beside the text, never in place of any of it, and cost what the text costs.

use gatehold_render::{BlockKind, Display, Line, PayloadKind, Run, RunKind, represents};
use proptest::prelude::*;

use crate::lossless::show;

const MARKS: [&str; 2] = ["\u{27e6}", "\u{27e7}"];

/// The lines of the text, without marks and without what they do to runs.
fn without_marks(display: &Display, title: &str) -> Vec<Line> {
    let of_text = |block: &&gatehold_render::Block| {
        block.kind == BlockKind::Payload && block.title.starts_with(title)
    };
    let block = display.blocks.iter().find(of_text).unwrap();
    let mut lines = Vec::new();
    for line in &block.lines {
        let mut runs: Vec<Run> = Vec::new();
        for run in &line.runs {
            if run.kind == RunKind::Mark && MARKS.contains(&run.text.as_str()) {
                continue;
            }
            let kind = match run.kind {
                RunKind::Changed => RunKind::Value,
                kind => kind,
            };
            match runs.last_mut() {
                Some(last) if last.kind == kind => last.text.push_str(&run.text),
                _ => runs.push(Run {
                    kind,
                    text: run.text.clone(),
                }),
            }
        }
        lines.push(Line { runs });
    }
    lines
}

fn marks(display: &Display) -> [usize; 2] {
    let runs = || {
        let lines = display.blocks.iter().flat_map(|block| &block.lines);
        lines.flat_map(|line| &line.runs)
    };
    MARKS.map(|mark| {
        runs()
            .filter(|run| run.kind == RunKind::Mark && run.text == mark)
            .count()
    })
}

fn diff(removed: &[String], added: &[String]) -> String {
    let line = |sign: &str, text: &String| format!("{sign}{text}\n");
    let lines: String = removed.iter().map(|text| line("-", text)).collect();
    let more: String = added.iter().map(|text| line("+", text)).collect();
    let (old, new) = (removed.len(), added.len());
    format!("--- a/x\n+++ b/x\n@@ -1,{old} +1,{new} @@\n{lines}{more}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn marks_change_nothing_of_what_is_shown(
        removed in proptest::collection::vec("[ab \t+\\-_.,=\r\u{301}\u{200b}\u{27e6}\u{27e7}\u{e9}]{0,24}", 1..5),
        added in proptest::collection::vec("[ab \t+\\-_.,=\r\u{301}\u{200b}\u{27e6}\u{27e7}\u{e9}]{0,24}", 1..5),
    ) {
        let payload = diff(&removed, &added);
        let display = show(PayloadKind::Diff, "text/x-diff", payload.as_bytes());
        let plain = show(PayloadKind::Opaque, "text/x-diff", payload.as_bytes());
        prop_assert_eq!(
            without_marks(&display, "Changes, as sent"),
            without_marks(&plain, "Payload, as text")
        );
        let [opened, closed] = marks(&display);
        prop_assert_eq!(opened, closed);
        prop_assert!(represents(&display, payload.as_bytes()));
    }
}

#[test]
fn hostile_lines_are_marked_within_bounds() {
    let most = 60 << 10;
    let long = |word: &str| vec![word.repeat(most / 2 / word.len())];
    let many = |sign: char| -> Vec<String> {
        (0..5_000)
            .map(|line| format!("{sign}{}", line % 7))
            .collect()
    };
    let cases = [
        (long("a b "), long("a c ")),
        (long("a"), long("b")),
        (long("\t "), long(" \t")),
        (long("- "), long("+ ")),
        (many('x'), many('y')),
        (
            vec!["same ".repeat(most / 10)],
            vec!["same ".repeat(most / 10 - 1)],
        ),
    ];
    for (removed, added) in cases {
        let payload = diff(&removed, &added);
        let display = show(PayloadKind::Diff, "text/x-diff", payload.as_bytes());
        let size = display.to_bytes().unwrap().len();
        assert!(size <= payload.len() * 160 + (640 << 10), "{size}");
        let [opened, closed] = marks(&display);
        // One that closes within many rows of white space is counted with them.
        assert!(closed <= opened, "{closed} of {opened}");
        assert!(represents(&display, payload.as_bytes()));
    }
}
