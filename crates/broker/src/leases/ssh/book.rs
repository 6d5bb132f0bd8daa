//! The log of what was certified and what was revoked, beside the list that servers read: one line of JSON each, in order. From it
//! a gate that was killed or restored knows what it signed, and the list can be written again.

use std::collections::BTreeMap;

use gatehold_core::ssh::SshPublicKey;
use gatehold_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::Trouble;
use super::{KEPT_SECONDS, serial};

/// Longest line read, in bytes.
const LINE_BYTES_MAX: usize = 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Line {
    /// It is going to be signed.
    Issued(Issued),
    /// It is going to be on the list.
    Revoked(Revoked),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issued {
    pub(crate) handle: String,
    pub(crate) principal: String,
    pub(crate) authority: SshPublicKey,
    pub(crate) not_after: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoked {
    pub(crate) handle: String,
    pub(crate) authority: SshPublicKey,
}

/// All of the log.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) issued: BTreeMap<String, Issued>,
    pub(crate) revoked: BTreeMap<String, Revoked>,
    /// How many bytes hold whole lines. What follows was being written when its writer died, and nothing was signed for it.
    pub(crate) whole: usize,
}

impl Line {
    /// As it stands in the log.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Trouble> {
        let mut bytes =
            serde_json::to_vec(self).map_err(|error| Trouble::Damaged(error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl Book {
    /// Reads a log.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Trouble> {
        let mut book = Self::default();
        for (number, line) in (1_usize..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            let Some(text) = line.strip_suffix(b"\n") else {
                break;
            };
            let damaged = |why: &str| {
                Trouble::Damaged(format!("line {number} of the log of certificates: {why}"))
            };
            if text.len() > LINE_BYTES_MAX {
                return Err(damaged("it is too long"));
            }
            match serde_json::from_slice(text).map_err(|error| damaged(&error.to_string()))? {
                Line::Issued(issued) => drop(book.issued.insert(issued.handle.clone(), issued)),
                Line::Revoked(revoked) => {
                    drop(book.revoked.insert(revoked.handle.clone(), revoked));
                }
            }
            book.whole += line.len();
        }
        Ok(book)
    }

    /// The log without what ended long ago.
    pub(crate) fn without_over(&self, now: Timestamp) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        for issued in self.issued.values().filter(|issued| !issued.is_over(now)) {
            bytes.extend(Line::Issued(issued.clone()).to_bytes()?);
        }
        let over = |handle: &str| {
            self.issued
                .get(handle)
                .is_some_and(|issued| issued.is_over(now))
        };
        for revoked in self
            .revoked
            .values()
            .filter(|revoked| !over(&revoked.handle))
        {
            bytes.extend(Line::Revoked(revoked.clone()).to_bytes()?);
        }
        Ok(bytes)
    }

    /// How many certificates ended long ago.
    pub(crate) fn count_over(&self, now: Timestamp) -> usize {
        self.issued
            .values()
            .filter(|issued| issued.is_over(now))
            .count()
    }

    /// The end of each certificate, by authority and serial number.
    pub(crate) fn ends(&self) -> BTreeMap<(&SshPublicKey, u64), &Issued> {
        let all = self.issued.values();
        all.map(|issued| ((&issued.authority, serial(&issued.handle)), issued))
            .collect()
    }
}

impl Issued {
    /// No server lets anybody in with it, whatever its clock says within reason.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now > self.not_after.plus_seconds(KEPT_SECONDS)
    }
}
