//! PostgreSQL: a role of its own for each lease, a member of one group role, with a password and an end that the server keeps.
//!
//! The server may be hostile or down: every step has a time limit, every conversation a byte budget. A role is `Gone` only
//! once the server answered each question about it.

mod entitlement;
pub(crate) mod found;
pub(crate) mod issue;
pub(crate) mod names;
pub(crate) mod plan;
pub(crate) mod rekey;
pub(crate) mod remove;
pub(crate) mod shut;
mod talk;
pub(crate) mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gatehold_core::lease::Recipe;
use serde::{Deserialize, Serialize};

use crate::sql::postgres::PostgresTarget;
use names::Name;

/// What its recipes say of their broker.
pub(crate) const BROKER: &str = "postgres";

/// Where roles are made, and which groups they may be members of.
#[derive(Debug)]
pub(crate) struct RoleTarget {
    /// The broker's own way in.
    pub(crate) server: PostgresTarget,
    /// What it gives, and where.
    pub(crate) gives: Roles,
    /// How many sessions a lease may have at once.
    pub(crate) connections: u16,
    /// Where the workload finds the server.
    pub(crate) public: (String, u16),
}

/// What has to be known to plan a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Roles {
    /// What stands for the server in a recipe: host or socket, and port.
    pub(crate) address: (String, u16),
    /// The database that the broker and the workload open.
    pub(crate) database: String,
    /// The group roles that it gives.
    pub(crate) roles: BTreeSet<Name>,
}

impl Roles {
    /// The way to take a role away.
    fn recipe(&self, handle: &Name, entitlement: String) -> Recipe {
        let (host, port) = &self.address;
        let parts = [
            ("database", self.database.clone()),
            ("host", host.clone()),
            ("port", port.to_string()),
        ];
        Recipe {
            broker: BROKER.to_owned(),
            handle: handle.as_str().to_owned(),
            entitlement,
            parts: BTreeMap::from(parts.map(|(name, text)| (name.to_owned(), text))),
        }
    }

    /// Whether a recipe was written for the server that is configured now.
    fn is_of(&self, recipe: &Recipe) -> bool {
        let (host, port) = &self.address;
        let part = |name| recipe.parts.get(name).map(String::as_str);
        part("host") == Some(host) && part("port") == Some(port.to_string().as_str())
    }
}

impl RoleTarget {
    /// No call takes longer as a whole: what a removal has done by then stays done, and the next goes on from there.
    fn call_limit(&self) -> Duration {
        self.server
            .connect_timeout
            .saturating_add(self.server.statement_timeout.saturating_mul(3))
    }
}
