//! One leaf as an auditor is given it, and its line in an export. Everything here is a claim: nothing was opened,
//! hashed or compared yet. [`crate::opened`] does that.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehold_core::hash::{hex, unhex};
use gatehold_core::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A leaf with its opening and attachments, as a store or an export gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLeaf {
    /// Where it is said to stand.
    pub index: u64,
    /// The bytes that the tree commits to: 35 when sound.
    pub leaf: Vec<u8>,
    /// The store's time at the commit. The tree does not commit to it; `at` in the record is what was decided by.
    pub time: Timestamp,
    /// The salt of the record.
    pub salt: Vec<u8>,
    /// The record: canonical JSON when sound.
    pub record: Vec<u8>,
    /// Its attachments.
    pub attachments: Vec<LedgerAttachment>,
}

/// An attachment, present, erased or left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerAttachment {
    /// Its name within the leaf.
    pub name: String,
    /// Its salt in lower hex; nothing once erased.
    pub salt: Option<Hex>,
    /// Its bytes in base64; nothing once erased.
    pub bytes: Option<Base64>,
    /// The leaf by which people had it erased.
    pub erased_by: Option<u64>,
}

/// Bytes that are written in lower hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

/// Bytes that are written in standard base64 with padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl std::fmt::Debug for Base64 {
    // Attachments hold personal text and payloads: never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refuse = || serde::de::Error::custom("expected bytes in lower hex");
        unhex(&text).map(Self).ok_or_else(refuse)
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refuse = |_| serde::de::Error::custom("expected bytes in base64");
        STANDARD.decode(text).map(Self).map_err(refuse)
    }
}

/// The form of a leaf in files. A record is text unless it was damaged into something else.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    index: u64,
    leaf: Hex,
    time: Timestamp,
    salt: Hex,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    record: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    record_base64: Option<Base64>,
    attachments: Vec<LedgerAttachment>,
}

impl Serialize for LedgerLeaf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = String::from_utf8(self.record.clone());
        let (record, record_base64) = match text {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(Base64(error.into_bytes()))),
        };
        let wire = Wire {
            index: self.index,
            leaf: Hex(self.leaf.clone()),
            time: self.time,
            salt: Hex(self.salt.clone()),
            record,
            record_base64,
            attachments: self.attachments.clone(),
        };
        wire.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LedgerLeaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let record = match (wire.record, wire.record_base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(bytes)) => bytes.0,
            _ => {
                return Err(serde::de::Error::custom(
                    "a leaf has either `record` or `record_base64`",
                ));
            }
        };
        Ok(Self {
            index: wire.index,
            leaf: wire.leaf.0,
            time: wire.time,
            salt: wire.salt.0,
            record,
            attachments: wire.attachments,
        })
    }
}

impl LedgerLeaf {
    /// The bytes of an attachment, if they are there.
    #[must_use]
    pub fn attachment(&self, name: &str) -> Option<&[u8]> {
        let found = self.attachments.iter().find(|given| given.name == name)?;
        found.bytes.as_ref().map(|bytes| bytes.0.as_slice())
    }
}
