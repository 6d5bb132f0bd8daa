//! ID tokens of an identity provider (OpenID Connect Core, 2), whose tokens are not of our making: RS256, PS256, ES256 or
//! EdDSA, with a key of the provider's published set and nothing that the token may choose.
//!
//! `none` and everything with a shared secret are refused because no algorithm is called so here; keys inside a token are
//! never looked at. Claims are not readable before the signature has verified, and what they mean is the caller's to judge.

mod keys;
#[cfg(test)]
mod tests;

pub use keys::IssuerKeys;

use aws_lc_rs::digest::{SHA256, digest};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

use crate::base64url;
use crate::key::Algorithm;

/// Longest token: some providers write hundreds of groups into it.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Most texts of one claim.
const TEXTS_MAX: usize = 1_000;
/// Longest of them.
const TEXT_BYTES_MAX: usize = 512;

/// Why a token or a key set was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Not three parts of base64url within the limit.
    #[error("it is not a compact JWS of at most 64 KiB")]
    NotCompact,
    /// The header is not one of a token that is only signed.
    #[error("its header cannot be used")]
    Header,
    /// Not one of ours, or not one of the key's.
    #[error("its `alg` is none of RS256, PS256, ES256, EdDSA")]
    Algorithm,
    /// No published key has its name and algorithm.
    #[error("no published key has its `kid` and `alg`")]
    UnknownKey,
    /// It was not signed by that key.
    #[error("its signature does not verify")]
    BadSignature,
    /// A claim is missing or of another type. What it says is for a log: it may repeat what stands there.
    #[error("its claims cannot be read")]
    Claims(String),
    /// The set of keys cannot be read.
    #[error("the published keys cannot be read: {0}")]
    Keys(String),
}

/// How a token may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignedWith {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl SignedWith {
    const fn by(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EcdsaP256 => Self::Es256,
            Algorithm::Ed25519 => Self::EdDsa,
        }
    }

    fn named(alg: &str) -> Option<Self> {
        match alg {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            // RFC 9864 calls the same by the name of its curve.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// What somebody wrote who has the provider's key. Whether it is meant for us, for now and for this sign-in is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedClaims {
    read: Claims,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: OneOrMany,
    exp: u64,
    iat: u64,
    #[serde(default)]
    nbf: Option<u64>,
    #[serde(default)]
    auth_time: Option<u64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl SignedClaims {
    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.read.iss
    }

    /// `sub`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.read.sub
    }

    /// `aud`, one or several.
    #[must_use]
    pub fn audience(&self) -> &[String] {
        self.read.aud.as_slice()
    }

    /// `azp`.
    #[must_use]
    pub fn authorized_party(&self) -> Option<&str> {
        self.read.azp.as_deref()
    }

    /// `nonce`.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.read.nonce.as_deref()
    }

    /// `exp`, in seconds.
    #[must_use]
    pub const fn expires(&self) -> u64 {
        self.read.exp
    }

    /// `iat`, in seconds.
    #[must_use]
    pub const fn issued(&self) -> u64 {
        self.read.iat
    }

    /// `nbf`, in seconds.
    #[must_use]
    pub const fn not_before(&self) -> Option<u64> {
        self.read.nbf
    }

    /// `auth_time`, in seconds: when the person last showed the provider who they are.
    #[must_use]
    pub const fn authenticated(&self) -> Option<u64> {
        self.read.auth_time
    }

    /// The texts of one more claim, such as groups: an array of texts, or one text. Nothing when it is not there.
    ///
    /// # Errors
    /// `Claims` when it stands there twice, holds anything else, or too much.
    pub fn texts(&self, claim: &str) -> Result<Option<Vec<String>>, IdTokenError> {
        let texts = member::<OneOrMany>(&self.payload, claim).map_err(unreadable)?;
        let Some(texts) = texts else { return Ok(None) };
        let texts = texts.as_slice();
        if texts.len() > TEXTS_MAX || texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(IdTokenError::Claims(format!("`{claim}` is too long")));
        }
        Ok(Some(texts.to_vec()))
    }
}

/// A token taken apart. Nothing of it may be believed yet.
struct Unverified<'a> {
    signing_input: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
    with: SignedWith,
    kid: Option<String>,
}

#[derive(serde::Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    /// What must be understood; we understand nothing of the kind.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl<'a> Unverified<'a> {
    fn parse(token: &'a str) -> Result<Self, IdTokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(IdTokenError::NotCompact);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(IdTokenError::NotCompact)?;
        let (header, payload) = signing_input
            .split_once('.')
            .ok_or(IdTokenError::NotCompact)?;
        let header = base64url::decode(header).ok_or(IdTokenError::NotCompact)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| IdTokenError::Header)?;
        if header.crit {
            return Err(IdTokenError::Header);
        }
        // An access token of the same provider has the same keys, and says what it is.
        if header
            .typ
            .is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT"))
        {
            return Err(IdTokenError::Header);
        }
        let with = SignedWith::named(&header.alg).ok_or(IdTokenError::Algorithm)?;
        Ok(Self {
            signing_input,
            payload,
            signature: base64url::decode(signature).ok_or(IdTokenError::NotCompact)?,
            with,
            kid: header.kid,
        })
    }

    fn claims(&self) -> Result<SignedClaims, IdTokenError> {
        let payload = base64url::decode(self.payload).ok_or(IdTokenError::NotCompact)?;
        let read = serde_json::from_slice(&payload).map_err(unreadable)?;
        Ok(SignedClaims { read, payload })
    }
}

/// The words of the parser without what it read.
fn unreadable(error: serde_json::Error) -> IdTokenError {
    let text = error.to_string();
    IdTokenError::Claims(text.chars().take(120).collect())
}

/// One member of an object; standing there twice is an error.
fn member<'de, T: Deserialize<'de>>(
    object: &'de [u8],
    name: &str,
) -> Result<Option<T>, serde_json::Error> {
    struct Named<'a, T>(&'a str, std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<'_, T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<String>()? {
                if name != self.0 {
                    map.next_value::<IgnoredAny>()?;
                } else if found.replace(map.next_value()?).is_some() {
                    return Err(serde::de::Error::custom("a claim stands there twice"));
                }
            }
            Ok(found)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_slice(object);
    let found = deserializer.deserialize_map(Named(name, std::marker::PhantomData))?;
    deserializer.end()?;
    Ok(found)
}

/// Signs claims as an identity provider does, for tests of what reads them.
///
/// # Errors
/// When the library could not sign.
#[cfg(feature = "soft-provider")]
pub fn sign(
    key: &crate::key::SigningKey,
    header: &str,
    claims: &str,
) -> Result<String, crate::key::KeyError> {
    crate::jws::sign(key, header, claims)
}

/// What a client tells the provider of the secret it keeps until the code is used (RFC 7636, S256).
#[must_use]
pub fn code_challenge(verifier: &str) -> String {
    base64url::encode(digest(&SHA256, verifier.as_bytes()).as_ref())
}
