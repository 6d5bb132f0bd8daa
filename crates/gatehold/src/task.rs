//! `gatehold task start|end`: a workload declares a unit of work. Everything it is granted ends with it.

use clap::{Args, Subcommand};
use gatehold_client::wire::TaskRequest;
use gatehold_core::ids::TaskId;

use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::request::{Key, client};

/// `gatehold task …`.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Begin one; prints its id.
    Start(Start),
    /// End one, and every grant made in it.
    End(End),
}

/// Arguments of `gatehold task start`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  TASK=$(gatehold task start --purpose 'repair order 7')")]
pub struct Start {
    /// What for; fixed from now on.
    #[arg(long)]
    pub purpose: String,
    /// On whose behalf, as subject@issuer. A claim.
    #[arg(long)]
    pub on_behalf_of: Option<String>,
    /// Which key works.
    #[command(flatten)]
    pub key: Key,
}

/// Arguments of `gatehold task end`.
#[derive(Debug, Args)]
pub struct End {
    /// Which one.
    pub id: TaskId,
    /// Which key began it.
    #[command(flatten)]
    pub key: Key,
}

/// Runs one of them.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn run(ctx: &Ctx, task: &Task) -> Result<Exit, Failure> {
    match task {
        Task::Start(start) => {
            let client = client(ctx, &start.key).await?;
            let request = TaskRequest {
                purpose: start.purpose.clone(),
                on_behalf_of: start.on_behalf_of.clone(),
                boundary: None,
            };
            let task = client.start_task(&request).await?;
            ctx.print(&task, || format!("{}\n", task.task))?;
        }
        Task::End(end) => {
            let client = client(ctx, &end.key).await?;
            let task = client.end_task(&end.id.to_string()).await?;
            ctx.print(&task, || "ended; its grants ended with it\n".to_owned())?;
        }
    }
    Ok(Exit::Done)
}
