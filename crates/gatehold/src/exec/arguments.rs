//! What is asked for, as the command line says it.

use std::collections::BTreeMap;

use clap::Args;
use gatehold_client::wire::Claims;
use gatehold_core::ids::{DescriptorId, RequestId, ResourceId, TargetId, TaskId};

use super::session::BLIND_SECONDS;
use crate::exit::Failure;
use crate::request::Key;

/// What is asked for, whatever uses it.
#[derive(Debug, Args)]
pub struct Asking {
    /// Where, as the gate's targets are named.
    #[arg(long)]
    pub target: Option<TargetId>,
    /// On what.
    #[arg(long)]
    pub resource: Option<ResourceId>,
    /// How long access is wanted, such as 15m.
    #[arg(long, default_value = "15m", value_parser = crate::parse::seconds)]
    pub duration: u32,
    /// The task this step belongs to.
    #[arg(long, env = "GATEHOLD_TASK", hide_env_values = true)]
    pub task: Option<TaskId>,
    /// Begin a task of its own for this purpose, which ends with this command and takes what was granted in it along.
    #[arg(long)]
    pub purpose: Option<String>,
    /// Why. A claim, like the two below.
    #[arg(long)]
    pub reason: Option<String>,
    /// A ticket or change.
    #[arg(long)]
    pub ticket: Option<String>,
    /// What else is said about it, such as incident=INC-7, which the gate may look up; once for each.
    #[arg(long, value_parser = crate::parse::claim, value_name = "NAME=TEXT")]
    pub claim: Vec<(String, String)>,
    /// Which key asks.
    #[command(flatten)]
    pub key: Key,
}

impl Asking {
    /// What is said about it.
    ///
    /// # Errors
    /// When one of it is there twice.
    pub fn claims(&self) -> Result<Claims, Failure> {
        let mut claims = Claims {
            reason: self.reason.clone(),
            ticket: self.ticket.clone(),
            ..Claims::default()
        };
        for (name, text) in &self.claim {
            if claims.more.insert(name.clone(), text.clone()).is_some() {
                let cause = format!("the claim `{name}` is there twice");
                return Err(Failure::usage(cause, "say it once"));
            }
        }
        Ok(claims)
    }
}

/// The same where something is handed out for it.
#[derive(Debug, Args)]
pub struct Leasing {
    /// What is asked for.
    #[command(flatten)]
    pub asking: Asking,
    /// A request that was made before and is used here, instead of asking.
    #[arg(long, conflicts_with_all = ["target", "resource", "purpose"])]
    pub request: Option<RequestId>,
    /// How long the session goes on while the gate does not say that the lease stands: 5s to 5m.
    #[arg(long, default_value = "30s", value_parser = blind)]
    pub blind: u32,
}

fn blind(text: &str) -> Result<u32, String> {
    let seconds = crate::parse::seconds(text)?;
    let fits = BLIND_SECONDS.contains(&seconds);
    fits.then_some(seconds)
        .ok_or_else(|| "write a time from 5s to 5m".to_owned())
}

/// One action that is asked for.
pub struct Wanted {
    /// The kind of action.
    pub descriptor: DescriptorId,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Upper bounds.
    pub caps: BTreeMap<String, u64>,
    /// How it would be undone.
    pub rollback: Option<String>,
}

impl Wanted {
    /// Something that is handed out, by a payload of JSON.
    ///
    /// # Errors
    /// When that is no name of a descriptor.
    pub fn lease(descriptor: &str, payload: &serde_json::Value) -> Result<Self, Failure> {
        let descriptor = descriptor.parse::<DescriptorId>();
        Ok(Self {
            descriptor: descriptor.map_err(|error| Failure::fault(error, "report this"))?,
            payload: payload.to_string().into_bytes(),
            caps: BTreeMap::new(),
            rollback: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_goes_on_unseen_for_long() {
        assert_eq!(blind("5s"), Ok(5));
        assert_eq!(blind("5m"), Ok(300));
        for bad in ["4s", "301", "1h", ""] {
            assert!(blind(bad).is_err(), "{bad}");
        }
    }
}
