//! What a statement says it does, by its words alone: verbs anywhere in it, missing conditions, calls.

use super::lexer::Token;
use crate::display::{Flag, Line, Run, RunKind};
use crate::escape::escape_short;
use crate::findings::Findings;

const ROW_VERBS: [&str; 10] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW",
];
/// Worth naming wherever they stand in a statement: EXPLAIN ANALYZE and WITH carry them inside.
const INNER_VERBS: [&str; 14] = [
    "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "DROP", "ALTER", "CREATE", "GRANT",
    "REVOKE", "COPY", "CALL", "EXECUTE", "ANALYZE",
];
/// A parenthesis behind one of these is no call.
const NOT_FUNCTIONS: [&str; 43] = [
    "IN",
    "VALUES",
    "AND",
    "OR",
    "NOT",
    "EXISTS",
    "ANY",
    "ALL",
    "SOME",
    "AS",
    "ON",
    "USING",
    "WHERE",
    "FROM",
    "SELECT",
    "SET",
    "BY",
    "OVER",
    "FILTER",
    "WITH",
    "JOIN",
    "LIKE",
    "THEN",
    "WHEN",
    "ELSE",
    "CASE",
    "BETWEEN",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "RETURNING",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "VARCHAR",
    "CHAR",
    "NUMERIC",
    "DECIMAL",
    "INTO",
    "EXPLAIN",
    "MATERIALIZED",
    "DISTINCT",
    "CONFLICT",
];
/// A name behind one of these is a table with its columns in parentheses.
const TABLE_BEFORE: [&str; 4] = ["INTO", "TABLE", "AS", "REFERENCES"];

pub(super) fn summary(number: usize, statement: &[Token<'_>], findings: &mut Findings) -> Line {
    let verb = statement.iter().find(|token| **token != Token::Symbol('('));
    let known = ROW_VERBS
        .iter()
        .find(|known| verb.is_some_and(|verb| verb.is(known)));
    let mut runs = Vec::new();
    match (known, verb) {
        (Some(known), _) => runs.push(Run::new(RunKind::Text, *known)),
        (None, Some(Token::Word(word))) => runs.extend(escape_short(word, findings)),
        _ => runs.push(Run::new(
            RunKind::Text,
            "something that begins with no word",
        )),
    }
    if known.is_none() {
        findings.note(Flag::BeyondRows, runs.clone());
    }
    for inner in INNER_VERBS {
        let first = statement
            .iter()
            .position(|token| Some(token) == verb)
            .unwrap_or(0);
        let inside = statement
            .iter()
            .enumerate()
            .any(|(at, token)| at > first && acts(statement, at, token, inner));
        if inside {
            runs.push(Run::new(RunKind::Text, format!(", contains {inner}")));
            if !ROW_VERBS.contains(&inner) && inner != "ANALYZE" {
                findings.note_text(Flag::BeyondRows, inner);
            }
        }
    }
    if ["OUTFILE", "DUMPFILE"]
        .iter()
        .any(|word| statement.iter().any(|token| token.is(word)))
    {
        findings.note_text(Flag::BeyondRows, "writes a file");
    }
    if known == Some(&"SELECT") && statement.iter().any(|token| token.is("INTO")) {
        findings.note_text(
            Flag::BeyondRows,
            "SELECT INTO makes a table or sets a variable",
        );
    }
    without_where(statement, findings);
    functions(statement, findings);
    Line::labelled(&format!("statement {number}"), runs)
}

/// Whether a word is the verb it spells: not part of FOR UPDATE, ON DELETE, DO UPDATE, and no column of that name.
fn acts(statement: &[Token<'_>], at: usize, token: &Token<'_>, verb: &str) -> bool {
    let before = at.checked_sub(1).and_then(|before| statement.get(before));
    let clause = before.is_some_and(|before| {
        ["FOR", "ON", "DO", "KEY", "OR", "THEN"]
            .iter()
            .any(|word| before.is(word))
            || *before == Token::Symbol('.')
    });
    token.is(verb) && !clause
}

fn without_where(statement: &[Token<'_>], findings: &mut Findings) {
    for (at, token) in statement.iter().enumerate() {
        for verb in ["UPDATE", "DELETE"] {
            if !acts(statement, at, token, verb) {
                continue;
            }
            match condition(statement.get(at..).unwrap_or_default()) {
                None => findings.note_text(Flag::NoWhere, format!("{verb} of every row")),
                Some(Token::Number | Token::Text) => findings.note_text(
                    Flag::NoWhere,
                    format!("{verb} whose condition begins with a constant; it may be true for every row"),
                ),
                Some(first) if first.is("TRUE") || first.is("NOT") => findings.note_text(
                    Flag::NoWhere,
                    format!("{verb} whose condition begins with TRUE or NOT; it may be true for every row"),
                ),
                Some(_) => {}
            }
        }
    }
}

/// The token behind the WHERE of the statement that begins here, at its own depth of parentheses.
fn condition<'a>(tokens: &'a [Token<'a>]) -> Option<&'a Token<'a>> {
    let mut depth = 0_i64;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Symbol('(') => depth += 1,
            Token::Symbol(')') => depth -= 1,
            word if depth == 0 && word.is("WHERE") => {
                return Some(tokens.get(at + 1).unwrap_or(&Token::Text));
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

fn functions(statement: &[Token<'_>], findings: &mut Findings) {
    for (at, pair) in statement.windows(2).enumerate() {
        let name = match pair {
            [Token::Word(name) | Token::Name(name), Token::Symbol('(')] => *name,
            _ => continue,
        };
        let keyword = matches!(pair, [Token::Word(_), ..])
            && NOT_FUNCTIONS
                .iter()
                .any(|word| name.eq_ignore_ascii_case(word));
        // Back over schema.table to the word in front of it.
        let mut start = at;
        while start >= 2 && statement.get(start - 1) == Some(&Token::Symbol('.')) {
            start -= 2;
        }
        let before = start
            .checked_sub(1)
            .and_then(|before| statement.get(before));
        let table = before.is_some_and(|before| TABLE_BEFORE.iter().any(|word| before.is(word)));
        if !keyword && !table {
            let runs = escape_short(name, findings);
            findings.note(Flag::CallsFunctions, runs);
        }
    }
}
