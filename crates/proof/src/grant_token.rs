//! The grant token: what a resource server verifies by itself (RFC 9068 `at+jwt`, ES256, DPoP-bound, at most 120 s).
//!
//! Verification ends in [`PresentedGrantToken`], and the only way there leads through a DPoP proof by the key that the
//! token is bound to: a bound token is never accepted as a bearer token (threat C10). Revocation is not seen here; the
//! token's short life is its only end (class `expiry_only`).

mod claims;

pub use claims::{ActionDetails, DecidedBy, GrantClaims};

use crate::dpop::VerifiedDpopProof;
use crate::http_signature::Window;
use crate::jws::{self, TokenError, UnverifiedJws};
use crate::key::{Algorithm, JwkSet, SigningKey, Thumbprint};
use aws_lc_rs::digest::{SHA256, digest};

/// Issues a grant token with the gate's token key.
///
/// # Errors
/// `Algorithm` when the key is not P-256; `Lifetime`, `Claim` or `Json` when a verifier would refuse the claims; a failure
/// of the library.
pub fn issue(key: &SigningKey, claims: &GrantClaims) -> Result<String, TokenError> {
    if key.public().algorithm() != Algorithm::EcdsaP256 {
        return Err(TokenError::Algorithm);
    }
    let json = claims.to_json()?;
    // What is issued has passed the reader that every verifier uses: the two cannot drift apart.
    GrantClaims::read(crate::strict_json::Object::parse(
        json.as_bytes(),
        TOKEN_BYTES_MAX,
    )?)?;
    let header = format!(
        r#"{{"alg":"ES256","kid":"{}","typ":"{TYP}"}}"#,
        key.public().thumbprint()
    );
    Ok(jws::sign(key, &header, &json)?)
}

/// Verifies grant tokens of one issuer for one resource server.
#[derive(Debug, Clone)]
pub struct GrantTokenVerifier {
    issuer: String,
    audience: String,
    keys: JwkSet,
}

impl GrantTokenVerifier {
    /// A verifier for tokens of `issuer` meant for `audience`, signed by one of `keys`.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, keys: JwkSet) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            keys,
        }
    }

    /// Verifies signature, issuer, audience and times. The result is good for one thing: being joined with a DPoP proof.
    ///
    /// # Errors
    /// The check that failed.
    pub fn verify(&self, token: &str, window: &Window) -> Result<UnboundGrantToken, TokenError> {
        let mut jws = UnverifiedJws::parse(token, TYP, TOKEN_BYTES_MAX)?;
        let kid = jws.header.text("kid", 64)?;
        let key = self
            .keys
            .find(&kid, Algorithm::EcdsaP256)
            .ok_or(TokenError::UnknownKey)?;
        let claims = GrantClaims::read(jws.verify(key)?)?;
        if claims.issuer != self.issuer {
            return Err(TokenError::NotForUs("iss"));
        }
        if claims.audience != self.audience {
            return Err(TokenError::NotForUs("aud"));
        }
        if window.is_future(claims.issued_at) || window.is_future(claims.not_before) {
            return Err(TokenError::NotYetValid);
        }
        if window.is_past(claims.expires_at) {
            return Err(TokenError::Expired);
        }
        Ok(UnboundGrantToken {
            claims,
            hash: token_hash(token),
        })
    }
}

/// A genuine token whose presenter has not yet proven to hold its key.
#[derive(Debug)]
#[must_use]
pub struct UnboundGrantToken {
    claims: GrantClaims,
    hash: [u8; 32],
}

impl UnboundGrantToken {
    /// The key that must prove possession.
    #[must_use]
    pub const fn confirmation(&self) -> &Thumbprint {
        &self.claims.confirmation
    }

    /// Joins the token with the proof it was presented with.
    ///
    /// # Errors
    /// `NotBound` when the proof is by another key, or does not name exactly this token (`ath`).
    pub fn present(self, proof: &VerifiedDpopProof) -> Result<PresentedGrantToken, TokenError> {
        if proof.key() != &self.claims.confirmation || proof.access_token_hash() != Some(&self.hash)
        {
            return Err(TokenError::NotBound);
        }
        Ok(PresentedGrantToken {
            claims: self.claims,
        })
    }
}

/// A genuine token presented by the holder of its key. The caller still refuses a repeated DPoP `jti`, and counts uses.
#[derive(Debug)]
#[must_use]
pub struct PresentedGrantToken {
    claims: GrantClaims,
}

impl PresentedGrantToken {
    /// What the token grants.
    #[must_use]
    pub const fn claims(&self) -> &GrantClaims {
        &self.claims
    }
}

/// The `ath` of RFC 9449: SHA-256 over the token as sent.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// Longest life of a grant token, seconds; the design's usual value is 60.
pub const LIFE_SECONDS_MAX: u64 = 120;
const TYP: &str = "at+jwt";
const TOKEN_BYTES_MAX: usize = 8192;

#[cfg(test)]
mod tests;
