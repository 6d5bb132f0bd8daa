//! The approved payload as a checked request: `{method, path, query?, headers?, body? | body_base64?}`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gatehold_core::ids::RequestId;
use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;
use zeroize::Zeroizing;

use super::{HttpTarget, Inject, Place, body, headers, path};
use crate::call::{Call, Mode};
use crate::outcome::{Stop, code};
use crate::scrub::percent_encoded;
use crate::secret::Secret;

/// Most headers and most query parameters of one request.
const PAIRS_MAX: usize = 64;
/// Longest query, encoded, in bytes.
const QUERY_BYTES_MAX: usize = 8_192;

/// What goes on the wire.
pub(super) type Wire = http::Request<Full<Bytes>>;

/// A request with one reading, that this target allows.
pub(super) struct Request {
    method: http::Method,
    path: String,
    query: Vec<(String, String)>,
    headers: BTreeMap<String, String>,
    body: Option<Vec<u8>>,
    /// For which request of the gate's it is made.
    named: Option<RequestId>,
}

fn unusable(text: impl Into<String>) -> Stop {
    Stop::failed(code::PAYLOAD, text)
}

fn not_allowed(text: impl Into<String>) -> Stop {
    Stop::failed(code::REFUSED, text)
}

impl Request {
    /// Reads the approved bytes and holds them to the target's rules.
    pub(super) fn read(call: &Call, target: &HttpTarget) -> Result<Self, Stop> {
        if call.media_type != "application/json" {
            let text = format!(
                "an HTTP call is application/json, not `{}`",
                call.media_type
            );
            return Err(unusable(text));
        }
        let json = payload::parse(&call.payload, &Limits::PAYLOAD)
            .map_err(|error| unusable(format!("the payload is not strict JSON: {error}")))?;
        let request = Self::parts(&json)?;
        request.check(call.mode, target)?;
        Ok(request)
    }

    /// A look: the path has one reading, and whoever answers is asked for JSON that nobody kept.
    pub(super) fn look(path: String, query: Vec<(String, String)>) -> Result<Self, Stop> {
        path::check(&path).map_err(unusable)?;
        let headers = [
            (header::ACCEPT, "application/json"),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_owned()));
        Ok(Self {
            method: http::Method::GET,
            path,
            query,
            headers: headers.into(),
            body: None,
            named: None,
        })
    }

    fn parts(json: &Json) -> Result<Self, Stop> {
        let members = json
            .as_object()
            .ok_or_else(|| unusable("write {\"method\": …, \"path\": …}"))?;
        let (mut method, mut path, mut query) = (None, None, Vec::new());
        let (mut headers, mut body, mut bodies) = (BTreeMap::new(), None, 0);
        for (name, value) in members {
            match (name.as_str(), value) {
                ("method", Json::String(text)) => {
                    method = http::Method::from_bytes(text.as_bytes()).ok();
                }
                ("path", Json::String(text)) => path = Some(text.clone()),
                ("query", Json::Object(pairs)) => query = read_query(pairs)?,
                ("headers", Json::Object(pairs)) => headers = read_headers(pairs)?,
                ("body", Json::String(text)) => {
                    body = Some(text.clone().into_bytes());
                    bodies += 1;
                }
                ("body_base64", Json::String(text)) => {
                    let bytes = STANDARD
                        .decode(text)
                        .map_err(|_| unusable("body_base64 is not strict base64 with padding"))?;
                    body = Some(bytes);
                    bodies += 1;
                }
                _ => {
                    let text = format!("member `{name}` is not known or not of its type");
                    return Err(unusable(text));
                }
            }
        }
        if bodies > 1 {
            return Err(unusable("write body or body_base64, not both"));
        }
        Ok(Self {
            method: method.ok_or_else(|| unusable("member `method` is missing or no method"))?,
            path: path.ok_or_else(|| unusable("member `path` is missing"))?,
            query,
            headers,
            body,
            named: None,
        })
    }

    /// The same for a request of the gate's, which the server's log can then name.
    pub(super) fn named(self, request: Option<RequestId>) -> Self {
        Self {
            named: request,
            ..self
        }
    }

    fn check(&self, mode: Mode, target: &HttpTarget) -> Result<(), Stop> {
        path::check(&self.path).map_err(unusable)?;
        let method = self.method.as_str();
        if !target.methods.contains(method) {
            return Err(not_allowed(format!(
                "the method {method} is not allowed here"
            )));
        }
        let looks = matches!(method, "GET" | "HEAD");
        if mode == Mode::Read && !looks {
            let text = format!("a reading action was approved, and {method} is not a way to read");
            return Err(not_allowed(text));
        }
        if looks && self.body.is_some() {
            return Err(unusable(format!("{method} has no body")));
        }
        let below = |prefix: &String| path::lies_below(&self.path, prefix);
        if !target.paths.iter().any(below) {
            return Err(not_allowed("this path is not allowed here"));
        }
        for name in self.headers.keys() {
            // A workload that named a request could pass what it does elsewhere for that one.
            let names_a_request = target.request_id_header.as_ref() == Some(name);
            if names_a_request
                || headers::is_never_a_workloads(name)
                || !target.headers.contains(name)
            {
                let text = format!("the header `{name}` is not a workload's to set here");
                return Err(not_allowed(text));
            }
        }
        let taken = target.inject.iter().find_map(|inject| match &inject.place {
            Place::Query(taken) => self
                .query
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(taken))
                .then_some(taken),
            Place::Header(_) | Place::Body(_) => None,
        });
        match taken {
            Some(name) => {
                let text = format!("the query parameter `{name}` is not a workload's to set here");
                Err(not_allowed(text))
            }
            None => self.check_body(target),
        }
    }

    /// Where a secret belongs in the body there is room for it: before any secret is read.
    fn check_body(&self, target: &HttpTarget) -> Result<(), Stop> {
        let (Some(pointer), Some(body)) = (target.secret_in_body(), &self.body) else {
            return Ok(());
        };
        let media_type = self.headers.get(header::CONTENT_TYPE.as_str());
        if media_type.is_none_or(|media_type| media_type != "application/json") {
            let text = "this target puts a secret into the body: send it with content-type application/json";
            return Err(unusable(text));
        }
        body::place(body, pointer).map(drop)
    }

    /// Adds what the workload may not see, and frames the message.
    pub(super) fn with(
        self,
        target: &HttpTarget,
        etag: Option<&str>,
        secrets: &[(&Inject, Secret)],
    ) -> Result<Wire, Stop> {
        let mut map = HeaderMap::new();
        map.insert(header::HOST, target.base.host_header.clone());
        // Without compression the answer can be cut at its cap and searched for secrets.
        map.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        map.insert(header::CONNECTION, HeaderValue::from_static("close"));
        map.insert(header::USER_AGENT, HeaderValue::from_static("gatehold"));
        for (name, value) in &self.headers {
            map.insert(header_name(name)?, header_value(value)?);
        }
        if let (Some(name), Some(request)) = (&target.request_id_header, self.named) {
            map.insert(header_name(name)?, header_value(&request.to_string())?);
        }
        if let Some(etag) = etag
            && map.insert(header::IF_MATCH, header_value(etag)?).is_some()
        {
            let text = "the payload and the precondition both set if-match";
            return Err(Stop::failed(code::PRECONDITION, text));
        }
        let mut query: Vec<String> = self.query.iter().map(|(n, v)| pair(n, v)).collect();
        let mut sent = None;
        for (inject, secret) in secrets {
            let text = Zeroizing::new(format!("{}{}", inject.prefix, secret.expose_text()));
            match &inject.place {
                Place::Header(name) => {
                    let mut value = header_value(&text)?;
                    value.set_sensitive(true);
                    map.insert(header_name(name)?, value);
                }
                Place::Query(name) => query.push(pair(name, &text)),
                Place::Body(pointer) => {
                    if let Some(approved) = &self.body {
                        sent = Some(body::with_secret(approved, pointer, &text)?.to_vec());
                    }
                }
            }
        }
        let query = query.join("&");
        if query.len() > QUERY_BYTES_MAX {
            return Err(unusable("the query is longer than 8192 bytes"));
        }
        let mark = if query.is_empty() { "" } else { "?" };
        let uri = format!("{}{}{mark}{query}", target.base.prefix, self.path);
        let body = Bytes::from(sent.or(self.body).unwrap_or_default());
        if !matches!(self.method.as_str(), "GET" | "HEAD") {
            map.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        // The error of a builder may quote the URI, and the URI may hold a secret.
        let mut wire = http::Request::builder()
            .method(self.method)
            .uri(uri)
            .body(Full::new(body))
            .map_err(|_| unusable("the request cannot be written"))?;
        *wire.headers_mut() = map;
        Ok(wire)
    }
}

fn pair(name: &str, value: &str) -> String {
    format!(
        "{}={}",
        percent_encoded(name.as_bytes()),
        percent_encoded(value.as_bytes())
    )
}

fn header_name(name: &str) -> Result<HeaderName, Stop> {
    name.parse()
        .map_err(|_| unusable("a header's name cannot be written"))
}

fn header_value(value: &str) -> Result<HeaderValue, Stop> {
    HeaderValue::from_str(value).map_err(|_| unusable("a header's value cannot be written"))
}

/// An object, so that no parameter comes twice; encoded here, so that none ends early.
fn read_query(pairs: &[(String, Json)]) -> Result<Vec<(String, String)>, Stop> {
    if pairs.len() > PAIRS_MAX {
        return Err(unusable("the query has more than 64 parameters"));
    }
    let mut query: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs {
        let text = value
            .as_str()
            .ok_or_else(|| unusable(format!("query parameter `{name}` must be text")))?;
        let is_taken = query
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name));
        if name.is_empty() || is_taken {
            return Err(unusable(format!(
                "query parameter `{name}` is empty or there twice"
            )));
        }
        query.push((name.clone(), text.to_owned()));
    }
    Ok(query)
}

/// Names in lower case; two that differ only in case are one name twice.
fn read_headers(pairs: &[(String, Json)]) -> Result<BTreeMap<String, String>, Stop> {
    if pairs.len() > PAIRS_MAX {
        return Err(unusable("the request has more than 64 headers"));
    }
    let mut read = BTreeMap::new();
    for (name, value) in pairs {
        let lower = name.to_ascii_lowercase();
        let text = value
            .as_str()
            .filter(|text| headers::is_plain_value(text))
            .filter(|_| headers::is_plain_name(&lower))
            .ok_or_else(|| {
                unusable(format!(
                    "header `{}` is not plain text",
                    lower.escape_debug()
                ))
            })?;
        if read.insert(lower, text.to_owned()).is_some() {
            return Err(unusable(format!("header `{name}` is there twice")));
        }
    }
    Ok(read)
}
