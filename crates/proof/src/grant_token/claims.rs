//! The claims of a grant token: one reader, one writer. The reader takes every member by name and type and refuses the
//! rest; no claim is optional.

use super::LIFE_SECONDS_MAX;
use crate::jws::TokenError;
use crate::key::Thumbprint;
use crate::strict_json::{Json, JsonError, Object};
use serde_json::json;
use std::collections::BTreeMap;

/// Everything a grant token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantClaims {
    /// `iss`: the gate.
    pub issuer: String,
    /// `aud`: the one resource server.
    pub audience: String,
    /// `sub` and `client_id`: the workload.
    pub subject: String,
    /// `jti`: the grant; minted again for the same key until used.
    pub token_id: String,
    /// `txn`: the request that was decided.
    pub transaction: String,
    /// `iat`, Unix seconds.
    pub issued_at: u64,
    /// `nbf`, Unix seconds, not before `iat`.
    pub not_before: u64,
    /// `exp`, Unix seconds, at most 120 after `iat`.
    pub expires_at: u64,
    /// `cnf.jkt`: the only key that may present the token.
    pub confirmation: Thumbprint,
    /// `decided_by`: who made the decision.
    pub decided_by: DecidedBy,
    /// `leaf`: index of the decision in the gate's log.
    pub leaf_index: u64,
    /// `authorization_details`, exactly one.
    pub details: ActionDetails,
}

/// The one action that is granted (RFC 9396, type `gatehold_action`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionDetails {
    /// Descriptor id of the action.
    pub descriptor: String,
    /// Digest of the action, `sha256:` and 64 lower hex digits.
    pub digest: String,
    /// Target system.
    pub target: String,
    /// Resolved resource within the target.
    pub resource: String,
    /// How often it may be used, at least once.
    pub uses: u64,
    /// Named caps, at most 16.
    pub caps: BTreeMap<String, u64>,
}

/// Who made a decision that can grant something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// Policy alone.
    Policy,
    /// Humans, by signed reviews.
    Human,
    /// A model under an authority delegation.
    DelegatedModel,
    /// Break-glass.
    BreakGlass,
}

impl DecidedBy {
    /// The word in the token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Human => "human",
            Self::DelegatedModel => "delegated_model",
            Self::BreakGlass => "break_glass",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::Policy,
            Self::Human,
            Self::DelegatedModel,
            Self::BreakGlass,
        ]
        .into_iter()
        .find(|word| word.as_str() == text)
    }
}

impl GrantClaims {
    pub(super) fn to_json(&self) -> Result<String, TokenError> {
        let details = json!({
            "type": DETAILS_TYPE,
            "descriptor": self.details.descriptor,
            "digest": self.details.digest,
            "target": self.details.target,
            "resource": self.details.resource,
            "uses": self.details.uses,
            "caps": self.details.caps,
        });
        let claims = json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": self.subject,
            "client_id": self.subject,
            "jti": self.token_id,
            "txn": self.transaction,
            "iat": self.issued_at,
            "nbf": self.not_before,
            "exp": self.expires_at,
            "cnf": { "jkt": self.confirmation },
            "decided_by": self.decided_by.as_str(),
            "leaf": self.leaf_index,
            "authorization_details": [details],
        });
        Ok(claims.to_string())
    }

    pub(super) fn read(mut claims: Object) -> Result<Self, TokenError> {
        let subject = claims.text("sub", ID_BYTES_MAX)?;
        if claims.text("client_id", ID_BYTES_MAX)? != subject {
            return Err(TokenError::Claim("client_id"));
        }
        let mut confirmation = claims.object("cnf")?;
        let jkt = confirmation.text("jkt", 43)?;
        confirmation.finish()?;
        let details = match <[Object; 1]>::try_from(claims.objects("authorization_details", 1)?) {
            Ok([details]) => ActionDetails::read(details)?,
            Err(_) => return Err(JsonError::WrongType("authorization_details").into()),
        };
        let read = Self {
            issuer: claims.text("iss", ID_BYTES_MAX)?,
            audience: claims.text("aud", ID_BYTES_MAX)?,
            subject,
            token_id: claims.text("jti", 128)?,
            transaction: claims.text("txn", 128)?,
            issued_at: claims.unsigned("iat")?,
            not_before: claims.unsigned("nbf")?,
            expires_at: claims.unsigned("exp")?,
            confirmation: jkt.parse().map_err(|_| TokenError::Claim("cnf"))?,
            decided_by: DecidedBy::parse(&claims.text("decided_by", 32)?)
                .ok_or(TokenError::Claim("decided_by"))?,
            leaf_index: claims.unsigned("leaf")?,
            details,
        };
        claims.finish()?;
        let Self {
            issued_at,
            not_before,
            expires_at,
            ..
        } = read;
        let in_order = issued_at <= not_before && not_before < expires_at;
        // `in_order` keeps the subtraction from going below zero.
        if !in_order || expires_at - issued_at > LIFE_SECONDS_MAX {
            return Err(TokenError::Lifetime);
        }
        Ok(read)
    }
}

impl ActionDetails {
    fn read(mut details: Object) -> Result<Self, TokenError> {
        if details.text("type", 32)? != DETAILS_TYPE {
            return Err(TokenError::Claim("authorization_details"));
        }
        let mut caps = BTreeMap::new();
        for (name, cap) in details.object("caps")?.into_members() {
            match cap {
                Json::Integer(n) if caps.len() < CAPS_MAX && name.len() <= 64 => {
                    caps.insert(
                        name,
                        u64::try_from(n).map_err(|_| JsonError::WrongType("caps"))?,
                    );
                }
                _ => return Err(JsonError::WrongType("caps").into()),
            }
        }
        let read = Self {
            descriptor: details.text("descriptor", 128)?,
            digest: details.text("digest", 71)?,
            target: details.text("target", ID_BYTES_MAX)?,
            resource: details.text("resource", 1024)?,
            uses: details.unsigned("uses")?,
            caps,
        };
        details.finish()?;
        let hex = read.digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(TokenError::Claim("digest"));
        }
        if read.uses == 0 {
            return Err(TokenError::Claim("uses"));
        }
        Ok(read)
    }
}

const DETAILS_TYPE: &str = "gatehold_action";
const ID_BYTES_MAX: usize = 512;
const CAPS_MAX: usize = 16;
