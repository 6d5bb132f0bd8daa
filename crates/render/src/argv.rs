//! A command as the list of its arguments, one a line, numbered.
//!
//! The list is executed without a shell, so nothing expands. What an interpreter is handed to run is flagged.

use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;

use crate::display::{Block, BlockKind, Flag, Run, RunKind};
use crate::escape::{LineFeeds, escape};
use crate::findings::Findings;
use crate::input::Field;
use crate::{json, scripts};

const INTERPRETERS: [&str; 18] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "fish",
    "ksh",
    "python",
    "python3",
    "perl",
    "ruby",
    "node",
    "php",
    "pwsh",
    "powershell",
    "cmd",
    "eval",
    "env",
    "xargs",
];
const PROGRAM_FLAGS: [&str; 8] = [
    "-c",
    "-e",
    "-r",
    "-Command",
    "-EncodedCommand",
    "/c",
    "--eval",
    "-S",
];

pub(crate) fn blocks(bytes: &[u8], findings: &mut Findings) -> Vec<Block> {
    let document = payload::parse(bytes, &Limits::PAYLOAD).ok();
    let arguments: Option<Vec<&str>> = document
        .as_ref()
        .and_then(Json::as_array)
        .and_then(|elements| elements.iter().map(Json::as_str).collect());
    let Some(arguments) = arguments.filter(|arguments| !arguments.is_empty()) else {
        findings.raise(Flag::Uninspectable);
        findings.note_text(
            Flag::Malformed,
            "not a JSON array of strings with a program in front",
        );
        let whole = [Field {
            label: "Document",
            value: "",
        }];
        return json::blocks(bytes, &whole, findings);
    };
    let mut lines = Vec::new();
    for (position, argument) in arguments.iter().enumerate() {
        scripts::look_at(argument, findings);
        scripts::look_for_encoding(argument, findings);
        let label = if position == 0 {
            "program".to_owned()
        } else {
            format!("argument {position}")
        };
        let head = vec![
            Run::new(RunKind::Label, label),
            Run::new(RunKind::Text, ": "),
        ];
        let rows = escape(
            argument.as_bytes(),
            RunKind::Value,
            LineFeeds::Shown,
            findings,
        );
        lines.extend(json::quoted(head, rows));
        if argument.contains('\0') {
            findings.raise(Flag::Uninspectable);
            findings.note_text(
                Flag::Malformed,
                "an argument contains NUL, which no program can receive",
            );
        }
    }
    look_for_program(&arguments, findings);
    let title = "Command, without a shell".to_owned();
    vec![Block {
        kind: BlockKind::Payload,
        title,
        lines,
    }]
}

/// `sh -c …`, also behind `env` or `sudo`: an interpreter anywhere, one of its flags after it.
fn look_for_program(arguments: &[&str], findings: &mut Findings) {
    let interpreter = arguments.iter().position(|argument| {
        let base = argument.rsplit(['/', '\\']).next().unwrap_or(argument);
        let base = base.strip_suffix(".exe").unwrap_or(base);
        INTERPRETERS.contains(&base)
    });
    let after = interpreter.map_or(&[][..], |at| arguments.get(at + 1..).unwrap_or_default());
    let takes_program = |argument: &&str| {
        PROGRAM_FLAGS.contains(argument)
            || (argument.starts_with('-') && !argument.starts_with("--") && argument.ends_with('c'))
    };
    if after.iter().any(takes_program) {
        findings.raise(Flag::InlineProgram);
    }
}
