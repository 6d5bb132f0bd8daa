//! The words of a statement. What two databases could read in two ways is no word: comments, backslashes in texts, escapes, dollar
//! quotes, letters beyond ASCII outside of quotes.

use super::statement::Name;

/// Longest statement in bytes.
const BYTES_MAX: usize = 16 << 10;
/// Longest name in bytes; a database would cut it.
const NAME_BYTES_MAX: usize = 63;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Name(Name),
    Text(String),
    Number(String),
    Mark(&'static str),
}

/// All of them, or nothing when one is not understood.
pub(super) fn tokens(sql: &str) -> Option<Vec<Token>> {
    if sql.len() > BYTES_MAX {
        return None;
    }
    let mut found = Vec::new();
    let mut rest = sql.trim_start_matches(is_space);
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '\'' => {
                let (text, after) = quoted(rest, '\'')?;
                (Token::Text(text), after)
            }
            '"' => {
                let (text, after) = quoted(rest, '"')?;
                (Token::Name(named(text, true)?), after)
            }
            '0'..='9' => number(rest)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let (word, after) = split(rest, |c| c.is_ascii_alphanumeric() || c == '_');
                // E'…', B'…', X'…', U&'…' and N'…' are texts of other kinds.
                if after.starts_with(['\'', '"', '&', '$', '(']) && !keeps_a_bracket(word, after) {
                    return None;
                }
                (Token::Name(named(word.to_owned(), false)?), after)
            }
            _ => mark(rest)?,
        };
        // What stands side by side without a space may be one word elsewhere.
        if matches!(token, Token::Number(_) | Token::Text(_))
            && after.starts_with(|c: char| c.is_alphanumeric() || "_'\"$".contains(c))
        {
            return None;
        }
        found.push(token);
        rest = after.trim_start_matches(is_space);
    }
    Some(found)
}

/// A bracket right after these words opens a list or a group, and after any other word the arguments of a function.
fn keeps_a_bracket(word: &str, after: &str) -> bool {
    let known = ["in", "and", "or", "not", "where"];
    after.starts_with('(') && known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn named(text: String, quoted: bool) -> Option<Name> {
    let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX;
    fits.then_some(Name { text, quoted })
}

/// A text in quotes, which stand twice inside of it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' || c.is_control() {
            return None;
        }
        if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some((inside, text.get(at + 1..)?));
        }
        inside.push(c);
    }
    None
}

fn number(text: &str) -> Option<(Token, &str)> {
    let (whole, mut after) = split(text, |c| c.is_ascii_digit());
    let mut digits = whole.to_owned();
    if let Some(fraction) = after.strip_prefix('.') {
        let (fraction, rest) = split(fraction, |c| c.is_ascii_digit());
        if fraction.is_empty() {
            return None;
        }
        digits = format!("{digits}.{fraction}");
        after = rest;
    }
    (digits.len() <= 18).then_some((Token::Number(digits), after))
}

fn mark(text: &str) -> Option<(Token, &str)> {
    if text.starts_with("--") || text.starts_with("/*") {
        return None;
    }
    let known = [
        "<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", ";", "*", "-",
    ];
    let found = known.into_iter().find(|mark| text.starts_with(mark))?;
    let after = text.get(found.len()..)?;
    // Two marks that grow together are an operator of the database's own.
    let grows = found.ends_with(['<', '>', '=', '!', '-', '*']);
    let operator = |c: char| "+-*/<>=~!@#%^&|`?:".contains(c);
    if grows && after.starts_with(operator) && !after.starts_with('-') {
        return None;
    }
    Some((Token::Mark(found), after))
}
