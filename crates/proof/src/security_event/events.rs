//! The events that ask for something: those of CAEP and RISC that say that an identity is not to be trusted any more, and one of
//! our own. Every other event is somebody else's business and asks for nothing.

use crate::strict_json::{JsonError, Object};

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const OURS: &str = "urn:gatehold:event:";

/// An event that asks for its subject to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// CAEP: a session is over.
    SessionRevoked,
    /// CAEP: a credential was revoked or deleted. One that was made or renewed asks for nothing.
    CredentialChange,
    /// CAEP: less is known of who it is than was, or it is not said whether it is less.
    AssuranceLevelChange,
    /// CAEP: the risk is high.
    RiskLevelChange,
    /// RISC: the account was disabled.
    AccountDisabled,
    /// RISC: its credential must be replaced.
    CredentialChangeRequired,
    /// RISC: its credential is in other hands.
    CredentialCompromise,
    /// Ours: whoever watches says that it does what it never did.
    Anomaly,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::SessionRevoked,
        Self::CredentialChange,
        Self::AssuranceLevelChange,
        Self::RiskLevelChange,
        Self::AccountDisabled,
        Self::CredentialChangeRequired,
        Self::CredentialCompromise,
        Self::Anomaly,
    ];

    /// Its name, the last part of its URI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionRevoked => "session-revoked",
            Self::CredentialChange => "credential-change",
            Self::AssuranceLevelChange => "assurance-level-change",
            Self::RiskLevelChange => "risk-level-change",
            Self::AccountDisabled => "account-disabled",
            Self::CredentialChangeRequired => "account-credential-change-required",
            Self::CredentialCompromise => "credential-compromise",
            Self::Anomaly => "anomaly",
        }
    }

    /// Its URI.
    #[must_use]
    pub fn uri(self) -> String {
        let family = match self {
            Self::SessionRevoked
            | Self::CredentialChange
            | Self::AssuranceLevelChange
            | Self::RiskLevelChange => CAEP,
            Self::AccountDisabled | Self::CredentialChangeRequired | Self::CredentialCompromise => {
                RISC
            }
            Self::Anomaly => OURS,
        };
        format!("{family}{}", self.name())
    }
}

/// The event, if it asks for its subject to be stopped. One that is known and not of its form is refused.
pub(super) fn asks_to_stop(uri: &str, event: &mut Object) -> Result<Option<EventKind>, JsonError> {
    let known = EventKind::ALL.into_iter().find(|kind| kind.uri() == uri);
    let asks = match known {
        None => return Ok(None),
        Some(EventKind::CredentialChange) => match event.text("change_type", 32)?.as_str() {
            "revoke" | "delete" => true,
            "create" | "update" => false,
            _ => return Err(JsonError::WrongType("change_type")),
        },
        Some(EventKind::AssuranceLevelChange) => {
            match event.optional_text("change_direction", 32)?.as_deref() {
                Some("decrease") | None => true,
                Some("increase") => false,
                Some(_) => return Err(JsonError::WrongType("change_direction")),
            }
        }
        Some(EventKind::RiskLevelChange) => match event.text("current_level", 32)?.as_str() {
            "HIGH" => true,
            "LOW" | "MEDIUM" => false,
            _ => return Err(JsonError::WrongType("current_level")),
        },
        Some(_) => true,
    };
    Ok(known.filter(|_| asks))
}
