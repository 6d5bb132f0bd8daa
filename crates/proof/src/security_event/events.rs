//! The events that ask for something: those of CAEP and RISC that say that an identity is not to be trusted any more, and one of
//! our own. Every other event is somebody else's business and asks for nothing.

use crate::strict_json::{JsonError, Object};

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const OURS: &str = "urn:gatehold:event:";
/// Ours: what it does is unlike what it does, and somebody is to look before more of it is let out.
pub const UNUSUAL: &str = "urn:gatehold:event:unusual";

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

/// What an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// That its subject is stopped.
    Stop(EventKind),
    /// That people look at what its subject asks for.
    Hold,
    /// Nothing.
    Nothing,
}

/// What the event asks for. One that is known and not of its form is refused.
pub(super) fn asks(uri: &str, event: &mut Object) -> Result<Asks, JsonError> {
    if uri == UNUSUAL {
        return Ok(Asks::Hold);
    }
    let Some(kind) = EventKind::ALL.into_iter().find(|kind| kind.uri() == uri) else {
        return Ok(Asks::Nothing);
    };
    let stops = match kind {
        EventKind::CredentialChange => match event.text("change_type", 32)?.as_str() {
            "revoke" | "delete" => true,
            "create" | "update" => false,
            _ => return Err(JsonError::WrongType("change_type")),
        },
        EventKind::AssuranceLevelChange => {
            match event.optional_text("change_direction", 32)?.as_deref() {
                Some("decrease") | None => true,
                Some("increase") => false,
                Some(_) => return Err(JsonError::WrongType("change_direction")),
            }
        }
        EventKind::RiskLevelChange => match event.text("current_level", 32)?.as_str() {
            "HIGH" => true,
            "MEDIUM" => return Ok(Asks::Hold),
            "LOW" => false,
            _ => return Err(JsonError::WrongType("current_level")),
        },
        _ => true,
    };
    Ok(if stops {
        Asks::Stop(kind)
    } else {
        Asks::Nothing
    })
}
