//! The executor as a process of its own: everything about an approved request is sent to it over mutual TLS, and it makes the proof
//! again before it acts. Nothing of a target is known here but its name and what it enforces.
//!
//! `issuer` has credentials made and taken away there.
//!
//! Nothing is repeated. Until the case itself was sent nothing can have happened; after that only an answer tells.

mod issuer;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use gatehold_core::approved::Approved;
use gatehold_gate::ports::executor::{Evidence, Execution, Executor};
use gatehold_gate::{Answer, ApartStanding, Case, LINKS_BYTES_MAX, No};

use crate::config::Base;
use crate::http::reach::Reach;
use crate::http::{self, HttpTarget, Post, Times};
use crate::leases::gives::Places;
use crate::outcome::{Ending, Stop, code};
use crate::tls;

/// Largest answer: what a target may give at most, in base64, and the rest.
const ANSWER_BYTES_MAX: usize = 24 << 20;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a question that does nothing may take.
const LOOK: Duration = Duration::from_secs(10);
/// How much longer than its own time an execution may be waited for.
const LONGER: Duration = Duration::from_secs(15);
/// Most pages of links sent for one execution.
const PAGES_MAX: usize = 1_000;

/// An executor elsewhere.
pub struct Remote {
    server: HttpTarget,
    /// Its targets as it told them last; what is known stays known while it does not answer.
    known: RwLock<BTreeMap<String, Vec<String>>>,
    /// The same of those that make credentials; nothing until it has told them.
    issuing: RwLock<Option<Places>>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.server.base.host)
    }
}

impl Remote {
    /// At this address, whose certificate comes from these roots, as the holder of this certificate. Connects to nothing.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key.
    pub fn new(
        url: &str,
        roots: &Path,
        certificate: &Path,
        key: &Path,
    ) -> Result<Self, Vec<(&'static str, String)>> {
        let mut wrong = Vec::new();
        let base = match crate::config::base_of(url) {
            Ok(base) if base.tls && base.prefix.is_empty() => Some(base),
            Ok(_) => {
                let text = "write https://host:port; the executor is reached over mutual TLS alone";
                wrong.push(("url", text.to_owned()));
                None
            }
            Err(text) => {
                wrong.push(("url", text));
                None
            }
        };
        let client = tls::mutual(roots, certificate, key);
        let client = client.map_err(|more| wrong.extend(more)).ok();
        match (base, client) {
            (Some(base), Some(client)) => Ok(Self {
                server: server(base, client),
                known: RwLock::default(),
                issuing: RwLock::default(),
            }),
            _ => Err(wrong),
        }
    }

    /// Asks which targets it has. Gives how many.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn refresh(&self) -> Result<usize, String> {
        let standing = self.standing().await.map_err(|stop| stop.message)?;
        let issuing = self.places(|places| places.targets.len());
        Ok(standing.targets.len().saturating_add(issuing.unwrap_or(0)))
    }

    async fn standing(&self) -> Result<ApartStanding, Stop> {
        let answer = http::look(&self.server, "/v1/targets".to_owned(), Vec::new()).await?;
        let (standing, issuing) = standing(&answer)?;
        let terms = standing.targets.iter();
        let known = terms.map(|terms| (terms.target.clone(), terms.enforces.clone()));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known.collect();
        *self.issuing.write().unwrap_or_else(PoisonError::into_inner) = Some(issuing);
        Ok(standing)
    }

    /// Shows it the links that it does not have.
    async fn show_links(&self, evidence: &dyn Evidence, from: Option<u64>) -> Result<(), Stop> {
        let mut after = from;
        for _ in 0..PAGES_MAX {
            let page = evidence.links(after).await.map_err(|error| {
                tracing::warn!(%error, "the chain of trust cannot be shown to the executor");
                Stop::failed(code::EVIDENCE, "the chain of trust could not be read")
            })?;
            let Some(last) = page.links.last() else {
                return Ok(());
            };
            after = Some(last.leaf);
            let more = page.more;
            let body = written(&page)?;
            if body.len() > LINKS_BYTES_MAX {
                let text = "a link of the chain of trust is too large to be shown";
                return Err(Stop::failed(code::EVIDENCE, text));
            }
            let answer = http::tell(&self.server, post("/v1/links", body), &[]).await?;
            if answer.ending != Ending::Completed {
                return Err(refused(&answer));
            }
            if !more {
                return Ok(());
            }
        }
        Err(Stop::failed(
            code::EVIDENCE,
            "the chain of trust has no end",
        ))
    }

    /// Shows it everything that it does not have yet, and gives the case itself. Nothing can have happened before that is sent.
    async fn shown(&self, evidence: &dyn Evidence) -> Result<Case, Stop> {
        let standing = self.standing().await.map_err(|stop| {
            let text = format!("the executor cannot be reached: {}", stop.message);
            Stop::failed(code::UNREACHABLE, text)
        })?;
        self.show_links(evidence, standing.link).await?;
        evidence.case().await.map_err(|error| {
            tracing::warn!(%error, "a request cannot be shown to the executor");
            Stop::failed(code::EVIDENCE, "what proves the request could not be read")
        })
    }

    async fn hand_over(
        &self,
        approved: &Approved,
        evidence: &dyn Evidence,
    ) -> Result<Execution, Stop> {
        let case = self.shown(evidence).await?;
        let seconds = approved.limits().ttl_seconds;
        let times = Times {
            connect: CONNECT,
            answer: Duration::from_secs(seconds.into()).saturating_add(LONGER),
        };
        let post = post("/v1/execute", written(&case)?);
        let answer = http::hand_over(&self.server, times, post).await?;
        match answer.ending {
            Ending::Completed => answered(&answer),
            Ending::Failed => Err(refused(&answer)),
            Ending::Unknown => {
                let text = "the executor broke off; look at the target before anything is repeated";
                Err(Stop::unknown(code::LOST, text))
            }
        }
    }
}

#[async_trait]
impl Executor for Remote {
    // INVARIANT(single-release): the proof is spent here by move, and what is sent in its place is spent there for ever.
    async fn execute(&self, approved: Approved, evidence: &dyn Evidence) -> Execution {
        let request = approved.request();
        let ended = self.hand_over(&approved, evidence).await;
        let execution = ended.unwrap_or_else(|stop| {
            tracing::warn!(%request, code = stop.code, why = stop.message, "the executor did not do it");
            stop.into()
        });
        tracing::info!(%request, ending = ?execution.ending, code = execution.code, "broker.remote");
        execution
    }

    fn has_target(&self, target: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.contains_key(target)
    }

    fn enforces(&self, target: &str) -> Vec<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(target).cloned().unwrap_or_default()
    }

    fn is_apart(&self) -> bool {
        true
    }
}

fn server(base: Base, client: std::sync::Arc<rustls::ClientConfig>) -> HttpTarget {
    HttpTarget {
        base,
        tls: Some(client),
        methods: ["GET", "POST"].map(str::to_owned).into(),
        paths: vec!["/v1/".to_owned()],
        headers: [].into(),
        inject: Vec::new(),
        request_id_header: None,
        connect_timeout: CONNECT,
        answer_timeout: LOOK,
        bytes_max: ANSWER_BYTES_MAX,
        reach: Reach::Anywhere,
    }
}

fn post(path: &str, body: Vec<u8>) -> Post {
    Post {
        path: path.to_owned(),
        headers: Vec::new(),
        body,
    }
}

fn written(document: &impl serde::Serialize) -> Result<Vec<u8>, Stop> {
    serde_json::to_vec(document)
        .map_err(|_| Stop::failed(code::EVIDENCE, "the evidence cannot be written"))
}

fn standing(answer: &Execution) -> Result<(ApartStanding, Places), Stop> {
    let read: Option<ApartStanding> = serde_json::from_slice(&answer.body).ok();
    let read = read.filter(|_| answer.ending == Ending::Completed && !answer.truncated);
    let read = read.and_then(|standing| {
        let places = serde_json::from_value(standing.issuing.clone()).ok()?;
        Some((standing, places))
    });
    read.ok_or_else(|| {
        let text = "what answers there is no executor, or one of another version";
        Stop::failed(code::UNREACHABLE, text)
    })
}

/// What came of it, as the executor tells. It was begun, so what cannot be read is not known.
fn answered(answer: &Execution) -> Result<Execution, Stop> {
    let read: Option<Answer> = serde_json::from_slice(&answer.body).ok();
    let Some(told) = read.filter(|_| !answer.truncated) else {
        let text = "the executor's answer could not be read; look at the target";
        return Err(Stop::unknown(code::LOST, text));
    };
    Ok(Execution {
        ending: told.ending,
        code: code::known(&told.code),
        quantity: told.quantity,
        status: told.status,
        media_type: told.media_type,
        body: told.body,
        truncated: told.truncated,
    })
}

/// The executor did nothing now. What was spent before may have been done before.
fn refused(answer: &Execution) -> Stop {
    let no: Option<No> = serde_json::from_slice(&answer.body).ok();
    match no {
        Some(no) if no.code == code::SPENT => Stop::unknown(code::SPENT, no.text),
        Some(no) => Stop::failed(code::REFUSED_THERE, format!("{}: {}", no.code, no.text)),
        None => Stop::failed(
            code::REFUSED_THERE,
            "the executor refused it; look at its log",
        ),
    }
}
