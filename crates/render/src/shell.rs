//! A line or script for a shell: the commands that it splits into, with what it would put in place of their words.
//!
//! A reader's aid, not a shell: nothing is expanded, and whatever would be is uninspectable, as are programs with
//! conditions, loops and functions. The text itself stands below, as sent.

mod lexer;
mod words;

use std::collections::BTreeSet;

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape, escape_short};
use crate::findings::Findings;
use crate::{argv, decode, json, opaque, scripts, text};
use lexer::{Change, Token, Trouble, Word};
use words::{DECIDING, KEYWORDS, PROGRAMS_DEEP_MAX, SHELL_COMMANDS, WRAPPERS};

pub(crate) fn blocks(bytes: &[u8], findings: &mut Findings) -> Vec<Block> {
    match std::str::from_utf8(bytes) {
        Ok(text) => of_text(text, findings),
        Err(_) => {
            findings.raise(Flag::Uninspectable);
            findings.note_text(Flag::Malformed, "shell text must be UTF-8");
            vec![whole(bytes, findings)]
        }
    }
}

pub(crate) fn of_text(text: &str, findings: &mut Findings) -> Vec<Block> {
    scripts::look_at(text, findings);
    if text.contains('\0') {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "NUL, which no shell can receive");
    }
    let mut lines = Vec::new();
    findings.again(|findings| commands(text, 0, findings, &mut lines));
    let mut blocks = Vec::new();
    if lines.is_empty() {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "there is no command");
    } else {
        blocks.push(Block {
            kind: BlockKind::Payload,
            title: "Commands, as a shell splits them".to_owned(),
            lines,
        });
    }
    blocks.push(whole(text.as_bytes(), findings));
    blocks.extend(opaque::decoded(decode::beside_words(text, findings)));
    blocks
}

fn whole(bytes: &[u8], findings: &mut Findings) -> Block {
    Block {
        kind: BlockKind::Payload,
        title: "Shell text".to_owned(),
        lines: text::numbered(bytes, findings),
    }
}

fn commands(text: &str, depth: usize, findings: &mut Findings, lines: &mut Vec<Line>) {
    let (tokens, troubles) = lexer::lex(text);
    for trouble in troubles {
        match trouble {
            Trouble::Comment => findings.raise(Flag::Comments),
            Trouble::Unfinished(what) => {
                findings.raise(Flag::Uninspectable);
                findings.note_text(Flag::Malformed, format!("{what} is never closed"));
            }
        }
    }
    let mut reader = Reader {
        depth,
        number: 0,
        words: Vec::new(),
        into: None,
        between: None,
        findings,
        lines,
    };
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) => reader.word(word),
            Token::Operator(operator) => reader.operator(operator),
            Token::LineEnd => reader.operator("\n"),
            Token::Redirect {
                descriptor,
                operator,
            } => {
                let target = match tokens.peek() {
                    Some(Token::Word(word)) => Some(word.clone()),
                    _ => None,
                };
                if target.is_some() {
                    tokens.next();
                }
                reader.redirect(descriptor, operator, target.as_ref());
            }
            Token::HereDocument { body, changes } => reader.here_document(body, changes),
        }
    }
    reader.end();
}

struct Reader<'a> {
    depth: usize,
    /// Commands so far.
    number: usize,
    /// Of the command that is being read.
    words: Vec<Word>,
    /// The operator in front of the command.
    into: Option<&'static str>,
    /// An operator whose command has not come yet.
    between: Option<&'static str>,
    findings: &'a mut Findings,
    lines: &'a mut Vec<Line>,
}

impl Reader<'_> {
    fn word(&mut self, word: &Word) {
        let assignment = |word: &Word| {
            word.text
                .split_once('=')
                .filter(|(name, _)| is_name(name))
                .map(|(name, _)| name.to_owned())
        };
        let first = self.words.is_empty();
        if first && let Some(operator) = self.between.take() {
            self.into = Some(operator);
            self.say_operator(operator);
        }
        if first && let Some(name) = assignment(word) {
            self.line("  sets", word);
            if DECIDING.contains(&name.as_str()) || name.starts_with("LD_") {
                let note = "an assignment decides which program or library runs";
                self.findings.note_text(Flag::InlineProgram, note);
            }
            return;
        }
        if first {
            self.number += 1;
            if self.number == 2 {
                self.findings.raise(Flag::SeveralCommands);
            }
            if !word.quoted && KEYWORDS.contains(&word.text.as_str()) {
                self.program_of(&word.text.clone());
            }
            let label = format!("command {}", self.number);
            self.line(&label, word);
        } else {
            let label = format!("  argument {}", self.words.len());
            self.line(&label, word);
        }
        self.words.push(word.clone());
    }

    fn line(&mut self, label: &str, word: &Word) {
        scripts::look_at(&word.text, self.findings);
        let head = Line::labelled(label, Vec::new()).runs;
        let rows = escape(
            word.text.as_bytes(),
            RunKind::Value,
            LineFeeds::Shown,
            self.findings,
        );
        let mut lines = json::quoted(head, rows);
        self.changed(&word.changes, &mut lines);
        self.lines.extend(lines);
    }

    fn changed(&mut self, changes: &BTreeSet<Change>, lines: &mut [Line]) {
        if changes.is_empty() {
            return;
        }
        self.findings.raise(Flag::Uninspectable);
        let names: Vec<&str> = changes.iter().map(|change| change.name()).collect();
        for name in &names {
            self.findings.note_text(Flag::ShellExpansion, *name);
        }
        if let Some(last) = lines.last_mut() {
            let said = format!("  the shell puts in: {}", names.join(", "));
            last.runs.push(Run::new(RunKind::Warning, said));
        }
    }

    fn operator(&mut self, operator: &'static str) {
        match operator {
            "(" if !self.words.is_empty() => return self.program_of("()"),
            "(" | ")" => {
                self.finish();
                if let Some(before) = self.between.take() {
                    self.into = Some(before);
                    self.say_operator(before);
                }
                let said = if operator == "(" {
                    "a shell of its own begins"
                } else {
                    self.between = Some(";");
                    "and ends"
                };
                self.lines.push(Line::of(RunKind::Label, said));
                return;
            }
            ";;" | ";&" => self.program_of(operator),
            _ => {}
        }
        let any = !self.words.is_empty();
        self.finish();
        if any || operator == "&" {
            self.between = Some(operator);
        }
        if operator == "&" {
            self.findings.raise(Flag::SeveralCommands);
        }
    }

    fn say_operator(&mut self, operator: &str) {
        let said = match operator {
            "|" => "its output goes into",
            "|&" => "its output and errors go into",
            "&&" => "and if that succeeds",
            "||" => "and if that fails",
            "&" => "meanwhile",
            _ => "then",
        };
        self.lines.push(Line::of(RunKind::Label, said));
    }

    fn redirect(&mut self, descriptor: &str, operator: &'static str, target: Option<&Word>) {
        let Some(target) = target else {
            self.findings.raise(Flag::Uninspectable);
            self.findings
                .note_text(Flag::Malformed, "a redirection to nowhere");
            return;
        };
        self.findings.raise(Flag::Redirect);
        if target.text.starts_with("/dev/tcp/") || target.text.starts_with("/dev/udp/") {
            self.findings
                .note_text(Flag::Redirect, "opens a network connection");
        }
        let what = match operator {
            "<" | "<>" => "  reads from",
            "<<<" => "  reads the text",
            ">>" | "&>>" => "  appends to",
            "<&" | ">&" => "  joins with",
            _ => "  writes to",
        };
        let label = if descriptor.is_empty() {
            what.to_owned()
        } else {
            format!("{what} ({descriptor})")
        };
        self.line(&label, target);
        self.fed_to_interpreter(matches!(operator, "<" | "<<<"));
    }

    fn here_document(&mut self, body: &str, changes: &BTreeSet<Change>) {
        self.findings.raise(Flag::HereDocument);
        let head = Line::labelled("  reads these lines", Vec::new()).runs;
        let rows = escape(
            body.as_bytes(),
            RunKind::Value,
            LineFeeds::Shown,
            self.findings,
        );
        let mut lines = behind(head, rows);
        self.changed(changes, &mut lines);
        self.lines.extend(lines);
        self.fed_to_interpreter(true);
    }

    /// An interpreter that reads its program from its input.
    fn fed_to_interpreter(&mut self, fed: bool) {
        let program = self.words.first();
        if fed && program.is_some_and(|word| argv::is_interpreter(&word.text)) {
            self.findings
                .note_text(Flag::InlineProgram, "its input is run as a program");
        }
    }

    fn program_of(&mut self, word: &str) {
        self.findings.raise(Flag::Uninspectable);
        let runs = escape_short(word, self.findings);
        self.findings.note(Flag::ShellProgram, runs);
    }

    /// The command is complete.
    fn finish(&mut self) {
        let words = std::mem::take(&mut self.words);
        let into = self.into.take();
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let Some(program) = texts.first() else {
            return;
        };
        let wrapped = WRAPPERS.contains(program);
        let runs = |word: &&str| argv::is_interpreter(word);
        let interpreter = runs(program) || wrapped && texts.iter().any(runs);
        if matches!(into, Some("|" | "|&")) && interpreter {
            self.findings.raise(Flag::Uninspectable);
            self.findings.note_text(
                Flag::InlineProgram,
                "the output of another command is run as a program",
            );
        }
        if SHELL_COMMANDS.contains(program) {
            self.findings.raise(Flag::Uninspectable);
            let runs = escape_short(program, self.findings);
            self.findings.note(Flag::InlineProgram, runs);
        }
        if let Some(inner) = argv::program(&texts, self.findings) {
            if self.depth == PROGRAMS_DEEP_MAX {
                self.findings.raise(Flag::Uninspectable);
                let note = "programs within programs, too deep to be shown";
                self.findings.note_text(Flag::InlineProgram, note);
                return;
            }
            let label = "the program inside begins";
            self.lines.push(Line::of(RunKind::Label, label));
            commands(inner, self.depth + 1, self.findings, self.lines);
            let label = "the program inside ends";
            self.lines.push(Line::of(RunKind::Label, label));
        }
    }

    fn end(&mut self) {
        self.finish();
        if let Some("|" | "|&" | "&&" | "||") = self.between {
            self.findings.raise(Flag::Uninspectable);
            self.findings
                .note_text(Flag::Malformed, "the last command is missing");
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
