//! Credentials that an executor elsewhere makes and takes away. What would be made is planned here as it is there, out of what it told of
//! its targets; what it makes is on its way through this process once, and kept nowhere.

use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::ids::GrantId;
use gatehold_core::lease::{Lease, Plan, Recipe};
use gatehold_gate::ports::executor::{Evidence, Execution};
use gatehold_gate::ports::issuer::{
    Credential, Issuance, IssueTerms, Issuer, NotIssuable, NotTold, Removal,
};
use gatehold_gate::{EndAsked, FoundAsked, FoundThere, IssueAsked, Made, Removed};

use super::{CONNECT, Remote, post, refused, written};
use crate::http::{self, Times};
use crate::leases::gives::{Places, missing};
use crate::outcome::{Ending, Stop, code};

/// How long a target there may take: longer than a broker gives it by itself.
const AT_TARGET: Times = Times {
    connect: CONNECT,
    answer: Duration::from_secs(120),
};
/// Why a credential remains, where the executor itself did not say.
const AWAY: &str = "executor_unreachable";
/// What credentials are, and what is shown of them.
const KINDS: [&str; 2] = ["postgres_login", "ssh_certificate"];
const SHOWN: [&str; 11] = [
    "host", "port", "database", "user", "sslmode", "expires", "hosts", "from", "key_id", "serial",
    "command",
];
/// Why nothing was made, or nobody can tell.
const NOT_MADE: [&str; 6] = [
    "target_refused",
    "entitlement_refused",
    "no_target",
    "unreachable",
    "timeout",
    "lost",
];
/// Why one is still there.
const REMAINS: [&str; 8] = [
    "unreachable",
    "timeout",
    "sessions_left",
    "prepared_left",
    "target_refused",
    "target_changed",
    "no_target",
    "issuing",
];
/// Where its targets are configured.
const NAMED_IN: &str = "the executor's file";
/// A word of an executor of another version.
const OTHER: &str = "other";

impl Remote {
    /// What is known of its targets that make credentials.
    pub(super) fn places<T>(&self, of: impl FnOnce(&Places) -> T) -> Option<T> {
        let known = self.issuing.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(of)
    }

    async fn made(&self, lease: &Lease, evidence: &dyn Evidence) -> Result<Issuance, Stop> {
        let case = self.shown(evidence).await?;
        let asked = IssueAsked {
            case,
            lease: lease.clone(),
        };
        let post = post("/v1/issue", written(&asked)?);
        let answer = http::hand_over(&self.server, AT_TARGET, post).await?;
        match answer.ending {
            Ending::Completed => Ok(issuance(&answer)),
            Ending::Failed => Err(refused(&answer)),
            Ending::Unknown => Err(Stop::unknown(code::LOST, "the executor broke off")),
        }
    }

    /// Asks for something in the safe direction: doing it again is harmless.
    async fn asked<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        document: &impl serde::Serialize,
    ) -> Result<T, Stop> {
        let post = post(path, written(document)?);
        let answer = http::hand_over(&self.server, AT_TARGET, post).await?;
        if answer.ending != Ending::Completed {
            return Err(refused(&answer));
        }
        let read = serde_json::from_slice(&answer.body).ok();
        read.filter(|_| !answer.truncated)
            .ok_or_else(|| Stop::unknown(code::LOST, "the executor's answer could not be read"))
    }
}

#[async_trait]
impl Issuer for Remote {
    fn terms(&self, target: &str) -> Option<IssueTerms> {
        self.places(|places| places.terms(target)).flatten()
    }

    fn targets(&self) -> Vec<String> {
        self.places(Places::ids).unwrap_or_default()
    }

    fn knows_targets(&self) -> bool {
        self.places(|_| ()).is_some()
    }

    fn plan(&self, action: &Action, grant: GrantId) -> Result<Plan, NotIssuable> {
        let unknown = || Err(NotIssuable("this target issues nothing".to_owned()));
        self.places(|places| places.plan(action, grant))
            .unwrap_or_else(unknown)
    }

    // INVARIANT(single-release): the proof is spent here by move, and what is sent in its place is spent there for ever.
    async fn issue(&self, approved: Approved, lease: &Lease, evidence: &dyn Evidence) -> Issuance {
        let (request, grant) = (approved.request(), approved.grant());
        let ended = self.made(lease, evidence).await.unwrap_or_else(|stop| {
            tracing::warn!(%request, %grant, code = stop.code, why = stop.message, "the executor made no credential");
            match stop.ending {
                Ending::Failed => Issuance::Refused(stop.code),
                Ending::Completed | Ending::Unknown => Issuance::Unknown(stop.code),
            }
        });
        tracing::info!(%request, %grant, ended = ?ended, "broker.remote.issue");
        ended
    }

    async fn shut(&self, target: &str, recipes: &[Recipe]) {
        let asked = EndAsked {
            target: target.to_owned(),
            recipes: recipes.to_vec(),
        };
        let shut: Result<serde_json::Value, Stop> = self.asked("/v1/shut", &asked).await;
        if let Err(stop) = shut {
            let (code, why) = (stop.code, stop.message);
            tracing::warn!(
                target_id = target,
                code,
                why,
                "credentials are not shut before each is taken away"
            );
        }
    }

    // INVARIANT(revoked-is-verified): gone is what the executor says that the target said; no answer is none.
    async fn remove(&self, target: &str, recipe: &Recipe) -> Removal {
        let asked = EndAsked {
            target: target.to_owned(),
            recipes: vec![recipe.clone()],
        };
        match self.asked("/v1/remove", &asked).await {
            Ok(Removed { remains: None }) => Removal::Gone,
            Ok(Removed {
                remains: Some(code),
            }) => Removal::Remains(known(&code, &REMAINS).unwrap_or(OTHER)),
            Err(stop) => {
                let (code, why) = (stop.code, stop.message);
                let handle = recipe.handle.as_str();
                tracing::warn!(
                    target_id = target,
                    handle,
                    code,
                    why,
                    "the executor takes nothing away"
                );
                Removal::Remains(if code == code::REFUSED_THERE {
                    code
                } else {
                    AWAY
                })
            }
        }
    }

    fn missing(&self, target: &str, recipe: &Recipe) -> Option<String> {
        let foreign = self.places(|places| places.grant_of(recipe).is_none())?;
        if foreign {
            return Some(format!(
                "it was made by the gate itself: start the gate without [executor] and with target {target} until it is gone"
            ));
        }
        self.places(|places| {
            let place = places.place(target);
            missing(place.map(|place| &place.gives), target, recipe, NAMED_IN)
        })
        .flatten()
    }

    async fn found(&self, target: &str) -> Result<Vec<Recipe>, NotTold> {
        let asked = FoundAsked {
            target: target.to_owned(),
        };
        let found: Result<FoundThere, Stop> = self.asked("/v1/found", &asked).await;
        found
            .map(|found| found.recipes)
            .map_err(|stop| NotTold(format!("{}: {}", stop.code, stop.message)))
    }

    fn grant_of(&self, recipe: &Recipe) -> Option<GrantId> {
        self.places(|places| places.grant_of(recipe)).flatten()
    }
}

/// What was made, as the executor tells. It was begun, so what cannot be read is not known.
fn issuance(answer: &Execution) -> Issuance {
    let read: Option<Made> = serde_json::from_slice(&answer.body).ok();
    match read.filter(|_| !answer.truncated) {
        Some(Made::Issued {
            kind,
            public,
            secret,
        }) => credential(&kind, public, secret),
        Some(Made::Refused { code }) => Issuance::Refused(known(&code, &NOT_MADE).unwrap_or(OTHER)),
        Some(Made::Unknown { code }) => Issuance::Unknown(known(&code, &NOT_MADE).unwrap_or(OTHER)),
        None => Issuance::Unknown(code::LOST),
    }
}

/// One that this version does not know is handed to nobody: nobody could say what it is.
fn credential(kind: &str, public: Vec<(String, String)>, secret: String) -> Issuance {
    let shown = public.into_iter();
    let shown = shown.map(|(name, text)| Some((known(&name, &SHOWN)?, text)));
    let shown: Option<Vec<_>> = shown.collect();
    match known(kind, &KINDS).zip(shown) {
        Some((kind, public)) => Issuance::Issued(Credential {
            kind,
            public,
            secret,
        }),
        None => Issuance::Unknown(code::LOST),
    }
}

/// The word that another process tells, as one of these.
fn known(told: &str, all: &[&'static str]) -> Option<&'static str> {
    all.iter().find(|word| **word == told).copied()
}
