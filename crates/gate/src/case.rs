//! What a gate sends to an executor in a process of its own, and what comes back. Plain documents: all that is in them is a claim,
//! and `apart` makes of it what verifies.

mod credentials;

use async_trait::async_trait;
use gatehold_core::request::RequestRecord;
use serde::{Deserialize, Serialize};

use crate::error::GateError;
use crate::gate::Gate;
use crate::input::Word;
use crate::links::TrustLinks;
use crate::ports::executor::{Ending, Evidence, Execution};
use crate::stored::attachment;

pub use credentials::{EndAsked, FoundAsked, FoundThere, IssueAsked, Made, Removed};

/// Longest case, in bytes: a signed body in base64, the reviews, and everything else.
pub const CASE_BYTES_MAX: usize = 8 << 20;
/// Longest list of links sent at once.
pub const LINKS_BYTES_MAX: usize = 16 << 20;

/// One approved request, with all that an executor elsewhere looks at. The payload is in the body that was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The request as the gate has it, with its reviews.
    pub record: RequestRecord,
    /// The signed call, as it is kept with the submission.
    pub proof: String,
    /// The body that was signed.
    #[serde(with = "base64_text")]
    pub body: Vec<u8>,
    /// What policy is asked that only the gate knows.
    pub word: Word,
}

/// A target that an executor has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetTerms {
    /// Its id.
    pub target: String,
    /// What it enforces.
    pub enforces: Vec<String>,
}

/// Where an executor stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The leaf of the last link of the chain of trust that it has.
    pub link: Option<u64>,
    /// Its targets that are called.
    pub targets: Vec<TargetTerms>,
    /// Those that make credentials, in the words of its brokers for those of the gate.
    pub issuing: serde_json::Value,
}

/// What came of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// `completed`, `failed`, `unknown`.
    pub ending: Ending,
    /// As the execution's own.
    pub code: String,
    /// Rows or objects touched.
    pub quantity: Option<u64>,
    /// The target's own status.
    pub status: Option<u16>,
    /// Media type of the body.
    pub media_type: String,
    /// What the workload gets.
    #[serde(with = "base64_text")]
    pub body: Vec<u8>,
    /// Whether the body was cut at a cap.
    pub truncated: bool,
}

/// Nothing was done, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct No {
    /// Stable.
    pub code: String,
    /// For people.
    pub text: String,
}

impl From<Execution> for Answer {
    fn from(execution: Execution) -> Self {
        Self {
            ending: execution.ending,
            code: execution.code.to_owned(),
            quantity: execution.quantity,
            status: execution.status,
            media_type: execution.media_type,
            body: execution.body,
            truncated: execution.truncated,
        }
    }
}

/// A request of this gate, shown to whoever executes it.
pub(crate) struct Shown<'a> {
    gate: &'a Gate,
    record: &'a RequestRecord,
    word: Word,
}

impl<'a> Shown<'a> {
    pub(crate) const fn new(gate: &'a Gate, record: &'a RequestRecord, word: Word) -> Self {
        Self { gate, record, word }
    }
}

#[async_trait]
impl Evidence for Shown<'_> {
    async fn case(&self) -> Result<Case, GateError> {
        let stored = self.gate.request(self.record.id).await?;
        let submission = self.gate.submission(&stored).await?;
        let proof = attachment(&submission, "proof")?.to_vec();
        Ok(Case {
            record: self.record.clone(),
            proof: String::from_utf8(proof).map_err(GateError::damaged)?,
            body: attachment(&submission, "body")?.to_vec(),
            word: self.word.clone(),
        })
    }

    async fn links(&self, after: Option<u64>) -> Result<TrustLinks, GateError> {
        self.gate.trust_links(after).await
    }
}

/// Bytes as text in base64.
pub(crate) mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }

    /// The same where there may be none.
    pub(crate) mod stated {
        use super::*;

        pub(crate) fn serialize<S: Serializer>(
            bytes: &Option<Vec<u8>>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match bytes {
                Some(bytes) => super::serialize(bytes, to),
                None => to.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Vec<u8>>, D::Error> {
            let text = Option::<String>::deserialize(from)?;
            text.map(|text| STANDARD.decode(text).map_err(D::Error::custom))
                .transpose()
        }
    }
}
