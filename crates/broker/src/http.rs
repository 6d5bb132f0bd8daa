//! HTTP as a target: one request on one connection, with secrets the workload never sees added at the last moment.
//!
//! The approved request is checked against strict forms, so that a reviewer, this code and any server behind a proxy read
//! one and the same thing. Redirects are not followed, nothing is repeated, no proxy is asked for.

mod answer;
pub(crate) mod body;
pub(crate) mod headers;
pub(crate) mod path;
mod post;
pub(crate) mod reach;
mod request;
mod send;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::call::{Call, Mode, Precondition};
use crate::outcome::{Execution, Stop, code};
use crate::scrub::{SECRET_BYTES_MIN, Scrubber};
use crate::secret::{Secret, Source};
pub(crate) use post::Post;
use reach::Reach;
pub(crate) use send::Times;

/// Caps an HTTP target enforces.
pub(crate) const CAPS: &[&str] = &["bytes"];

/// A server and what may be called there.
#[derive(Debug)]
pub(crate) struct HttpTarget {
    pub(crate) base: Base,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) methods: BTreeSet<String>,
    /// Allowed paths and everything below them.
    pub(crate) paths: Vec<String>,
    /// Headers a payload may set, in lower case.
    pub(crate) headers: BTreeSet<String>,
    pub(crate) inject: Vec<Inject>,
    /// The header, in lower case, in which the server is told for which request a call is: its log then names it.
    pub(crate) request_id_header: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_timeout: Duration,
    pub(crate) bytes_max: usize,
    pub(crate) reach: Reach,
}

impl HttpTarget {
    /// Where a secret is put into a body.
    fn secret_in_body(&self) -> Option<&str> {
        self.inject.iter().find_map(|inject| match &inject.place {
            Place::Body(pointer) => Some(pointer.as_str()),
            Place::Header(_) | Place::Query(_) => None,
        })
    }
}

/// Where the server is.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) host_header: HeaderValue,
    pub(crate) server_name: Option<ServerName<'static>>,
    /// Put before every path; without a slash at its end.
    pub(crate) prefix: String,
}

/// A value added to every request.
#[derive(Debug)]
pub(crate) struct Inject {
    pub(crate) place: Place,
    pub(crate) prefix: String,
    pub(crate) source: Source,
}

/// Where it is added.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A header, in lower case.
    Header(String),
    /// A query parameter.
    Query(String),
    /// The member of a JSON body at this pointer (RFC 6901).
    Body(String),
}

/// Makes the call.
pub(crate) async fn execute(target: &HttpTarget, call: &Call) -> Result<Execution, Stop> {
    let caps = call.caps(CAPS, target.bytes_max)?;
    let etag = match call.precondition()? {
        None => None,
        Some(Precondition::Etag(etag)) => Some(etag),
        Some(Precondition::Rows(_)) => {
            let text = "an HTTP target knows the precondition `etag:\"…\"` only";
            return Err(Stop::failed(code::PRECONDITION, text));
        }
    };
    let request = request::Request::read(call, target)?;
    let secrets = secrets(target, call.within(target.connect_timeout)).await?;
    let scrubber = Scrubber::new(secrets.iter().map(|(_, secret)| secret));
    // Only looking is harmless when nobody knows whether it happened.
    let harmless = call.mode == Mode::Read;
    let named = request.named(call.request);
    let wire = named.with(target, etag.as_deref(), &secrets)?;
    let times = send::Times {
        connect: call.within(target.connect_timeout),
        answer: call.within(target.answer_timeout),
    };
    let sent = send::send(target, times, wire, harmless).await?;
    Ok(answer::receive(sent, times.answer, caps.bytes, &scrubber, harmless).await)
}

/// Looks at a server that the operator named for looking: a GET without anything of a requester's but identifiers in their
/// places. It needs no proof, because nothing is executed.
pub(crate) async fn look(
    target: &HttpTarget,
    path: String,
    query: Vec<(String, String)>,
) -> Result<Execution, Stop> {
    let request = request::Request::look(path, query)?;
    let secrets = secrets(target, target.connect_timeout).await?;
    let scrubber = Scrubber::new(secrets.iter().map(|(_, secret)| secret));
    let wire = request.with(target, None, &secrets)?;
    let times = send::Times {
        connect: target.connect_timeout,
        answer: target.answer_timeout,
    };
    let sent = send::send(target, times, wire, true).await?;
    Ok(answer::receive(sent, times.answer, target.bytes_max, &scrubber, true).await)
}

/// Tells a server that the operator named something in our words. It needs no proof, because nothing is executed; that it may
/// have arrived without an answer is the caller's to say again.
pub(crate) async fn tell(
    target: &HttpTarget,
    post: Post,
    secrets: &[Secret],
) -> Result<Execution, Stop> {
    let scrubber = Scrubber::new(secrets);
    let times = send::Times {
        connect: target.connect_timeout,
        answer: target.answer_timeout,
    };
    let sent = send::send(target, times, post.wire(target)?, true).await?;
    Ok(answer::receive(sent, times.answer, target.bytes_max, &scrubber, true).await)
}

/// Hands something over to a server that the operator named, which may do it: only an answer tells whether it did.
pub(crate) async fn hand_over(
    target: &HttpTarget,
    times: Times,
    post: Post,
) -> Result<Execution, Stop> {
    let scrubber = Scrubber::default();
    let sent = send::send(target, times, post.wire(target)?, false).await?;
    Ok(answer::receive(sent, times.answer, target.bytes_max, &scrubber, false).await)
}

async fn secrets(target: &HttpTarget, limit: Duration) -> Result<Vec<(&Inject, Secret)>, Stop> {
    let mut secrets = Vec::new();
    for inject in &target.inject {
        let secret = inject
            .source
            .read(limit)
            .await
            .map_err(|error| Stop::failed(code::SECRET, error.to_string()))?;
        if secret.expose().len() < SECRET_BYTES_MIN || !secret.expose().is_ascii() {
            let text = format!(
                "an injected secret must be plain ASCII of at least {SECRET_BYTES_MIN} bytes"
            );
            return Err(Stop::failed(code::SECRET, text));
        }
        secrets.push((inject, secret));
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests;
