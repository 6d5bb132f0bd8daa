//! SQL as numbered text, with what stands out said in words.
//!
//! Two readers look at it. The lexer splits text the way databases do and says where they split it differently; parsers
//! of three databases say what each statement touches. Where they disagree, or nobody can read it, it is uninspectable.
//! Nothing is decided from what they did *not* find.

mod effect;
mod lexer;
mod metered;
mod reading;
mod split;
mod verbs;

use std::collections::BTreeSet;

use gatehold_core::wording::counted;

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::escape_short;
use crate::findings::Findings;
use crate::{decode, opaque, scripts, text};
use effect::{Condition, Effect};
use lexer::{Token, Trouble};
use reading::{NoReading, Reading};

pub(crate) use reading::Database;
pub use split::{NotSplit, SQL_BYTES_MAX, STATEMENTS_MAX, SqlDialect, SqlStatement, split_sql};

const NAMES_SHOWN_MAX: usize = 24;
pub(crate) fn blocks(media_type: &str, bytes: &[u8], findings: &mut Findings) -> Vec<Block> {
    let target = target(media_type, findings);
    if let Ok(sql) = std::str::from_utf8(bytes) {
        return of_text(sql, target, findings);
    }
    findings.raise(Flag::Uninspectable);
    findings.note_text(Flag::Malformed, "SQL text must be UTF-8");
    vec![whole(bytes, findings)]
}

pub(crate) fn of_text(sql: &str, target: Option<Database>, findings: &mut Findings) -> Vec<Block> {
    scripts::look_at(sql, findings);
    let lines = statements(sql, target, findings);
    let mut blocks = Vec::new();
    if !lines.is_empty() {
        let title = "Statements".to_owned();
        blocks.push(Block {
            kind: BlockKind::Payload,
            title,
            lines,
        });
    }
    blocks.push(whole(sql.as_bytes(), findings));
    blocks.extend(opaque::decoded(decode::beside_words(sql, findings)));
    blocks
}

fn whole(bytes: &[u8], findings: &mut Findings) -> Block {
    Block {
        kind: BlockKind::Payload,
        title: "SQL text".to_owned(),
        lines: text::numbered(bytes, findings),
    }
}

/// The database that the media type names: `application/sql; dialect=postgresql`.
fn target(media_type: &str, findings: &mut Findings) -> Option<Database> {
    let (_, parameters) = media_type.split_once(';')?;
    let dialect = parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("dialect"))
        .map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase())?;
    let known = Database::named(&dialect);
    if known.is_none() {
        findings.raise(Flag::Uninspectable);
        findings.note_text(
            Flag::Malformed,
            "the dialect is none of postgresql, sqlite, mysql",
        );
    }
    known
}

fn statements(sql: &str, target: Option<Database>, findings: &mut Findings) -> Vec<Line> {
    let (tokens, troubles) = lexer::lex(sql);
    for trouble in troubles {
        report(trouble, findings);
    }
    let statements: Vec<&[Token<'_>]> = tokens
        .split(|token| *token == Token::Symbol(';'))
        .filter(|statement| !statement.is_empty())
        .collect();
    if statements.is_empty() {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "there is no SQL statement");
        return Vec::new();
    }
    if statements.len() > 1 {
        findings.note_text(
            Flag::SeveralStatements,
            format!("{} statements", statements.len()),
        );
    }
    let reading = reading::read(sql, &tokens, target);
    let mut lines = vec![grammar(&reading, target, findings)];
    let parsed = match &reading {
        Ok(reading) if reading.statements.len() == statements.len() => {
            Some(reading.statements.as_slice())
        }
        Ok(_) => {
            findings.raise(Flag::Uninspectable);
            findings.note_text(
                Flag::Ambiguous,
                "parsers and the semicolons in the text do not agree on the number of statements",
            );
            None
        }
        Err(_) => None,
    };
    for (position, statement) in statements.iter().enumerate() {
        lines.push(verbs::summary(position + 1, statement, findings));
        if let Some(parsed) = parsed.and_then(|parsed| parsed.get(position)) {
            lines.extend(touches(&Effect::of(parsed), findings));
        }
    }
    lines
}

/// Who reads the text, or why nobody does.
fn grammar(
    reading: &Result<Reading, NoReading>,
    target: Option<Database>,
    findings: &mut Findings,
) -> Line {
    let list = |databases: &[Database]| {
        let names: Vec<&str> = databases.iter().map(|database| database.name()).collect();
        names.join(", ")
    };
    let said = match reading {
        Ok(reading) if reading.not_read_by.is_empty() => list(&reading.read_by),
        Ok(reading) => format!(
            "{}; not {}",
            list(&reading.read_by),
            list(&reading.not_read_by)
        ),
        Err(why) => {
            findings.raise(Flag::Uninspectable);
            match why {
                NoReading::TooDeep => {
                    findings.note_text(Flag::Malformed, "too long or too deep to be parsed");
                }
                NoReading::Refused => findings.note_text(
                    Flag::Malformed,
                    match target {
                        Some(target) => format!("{} would not read this", target.name()),
                        None => "no parser reads this".to_owned(),
                    },
                ),
                NoReading::Differ(one, other) => findings.note_text(
                    Flag::Ambiguous,
                    format!("{} and {} read this differently", one.name(), other.name()),
                ),
            }
            "not parsed".to_owned()
        }
    };
    Line::labelled("parsed as", vec![Run::new(RunKind::Text, said)])
}

/// What the statement touches, as far as a parser can tell.
fn touches(effect: &Effect, findings: &mut Findings) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |label: &str, runs: Vec<Run>| lines.push(Line::labelled(label, runs));
    if !effect.writes.is_empty() {
        line("  writes", names(&effect.writes, findings));
        let mut columns = names(&effect.columns, findings);
        if effect.every_column {
            let also = if columns.is_empty() { "" } else { ", and " };
            columns.push(Run::new(RunKind::Text, format!("{also}all, unnamed")));
        }
        if !columns.is_empty() {
            line("  columns written", columns);
        }
    }
    let mut reads = BTreeSet::new();
    for name in effect.names.difference(&effect.writes) {
        let mark = if effect.defined.contains(name) {
            format!("{name} (WITH)")
        } else {
            name.clone()
        };
        reads.insert(mark);
    }
    if !reads.is_empty() {
        line("  names", names(&reads, findings));
    }
    for (verb, condition) in &effect.conditions {
        let run = match condition {
            Condition::Some => Run::new(RunKind::Text, format!("{verb} has one")),
            Condition::None => Run::new(RunKind::Warning, format!("{verb} has none: every row")),
            Condition::AlwaysTrue => {
                let note = format!("{verb} whose condition is true for every row");
                findings.note_text(Flag::NoWhere, note.clone());
                Run::new(RunKind::Warning, note)
            }
        };
        line("  WHERE", vec![run]);
    }
    if !effect.makes.is_empty() {
        line("  makes", names(&effect.makes, findings));
    }
    if !effect.structure.is_empty() {
        line(
            "  changes the structure of",
            names(&effect.structure, findings),
        );
    }
    if !effect.unbound.is_empty() {
        line(
            "  parameters without a value",
            names(&effect.unbound, findings),
        );
        findings.raise(Flag::Uninspectable);
        findings.note_text(
            Flag::Ambiguous,
            "parameters whose values are not part of this action",
        );
    }
    lines
}

fn names(names: &BTreeSet<String>, findings: &mut Findings) -> Vec<Run> {
    let mut runs = Vec::new();
    for name in names.iter().take(NAMES_SHOWN_MAX) {
        if !runs.is_empty() {
            runs.push(Run::new(RunKind::Text, ", "));
        }
        runs.extend(escape_short(name, findings));
    }
    if let Some(more) = names
        .len()
        .checked_sub(NAMES_SHOWN_MAX)
        .filter(|more| *more > 0)
    {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let text = format!(" and {} more", counted(more, "name"));
        runs.push(Run::new(RunKind::Text, text));
    }
    runs
}

fn report(trouble: Trouble, findings: &mut Findings) {
    match trouble {
        Trouble::Comment => findings.raise(Flag::Comments),
        Trouble::Ambiguous(why) => {
            findings.raise(Flag::Uninspectable);
            findings.note_text(Flag::Ambiguous, why);
        }
        Trouble::Unfinished(what) => {
            findings.raise(Flag::Uninspectable);
            findings.note_text(Flag::Malformed, format!("{what} is never closed"));
        }
    }
}
