//! What has to be known of targets to plan what they make, and how it is taken away. No secret is among it: an executor of its own
//! tells it to its gate, and both plan by the functions that are here.

use std::collections::BTreeMap;

use gatehold_core::action::Action;
use gatehold_core::ids::{GrantId, TargetId};
use gatehold_core::lease::{Plan, Recipe};
use gatehold_gate::ports::issuer::{IssueTerms, NotIssuable};
use serde::{Deserialize, Serialize};

use super::handle::Prefix;
use super::postgres::Roles;
use super::ssh::Certificates;
use super::{postgres, ssh};

/// All targets that issue, and what begins the names of what they make.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Places {
    pub(crate) prefix: Prefix,
    pub(crate) targets: BTreeMap<TargetId, Place>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) coarse: bool,
    pub(crate) gives: Gives,
}

/// What it makes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gives {
    PostgresRole(Roles),
    SshCertificate(Certificates),
}

impl Gives {
    /// What its recipes say of their broker.
    pub(crate) const fn broker(&self) -> &'static str {
        match self {
            Self::PostgresRole(_) => postgres::BROKER,
            Self::SshCertificate(_) => ssh::BROKER,
        }
    }
}

/// What the configuration lacks for a credential to be taken away. Touches nothing: what a target itself says is not known here.
pub(crate) fn missing(
    gives: Option<&Gives>,
    target: &str,
    recipe: &Recipe,
    named_in: &str,
) -> Option<String> {
    match gives.filter(|gives| gives.broker() == recipe.broker) {
        None => Some(format!(
            "no target {target} that made it is configured: name it in {named_in} again until it is gone"
        )),
        Some(Gives::SshCertificate(certificates)) => certificates.missing(target, recipe),
        // Only the server knows whether the role is there.
        Some(Gives::PostgresRole(_)) => None,
    }
}

impl Places {
    pub(crate) fn place(&self, id: &str) -> Option<&Place> {
        let id: TargetId = id.parse().ok()?;
        self.targets.get(&id)
    }

    pub(crate) fn terms(&self, target: &str) -> Option<IssueTerms> {
        self.place(target).map(|place| match place.gives {
            Gives::PostgresRole(_) => postgres::plan::terms(place.coarse),
            Gives::SshCertificate(_) => ssh::plan::terms(place.coarse),
        })
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.targets.keys().map(ToString::to_string).collect()
    }

    pub(crate) fn plan(&self, action: &Action, grant: GrantId) -> Result<Plan, NotIssuable> {
        let place = self.place(action.envelope().target.as_str());
        let place = place.ok_or_else(|| NotIssuable("this target issues nothing".to_owned()))?;
        let (asked, handle) = (action.into(), self.prefix.handle(grant));
        match &place.gives {
            Gives::PostgresRole(roles) => postgres::plan::plan(roles, asked, (&handle).into()),
            Gives::SshCertificate(certificates) => ssh::plan::plan(certificates, asked, &handle),
        }
    }

    /// The grant that a handle names, if this gate can have made it.
    pub(crate) fn grant_of(&self, recipe: &Recipe) -> Option<GrantId> {
        [postgres::BROKER, ssh::BROKER]
            .contains(&recipe.broker.as_str())
            .then(|| self.prefix.grant(&recipe.handle))
            .flatten()
    }
}
