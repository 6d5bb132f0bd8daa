//! Compact JWS (RFC 7515), closed: three parts, a header with exactly the members of its kind, ES256 or EdDSA and nothing
//! that the token may choose. `none`, `crit`, `jku`, `x5u`, `b64`, `zip` and every other member are refused because nobody
//! takes them. Claims are not readable before the signature has verified.

use crate::base64url;
use crate::key::{KeyError, SigningKey, WorkloadKey};
use crate::strict_json::{JsonError, Object};

/// Why a token or a proof was refused. All may be answered with 401.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Header or claims are not what the profile asks for.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The key inside the header was refused.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Not three parts of canonical base64url within the limit.
    #[error(
        "the token is not a compact JWS within the size limit; send it exactly as it was issued"
    )]
    NotCompact,
    /// `typ` is another kind of token.
    #[error("the token is of another type; send one whose `typ` is {0}")]
    Type(&'static str),
    /// `alg` is not the one of the key or of the profile.
    #[error("the token's `alg` is not allowed here; use the algorithm of the published key")]
    Algorithm,
    /// No trusted key has this `kid`.
    #[error("no trusted key has this token's `kid`; fetch the issuer's key set again")]
    UnknownKey,
    /// The signature does not verify.
    #[error("the token's signature does not verify; ask the issuer for a new one")]
    BadSignature,
    /// `iss` or `aud` is another one.
    #[error("claim `{0}` names somebody else; ask for a token meant for this server")]
    NotForUs(&'static str),
    /// A time claim is in the future.
    #[error("the token is not valid yet; wait, and check the clock")]
    NotYetValid,
    /// The token's life is over.
    #[error("the token has expired; ask for a new one")]
    Expired,
    /// The times contradict each other or the allowed life.
    #[error("the token's `iat`, `nbf` and `exp` contradict each other or exceed the allowed life")]
    Lifetime,
    /// A claim has a value outside its closed set.
    #[error("claim `{0}` has a value outside the profile")]
    Claim(&'static str),
    /// The DPoP proof is for another request.
    #[error("the DPoP proof is for another method or URL; make one for this request")]
    OtherRequest,
    /// The proof of possession does not fit the token.
    #[error(
        "the DPoP proof is not by the key this token is bound to, or names another token; use the bound key"
    )]
    NotBound,
}

/// A parsed, unverified compact JWS.
pub(crate) struct UnverifiedJws<'a> {
    signing_input: &'a str,
    payload: &'a str,
    signature: [u8; 64],
    /// What is left of the header after `typ` and `alg` were taken.
    pub header: Object,
    pub algorithm: String,
}

impl<'a> UnverifiedJws<'a> {
    /// Splits a token of this type. Nothing of it may be believed yet.
    pub fn parse(token: &'a str, typ: &'static str, bytes_max: usize) -> Result<Self, TokenError> {
        if token.len() > bytes_max {
            return Err(TokenError::NotCompact);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(TokenError::NotCompact)?;
        let (header, payload) = signing_input
            .split_once('.')
            .ok_or(TokenError::NotCompact)?;
        if signature.len() != 86 || !base64url::is_base64url(payload) {
            return Err(TokenError::NotCompact);
        }
        let signature = base64url::decode(signature)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(TokenError::NotCompact)?;
        let header = base64url::decode(header).ok_or(TokenError::NotCompact)?;
        let mut header = Object::parse(&header, HEADER_BYTES_MAX)?;
        if header.text("typ", 32)? != typ {
            return Err(TokenError::Type(typ));
        }
        let algorithm = header.text("alg", 16)?;
        Ok(Self {
            signing_input,
            payload,
            signature,
            header,
            algorithm,
        })
    }

    /// Verifies with a key the caller trusts for this purpose, and only then opens the claims.
    pub fn verify(self, key: &WorkloadKey) -> Result<Object, TokenError> {
        self.header.finish()?;
        if self.algorithm != key.algorithm().jose_name() {
            return Err(TokenError::Algorithm);
        }
        if !key.verifies(self.signing_input.as_bytes(), &self.signature) {
            return Err(TokenError::BadSignature);
        }
        let payload = base64url::decode(self.payload).ok_or(TokenError::NotCompact)?;
        Ok(Object::parse(&payload, CLAIMS_BYTES_MAX)?)
    }
}

/// Signs header and claims, both JSON texts.
pub(crate) fn sign(key: &SigningKey, header: &str, claims: &str) -> Result<String, KeyError> {
    let mut token = base64url::encode(header.as_bytes());
    token.push('.');
    token.push_str(&base64url::encode(claims.as_bytes()));
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&base64url::encode(&signature));
    Ok(token)
}

const HEADER_BYTES_MAX: usize = 2048;
const CLAIMS_BYTES_MAX: usize = 8192;
