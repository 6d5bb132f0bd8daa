//! `-o table|json|yaml|id`: the same answer for people and for programs.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::exit::Failure;

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For both.
    Yaml,
    /// Only the id, or one id a line, for scripts.
    Id,
}

/// Puts text on standard output. That nobody reads any more is no fault of the command: it goes on and says nothing.
pub fn put(text: fmt::Arguments<'_>) {
    let _nobody_reads = std::io::stdout().lock().write_fmt(text);
}

/// The same on standard error.
pub fn complain(text: fmt::Arguments<'_>) {
    let _nobody_reads = std::io::stderr().lock().write_fmt(text);
}

/// The text of an answer in a format; `table` makes the one for people.
///
/// # Errors
/// When the answer has no JSON form.
pub fn text<T: Serialize>(
    format: Format,
    answer: &T,
    table: impl FnOnce() -> String,
) -> Result<String, Failure> {
    let broken = |error| Failure::fault(error, "use `-o table`, and report this");
    match format {
        Format::Table => Ok(table()),
        Format::Json => serde_json::to_string_pretty(answer)
            .map(|text| text + "\n")
            .map_err(broken),
        Format::Yaml => {
            let mut out = String::new();
            yaml(&serde_json::to_value(answer).map_err(broken)?, 0, &mut out);
            Ok(out)
        }
        Format::Id => {
            let mut out = String::new();
            ids(&serde_json::to_value(answer).map_err(broken)?, &mut out);
            Ok(out)
        }
    }
}

/// What an answer is about, or of a list what each item is about.
fn ids(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| ids(item, out)),
        Value::Object(members) => {
            let id = ["request", "task", "id", "name"]
                .iter()
                .find_map(|name| members.get(*name)?.as_str());
            match id {
                Some(id) => {
                    let _ = writeln!(out, "{}", crate::screen::plain(id));
                }
                // A list, a status inside of what came of it, or things by name.
                None => members.values().for_each(|member| ids(member, out)),
            }
        }
        _ => {}
    }
}

/// Block YAML. Scalars are written as JSON, which YAML reads as itself.
fn yaml(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let name = Value::from(name.as_str());
                let _ = write!(out, "{indent}{name}:");
                nested(member, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "{indent}-");
                nested(item, depth, out);
            }
        }
        scalar => {
            let _ = writeln!(out, "{indent}{scalar}");
        }
    }
}

fn nested(value: &Value, depth: usize, out: &mut String) {
    let empty = match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    };
    if empty {
        let _ = writeln!(out, " {value}");
    } else {
        out.push('\n');
        yaml(value, depth + 1, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_answer_or_of_its_items() {
        let ids = |value: serde_json::Value| text(Format::Id, &value, String::new).unwrap();
        let held = serde_json::json!({"request": "req_1", "reasons": [{"code": "x"}]});
        assert_eq!(ids(held), "req_1\n");
        let inbox = serde_json::json!({"items": [{"request": "req_1"}, {"request": "req_2"}]});
        assert_eq!(ids(inbox), "req_1\nreq_2\n");
        assert_eq!(ids(serde_json::json!({"items": []})), "");
    }

    #[test]
    fn yaml_nests_and_quotes() {
        let value = serde_json::json!({"a": {"b": [1, "no"]}, "c": []});
        let yaml = text(Format::Yaml, &value, String::new).unwrap();
        assert_eq!(yaml, "\"a\":\n  \"b\":\n    - 1\n    - \"no\"\n\"c\": []\n");
    }
}
