//! `gatehold task start|end`: a workload declares a unit of work. Everything it is granted ends with it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gatehold_client::wire::{Boundary, TaskRequest};
use gatehold_core::ids::{DescriptorId, ResourceId, TargetId, TaskId};

use crate::ambient::now_millis;
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
#[command(
    after_help = "Examples:\n  TASK=$(gatehold task start --purpose 'repair order 7')\n  gatehold task start --purpose 'repair order 7' --steps 3 --duration 30m \\\n    --descriptor sql.read --descriptor sql.write --target sql:shop --resource shop/orders"
)]
pub struct Start {
    /// What for; fixed from now on.
    #[arg(long)]
    pub purpose: String,
    /// On whose behalf, as subject@issuer. A claim.
    #[arg(long)]
    pub on_behalf_of: Option<String>,
    /// What the task may touch.
    #[command(flatten)]
    pub within: Within,
    /// Which key works.
    #[command(flatten)]
    pub key: Key,
}

/// The boundary that a task sets itself: all of it is said, or nothing.
#[derive(Debug, Args)]
pub struct Within {
    /// A boundary file (JSON), as the API takes it. The next five options say the same without one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["steps", "descriptor", "target", "resource", "duration"])]
    pub boundary: Option<PathBuf>,
    /// At most so many steps, allowed or approved.
    #[arg(long, value_name = "NUMBER", requires_all = ["descriptor", "target", "resource", "duration"])]
    pub steps: Option<u64>,
    /// A kind of action that may be asked for; once for each.
    #[arg(long, requires = "steps")]
    pub descriptor: Vec<DescriptorId>,
    /// A target; once for each.
    #[arg(long, requires = "steps")]
    pub target: Vec<TargetId>,
    /// A resource, or a prefix that ends in `/`; once for each.
    #[arg(long, requires = "steps")]
    pub resource: Vec<ResourceId>,
    /// How long from now, such as 30m.
    #[arg(long, requires = "steps", value_parser = crate::parse::seconds)]
    pub duration: Option<u32>,
}

impl Within {
    fn said(&self) -> Result<Option<Boundary>, Failure> {
        if let Some(file) = &self.boundary {
            return read(file).map(Some);
        }
        let (Some(steps), Some(duration)) = (self.steps, self.duration) else {
            return Ok(None);
        };
        Ok(Some(Boundary {
            descriptors: self.descriptor.iter().map(ToString::to_string).collect(),
            targets: self.target.iter().map(ToString::to_string).collect(),
            resources: self.resource.iter().map(ToString::to_string).collect(),
            steps,
            not_after: now_millis().saturating_add(i64::from(duration) * 1_000),
        }))
    }
}

fn read(file: &Path) -> Result<Boundary, Failure> {
    let wanted = "a boundary is {\"descriptors\": […], \"targets\": […], \"resources\": […], \"steps\": 3, \"not_after\": milliseconds since 1970}";
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display()), wanted))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display()), wanted))
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
                boundary: start.within.said()?,
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
