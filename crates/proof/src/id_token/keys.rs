//! The published keys of an identity provider (RFC 7517). Such a set holds keys of many kinds: what cannot verify a token
//! here is left out, and a set without any key that can is refused.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};

use super::{IdTokenError, SignedClaims, SignedWith, Unverified};
use crate::base64url;
use crate::key::{Algorithm, WorkloadKey};

/// Largest set.
const SET_BYTES_MAX: usize = 256 * 1024;
/// Most keys of a set.
const KEYS_MAX: usize = 100;
/// Largest RSA modulus, in bytes; the smallest, 2048 bits, is the library's own bound.
const MODULUS_BYTES_MAX: usize = 1_024;
/// Largest public exponent, in bytes.
const EXPONENT_BYTES_MAX: usize = 8;

/// Keys that tokens of one provider are signed with.
#[derive(Debug, Clone)]
pub struct IssuerKeys(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    kid: Option<String>,
    /// What the provider says it is used with.
    only: Option<SignedWith>,
    verifies: Verifies,
}

#[derive(Debug, Clone)]
enum Verifies {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Other(WorkloadKey),
}

#[derive(serde::Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(serde::Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl IssuerKeys {
    /// Reads a published set.
    ///
    /// # Errors
    /// `Keys` when it is no set, is too large, or holds no key that could verify a token.
    pub fn parse(json: &[u8]) -> Result<Self, IdTokenError> {
        let refused = |why: &str| IdTokenError::Keys(why.to_owned());
        if json.len() > SET_BYTES_MAX {
            return Err(refused("they are longer than 256 KiB"));
        }
        let set: Set = serde_json::from_slice(json).map_err(|_| refused("they are no key set"))?;
        if set.keys.len() > KEYS_MAX {
            return Err(refused("there are more than 100"));
        }
        let keys: Vec<Key> = set
            .keys
            .into_iter()
            .filter_map(|value| serde_json::from_value::<Jwk>(value).ok())
            .filter_map(Key::read)
            .collect();
        if keys.is_empty() {
            return Err(refused("none can verify RS256, PS256, ES256 or EdDSA"));
        }
        Ok(Self(keys))
    }

    /// The one key of this name that verifies this algorithm; nobody guesses which of several is meant.
    pub(crate) fn named(&self, kid: &str, algorithm: Algorithm) -> Option<&WorkloadKey> {
        let with = SignedWith::by(algorithm);
        let fits = |key: &&Key| key.may(with) && key.kid.as_deref() == Some(kid);
        let mut fitting = self.0.iter().filter(fits);
        match (fitting.next().map(|key| &key.verifies), fitting.next()) {
            (Some(Verifies::Other(key)), None) => Some(key),
            _ => None,
        }
    }

    /// Whether a key that has a name verifies this algorithm.
    pub(crate) fn has_named(&self, algorithm: Algorithm) -> bool {
        let with = SignedWith::by(algorithm);
        self.0.iter().any(|key| key.kid.is_some() && key.may(with))
    }

    /// Verifies a token, and only then opens its claims.
    ///
    /// # Errors
    /// What is wrong with it; `UnknownKey` when the set may be an old one.
    pub fn open(&self, token: &str) -> Result<SignedClaims, IdTokenError> {
        let unverified = Unverified::parse(token)?;
        let fits = |key: &&Key| {
            key.may(unverified.with) && (unverified.kid.is_none() || unverified.kid == key.kid)
        };
        let mut fitting = self.0.iter().filter(fits);
        let (Some(key), other) = (fitting.next(), fitting.next()) else {
            return Err(IdTokenError::UnknownKey);
        };
        // Nobody guesses which of several is meant.
        if other.is_some() {
            return Err(IdTokenError::UnknownKey);
        }
        let message = unverified.signing_input.as_bytes();
        if !key.has_signed(unverified.with, message, &unverified.signature) {
            return Err(IdTokenError::BadSignature);
        }
        unverified.claims()
    }
}

impl Key {
    fn read(jwk: Jwk) -> Option<Self> {
        let is_for_signatures = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk
                .key_ops
                .as_ref()
                .is_none_or(|all| all.iter().any(|one| one == "verify"));
        let only = match &jwk.alg {
            None => None,
            Some(alg) => Some(SignedWith::named(alg)?),
        };
        let verifies = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Verifies::Rsa {
                n: number(&jwk.n?, MODULUS_BYTES_MAX)?,
                e: number(&jwk.e?, EXPONENT_BYTES_MAX)?,
            },
            ("EC", Some("P-256")) => {
                let x = base64url::decode_32(&jwk.x?)?;
                let y = base64url::decode_32(&jwk.y?)?;
                Verifies::Other(WorkloadKey::from_p256(x, y).ok()?)
            }
            ("OKP", Some("Ed25519")) => {
                let x = base64url::decode_32(&jwk.x?)?;
                Verifies::Other(WorkloadKey::from_ed25519(x).ok()?)
            }
            _ => return None,
        };
        is_for_signatures.then_some(Self {
            kid: jwk.kid,
            only,
            verifies,
        })
    }

    /// Whether a token may be signed so with this key: its kind says it, and the provider where it does.
    fn may(&self, with: SignedWith) -> bool {
        let kind = match (&self.verifies, with) {
            (Verifies::Rsa { .. }, SignedWith::Rs256 | SignedWith::Ps256) => true,
            (Verifies::Other(key), SignedWith::Es256) => key.algorithm() == Algorithm::EcdsaP256,
            (Verifies::Other(key), SignedWith::EdDsa) => key.algorithm() == Algorithm::Ed25519,
            _ => false,
        };
        kind && self.only.is_none_or(|only| only == with)
    }

    fn has_signed(&self, with: SignedWith, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifies {
            Verifies::Other(key) => key.verifies(message, signature),
            Verifies::Rsa { n, e } => {
                let parameters = if with == SignedWith::Ps256 {
                    &RSA_PSS_2048_8192_SHA256
                } else {
                    &RSA_PKCS1_2048_8192_SHA256
                };
                let key = RsaPublicKeyComponents { n, e };
                key.verify(parameters, message, signature).is_ok()
            }
        }
    }
}

/// A positive number, big-endian; some write a zero in front of it.
fn number(text: &str, bytes_max: usize) -> Option<Vec<u8>> {
    // Four characters carry three bytes: no long text is ever decoded.
    if text.len() > bytes_max.div_ceil(3).saturating_mul(4) {
        return None;
    }
    let bytes = base64url::decode(text)?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let bytes = bytes.get(first..)?;
    (bytes.len() <= bytes_max).then(|| bytes.to_vec())
}
