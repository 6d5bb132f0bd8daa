//! Attachments: personal or free text that a record commits to by its own salted hash, so that each can be erased alone
//! while the record, the leaf and every proof stay as they are.

use crate::hash::{Hash, sha256};
use crate::leaf::Salt;

const DOMAIN: &[u8] = b"gatehold/attachment/v1\0";

/// `SHA-256("gatehold/attachment/v1\0" || salt || bytes)`, the commitment a record carries.
#[must_use]
pub fn attachment_commitment(salt: &Salt, bytes: &[u8]) -> Hash {
    sha256(&[DOMAIN, salt, bytes])
}

/// Whether `salt` and `bytes` are what `commitment` stands for.
#[must_use]
pub fn attachment_opens(commitment: Hash, salt: &Salt, bytes: &[u8]) -> bool {
    attachment_commitment(salt, bytes) == commitment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::Leaf;

    #[test]
    fn layout_is_fixed() {
        let known = "sha256:dc50245302f0abc12ad9e2c0cd54b388a541935397427d5484af137fcc56a7bf";
        assert_eq!(
            attachment_commitment(&[1; 32], b"prompt").to_string(),
            known
        );
    }

    #[test]
    fn opens_only_its_own_bytes() {
        let commitment = attachment_commitment(&[1; 32], b"prompt");
        assert!(attachment_opens(commitment, &[1; 32], b"prompt"));
        assert!(!attachment_opens(commitment, &[2; 32], b"prompt"));
        assert!(!attachment_opens(commitment, &[1; 32], b"promp"));
    }

    #[test]
    fn is_never_mistaken_for_a_record() {
        assert_ne!(
            attachment_commitment(&[1; 32], b"same").0,
            Leaf::commit(1, &[1; 32], b"same").commitment
        );
    }
}
