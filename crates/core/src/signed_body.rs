//! The body of a workload's submission, as the requester's signature covers it (threat C16). It is kept beside the signed
//! call, so that anyone can hash it, check the signature, and see for themselves that this very action was asked for.
//!
//! The gate checks it before it decides and an auditor checks it years later: both with [`SignedBody::asks`].

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::action::{Action, Envelope};
use crate::decide::Claims;
use crate::hash::Hash;
use crate::ids::WorkloadId;
use crate::json::canonical;
use crate::json::payload::{self, Json};
use crate::json::scan::Limits;

/// Longest body kept, in bytes: a payload of 1 MiB in base64, and everything else.
pub const BODY_BYTES_MAX: usize = 2 << 20;
/// Furthest that a call's own times may be from the store's, in seconds: its life, the skew allowed, and a slow commit.
pub const CALL_APART_SECONDS_MAX: i64 = 300;

/// What a body asks for. A claim until the signature over it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBody {
    envelope: Vec<u8>,
    payload: Vec<u8>,
    claims: Claims,
}

/// A body that asks for nothing that can be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signed body is not of the form of a submission: {0}")]
pub struct SignedBodyError(&'static str);

impl SignedBody {
    /// Reads a body: `envelope`, `payload` and `claims`, and nothing else.
    ///
    /// # Errors
    /// [`SignedBodyError`] for any other form.
    pub fn read(bytes: &[u8]) -> Result<Self, SignedBodyError> {
        let limits = Limits {
            bytes: BODY_BYTES_MAX,
            ..Limits::RECORD
        };
        let body = payload::parse(bytes, &limits)
            .map_err(|_| SignedBodyError("it is not strict JSON within its limits"))?;
        let members = body.as_object().ok_or(SignedBodyError("it is no object"))?;
        let (mut envelope, mut payload, mut claims) = (None, None, Claims::default());
        for (name, value) in members {
            match name.as_str() {
                "envelope" => envelope = Some(decoded(value)?),
                "payload" => payload = Some(decoded(value)?),
                "claims" => claims = flattened(value)?,
                _ => return Err(SignedBodyError("it has a member that is not known")),
            }
        }
        let (Some(envelope), Some(payload)) = (envelope, payload) else {
            return Err(SignedBodyError("it names no envelope or no payload"));
        };
        Ok(Self {
            envelope,
            payload,
            claims,
        })
    }

    /// The body that asks for exactly this.
    #[must_use]
    pub fn write(action: &Action, claims: &Claims) -> Vec<u8> {
        let body = Written {
            claims: BTreeMap::from([("more", claims)]),
            envelope: STANDARD.encode(action.envelope_bytes()),
            payload: STANDARD.encode(action.payload()),
        };
        canonical::to_bytes(&body).unwrap_or_default()
    }

    /// The payload that was signed, verbatim.
    #[must_use]
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// Whether the body asks for this action with these claims: the envelope, brought into its canonical form, has the
    /// digest, the payload is the one the envelope names, and the claims have this root.
    #[must_use]
    pub fn asks(&self, digest: Hash, claims_root: Hash) -> bool {
        let Ok(envelope) = canonical::from_bytes::<Envelope>(&self.envelope) else {
            return false;
        };
        let canonical = canonical::to_bytes(&envelope).unwrap_or_default();
        Action::digest_of(&canonical) == digest
            && envelope.payload.sha256 == Hash::of(&self.payload)
            && self.claims.root() == claims_root
    }
}

/// Whether a signed call submits, under whatever public URL the gate had then, for the workload that an enforcement point names.
#[must_use]
pub fn is_submission(method: &str, target_uri: &str, called_for: Option<&WorkloadId>) -> bool {
    let (path, query) = target_uri.split_once('?').unwrap_or((target_uri, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut named = None;
    for pair in pairs {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("workload", name) if named.is_none() => named = query_value(name),
            ("dry_run", "false") => {}
            _ => return false,
        }
    }
    method == "POST"
        && path.ends_with("/v1/requests")
        && named.as_deref() == called_for.map(WorkloadId::as_str)
}

/// A query's value in plain text.
fn query_value(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(core::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn decoded(value: &Json) -> Result<Vec<u8>, SignedBodyError> {
    let text = value
        .as_str()
        .ok_or(SignedBodyError("bytes stand as text"))?;
    STANDARD
        .decode(text)
        .map_err(|_| SignedBodyError("bytes stand as base64 with padding"))
}

/// Claims by name: a list is numbered from 1, an object gives its own names, nothing is said by `null`.
fn flattened(value: &Json) -> Result<Claims, SignedBodyError> {
    const TEXT: SignedBodyError = SignedBodyError("claims are texts");
    let text = |value: &Json| value.as_str().map(str::to_owned).ok_or(TEXT);
    let mut said = Vec::new();
    for (name, value) in value.as_object().ok_or(TEXT)? {
        match value {
            Json::Null => {}
            Json::Array(list) => {
                for (item, number) in list.iter().zip(1_u32..) {
                    said.push((format!("{name}.{number}"), text(item)?));
                }
            }
            Json::Object(members) => {
                for (name, value) in members {
                    said.push((name.clone(), text(value)?));
                }
            }
            other => said.push((name.clone(), text(other)?)),
        }
    }
    let count = said.len();
    let claims: BTreeMap<_, _> = said.into_iter().collect();
    if claims.len() != count {
        return Err(SignedBodyError("two claims have the same name"));
    }
    Ok(Claims(claims))
}

#[derive(Serialize)]
struct Written<'a> {
    claims: BTreeMap<&'static str, &'a Claims>,
    envelope: String,
    payload: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{DescriptorRef, PayloadRef};

    fn action() -> Action {
        let payload = b"SELECT 1";
        let envelope = Envelope {
            descriptor: DescriptorRef {
                id: "sql.read".parse().unwrap(),
                hash: Hash::of(b"descriptor"),
            },
            workload: "bot".parse().unwrap(),
            task: None,
            target: "sql:shop".parse().unwrap(),
            resource: "shop/orders".parse().unwrap(),
            duration_seconds: 60,
            caps: BTreeMap::new(),
            precondition: None,
            payload: PayloadRef {
                media_type: "application/sql".to_owned(),
                size: 8,
                sha256: Hash::of(payload),
            },
        };
        Action::parse(&canonical::to_bytes(&envelope).unwrap(), payload.to_vec()).unwrap()
    }

    fn claims() -> Claims {
        Claims([("reason".to_owned(), "because".to_owned())].into())
    }

    #[test]
    fn c16_a_body_asks_for_its_own_action_and_for_no_other() {
        let (action, claims) = (action(), claims());
        let body = SignedBody::read(&SignedBody::write(&action, &claims)).unwrap();
        assert!(body.asks(action.digest(), claims.root()));
        assert!(!body.asks(Hash::of(b"another"), claims.root()));
        assert!(!body.asks(action.digest(), Claims::default().root()));
        let swapped = SignedBody {
            payload: b"SELECT 2".to_vec(),
            ..body
        };
        assert!(!swapped.asks(action.digest(), claims.root()));
    }

    #[test]
    fn claims_are_read_as_the_gate_keeps_them() {
        let (action, _) = (action(), ());
        let text = format!(
            r#"{{"payload":"{}","envelope":"{}","claims":{{"reason":"because","ticket":null,
                "evidence":["a","b"],"more":{{"x":"y"}}}}}}"#,
            STANDARD.encode(action.payload()),
            STANDARD.encode(action.envelope_bytes()),
        );
        let names = ["evidence.1", "evidence.2", "reason", "x"];
        let texts = ["a", "b", "because", "y"];
        let wanted = names.iter().zip(texts);
        let wanted = Claims(
            wanted
                .map(|(name, text)| ((*name).to_owned(), text.to_owned()))
                .collect(),
        );
        let body = SignedBody::read(text.as_bytes()).unwrap();
        assert!(body.asks(action.digest(), wanted.root()));
    }

    #[test]
    fn what_has_another_form_asks_for_nothing() {
        let good = String::from_utf8(SignedBody::write(&action(), &claims())).unwrap();
        assert!(SignedBody::read(good.as_bytes()).is_ok());
        for bad in [
            String::new(),
            "[]".to_owned(),
            "{}".to_owned(),
            good.replace("\"payload\":\"", "\"payload\":\"!"),
            good.replace("\"payload\"", "\"other\""),
            good.replacen('{', "{\"payload\":\"\",", 1),
            good.replace("{\"more\":{\"reason\":\"because\"}}", "null"),
            good.replace("\"because\"", "7"),
            good.replace("{\"more\":", "{\"reason\":\"\",\"more\":"),
            format!("{}{good}", " ".repeat(BODY_BYTES_MAX)),
        ] {
            assert!(SignedBody::read(bad.as_bytes()).is_err(), "{bad:.200}");
        }
    }
}
