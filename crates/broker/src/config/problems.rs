//! What is wrong with a configuration: all of it, each with its target and field, so that one run finds every mistake.

use core::fmt;
use std::time::Duration;

use crate::secret::{Secret, Source};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The target's id, or its place when it has none.
    pub target: String,
    /// Which field.
    pub field: String,
    /// What to do about it.
    pub text: String,
}

/// Every mistake of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl ConfigErrors {
    pub(super) fn one(field: &str, text: String) -> Self {
        Self(vec![Problem {
            target: "all".to_owned(),
            field: field.to_owned(),
            text,
        }])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let line = if index > 0 { "\n" } else { "" };
            write!(
                f,
                "{line}target {}: {}: {}",
                problem.target, problem.field, problem.text
            )?;
        }
        Ok(())
    }
}

impl core::error::Error for ConfigErrors {}

/// Collects the mistakes of one target.
pub(super) struct Problems<'a> {
    target: String,
    found: &'a mut Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(target: String, found: &'a mut Vec<Problem>) -> Self {
        Self { target, found }
    }

    pub(super) fn add(&mut self, field: impl Into<String>, text: impl Into<String>) {
        self.found.push(Problem {
            target: self.target.clone(),
            field: field.into(),
            text: text.into(),
        });
    }

    /// The value, or a problem.
    pub(super) fn check<T, E: fmt::Display>(
        &mut self,
        field: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        result
            .map_err(|error| self.add(field, error.to_string()))
            .ok()
    }

    /// Reads the fields a kind knows and refuses all others.
    pub(super) fn fields<T: serde::de::DeserializeOwned>(
        &mut self,
        table: toml::Table,
    ) -> Option<T> {
        match T::deserialize(toml::Value::Table(table)) {
            Ok(fields) => Some(fields),
            Err(error) => {
                self.add("fields", error.to_string());
                None
            }
        }
    }

    /// A time limit within its bounds, or the default.
    pub(super) fn seconds(&mut self, field: &str, given: Option<u64>, default: u64) -> Duration {
        /// No call is waited for longer.
        const SECONDS_MAX: u64 = 3_600;
        let seconds = given.unwrap_or(default);
        if seconds == 0 || seconds > SECONDS_MAX {
            self.add(field, format!("must be between 1 and {SECONDS_MAX}"));
        }
        Duration::from_secs(seconds)
    }

    /// A bound on results, or the default.
    pub(super) fn bytes(&mut self, field: &str, given: Option<usize>) -> usize {
        /// Results are held in memory and stored in the ledger.
        const BYTES_MAX: usize = 16 << 20;
        const BYTES_DEFAULT: usize = 1 << 20;
        let bytes = given.unwrap_or(BYTES_DEFAULT);
        if bytes == 0 || bytes > BYTES_MAX {
            self.add(field, format!("must be between 1 and {BYTES_MAX}"));
        }
        bytes
    }

    /// Exactly one place a secret comes from.
    pub(super) fn secret(
        &mut self,
        field: &str,
        file: Option<std::path::PathBuf>,
        variable: Option<String>,
        command: Option<Vec<String>>,
        environment: super::Environment<'_>,
    ) -> Option<Source> {
        let source = match (file, variable, command) {
            (Some(path), None, None) if path.is_absolute() => Source::File(path),
            (Some(_), None, None) => {
                self.add(field, "name the file by its absolute path");
                return None;
            }
            (None, Some(variable), None) => {
                let Some(value) = environment(&variable) else {
                    self.add(field, format!("the variable {variable} is not set"));
                    return None;
                };
                let secret = Secret::new(value.into_bytes());
                Source::Captured(self.check(field, secret)?)
            }
            (None, None, Some(argv)) if argv.first().is_some_and(|name| !name.is_empty()) => {
                Source::Command(argv)
            }
            _ => {
                self.add(
                    field,
                    "name exactly one place: a file, a variable or a command",
                );
                return None;
            }
        };
        let checked = source.check();
        self.check(field, checked)?;
        Some(source)
    }
}
