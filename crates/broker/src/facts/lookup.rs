//! Look-ups at other systems, all through one connector: a GET at a configured server, and what its answer must say. Incident,
//! change and deployment are configurations of it.
//!
//! What is found is VERIFIED, yes or no, with its age; whatever goes wrong is UNKNOWN with why. Nothing of an answer reaches a
//! page: words come from the configuration, identifiers only if they are plain.

pub(crate) mod assertion;
pub(crate) mod kept;
pub(crate) mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use gatehold_core::context::TypedValue;
use gatehold_core::ids::TargetId;
use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::facts::{Found, Question, Told};
use tokio::sync::Semaphore;

use super::count::Count;
use super::probe::NOBODYS;
use crate::http::{self, HttpTarget};
use crate::outcome::{Stop, code};
use assertion::Assertion;
use kept::Kept;
use template::Template;

/// Most look-ups for one action.
const PER_ACTION_MAX: usize = 8;
/// Most look-ups at one system at once.
const AT_ONCE_MAX: usize = 8;

/// Everybody who can be asked, by recipe; databases by target besides.
#[derive(Debug, Default)]
pub struct Lookups {
    systems: BTreeMap<String, Lookup>,
    counts: BTreeMap<(String, TargetId), Count>,
}

/// One kind of question to one system.
#[derive(Debug)]
pub(crate) struct Lookup {
    recipe: String,
    target: HttpTarget,
    path: Template,
    query: Vec<(String, Template)>,
    assertions: Vec<Assertion>,
    timeout: Duration,
    max_age_seconds: u32,
    kept: Kept,
    free: Semaphore,
}

/// A question with its identifiers in their places.
struct Ready {
    path: String,
    query: Vec<(String, String)>,
    /// Names it among what is kept.
    key: String,
    /// What stands in the places, if people can read it.
    about: String,
}

impl Lookups {
    /// Of these.
    ///
    /// # Errors
    /// A recipe that two of them answer.
    pub(crate) fn new(lookups: Vec<Lookup>, all: Vec<Count>) -> Result<Self, String> {
        let mut systems = BTreeMap::new();
        for lookup in lookups {
            let recipe = lookup.recipe.clone();
            if systems.insert(recipe.clone(), lookup).is_some() {
                return Err(recipe);
            }
        }
        let mut counts = BTreeMap::new();
        for count in all {
            let key = (count.recipe.clone(), count.target.clone());
            if systems.contains_key(&key.0) || counts.insert(key.clone(), count).is_some() {
                return Err(key.0);
            }
        }
        Ok(Self { systems, counts })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.systems.len() + self.counts.len()
    }

    /// Whether nobody can be asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn systems(&self) -> impl Iterator<Item = &Lookup> {
        self.systems.values()
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = &Count> {
        self.counts.values()
    }

    /// Asks, all at once, whatever of the queries somebody here answers.
    pub(super) async fn answer(&self, question: &Question<'_>) -> BTreeMap<String, Told<Found>> {
        let known = question.queries.iter().filter_map(|query| {
            let target = question.envelope.target.clone();
            let system = self.systems.get(&query.recipe).map(Asked::System);
            let count = || self.counts.get(&(query.recipe.clone(), target));
            let asked = system.or_else(|| count().map(Asked::Count))?;
            Some((query.name.clone(), asked))
        });
        let asked = known.enumerate().map(async |(number, (name, asked))| {
            let told = match asked {
                _ if number >= PER_ACTION_MAX => {
                    let why = format!("at most {PER_ACTION_MAX} look-ups are made for one action");
                    Told::unknown("look-ups", why)
                }
                Asked::System(lookup) => lookup.told(question).await,
                Asked::Count(count) => count.told(question).await,
            };
            (name, told)
        });
        join_all(asked).await.into_iter().collect()
    }
}

/// Who answers a query.
enum Asked<'a> {
    System(&'a Lookup),
    Count(&'a Count),
}

impl Lookup {
    pub(crate) fn new(
        recipe: String,
        target: HttpTarget,
        path: Template,
        query: Vec<(String, Template)>,
        assertions: Vec<Assertion>,
        timeout: Duration,
        max_age_seconds: u32,
    ) -> Self {
        Self {
            recipe,
            target,
            path,
            query,
            assertions,
            timeout,
            max_age_seconds,
            kept: Kept::default(),
            free: Semaphore::new(AT_ONCE_MAX),
        }
    }

    pub(super) fn name(&self) -> String {
        format!("look-up `{}`", self.recipe)
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks about a number that nobody gave: an answer, and one that there is no such number, come from somebody who knows.
    pub(super) async fn probe(&self) -> Result<String, String> {
        let query = self.query.iter();
        let query = query.map(|(name, value)| (name.clone(), value.everywhere(NOBODYS)));
        let path = self.path.everywhere(NOBODYS);
        let looked = http::look(&self.target, path, query.collect()).await;
        let looked = looked.map_err(|stop| stop.message)?;
        match looked.status {
            Some(status @ (200 | 404)) => {
                Ok(format!("answers ({status} about a number of nobody's)"))
            }
            Some(status @ (401 | 403)) => Err(format!(
                "it answered {status}: give the gate a credential that it takes"
            )),
            Some(status) => Err(format!("it answered {status}")),
            None => Err("it did not answer".to_owned()),
        }
    }

    async fn told(&self, question: &Question<'_>) -> Told<Found> {
        let ready = match self.ready(question) {
            Ok(ready) => ready,
            Err(why) => return Told::unknown(self.name(), why),
        };
        if !question.anew
            && let Some((answer, age_seconds)) =
                self.kept
                    .get(&ready.key, question.now, self.max_age_seconds)
        {
            return Told {
                answer,
                from: self.name(),
                age_seconds,
            };
        }
        let answer = match tokio::time::timeout(self.timeout, self.ask(&ready, question)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err("there was no answer in time".to_owned()),
        };
        self.kept.put(ready.key, question.now, answer.clone());
        Told {
            answer,
            from: self.name(),
            age_seconds: 0,
        }
    }

    /// The question with what fills its places; else why it cannot be asked.
    fn ready(&self, question: &Question<'_>) -> Result<Ready, String> {
        let path = self.path.path(question)?;
        let mut query = Vec::new();
        let mut identifiers = self.path.identifiers(question)?;
        for (name, value) in &self.query {
            identifiers.extend(value.identifiers(question)?);
            query.push((name.clone(), value.plain(question)?));
        }
        for assertion in &self.assertions {
            if let assertion::Check::Text(wanted) = &assertion.check {
                identifiers.extend(wanted.identifiers(question)?);
            }
        }
        let plain = |text: &String| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._:/@".contains(c))
        };
        let mut shown: Vec<String> = identifiers
            .iter()
            .map(|text| {
                if plain(text) {
                    text.clone()
                } else {
                    "…".to_owned()
                }
            })
            .collect();
        shown.dedup();
        // NUL stands in no identifier, so that no two questions have one key.
        let resource = question.envelope.resource.to_string();
        identifiers.extend([path.clone(), resource]);
        Ok(Ready {
            path,
            query,
            key: identifiers.join("\0"),
            about: shown.join(", "),
        })
    }

    async fn ask(&self, ready: &Ready, question: &Question<'_>) -> Result<Found, String> {
        let _free = self
            .free
            .acquire()
            .await
            .map_err(|_| "it cannot be asked any more")?;
        let answer = self.fetch(ready).await?;
        for assertion in &self.assertions {
            if !assertion.holds(&answer, question)? {
                let refuted = assertion.refuted();
                return Ok(found(false, &ready.about, &refuted));
            }
        }
        Ok(found(true, &ready.about, ""))
    }

    async fn fetch(&self, ready: &Ready) -> Result<Json, String> {
        let looked = http::look(&self.target, ready.path.clone(), ready.query.clone()).await;
        let looked = looked.map_err(|stop: Stop| match stop.code {
            // These texts are ours and name nothing of the requester's.
            code::UNREACHABLE | code::TIMEOUT | code::LOST => stop.message,
            _ => {
                tracing::warn!(
                    recipe = self.recipe,
                    why = stop.message,
                    "a look-up cannot be asked"
                );
                "it cannot be asked; the log of the gate says why".to_owned()
            }
        })?;
        match looked.status {
            Some(200) => {}
            Some(status @ 300..=399) => {
                return Err(format!("it answered {status} and points elsewhere"));
            }
            Some(status) => return Err(format!("it answered {status}")),
            None => return Err("it did not answer".to_owned()),
        }
        if looked.truncated || looked.code != code::OK {
            return Err("its answer is too large, or cannot be read whole".to_owned());
        }
        if !is_json(&looked.media_type) {
            return Err("its answer is not JSON by its type".to_owned());
        }
        payload::parse(&looked.body, &Limits::PAYLOAD)
            .map_err(|_| "its answer is not strict JSON".to_owned())
    }
}

fn found(value: bool, about: &str, refuted: &str) -> Found {
    let word = if value { "yes" } else { "no" };
    let about = if about.is_empty() {
        String::new()
    } else {
        format!(": {about}")
    };
    let refuted = if refuted.is_empty() {
        String::new()
    } else {
        format!("; {refuted}")
    };
    Found {
        value: TypedValue::Bool(value),
        detail: format!("{word}{about}{refuted}"),
    }
}

/// `application/json`, or one of its kinds.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || essence
            .strip_prefix("application/")
            .is_some_and(|kind| kind.ends_with("+json"))
}

/// How old an answer is, in seconds; nothing for one from a time that has not come.
fn age(at: Timestamp, now: Timestamp) -> Option<u32> {
    u32::try_from(now.seconds().checked_sub(at.seconds())?).ok()
}
