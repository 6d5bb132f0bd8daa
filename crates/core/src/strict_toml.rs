//! TOML definitions, read strictly: every key is taken by name, what is left over is an error, and all errors come at
//! once, each with its line. A typo must never disable a rule (threat A17), and a blank must never permit (A18).

use core::fmt;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::toml_depth::too_deep;

/// Largest definition file in bytes.
pub const FILE_BYTES_MAX: usize = 256 << 10;
/// Most problems told about one file.
const PROBLEMS_MAX: usize = 100;

/// One thing that is wrong in a definition file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TomlProblem {
    /// Line, from 1.
    pub line: usize,
    /// The key it is about; empty for the file itself.
    pub key: String,
    /// What is wrong and what to write instead.
    pub problem: String,
}

impl fmt::Display for TomlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.problem),
            key => write!(f, "line {}, `{key}`: {}", self.line, self.problem),
        }
    }
}

impl std::error::Error for TomlProblem {}

/// A table whose keys are taken one by one.
pub struct StrictTable<'i> {
    text: &'i str,
    table: DeTable<'i>,
    /// Line of every key the table had.
    lines: BTreeMap<String, usize>,
    problems: Vec<TomlProblem>,
}

impl<'i> StrictTable<'i> {
    /// Reads a document.
    ///
    /// # Errors
    /// Everything that is no TOML.
    pub fn parse(text: &'i str) -> Result<Self, Vec<TomlProblem>> {
        let whole = |problem: String| TomlProblem {
            line: 1,
            key: String::new(),
            problem,
        };
        if text.len() > FILE_BYTES_MAX {
            let problem = format!("the file is larger than {FILE_BYTES_MAX} bytes; split it");
            return Err(vec![whole(problem)]);
        }
        if let Some((at, problem)) = too_deep(text) {
            return Err(vec![TomlProblem {
                line: line_of(text, Some(at..at)),
                key: String::new(),
                problem,
            }]);
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let told = errors.iter().take(PROBLEMS_MAX).map(|error| TomlProblem {
                line: line_of(text, error.span()),
                key: String::new(),
                problem: one_line(error.message()),
            });
            return Err(told.collect());
        }
        let table = table.into_inner();
        let lines = table
            .iter()
            .map(|(key, _)| (key.get_ref().to_string(), line_of(text, Some(key.span()))))
            .collect();
        Ok(Self {
            text,
            table,
            lines,
            problems: Vec::new(),
        })
    }

    /// Takes a key that must be there.
    pub fn take<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let Some(value) = self.table.remove(key) else {
            self.problem(
                key,
                "it is missing; nothing has a default here, so write it down",
            );
            return None;
        };
        self.read(key, value)
    }

    /// Takes a key that may be left out: it then means what it meant before there was this key, which `T` says by default.
    pub fn take_or_default<T: DeserializeOwned + Default>(&mut self, key: &str) -> Option<T> {
        match self.table.remove(key) {
            Some(value) => self.read(key, value),
            None => Some(T::default()),
        }
    }

    /// Takes a list that must be there, each element on its own, so that one bad element hides no other.
    pub fn take_each<T: DeserializeOwned>(&mut self, key: &str) -> Vec<T> {
        let Some(value) = self.table.remove(key) else {
            self.problem(key, "it is missing; an empty list is written `[]`");
            return Vec::new();
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(elements) => elements
                .into_iter()
                .filter_map(|element| self.read(key, element))
                .collect(),
            _ => {
                let line = line_of(self.text, Some(span));
                self.add(line, key, "write a list".to_owned());
                Vec::new()
            }
        }
    }

    /// Remembers a problem found by looking at the values.
    pub fn problem(&mut self, key: &str, problem: impl Into<String>) {
        let line = self.lines.get(key).copied().unwrap_or(1);
        self.add(line, key, problem.into());
    }

    /// Whether something was wrong so far.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Ends reading: what was not taken is an error. Returns every problem, by line.
    #[must_use]
    pub fn finish(mut self) -> Vec<TomlProblem> {
        let left: Vec<String> = self
            .table
            .keys()
            .map(|key| key.get_ref().to_string())
            .collect();
        for key in left {
            self.problem(&key, "no such key; check its spelling or remove it");
        }
        self.problems.sort();
        self.problems.truncate(PROBLEMS_MAX);
        self.problems
    }

    fn read<T: for<'de> Deserialize<'de>>(
        &mut self,
        key: &str,
        value: Spanned<DeValue<'i>>,
    ) -> Option<T> {
        let line = line_of(self.text, Some(value.span()));
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(value),
            Err(error) => {
                let line = error
                    .span()
                    .map_or(line, |span| line_of(self.text, Some(span)));
                self.add(line, key, one_line(error.message()));
                None
            }
        }
    }

    fn add(&mut self, line: usize, key: &str, problem: String) {
        self.problems.push(TomlProblem {
            line,
            key: key.to_owned(),
            problem,
        });
    }
}

fn line_of(text: &str, span: Option<core::ops::Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start).min(text.len());
    1 + text
        .bytes()
        .take(start)
        .filter(|byte| *byte == b'\n')
        .count()
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Part {
        seats: core::num::NonZeroU8,
    }

    #[test]
    fn all_problems_at_once_with_their_lines() {
        let text = "a = 1\nb = 'x'\n\nparts = [\n { seats = 0 },\n { seats = 2 },\n { seat = 1 },\n]\nextra = true\n";
        let mut table = StrictTable::parse(text).unwrap();
        assert_eq!(table.take::<u8>("a"), Some(1));
        assert_eq!(table.take::<u8>("b"), None);
        assert_eq!(table.take::<u8>("c"), None);
        assert_eq!(table.take_each::<Part>("parts").len(), 1);
        table.problem("a", "too small");
        let problems = table.finish();
        let found: Vec<(usize, &str)> = problems
            .iter()
            .map(|problem| (problem.line, problem.key.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (1, "a"),
                (1, "c"),
                (2, "b"),
                (5, "parts"),
                (7, "parts"),
                (9, "extra")
            ]
        );
        assert!(
            problems
                .iter()
                .all(|problem| !problem.to_string().contains('\n'))
        );
    }

    #[test]
    fn what_is_no_toml_is_told_by_line() {
        let problems = StrictTable::parse("a = 1\nb =\nc = 3\nc = 4\n")
            .err()
            .unwrap();
        assert!(
            problems.iter().any(|problem| problem.line == 2),
            "{problems:?}"
        );
        assert!(StrictTable::parse(&"#".repeat(FILE_BYTES_MAX + 1)).is_err());
    }
}
