//! DPoP proofs (RFC 9449), closed: header `typ`, `alg`, `jwk`; claims `jti`, `htm`, `htu`, `iat` and `ath` when a token is
//! presented. No server nonces: `iat` within a minute and the caller's `jti` cache end replay.

use crate::base64url;
use crate::grant_token::token_hash;
use crate::http_signature::{PublicUrl, Window};
use crate::jws::{self, TokenError, UnverifiedJws};
use crate::key::{SigningKey, Thumbprint, WorkloadKey};
use serde_json::json;

/// A proof that the holder of a key makes this one request. Not yet fresh: the caller refuses a `(key, jti)` it has seen.
#[derive(Debug)]
#[must_use]
pub struct VerifiedDpopProof {
    key: Thumbprint,
    jti: String,
    issued_at: u64,
    skew_seconds: u64,
    access_token_hash: Option<[u8; 32]>,
}

impl VerifiedDpopProof {
    /// The key that signed (`jkt`).
    #[must_use]
    pub const fn key(&self) -> &Thumbprint {
        &self.key
    }

    /// The proof's unique id.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// `ath`: the hash of the access token presented with the proof.
    #[must_use]
    pub const fn access_token_hash(&self) -> Option<&[u8; 32]> {
        self.access_token_hash.as_ref()
    }

    /// How long the `jti` must be remembered, Unix seconds: the last accepted second plus twice the skew (threat C11).
    #[must_use]
    pub const fn jti_kept_until(&self) -> u64 {
        self.issued_at
            .saturating_add(LIFE_SECONDS)
            .saturating_add(self.skew_seconds.saturating_mul(2))
    }
}

/// Verifies a proof for this request. `path` is the raw path; a query is cut off, as RFC 9449 leaves it uncovered.
///
/// # Errors
/// The check that failed.
pub fn verify(
    proof: &str,
    method: &str,
    public_url: &PublicUrl,
    path: &str,
    window: &Window,
) -> Result<VerifiedDpopProof, TokenError> {
    let mut jws = UnverifiedJws::parse(proof, TYP, PROOF_BYTES_MAX)?;
    let key = WorkloadKey::from_jwk_object(jws.header.object("jwk")?)?;
    let mut claims = jws.verify(&key)?;
    let htm = claims.text("htm", 16)?;
    let htu = claims.text("htu", 4096)?;
    let jti = claims.text("jti", 128)?;
    let issued_at = claims.unsigned("iat")?;
    let ath = claims.optional_text("ath", 43)?;
    claims.finish()?;
    if htm != method || htu.strip_prefix(public_url.as_str()) != Some(without_query(path)) {
        return Err(TokenError::OtherRequest);
    }
    if jti.len() < 16 {
        return Err(TokenError::Claim("jti"));
    }
    if window.is_future(issued_at) {
        return Err(TokenError::NotYetValid);
    }
    if window.is_past(issued_at.saturating_add(LIFE_SECONDS)) {
        return Err(TokenError::Expired);
    }
    let access_token_hash = match ath {
        Some(text) => Some(base64url::decode_32(&text).ok_or(TokenError::Claim("ath"))?),
        None => None,
    };
    Ok(VerifiedDpopProof {
        key: *key.thumbprint(),
        jti,
        issued_at,
        skew_seconds: window.skew_seconds,
        access_token_hash,
    })
}

/// A request that a proof is made for.
#[derive(Debug, Clone, Copy)]
pub struct DpopRequest<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// Public URL of the server.
    pub public_url: &'a PublicUrl,
    /// Raw path; a query is cut off.
    pub path: &'a str,
    /// The access token that will be presented.
    pub access_token: Option<&'a str>,
    /// Now, Unix seconds.
    pub issued_at: u64,
    /// 16 to 128 fresh characters.
    pub jti: &'a str,
}

/// Makes a proof.
///
/// # Errors
/// A failure of the library.
pub fn prove(key: &SigningKey, request: &DpopRequest<'_>) -> Result<String, TokenError> {
    let public = key.public();
    let header = format!(
        r#"{{"typ":"{TYP}","alg":"{}","jwk":{}}}"#,
        public.algorithm().jose_name(),
        public.to_jwk()
    );
    let mut claims = json!({
        "jti": request.jti,
        "htm": request.method,
        "htu": format!("{}{}", request.public_url, without_query(request.path)),
        "iat": request.issued_at,
    });
    if let (Some(token), Some(members)) = (request.access_token, claims.as_object_mut()) {
        members.insert("ath".into(), base64url::encode(&token_hash(token)).into());
    }
    Ok(jws::sign(key, &header, &claims.to_string())?)
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}

const TYP: &str = "dpop+jwt";
const LIFE_SECONDS: u64 = 60;
const PROOF_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests;
