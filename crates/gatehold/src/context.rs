//! What every command shares: whose folder, which gate, who acts, how to print.

use std::path::{Path, PathBuf};

use clap::Args;
use gatehold_core::time::Timestamp;
use serde_json::json;

use crate::ambient::now_millis;
use crate::exit::Failure;
use crate::output::Format;
use crate::profile::Profile;
use crate::screen::Screen;
use crate::terminal::{columns, takes_colour};

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Folder with client.toml; a running `gatehold dev` is found by itself.
    #[arg(
        long,
        global = true,
        env = "GATEHOLD_HOME",
        hide_env_values = true,
        value_name = "FOLDER"
    )]
    pub home: Option<PathBuf>,
    /// The gate's public URL, instead of the one in client.toml.
    #[arg(long, global = true, env = "GATEHOLD_URL", hide_env_values = true)]
    pub url: Option<String>,
    /// Act as this person of a development gate: owner, reviewer or second.
    #[arg(
        long = "as",
        global = true,
        env = "GATEHOLD_AS",
        hide_env_values = true,
        value_name = "PERSON"
    )]
    pub person: Option<String>,
    /// How to print answers.
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "GATEHOLD_OUTPUT",
        hide_env_values = true,
        value_name = "FORMAT"
    )]
    pub output: Format,
}

/// The same, with what the terminal can do.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// `--home`.
    pub home: Option<PathBuf>,
    /// `--url`.
    pub url: Option<String>,
    /// `--as`.
    pub person: Option<String>,
    /// `-o`.
    pub format: Format,
    /// Where people read.
    pub screen: Screen,
    /// Standard error.
    pub errors: Screen,
}

impl Ctx {
    /// From the command line and the environment.
    #[must_use]
    pub fn new(global: Global) -> Self {
        let width = columns();
        let errors = Screen {
            color: takes_colour(&std::io::stderr()),
            width,
        };
        // For programs standard output is the answer alone; what people read goes to standard error.
        let screen = match global.output {
            Format::Table => Screen {
                color: takes_colour(&std::io::stdout()),
                width,
            },
            _ => errors,
        };
        Self {
            home: global.home,
            url: global.url,
            person: global.person,
            format: global.output,
            screen,
            errors,
        }
    }

    /// The client's folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn profile(&self) -> Result<Profile, Failure> {
        Profile::find(self.home.as_deref(), self.url.as_deref())
    }

    /// What people read before the answer. For programs standard output is the answer alone, and this goes beside it.
    pub fn say(&self, text: &str) {
        if self.format == Format::Table {
            print!("{text}");
        } else {
            eprint!("{text}");
        }
    }

    /// Prints that a file was written, and what comes next.
    ///
    /// # Errors
    /// When the answer has no JSON form.
    pub fn wrote(&self, file: &Path, next: &str) -> Result<(), Failure> {
        let file = file.display().to_string();
        self.print(&json!({ "wrote": file, "next": next }), || {
            format!("wrote {file}\nnext: {next}\n")
        })
    }

    /// Prints one answer of several: for programs a document a line, or one of a stream; for people under its time.
    ///
    /// # Errors
    /// When the answer has no JSON form.
    pub fn print_one_of_many<T: serde::Serialize>(
        &self,
        answer: &T,
        table: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => {
                let line = serde_json::to_string(answer)
                    .map_err(|error| Failure::fault(error, "use `-o table`, and report this"))?;
                println!("{line}");
                return Ok(());
            }
            Format::Yaml => println!("---"),
            Format::Table => {
                let now = Timestamp::from_millis(now_millis());
                println!("{}", self.screen.title(&format!("--- {now}")));
            }
            Format::Id => {}
        }
        self.print(answer, table)
    }

    /// Prints an answer in the format that was asked for.
    ///
    /// # Errors
    /// When the answer has no JSON form.
    pub fn print<T: serde::Serialize>(
        &self,
        answer: &T,
        table: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        print!("{}", crate::output::text(self.format, answer, table)?);
        Ok(())
    }
}
