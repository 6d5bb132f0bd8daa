//! A key revocation list (OpenSSH `PROTOCOL.krl`) of certificates by authority and serial number, and of nothing else.
//!
//! A list that holds anything more was made by somebody else. It is not read, so that it is never written without what they put there.

use std::collections::{BTreeMap, BTreeSet};

use super::key::{KEY_BLOB_BYTES_MAX, SshPublicKey};
use super::wire::{Reader, WireError, Writer};

/// Longest list read, in bytes.
pub const KRL_BYTES_MAX: usize = 4 << 20;
/// Most certificates of one list. A server reads all of it at every login.
pub const KRL_SERIALS_MAX: usize = 100_000;
const MAGIC: &[u8] = b"SSHKRL\n\0";
const FORMAT: u32 = 1;
/// By which a list of ours is known.
const COMMENT: &str = "gatehold";
const COMMENT_BYTES_MAX: usize = 1024;
const SECTION_CERTIFICATES: u8 = 1;
const SERIAL_LIST: u8 = 0x20;

/// Why a list is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KrlError {
    /// It does not follow the format, or is cut off.
    #[error("the revocation list is damaged: {0}")]
    Wire(#[from] WireError),
    /// Not a list, or longer than one is here.
    #[error("this is not a revocation list of at most {KRL_BYTES_MAX} bytes")]
    Form,
    /// It holds what is not written here.
    #[error("this revocation list was not written by a gate; give the gate a file of its own")]
    Foreign,
}

/// Which certificates are revoked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Krl {
    /// Grows with each writing.
    pub version: u64,
    /// The serial numbers of each authority.
    pub revoked: BTreeMap<SshPublicKey, BTreeSet<u64>>,
}

impl Krl {
    /// Whether it revokes the certificate.
    #[must_use]
    pub fn contains(&self, authority: &SshPublicKey, serial: u64) -> bool {
        let serials = self.revoked.get(authority);
        serials.is_some_and(|serials| serials.contains(&serial))
    }

    /// Adds a certificate.
    pub fn insert(&mut self, authority: &SshPublicKey, serial: u64) {
        let serials = self.revoked.entry(authority.clone()).or_default();
        serials.insert(serial);
    }

    /// How many certificates it revokes.
    #[must_use]
    pub fn count(&self) -> usize {
        self.revoked.values().map(BTreeSet::len).sum()
    }

    /// Reads a list of ours, or one that is empty.
    ///
    /// # Errors
    /// [`KrlError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KrlError> {
        if bytes.len() > KRL_BYTES_MAX || !bytes.starts_with(MAGIC) {
            return Err(KrlError::Form);
        }
        let mut reader = Reader::new(bytes);
        reader.take(MAGIC.len())?;
        if reader.u32()? != FORMAT {
            return Err(KrlError::Form);
        }
        let version = u64::from_be_bytes(reader.array()?);
        let _generated: [u8; 8] = reader.array()?;
        let flags = u64::from_be_bytes(reader.array()?);
        let reserved = reader.string(COMMENT_BYTES_MAX)?;
        let comment = reader.string(COMMENT_BYTES_MAX)?;
        let mut krl = Self {
            version,
            ..Self::default()
        };
        // An empty list of anybody's says nothing that could be lost.
        if reader.clone().finish().is_ok() {
            return Ok(krl);
        }
        if comment != COMMENT.as_bytes() || flags != 0 || !reserved.is_empty() {
            return Err(KrlError::Foreign);
        }
        while reader.clone().finish().is_err() {
            if reader.byte()? != SECTION_CERTIFICATES {
                return Err(KrlError::Foreign);
            }
            let (authority, serials) = section(reader.string(KRL_BYTES_MAX)?)?;
            if krl.revoked.insert(authority, serials).is_some() {
                return Err(KrlError::Foreign);
            }
        }
        Ok(krl)
    }

    /// The list as a server reads it.
    #[must_use]
    pub fn to_bytes(&self, generated: u64) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .raw(MAGIC)
            .u32(FORMAT)
            .raw(&self.version.to_be_bytes())
            .raw(&generated.to_be_bytes())
            .raw(&0_u64.to_be_bytes())
            .string(b"")
            .string(COMMENT.as_bytes());
        for (authority, serials) in self.revoked.iter().filter(|(_, all)| !all.is_empty()) {
            let list: Vec<u8> = serials.iter().flat_map(|n| n.to_be_bytes()).collect();
            let mut section = Writer::new();
            section
                .string(&authority.to_wire())
                .string(b"")
                .byte(SERIAL_LIST)
                .string(&list);
            writer
                .byte(SECTION_CERTIFICATES)
                .string(&section.into_bytes());
        }
        writer.into_bytes()
    }
}

/// One authority and the serial numbers of its certificates.
fn section(bytes: &[u8]) -> Result<(SshPublicKey, BTreeSet<u64>), KrlError> {
    let mut reader = Reader::new(bytes);
    let authority = reader.string(KEY_BLOB_BYTES_MAX)?;
    let authority = SshPublicKey::from_wire(authority).map_err(|_| KrlError::Foreign)?;
    if !reader.string(COMMENT_BYTES_MAX)?.is_empty() || reader.byte()? != SERIAL_LIST {
        return Err(KrlError::Foreign);
    }
    let list = reader.string(KRL_BYTES_MAX)?;
    reader.finish().map_err(|_| KrlError::Foreign)?;
    let (serials, rest) = list.as_chunks::<8>();
    if serials.is_empty() || !rest.is_empty() {
        return Err(KrlError::Form);
    }
    let serials = serials.iter().copied().map(u64::from_be_bytes).collect();
    Ok((authority, serials))
}

#[cfg(test)]
mod tests;
