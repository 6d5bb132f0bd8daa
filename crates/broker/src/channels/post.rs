//! One POST to an address that the operator wrote: one connection, nothing followed, nothing repeated, no proxy asked, within a
//! time. Of the answer only its status counts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gatehold_gate::ports::notifier::NotDelivered;
use http::header::HeaderValue;
use http::uri::{Scheme, Uri};
use rustls::ClientConfig;

use super::text::harmless;
use crate::config::is_loopback;
use crate::http::reach::Reach;
use crate::http::{self as broker_http, Base, HttpTarget, Post};
use crate::outcome::code;
use crate::secret::Secret;
use crate::tls;

/// Longest address in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// How much of an answer is looked at.
const ANSWER_BYTES_MAX: usize = 2_048;
/// How much of it an operator is shown, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// How a server may be reached.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    /// Roots of its certificate.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Whether it may be another machine without TLS.
    pub(crate) plaintext: bool,
    /// Which addresses its name may mean.
    pub(crate) reach: Reach,
    /// For the whole of it.
    pub(crate) limit: Duration,
}

/// Where a message goes.
#[derive(Debug)]
pub(crate) struct Address {
    target: HttpTarget,
    /// Path and query, as they were written.
    path: String,
    limit: Duration,
}

impl Address {
    /// Reads an address. What is wrong is said without it: it may be a secret.
    pub(crate) fn read(url: &str, reached: &Reached) -> Result<Self, &'static str> {
        let wrong = "write https://host/path, without user, password and fragment";
        if url.len() > URL_BYTES_MAX {
            return Err("it is longer than 2048 bytes");
        }
        let uri: Uri = url.parse().map_err(|_| wrong)?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong),
        };
        let authority = uri.authority().ok_or(wrong)?;
        if authority.as_str().contains('@') || url.contains('#') {
            return Err(wrong);
        }
        let host = authority.host();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        match (&reached.tls, tls) {
            (None, true) => return Err("https needs `tls_roots`, the roots of its certificate"),
            (Some(_), false) => return Err("`tls_roots` is for https"),
            (None, false) if !reached.plaintext && !is_loopback(&host) => {
                return Err("use https, or say plaintext = true");
            }
            _ => {}
        }
        let server_name = if tls {
            let name = tls::server_name(&host);
            Some(name.map_err(|_| "its host is no name that a certificate can be for")?)
        } else {
            None
        };
        let base = Base {
            tls,
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            host_header: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong)?,
            server_name,
            host,
            prefix: String::new(),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            path: path.to_owned(),
            limit: reached.limit,
            target: HttpTarget {
                base,
                tls: reached.tls.clone(),
                methods: BTreeSet::new(),
                paths: Vec::new(),
                headers: BTreeSet::new(),
                inject: Vec::new(),
                request_id_header: None,
                connect_timeout: reached.limit,
                answer_timeout: reached.limit,
                bytes_max: ANSWER_BYTES_MAX,
                reach: reached.reach,
            },
        })
    }

    /// The server, without path and query: they may be secret.
    pub(crate) fn server(&self) -> String {
        let scheme = if self.target.base.tls {
            "https"
        } else {
            "http"
        };
        let host = self.target.base.host_header.to_str().unwrap_or_default();
        format!("{scheme}://{host}")
    }

    /// Where a connection would go.
    pub(crate) fn place(&self) -> (&str, u16) {
        (&self.target.base.host, self.target.base.port)
    }

    /// Sends the body, and says what was answered. Neither says what is secret.
    pub(crate) async fn post(
        &self,
        headers: Vec<(&'static str, String)>,
        body: String,
        secrets: &[Secret],
    ) -> Result<String, NotDelivered> {
        let (status, body) = self.answer(headers, body.into_bytes(), secrets).await?;
        match status {
            200..=299 => {
                let body = String::from_utf8_lossy(&body);
                let body = harmless(body.trim(), SHOWN_CHARS_MAX);
                Ok(format!("{status} {body}").trim_end().to_owned())
            }
            300..=399 => Err(NotDelivered(format!(
                "it answered {status} and points elsewhere; write the address that it points to, if it is yours"
            ))),
            410 => Err(NotDelivered(
                "it answered 410: it is gone, and wants no more; take it out of the channels"
                    .to_owned(),
            )),
            _ => Err(NotDelivered(format!("it answered {status}"))),
        }
    }

    /// Sends the body, and gives status and body of the answer.
    pub(crate) async fn answer(
        &self,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
        secrets: &[Secret],
    ) -> Result<(u16, Vec<u8>), NotDelivered> {
        let post = Post {
            path: self.path.clone(),
            headers,
            body,
        };
        let told = broker_http::tell(&self.target, post, secrets);
        let told = tokio::time::timeout(self.limit, told).await;
        let answer = told
            .map_err(|_| NotDelivered("it did not answer in time".to_owned()))?
            .map_err(|stop| {
                NotDelivered(match stop.code {
                    code::UNREACHABLE => {
                        let why = stop.message.replace("the target", "the server");
                        format!("it cannot be reached: {why}")
                    }
                    code::TIMEOUT => "it did not answer in time".to_owned(),
                    code::LOST => "it broke the connection without an answer".to_owned(),
                    _ => stop.message,
                })
            })?;
        Ok((answer.status.unwrap_or_default(), answer.body))
    }
}
