//! One call: sign, send, read a bounded answer, tell an answer from a problem.

use super::{Client, ClientError, ToSign};
use crate::wire::{PROBLEM_MEDIA_TYPE, Problem, WAIT_SECONDS_MAX, WireRequest, is_id};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A call about to be made.
pub(super) struct Call {
    method: Method,
    target: String,
    body: Vec<u8>,
    idempotency_key: Option<String>,
    wait_seconds: u32,
    answer_bytes_max: usize,
}

impl Call {
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target.into())
    }

    pub fn post(target: impl Into<String>) -> Self {
        Self::new(Method::POST, target.into())
    }

    fn new(method: Method, target: String) -> Self {
        let answer_bytes_max = ANSWER_BYTES_MAX;
        Self {
            method,
            target,
            body: Vec::new(),
            idempotency_key: None,
            wait_seconds: 0,
            answer_bytes_max,
        }
    }

    /// A checked JSON body.
    pub fn json<T: WireRequest>(mut self, request: &T) -> Result<Self, ClientError> {
        request.check()?;
        self.body =
            serde_json::to_vec(request).map_err(|error| ClientError::Config(error.to_string()))?;
        Ok(self)
    }

    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Asks the gate to wait for a decision, and waits as long itself.
    pub fn wait(mut self, seconds: u32) -> Self {
        self.wait_seconds = seconds.min(WAIT_SECONDS_MAX);
        self
    }

    pub fn answer_bytes_max(mut self, bytes_max: usize) -> Self {
        self.answer_bytes_max = bytes_max;
        self
    }
}

/// An answer that is not a problem.
pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| ClientError::Foreign {
            status: self.status.as_u16(),
            what: error.to_string(),
        })
    }

    pub fn foreign(&self, what: &str) -> ClientError {
        ClientError::Foreign {
            status: self.status.as_u16(),
            what: what.to_owned(),
        }
    }
}

/// `/v1/{collection}/{id}{rest}`, when the id cannot break out of its segment.
pub(super) fn path(collection: &str, id: &str, rest: &str) -> Result<String, ClientError> {
    if is_id(id) {
        Ok(format!("/v1/{collection}/{id}{rest}"))
    } else {
        Err(ClientError::Config(
            "the id is not one of this gate; give it as the gate printed it".into(),
        ))
    }
}

impl Client {
    /// Makes one call; no second attempt.
    pub(super) async fn call(&self, call: Call) -> Result<Answer, ClientError> {
        let headers = self.sign(&call)?;
        let url = format!("{}{}", self.connect_url, call.target);
        let response = self
            .http
            .request(call.method, url)
            .headers(headers)
            .timeout(CALL_TIMEOUT + Duration::from_secs(call.wait_seconds.into()))
            .body(call.body)
            .send()
            .await
            .map_err(|error| without_answer(error.without_url()))?;
        let status = response.status();
        let is_problem = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|value| media_type(value) == PROBLEM_MEDIA_TYPE);
        let answer = Answer {
            status,
            body: read_bounded(response, call.answer_bytes_max).await?,
        };
        if status.is_success() && !is_problem {
            return Ok(answer);
        }
        if is_problem {
            return match answer.json::<Problem>() {
                // The status that was sent is the one that counts, whatever the body says.
                Ok(problem) if problem.status == status.as_u16() => {
                    Err(ClientError::Problem(Box::new(problem)))
                }
                Ok(_) => Err(answer.foreign("the problem names another status")),
                Err(error) => Err(error),
            };
        }
        Err(answer.foreign("neither a success nor a problem of the API"))
    }

    pub(super) async fn call_json<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<T, ClientError> {
        self.call(call).await?.json()
    }

    /// Reads one file below `/static/`, unsigned, as a browser asks for it.
    pub(super) async fn file(&self, name: &str) -> Result<Answer, ClientError> {
        let url = format!("{}/static/{name}", self.public_url);
        let asked = self.http.get(url).timeout(CALL_TIMEOUT).send().await;
        let response = asked.map_err(|error| without_answer(error.without_url()))?;
        Ok(Answer {
            status: response.status(),
            body: read_bounded(response, ANSWER_BYTES_MAX).await?,
        })
    }

    fn sign(&self, call: &Call) -> Result<HeaderMap, ClientError> {
        let nonce = self.random_hex()?;
        let signed = self.signer.sign(&ToSign {
            method: call.method.as_str(),
            public_url: &self.public_url,
            request_target: &call.target,
            idempotency_key: call.idempotency_key.as_deref(),
            body: &call.body,
            created: self.ambient.now_unix_seconds(),
            nonce: &nonce,
        })?;
        let mut headers = HeaderMap::with_capacity(8);
        let mut set = |name: &'static str, value: &str| match HeaderValue::from_str(value) {
            Ok(value) => {
                headers.insert(HeaderName::from_static(name), value);
                Ok(())
            }
            Err(_) => Err(ClientError::Config(format!(
                "the value of header {name} cannot be sent"
            ))),
        };
        set("content-digest", &signed.content_digest)?;
        set("signature-input", &signed.signature_input)?;
        set("signature", &signed.signature)?;
        if let Some(key) = &call.idempotency_key {
            set("idempotency-key", key)?;
        }
        if call.wait_seconds > 0 {
            set("prefer", &format!("wait={}", call.wait_seconds))?;
        }
        if !call.body.is_empty() {
            set("content-type", "application/json")?;
        }
        set("accept", "application/json, application/problem+json")?;
        Ok(headers)
    }

    /// 16 random bytes as lower hex: a nonce or an Idempotency-Key.
    pub(super) fn random_hex(&self) -> Result<String, ClientError> {
        let mut random = [0_u8; 16];
        self.ambient.fill(&mut random)?;
        Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Reads at most `bytes_max` bytes, whatever Content-Length claims.
async fn read_bounded(
    mut response: reqwest::Response,
    bytes_max: usize,
) -> Result<Vec<u8>, ClientError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| ClientError::NoAnswer(error.without_url()))?
    {
        if body.len() + chunk.len() > bytes_max {
            return Err(ClientError::AnswerTooLarge { bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn without_answer(error: reqwest::Error) -> ClientError {
    if error.is_connect() {
        ClientError::Connect(error)
    } else {
        ClientError::NoAnswer(error)
    }
}

fn media_type(value: &HeaderValue) -> &str {
    value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
}

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
