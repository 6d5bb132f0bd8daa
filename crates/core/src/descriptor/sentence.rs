//! One sentence in the descriptor's own words. Values that the requester wrote stand in quotes, cut short, with every
//! character that could lie to a reader escaped.

use core::fmt::Write as _;

use super::{Descriptor, Projection};
use crate::context::TypedValue;
use crate::ids::{ResourceId, TargetId, WorkloadId};
use crate::json::ident::hazard;
use crate::wording::{grouped, of_one};

/// Longest value in a sentence, in characters.
const VALUE_CHARACTERS_MAX: usize = 80;
/// Most members of a list in a sentence.
const LIST_SHOWN: usize = 3;

/// What a sentence may say about the envelope.
#[derive(Debug, Clone, Copy)]
pub struct SentenceValues<'a> {
    /// Who acts.
    pub workload: &'a WorkloadId,
    /// Where.
    pub target: &'a TargetId,
    /// On what.
    pub resource: &'a ResourceId,
    /// For how long.
    pub duration_seconds: u32,
    /// How many units, when known.
    pub quantity: Option<i64>,
}

impl Descriptor {
    /// The sentence about one action.
    #[must_use]
    pub fn sentence(&self, values: &SentenceValues<'_>, projection: &Projection) -> String {
        let mut out = String::new();
        let mut one = false;
        for piece in pieces(&self.sentence) {
            match piece {
                Piece::Text(text) if one => out.push_str(&of_one(text)),
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name) => out.push_str(&self.value(name, values, projection)),
            }
            one = values.quantity == Some(1) && matches!(piece, Piece::Name("quantity"));
        }
        out
    }

    fn value(&self, name: &str, values: &SentenceValues<'_>, projection: &Projection) -> String {
        match name {
            "workload" => shown(values.workload.as_str()),
            "target" => shown(values.target.as_str()),
            "resource" => shown(values.resource.as_str()),
            "duration" => duration(values.duration_seconds),
            "quantity" => values
                .quantity
                .map_or_else(|| "an UNKNOWN number of".to_owned(), grouped),
            field => match projection {
                Projection::Inspectable { fields, .. } => fields
                    .get(field)
                    .map_or_else(|| "(not given)".to_owned(), typed),
                Projection::Uninspectable { .. } => "(UNINSPECTABLE)".to_owned(),
            },
        }
    }
}

/// The names between braces.
///
/// # Errors
/// What is wrong with the braces.
pub(super) fn placeholders(sentence: &str) -> Result<Vec<&str>, String> {
    let names: Vec<&str> = pieces(sentence)
        .filter_map(|piece| match piece {
            Piece::Name(name) => Some(name),
            Piece::Text(_) => None,
        })
        .collect();
    let stray = pieces(sentence)
        .any(|piece| matches!(piece, Piece::Text(text) if text.contains(['{', '}'])));
    if stray
        || names
            .iter()
            .any(|name| name.is_empty() || name.contains('{'))
    {
        return Err("braces come in pairs around one name: `{resource}`".to_owned());
    }
    Ok(names)
}

enum Piece<'s> {
    Text(&'s str),
    Name(&'s str),
}

fn pieces(sentence: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = sentence;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            rest = after;
            return Some(Piece::Name(name));
        }
        // A lone brace at the start is text, which `placeholders` refuses.
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '{')
            .map_or(rest.len(), |(at, _)| at);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(text))
    })
}

fn typed(value: &TypedValue) -> String {
    match value {
        TypedValue::Integer(number) => number.to_string(),
        TypedValue::Decimal { unscaled, scale } => decimal(*unscaled, *scale),
        TypedValue::Text(text) => format!("“{}”", shown(text)),
        TypedValue::TextList(texts) => {
            let mut list: Vec<String> = texts
                .iter()
                .take(LIST_SHOWN)
                .map(|text| format!("“{}”", shown(text)))
                .collect();
            if texts.len() > LIST_SHOWN {
                list.push(format!("and {} more", grouped(texts.len() - LIST_SHOWN)));
            }
            if list.is_empty() {
                "nothing".to_owned()
            } else {
                list.join(", ")
            }
        }
        TypedValue::Bool(truth) => truth.to_string(),
    }
}

/// 1250 with scale 2 is 12.50.
fn decimal(unscaled: i64, scale: u8) -> String {
    let digits = format!(
        "{:0width$}",
        unscaled.unsigned_abs(),
        width = usize::from(scale) + 1
    );
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if unscaled < 0 { "-" } else { "" };
    if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

fn duration(seconds: u32) -> String {
    match seconds {
        s if s >= 3600 && s.is_multiple_of(3600) => format!("{} h", s / 3600),
        s if s >= 60 && s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// Cut to a length that fits a line, hazards and quotes as `\u{…}`.
fn shown(text: &str) -> String {
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == VALUE_CHARACTERS_MAX {
            out.push('…');
            break;
        }
        if hazard(character).is_some() || matches!(character, '“' | '”' | '\\') {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}
