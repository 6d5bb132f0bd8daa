//! The targets that a command looks at: those of the gate's configuration, or those of an executor of its own.

use std::path::PathBuf;

use clap::Args;
use gatehold_broker::Targets;
use toml::{Table, Value};

use crate::ambient::text_variable;
use crate::config::Config;
use crate::exit::Failure;

/// Where they stand.
#[derive(Debug, Args)]
pub struct TargetsFile {
    /// The file with its `[[target]]` table, where the gate's own has none: that of its executor.
    #[arg(long, value_name = "FILE")]
    pub targets: Option<PathBuf>,
}

impl TargetsFile {
    /// Puts what is named here in the place of the gate's own.
    ///
    /// # Errors
    /// When it cannot be read, and everything that is wrong with its targets.
    pub fn put_into(&self, config: &mut Config) -> Result<(), Failure> {
        let Some(file) = &self.targets else {
            return Ok(());
        };
        let wrong = |why: String| {
            let why = format!("{}: {why}", file.display());
            Failure::usage(
                why,
                "name the file of the executor, with its [[target]] tables",
            )
        };
        let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
        let mut document: Table = text
            .parse()
            .map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
        // The rest of an executor's file is of no interest here.
        let Some(Value::Array(tables)) = document.remove("target") else {
            return Err(wrong("it has no [[target]]".to_owned()));
        };
        let tables: Option<Vec<Table>> = tables
            .into_iter()
            .map(|one| match one {
                Value::Table(table) => Some(table),
                _ => None,
            })
            .collect();
        let tables = tables.ok_or_else(|| wrong("write each as [[target]]".to_owned()))?;
        let environment = |name: &str| text_variable(name);
        let targets = Targets::from_tables(tables, &environment);
        config.targets = targets.map_err(|errors| wrong(errors.to_string()))?;
        Ok(())
    }
}
