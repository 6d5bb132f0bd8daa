//! `gatehold console set`: the pages on which passkeys sign. Whoever may name one may have passkeys asked on a page of theirs, so
//! it is a change of the gate, which others approve.

use clap::Subcommand;
use gatehold_core::passkey::WebOrigin;
use gatehold_core::trust::change::ConfigChange;

use crate::change::{Submitting, submit};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};

/// `gatehold console …`.
#[derive(Debug, Subcommand)]
pub enum Console {
    /// Ask for passkeys to sign on exactly these pages.
    Set {
        /// A page's origin: https, host and port, without a path; without any, no passkey signs from then on.
        #[arg(long, value_name = "ORIGIN")]
        origin: Vec<WebOrigin>,
        /// How it is asked for.
        #[command(flatten)]
        how: Submitting,
    },
}

/// Runs a console command.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn console(ctx: &Ctx, console: &Console) -> Result<Exit, Failure> {
    let Console::Set { origin, how } = console;
    let change = ConfigChange {
        consoles: origin.clone(),
    };
    submit(ctx, how, "config.change", "gatehold/consoles", &change).await
}
