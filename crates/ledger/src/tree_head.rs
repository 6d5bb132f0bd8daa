//! Tree heads: a log's size and root, signed (C2SP tlog-checkpoint, whose name we do not use: a checkpoint is where people
//! decide). A [`SignedTreeHead`] exists only if its signature verified. Must never sign a head that takes a leaf back:
//! that is for the caller to know, from the anchor.

use std::fmt;

use crate::decimal::parse_decimal;
use crate::hash::Hash;
use crate::key::{LogKey, LogSigner, Origin};
use crate::note::{NoteError, SignedNote};
use crate::tree::TREE_SIZE_MAX;

/// What a log says about itself: this many leaves, under this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The log.
    pub origin: Origin,
    /// Number of leaves, at most [`TREE_SIZE_MAX`].
    pub size: u64,
    /// RFC 6962 root of those leaves.
    pub root: Hash,
}

impl TreeHead {
    /// Reads the text of a tree head: origin, size, root, each on its line.
    ///
    /// # Errors
    /// Refuses any other form. Extension lines are refused too: our logs write none and nobody could judge them.
    pub fn parse(text: &str) -> Result<Self, TreeHeadError> {
        let lines: Vec<_> = text
            .strip_suffix('\n')
            .ok_or(TreeHeadError::Malformed)?
            .split('\n')
            .collect();
        let [origin, size, root] = lines.as_slice() else {
            return Err(TreeHeadError::Malformed);
        };
        let origin = Origin::new(origin).map_err(|_| TreeHeadError::Malformed)?;
        let size = parse_decimal(size).ok_or(TreeHeadError::Malformed)?;
        let root = Hash::from_base64(root).ok_or(TreeHeadError::Malformed)?;
        Ok(Self { origin, size, root })
    }
}

impl fmt::Display for TreeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            self.root.to_base64()
        )
    }
}

/// A tree head that was signed by its log. Prints as the note that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTreeHead {
    head: TreeHead,
    note: SignedNote,
}

impl SignedTreeHead {
    /// Signs the head of the log that `signer` belongs to.
    ///
    /// # Errors
    /// The size is above [`TREE_SIZE_MAX`].
    pub fn sign(size: u64, root: Hash, signer: &LogSigner) -> Result<Self, TreeHeadError> {
        if size > TREE_SIZE_MAX {
            return Err(TreeHeadError::Malformed);
        }
        let head = TreeHead {
            origin: signer.log_key().origin().clone(),
            size,
            root,
        };
        let note = SignedNote::sign(&head.to_string(), signer)?;
        Ok(Self { head, note })
    }

    /// Reads a signed tree head and verifies that the log of `key` signed it.
    ///
    /// # Errors
    /// It did not, the note or its text is malformed, or the text names another log.
    pub fn verify(note: &str, key: &LogKey) -> Result<Self, TreeHeadError> {
        Self::from_note(SignedNote::parse(note)?, key)
    }

    pub(crate) fn from_note(note: SignedNote, key: &LogKey) -> Result<Self, TreeHeadError> {
        let head = TreeHead::parse(note.verify(key)?)?;
        // The key may sign other notes for other purposes; only a head of its own log counts.
        if head.origin != *key.origin() {
            return Err(TreeHeadError::OtherOrigin);
        }
        Ok(Self { head, note })
    }

    /// What was signed.
    #[must_use]
    pub fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.head.root
    }

    /// The note, with every signature that came with it.
    #[must_use]
    pub fn note(&self) -> &SignedNote {
        &self.note
    }
}

impl fmt::Display for SignedTreeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

/// Why a tree head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeHeadError {
    /// Not origin, size and root on three lines.
    #[error("tree head is not origin, size and root on three lines; fetch it again")]
    Malformed,
    /// The head names another log than its key does.
    #[error("tree head is signed by the right key and names another log; do not rely on it")]
    OtherOrigin,
    /// The note is not one, or is not signed by the log.
    #[error(transparent)]
    Note(#[from] NoteError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::empty_root;

    fn signer() -> LogSigner {
        LogSigner::from_seed(Origin::new("dev.example/log").unwrap(), &[1; 32])
    }

    #[test]
    fn text_is_three_lines() {
        let head = SignedTreeHead::sign(0, empty_root(), &signer()).unwrap();
        let text = "dev.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        assert_eq!(head.head().to_string(), text);
        assert!(
            head.to_string()
                .starts_with(&format!("{text}\n— dev.example/log "))
        );
        assert_eq!(
            SignedTreeHead::verify(&head.to_string(), &signer().log_key()),
            Ok(head)
        );
    }

    #[test]
    fn malformed_texts_are_refused() {
        let good = "dev.example/log\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        assert!(TreeHead::parse(good).is_ok());
        for wrong in [
            "",
            good.trim_end(),
            &format!("{good}extension\n"),
            &format!("{good}\n"),
            &format!("\n{good}"),
            &good.replace("\n5", "\n05"),
            &good.replace("\n5", "\n-5"),
            &good.replace("\n5", "\n9223372036854775808"),
            &good.replace("FU=", "FU"),
            &good.replace("47DE", ""),
            &good.replace("dev.", "dev "),
        ] {
            assert_eq!(
                TreeHead::parse(wrong),
                Err(TreeHeadError::Malformed),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn another_logs_head_under_the_right_key_is_refused() {
        let text = "dev.example/other\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        let note = SignedNote::sign(text, &signer()).unwrap().to_string();
        assert_eq!(
            SignedTreeHead::verify(&note, &signer().log_key()),
            Err(TreeHeadError::OtherOrigin)
        );
    }

    #[test]
    fn a_changed_head_is_refused() {
        let note = SignedTreeHead::sign(5, empty_root(), &signer())
            .unwrap()
            .to_string();
        let bad = |note: &str| SignedTreeHead::verify(note, &signer().log_key());
        assert_eq!(
            bad(&note.replace("\n5\n", "\n6\n")),
            Err(NoteError::BadSignature.into())
        );
        let other = LogSigner::from_seed(Origin::new("dev.example/log").unwrap(), &[2; 32]);
        assert_eq!(
            SignedTreeHead::verify(&note, &other.log_key()),
            Err(NoteError::OtherKey.into())
        );
    }
}
