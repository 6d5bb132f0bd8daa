//! Security Event Tokens (RFC 8417), as a transmitter of the Shared Signals Framework pushes them: one closed profile, ES256 or
//! EdDSA by a key that an operator pinned, one event, one audience.
//!
//! `exp`, `nbf`, `sub` and every other claim that the profile does not name are refused, never passed over. What an event asks
//! for is read by `events`, whom it is about by `subject`; what is done about it is the caller's to decide. A token stays
//! acceptable for as long as the caller says, so a repeated `jti` is the caller's to know for that long.

mod events;
mod subject;
#[cfg(test)]
mod tests;

use crate::http_signature::Window;
use crate::id_token::IssuerKeys;
use crate::jws::{TokenError, UnverifiedJws};
use crate::key::{Algorithm, Thumbprint};
use crate::strict_json::{Json, JsonError, Object};

use events::Asks;
pub use events::{EventKind, UNUSUAL};
pub use subject::{Subject, SubjectId};

/// Longest token.
pub const TOKEN_BYTES_MAX: usize = 12 * 1024;
/// Longest issuer, audience or other name.
const NAME_BYTES_MAX: usize = 512;
/// Longest `jti`, and longest URI of an event.
const ID_BYTES_MAX: usize = 256;
const TYP: &str = "secevent+jwt";

/// Verifies the tokens of one issuer for one audience.
#[derive(Debug, Clone)]
pub struct EventVerifier {
    issuer: String,
    audience: String,
    keys: IssuerKeys,
    algorithms: Vec<Algorithm>,
}

/// A token that was refused, and by whose key it was signed where that is known: before a signature has verified nobody is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct RefusedEvent {
    /// What is wrong with it.
    pub error: TokenError,
    /// Whose signature verified all the same.
    pub signer: Option<Thumbprint>,
}

impl RefusedEvent {
    const fn of_a_stranger(error: TokenError) -> Self {
        Self {
            error,
            signer: None,
        }
    }
}

/// What a pinned key signed for this audience, and lately enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEvent {
    token_id: String,
    issued_at: u64,
    uri: String,
    asks: Asks,
    subject: Option<Subject>,
}

impl VerifiedEvent {
    /// `jti`: printable ASCII, at most 256 bytes.
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.token_id
    }

    /// `iat`, Unix seconds.
    #[must_use]
    pub const fn issued_at(&self) -> u64 {
        self.issued_at
    }

    /// The URI of its one event: printable ASCII, at most 256 bytes.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The event, where it is one that asks for its subject to be stopped.
    #[must_use]
    pub const fn asks_to_stop(&self) -> Option<EventKind> {
        match self.asks {
            Asks::Stop(kind) => Some(kind),
            Asks::Hold | Asks::Nothing => None,
        }
    }

    /// Whether it asks at least for people to look at what its subject asks for.
    #[must_use]
    pub const fn asks_to_hold(&self) -> bool {
        matches!(self.asks, Asks::Stop(_) | Asks::Hold)
    }

    /// Whom it is about, if it says so.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }
}

impl EventVerifier {
    /// For tokens of this issuer and audience, by one of these keys and one of these algorithms.
    ///
    /// # Errors
    /// `UnknownKey` when none of the keys can verify a token of these algorithms.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        keys: IssuerKeys,
        algorithms: Vec<Algorithm>,
    ) -> Result<Self, TokenError> {
        if !algorithms.iter().any(|one| keys.has_named(*one)) {
            return Err(TokenError::UnknownKey);
        }
        Ok(Self {
            issuer: issuer.into(),
            audience: audience.into(),
            keys,
            algorithms,
        })
    }

    /// Whose tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// For whom.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Verifies a token that was issued at most so many seconds ago.
    ///
    /// # Errors
    /// The check that failed, and who had signed.
    pub fn verify(
        &self,
        token: &str,
        window: &Window,
        age_seconds_max: u64,
    ) -> Result<VerifiedEvent, RefusedEvent> {
        let (claims, signer) = self.signed(token).map_err(RefusedEvent::of_a_stranger)?;
        let read = claims.and_then(|claims| self.read(claims, window, age_seconds_max));
        read.map_err(|error| RefusedEvent {
            error,
            signer: Some(signer),
        })
    }

    /// The claims, once the signature has verified, and whose it was.
    fn signed(&self, token: &str) -> Result<(Result<Object, TokenError>, Thumbprint), TokenError> {
        let mut jws = UnverifiedJws::parse(token, TYP, TOKEN_BYTES_MAX)?;
        let kid = jws.header.text("kid", ID_BYTES_MAX)?;
        // Nobody takes anything else of the header: `crit`, `jku`, `x5c`, `b64`, `zip`.
        jws.header.clone().finish()?;
        let allowed = self.algorithms.iter();
        let algorithm = allowed
            .copied()
            .find(|one| one.jose_name() == jws.algorithm)
            .ok_or(TokenError::Algorithm)?;
        let key = self
            .keys
            .named(&kid, algorithm)
            .ok_or(TokenError::UnknownKey)?;
        let signer = *key.thumbprint();
        match jws.verify(key) {
            Err(error @ (TokenError::BadSignature | TokenError::Algorithm)) => Err(error),
            opened => Ok((opened, signer)),
        }
    }

    fn read(
        &self,
        mut claims: Object,
        window: &Window,
        age_seconds_max: u64,
    ) -> Result<VerifiedEvent, TokenError> {
        if claims.text("iss", NAME_BYTES_MAX)? != self.issuer {
            return Err(TokenError::NotForUs("iss"));
        }
        if only_audience(&mut claims)? != self.audience {
            return Err(TokenError::NotForUs("aud"));
        }
        let issued_at = claims.unsigned("iat")?;
        if window.is_future(issued_at) {
            return Err(TokenError::NotYetValid);
        }
        if window.is_past(issued_at.saturating_add(age_seconds_max)) {
            return Err(TokenError::Expired);
        }
        let token_id = plain(claims.text("jti", ID_BYTES_MAX)?, "jti")?;
        let events = claims.object("events")?;
        let of_token = claims.take("sub_id");
        claims.optional_text("txn", NAME_BYTES_MAX)?;
        if claims
            .take("toe")
            .is_some_and(|toe| !matches!(toe, Json::Integer(0..)))
        {
            return Err(JsonError::WrongType("toe").into());
        }
        claims.finish()?;
        let Ok([(uri, Json::Object(mut event))]) =
            <[(String, Json); 1]>::try_from(events.into_members())
        else {
            return Err(TokenError::Claim("events"));
        };
        let uri = plain(uri, "events")?;
        // The framework's tokens say it beside the events, older ones within.
        let subject = match (of_token, event.take("subject")) {
            (Some(_), Some(_)) => return Err(TokenError::Claim("sub_id")),
            (Some(Json::Object(given)), None) | (None, Some(Json::Object(given))) => {
                Some(Subject::read(given)?)
            }
            (None, None) => None,
            _ => return Err(JsonError::WrongType("sub_id").into()),
        };
        Ok(VerifiedEvent {
            token_id,
            issued_at,
            asks: events::asks(&uri, &mut event)?,
            uri,
            subject,
        })
    }
}

/// The one audience: a token that is also for others would be replayed by them.
fn only_audience(claims: &mut Object) -> Result<String, TokenError> {
    match claims.take("aud") {
        None => Err(JsonError::Missing("aud").into()),
        Some(Json::Text(one)) => Ok(one),
        Some(Json::Array(all)) => match <[Json; 1]>::try_from(all) {
            Ok([Json::Text(one)]) => Ok(one),
            _ => Err(TokenError::NotForUs("aud")),
        },
        Some(_) => Err(JsonError::WrongType("aud").into()),
    }
}

/// It stands in records and logs.
fn plain(text: String, claim: &'static str) -> Result<String, TokenError> {
    let is_plain = text.len() <= ID_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && !text.is_empty() {
        Ok(text)
    } else {
        Err(TokenError::Claim(claim))
    }
}

/// Signs a token as a transmitter does, for tests of what reads them.
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
