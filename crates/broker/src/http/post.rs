//! A message of ours: a POST whose headers and body nobody else wrote.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http_body_util::Full;

use super::HttpTarget;
use super::request::Wire;
use crate::outcome::{Stop, code};

/// What is sent.
pub(crate) struct Post {
    /// Path and query.
    pub(crate) path: String,
    /// Beside those that frame it.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(crate) body: Vec<u8>,
}

impl Post {
    pub(super) fn wire(self, target: &HttpTarget) -> Result<Wire, Stop> {
        let unusable = || Stop::failed(code::PAYLOAD, "the message cannot be written");
        let length = HeaderValue::from(self.body.len());
        let mut wire = http::Request::post(self.path)
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::CONNECTION, "close")
            .header(header::USER_AGENT, "gatehold")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, length)
            .body(Full::new(Bytes::from(self.body)))
            // The error of a builder may quote the address, and the address may be a secret.
            .map_err(|_| unusable())?;
        let headers = wire.headers_mut();
        headers.insert(header::HOST, target.base.host_header.clone());
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).map_err(|_| unusable())?;
            headers.insert(name, value);
        }
        Ok(wire)
    }
}
