//! What stands in the tree: a kind and a salted commitment to a record, never the record itself, so that erasing an
//! opening leaves every proof valid. An [`Opening`] shows what a leaf committed to; a leaf is always recomputed from it.

use std::fmt;

use crate::hash::{Hash, leaf_hash, sha256};

/// Size of every leaf: version, kind, commitment.
pub const LEAF_BYTES: usize = 35;
/// Largest record an [`Opening`] carries. About 1,700 bytes keep a receipt within 4 KiB.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

const VERSION: u8 = 0x01;
const DOMAIN: &[u8] = b"gatehold/leaf/v1\0";

/// 32 bytes from the gate's entropy, one per commitment. Without it a short record could be guessed from its leaf.
pub type Salt = [u8; 32];

/// One entry of the log: `0x01 || kind (big-endian) || commitment`. What a kind means is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leaf {
    /// The kind of record committed to.
    pub kind: u16,
    /// `SHA-256("gatehold/leaf/v1\0" || salt || record)`.
    pub commitment: [u8; 32],
}

impl Leaf {
    /// Commits to `record` under `salt`.
    #[must_use]
    pub fn commit(kind: u16, salt: &Salt, record: &[u8]) -> Self {
        Self {
            kind,
            commitment: sha256(&[DOMAIN, salt, record]).0,
        }
    }

    /// Whether `salt` and `record` are what this leaf committed to.
    #[must_use]
    pub fn opens(&self, salt: &Salt, record: &[u8]) -> bool {
        *self == Self::commit(self.kind, salt, record)
    }

    /// The entry as it is hashed into the tree and served in bundles.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; LEAF_BYTES] {
        let mut bytes = [0; LEAF_BYTES];
        let fields = [VERSION]
            .into_iter()
            .chain(self.kind.to_be_bytes())
            .chain(self.commitment);
        bytes
            .iter_mut()
            .zip(fields)
            .for_each(|(slot, byte)| *slot = byte);
        bytes
    }

    /// Reads an entry back.
    ///
    /// # Errors
    /// Refuses any other length or version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LeafError> {
        let (kind, rest) = split_versioned(bytes).ok_or(LeafError::Malformed)?;
        let commitment = rest.try_into().map_err(|_| LeafError::Malformed)?;
        Ok(Self { kind, commitment })
    }

    /// The hash of this leaf in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.to_bytes())
    }
}

/// What opens a leaf: its kind, salt and record. Says nothing about whether such a leaf was ever logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    /// The kind of record.
    pub kind: u16,
    /// The salt of the commitment.
    pub salt: Salt,
    /// The record, verbatim; at most [`RECORD_BYTES_MAX`] bytes.
    pub record: Vec<u8>,
}

impl Opening {
    /// The leaf this opening opens: always computed, never carried along.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        Leaf::commit(self.kind, &self.salt, &self.record)
    }

    /// `0x01 || kind (big-endian) || salt || record`: the leaf with what it hides in place of the commitment.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let kind = self.kind.to_be_bytes();
        [&[VERSION], kind.as_slice(), &self.salt, &self.record].concat()
    }

    /// Reads an opening back.
    ///
    /// # Errors
    /// Refuses another version, a missing salt and an oversized record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LeafError> {
        let (kind, rest) = split_versioned(bytes).ok_or(LeafError::MalformedOpening)?;
        let (salt, record) = rest
            .split_first_chunk()
            .ok_or(LeafError::MalformedOpening)?;
        if record.len() > RECORD_BYTES_MAX {
            return Err(LeafError::RecordTooLong);
        }
        Ok(Self {
            kind,
            salt: *salt,
            record: record.to_vec(),
        })
    }
}

// A record is for whoever may read it, not for logs.
impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Opening {{ kind: {}, record: {} bytes }}",
            self.kind,
            self.record.len()
        )
    }
}

fn split_versioned(bytes: &[u8]) -> Option<(u16, &[u8])> {
    match bytes {
        [VERSION, high, low, rest @ ..] => Some((u16::from_be_bytes([*high, *low]), rest)),
        _ => None,
    }
}

/// Why bytes are not a leaf or an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Not 35 bytes beginning with 0x01.
    #[error("leaf is not 35 bytes of version 1; check that the entry comes from a gatehold log")]
    Malformed,
    /// Too short or of another version.
    #[error("opening is not version, kind, salt and record; ask the gate for the receipt again")]
    MalformedOpening,
    /// Longer than [`RECORD_BYTES_MAX`].
    #[error("record is longer than 64 KiB; move its large parts into attachments")]
    RecordTooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_fixed() {
        let leaf = Leaf::commit(0x0203, &[7; 32], b"record");
        let bytes = leaf.to_bytes();
        assert_eq!(&bytes[..3], [0x01, 0x02, 0x03]);
        assert_eq!(
            &bytes[3..],
            sha256(&[b"gatehold/leaf/v1\0", &[7; 32], b"record"]).0
        );
        assert_eq!(Leaf::from_bytes(&bytes), Ok(leaf));
        assert_eq!(leaf.hash(), leaf_hash(&bytes));
    }

    #[test]
    fn opens_only_its_own_record() {
        let leaf = Leaf::commit(1, &[7; 32], b"record");
        assert!(leaf.opens(&[7; 32], b"record"));
        assert!(!leaf.opens(&[8; 32], b"record"));
        assert!(!leaf.opens(&[7; 32], b"recorD"));
        assert_ne!(leaf.hash(), Leaf::commit(2, &[7; 32], b"record").hash());
    }

    #[test]
    fn malformed_bytes_are_refused() {
        let bytes = Leaf::commit(1, &[7; 32], b"record").to_bytes();
        assert_eq!(Leaf::from_bytes(&bytes[..34]), Err(LeafError::Malformed));
        assert_eq!(
            Leaf::from_bytes(&[&bytes[..], &[0]].concat()),
            Err(LeafError::Malformed)
        );
        assert_eq!(
            Leaf::from_bytes(&[&[2], &bytes[1..]].concat()),
            Err(LeafError::Malformed)
        );
        assert_eq!(Leaf::from_bytes(&[]), Err(LeafError::Malformed));
        assert_eq!(
            Opening::from_bytes(&bytes[..34]),
            Err(LeafError::MalformedOpening)
        );
        let long = [&bytes[..], &vec![0; RECORD_BYTES_MAX + 1]].concat();
        assert_eq!(Opening::from_bytes(&long), Err(LeafError::RecordTooLong));
    }

    #[test]
    fn opening_round_trips_and_hides_its_record_in_debug() {
        let opening = Opening {
            kind: 9,
            salt: [7; 32],
            record: b"secret".to_vec(),
        };
        assert_eq!(
            Opening::from_bytes(&opening.to_bytes()),
            Ok(opening.clone())
        );
        assert_eq!(
            format!("{opening:?}"),
            "Opening { kind: 9, record: 6 bytes }"
        );
    }
}
