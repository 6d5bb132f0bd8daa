//! `gatehold descriptor list|lint`: the kinds of action a gate knows, and one that is being written.

use std::path::PathBuf;

use clap::Subcommand;
use gatehold_core::descriptor::Descriptor;

use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::request::{Key, client};
use crate::screen::table;

/// `gatehold descriptor …`.
#[derive(Debug, Subcommand)]
pub enum DescriptorCommand {
    /// List the active ones.
    List {
        /// Which key asks.
        #[command(flatten)]
        key: Key,
    },
    /// Say what is wrong with a descriptor file.
    Lint {
        /// The file.
        file: PathBuf,
    },
}

/// Runs one of them.
///
/// # Errors
/// When the gate does not answer, or the file is wrong.
pub async fn run(ctx: &Ctx, command: &DescriptorCommand) -> Result<Exit, Failure> {
    match command {
        DescriptorCommand::List { key } => {
            let known = client(ctx, key).await?.descriptors().await?;
            ctx.print(&known, || {
                let rows: Vec<Vec<String>> = known
                    .descriptors
                    .iter()
                    .map(|item| {
                        vec![
                            item.id.clone(),
                            item.version.to_string(),
                            item.title.clone(),
                        ]
                    })
                    .collect();
                table(&["ID", "VERSION", "WHAT"], &rows, ctx.screen.width)
            })?;
            Ok(Exit::Done)
        }
        DescriptorCommand::Lint { file } => {
            let text =
                std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
            let descriptor = Descriptor::parse(&text).map_err(|problems| Failure {
                exit: Exit::Policy,
                causes: problems
                    .iter()
                    .map(|problem| format!("{}: {problem}", file.display()))
                    .collect(),
                next: "correct these".to_owned(),
            })?;
            let answer = serde_json::json!({
                "id": descriptor.id,
                "version": descriptor.version,
                "hash": descriptor.hash(),
            });
            ctx.print(&answer, || {
                format!(
                    "{} v{} {}\n",
                    descriptor.id,
                    descriptor.version,
                    descriptor.hash()
                )
            })?;
            Ok(Exit::Done)
        }
    }
}
