//! A command as the list of its arguments, one a line, numbered.
//!
//! The list is executed without a shell, so nothing expands. What an interpreter is handed to run is flagged.

use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;

use crate::display::{Block, BlockKind, Flag, Run, RunKind};
use crate::escape::{LineFeeds, escape};
use crate::findings::Findings;
use crate::input::{Member, RenderInput, Shape};
use crate::{decode, json, scripts, shell};

/// Interpreters whose programs are read as a shell reads them.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "zsh", "ksh", "ash"];
const INTERPRETERS: [&str; 13] = [
    "fish",
    "python",
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
    "osascript",
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

pub(crate) fn blocks(input: &RenderInput<'_>, findings: &mut Findings) -> Vec<Block> {
    let bytes = input.payload;
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
        let whole = [Member {
            label: "Document",
            pointer: "",
            shape: Shape::Plain,
        }];
        let input = RenderInput {
            described: &whole,
            ..*input
        };
        return json::blocks(bytes, &input, findings);
    };
    let mut lines = Vec::new();
    for (position, argument) in arguments.iter().enumerate() {
        scripts::look_at(argument, findings);
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
        lines.extend(decode::beside(argument, findings));
        if argument.contains('\0') {
            findings.raise(Flag::Uninspectable);
            findings.note_text(
                Flag::Malformed,
                "an argument contains NUL, which no program can receive",
            );
        }
    }
    let title = "Command, without a shell".to_owned();
    let mut blocks = vec![Block {
        kind: BlockKind::Payload,
        title,
        lines,
    }];
    if let Some(program) = program(&arguments, findings) {
        let inside = findings.again(|findings| shell::of_text(program, findings));
        blocks.extend(inside.into_iter().map(|block| Block {
            title: format!("The program inside: {}", block.title),
            ..block
        }));
    }
    blocks
}

/// `sh -c …`, also behind `env` or `sudo`: an interpreter anywhere, one of its flags after it. The program itself, when
/// it is one for a shell.
pub(crate) fn program<'a>(arguments: &[&'a str], findings: &mut Findings) -> Option<&'a str> {
    let at = arguments.iter().position(|word| is_interpreter(word))?;
    let inner = arguments.get(at..)?;
    let takes_program = |argument: &&str| {
        PROGRAM_FLAGS.contains(argument)
            || (argument.starts_with('-') && !argument.starts_with("--") && argument.ends_with('c'))
    };
    let flag = inner.iter().position(takes_program)?;
    findings.raise(Flag::InlineProgram);
    let shell = inner.get(..flag)?.iter().any(|word| is_shell(word));
    if !shell {
        return None;
    }
    inner.get(flag + 1).copied()
}

pub(crate) fn is_interpreter(program: &str) -> bool {
    is_shell(program) || INTERPRETERS.contains(&base(program))
}

pub(crate) fn is_shell(program: &str) -> bool {
    SHELLS.contains(&base(program))
}

/// `/usr/bin/python3.12` is `python3`.
fn base(program: &str) -> &str {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}
