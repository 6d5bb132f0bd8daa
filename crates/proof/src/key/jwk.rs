//! JWK in and out (RFC 7517, 7518, 8037). A closed set of members: what is not named here is refused, a private member
//! with its own words.

use super::{Algorithm, Coordinates, KeyError, WorkloadKey};
use crate::base64url;
use crate::strict_json::Object;

pub(super) fn canonical(coordinates: &Coordinates) -> String {
    // Every value is base64url or a literal, so nothing needs escaping. The order is RFC 7638's.
    match coordinates {
        Coordinates::Ed25519(x) => format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            base64url::encode(x)
        ),
        Coordinates::P256 { x, y } => {
            format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                base64url::encode(x),
                base64url::encode(y)
            )
        }
    }
}

pub(super) fn parse(mut jwk: Object) -> Result<WorkloadKey, KeyError> {
    if jwk.take("d").is_some() {
        return Err(KeyError::Private);
    }
    let kty = jwk.text("kty", 16)?;
    let crv = jwk.text("crv", 16)?;
    let key = match (kty.as_str(), crv.as_str()) {
        ("OKP", "Ed25519") => WorkloadKey::from_ed25519(coordinate(&mut jwk, "x")?)?,
        ("EC", "P-256") => {
            WorkloadKey::from_p256(coordinate(&mut jwk, "x")?, coordinate(&mut jwk, "y")?)?
        }
        _ => return Err(KeyError::Type),
    };
    if jwk
        .optional_text("alg", 16)?
        .is_some_and(|alg| alg != key.algorithm().jose_name())
    {
        return Err(KeyError::Disagrees("alg"));
    }
    if jwk
        .optional_text("use", 16)?
        .is_some_and(|usage| usage != "sig")
    {
        return Err(KeyError::Disagrees("use"));
    }
    if jwk
        .optional_text("kid", 64)?
        .is_some_and(|kid| kid != key.thumbprint().to_string())
    {
        return Err(KeyError::Disagrees("kid"));
    }
    jwk.finish()?;
    Ok(key)
}

fn coordinate(jwk: &mut Object, name: &'static str) -> Result<[u8; 32], KeyError> {
    base64url::decode_32(&jwk.text(name, 43)?).ok_or(KeyError::Point)
}

/// A published set of verification keys (RFC 7517, section 5), as a gate serves it for its tokens.
#[derive(Debug, Clone, Default)]
pub struct JwkSet {
    keys: Vec<WorkloadKey>,
}

impl JwkSet {
    /// A set of these keys.
    #[must_use]
    pub fn new(keys: Vec<WorkloadKey>) -> Self {
        Self { keys }
    }

    /// Parses a set of at most 32 keys in 32 KiB; one bad key refuses the set.
    ///
    /// # Errors
    /// What was wrong with it.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        let mut object = Object::parse(json, SET_BYTES_MAX)?;
        let keys = object.objects("keys", SET_KEYS_MAX)?;
        object.finish()?;
        Ok(Self {
            keys: keys.into_iter().map(parse).collect::<Result<_, _>>()?,
        })
    }

    /// The JSON document, each key with `alg`, `kid` and `use`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from(r#"{"keys":["#);
        for (n, key) in self.keys.iter().enumerate() {
            if n > 0 {
                json.push(',');
            }
            let jwk = key.to_jwk();
            json.push_str(jwk.trim_end_matches('}'));
            json.push_str(&format!(
                r#","alg":"{}","kid":"{}","use":"sig"}}"#,
                key.algorithm().jose_name(),
                key.thumbprint()
            ));
        }
        json.push_str("]}");
        json
    }

    /// The key of this name and algorithm.
    #[must_use]
    pub fn find(&self, kid: &str, algorithm: Algorithm) -> Option<&WorkloadKey> {
        let kid = kid.parse().ok()?;
        self.keys
            .iter()
            .find(|key| *key.thumbprint() == kid && key.algorithm() == algorithm)
    }

    /// The keys in their order.
    #[must_use]
    pub fn keys(&self) -> &[WorkloadKey] {
        &self.keys
    }
}

const SET_BYTES_MAX: usize = 32 * 1024;
const SET_KEYS_MAX: usize = 32;
