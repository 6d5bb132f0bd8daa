//! Logins: an enrolled key vouches for an ephemeral one, which may read and act in the safe direction. It never
//! approves: a review is signed by the enrolled key itself.

use std::sync::PoisonError;

use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, Origin};
use gatehold_core::json::canonical;
use gatehold_core::jwk::Jwk;
use gatehold_core::refusal::Refusal;
use gatehold_core::review::ReviewError;
use gatehold_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::GateError;
use crate::gate::Gate;

/// The `type` of a login statement, and its signature namespace.
pub const LOGIN_TYPE: &str = "gatehold/login/v1";
/// Longest login, in seconds: half a day.
pub const LOGIN_SECONDS_MAX: u32 = 12 * 3600;
/// Most sessions kept; the oldest goes first.
const SESSIONS_MAX: usize = 10_000;

/// What an enrolled key signs to log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginStatement {
    /// `gatehold/login/v1`.
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Who.
    pub human: HumanId,
    /// Thumbprint of the enrolled key that signs this.
    pub key: Hash,
    /// The ephemeral key, as a JWK.
    pub jwk: String,
    /// From when.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A login that has force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub human: HumanId,
    /// Thumbprint of the enrolled key that vouches for it.
    pub enrolled_key: Hash,
    /// The ephemeral key, as a JWK.
    pub jwk: String,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Gate {
    /// Accepts a login.
    ///
    /// # Errors
    /// When the statement is not for this gate, not of now, or not signed by an enrolled key.
    pub fn login(
        &self,
        statement: &str,
        signature: &str,
        now: Timestamp,
    ) -> Result<Session, GateError> {
        let form = |error: String| Refusal::Review(ReviewError::Form(error));
        let login: LoginStatement = canonical::from_canonical_bytes(statement.as_bytes())
            .map_err(|error| form(error.to_string()))?;
        let active = self.active();
        let elsewhere = login.type_ != LOGIN_TYPE || login.gate != active.directory.origin;
        if guard!("login-gate", elsewhere) {
            return Err(Refusal::Review(ReviewError::Other("gate")).into());
        }
        let latest = login.issued_at.plus_seconds(LOGIN_SECONDS_MAX);
        let untimely = now > login.expires_at
            || login.expires_at > latest
            || login.issued_at > now.plus_seconds(60);
        if guard!("login-time", untimely) {
            return Err(Refusal::TooLate("the login").into());
        }
        let enrolled = active
            .directory
            .key(&login.human, &login.key)
            .filter(|_| !self.is_key_revoked_in_journal(&login.human, &login.key))
            .ok_or(Refusal::UnknownPrincipal)?;
        active
            .directory
            .signed(enrolled, signature, statement.as_bytes(), LOGIN_TYPE)
            .map_err(|error| Refusal::Review(error.into()))?;
        let ephemeral = Jwk::parse(&login.jwk)
            .map_err(|error| form(error.to_string()))?
            .thumbprint();
        let session = Session {
            human: login.human,
            enrolled_key: login.key,
            jwk: login.jwk,
            expires_at: login.expires_at,
        };
        let mut sessions = self
            .inner
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.expires_at >= now);
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions
                .iter()
                .min_by_key(|(_, session)| session.expires_at)
                .map(|(key, _)| *key)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(ephemeral, session.clone());
        Ok(session)
    }

    /// The session of an ephemeral key, if it and the key that vouches for it have force now.
    #[must_use]
    pub fn session(&self, ephemeral: &Hash, now: Timestamp) -> Option<Session> {
        let sessions = self
            .inner
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(ephemeral)?.clone();
        drop(sessions);
        let living = now <= session.expires_at
            && !self.is_key_revoked_in_journal(&session.human, &session.enrolled_key)
            && self.with_directory(|directory| {
                directory
                    .key(&session.human, &session.enrolled_key)
                    .is_some()
            });
        living.then_some(session)
    }
}
