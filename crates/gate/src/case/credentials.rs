//! What a gate sends to an executor in a process of its own to have credentials made and taken away, and what comes back.

use std::fmt;

use gatehold_core::lease::{Lease, Recipe};
use serde::{Deserialize, Deserializer, Serialize};

use super::Case;
use crate::ports::issuer::{Credential, Issuance};

/// A credential that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueAsked {
    /// As for an execution.
    pub case: Case,
    /// What the gate planned, and wrote down before.
    pub lease: Lease,
}

/// What came of making a credential.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Made {
    /// It was made. This is the only time that it is said.
    Issued {
        /// What it is.
        kind: String,
        /// What may be shown of it.
        public: Vec<(String, String)>,
        /// What may not.
        secret: String,
    },
    /// Nothing was made.
    Refused {
        /// Stable.
        code: String,
    },
    /// Nobody can tell.
    Unknown {
        /// Stable.
        code: String,
    },
}

// INVARIANT(secret-once): no log quotes it.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issued { kind, .. } => write!(f, "Issued({kind})"),
            Self::Refused { code } => write!(f, "Refused({code})"),
            Self::Unknown { code } => write!(f, "Unknown({code})"),
        }
    }
}

impl From<Issuance> for Made {
    fn from(issuance: Issuance) -> Self {
        match issuance {
            Issuance::Issued(Credential {
                kind,
                public,
                secret,
            }) => {
                let public = public.into_iter();
                Self::Issued {
                    kind: kind.to_owned(),
                    public: public.map(|(name, text)| (name.to_owned(), text)).collect(),
                    secret,
                }
            }
            Issuance::Refused(code) => Self::Refused {
                code: code.to_owned(),
            },
            Issuance::Unknown(code) => Self::Unknown {
                code: code.to_owned(),
            },
        }
    }
}

/// Credentials that are to end, at one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndAsked {
    /// Where they stand.
    pub target: String,
    /// How each is found there: one where it is to be taken away.
    pub recipes: Vec<Recipe>,
}

/// What came of taking one away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Why it is still there; nothing where its target said that it is gone.
    #[serde(deserialize_with = "stated_text")]
    pub remains: Option<String>,
}

/// A target that is asked what stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundAsked {
    /// Which.
    pub target: String,
}

/// What stands there under this gate's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundThere {
    /// Each as it is taken away.
    pub recipes: Vec<Recipe>,
}

/// It is said, or it is said that there is none: what is left out is not taken for gone.
fn stated_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(from)
}
