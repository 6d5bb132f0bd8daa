//! The receipt: one leaf, opened, with the proof that it stands in the tree under a signed tree head (C2SP tlog-proof).
//! The leaf is recomputed from the opening and never carried, so a proof cannot be moved under another record.
//! A [`Receipt`] is a claim; a [`VerifiedReceipt`] exists only if everything held.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::decimal::parse_decimal;
use crate::hash::Hash;
use crate::inclusion::verify_inclusion;
use crate::key::LogKey;
use crate::leaf::{Leaf, LeafError, Opening};
use crate::note::{NoteError, SignedNote};
use crate::tree::ProofError;
use crate::tree_head::{SignedTreeHead, TreeHead, TreeHeadError};

/// Largest receipt read. Those of our records stay within 4 KiB, cosignatures of witnesses apart.
pub const RECEIPT_BYTES_MAX: usize = 256 * 1024;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A receipt nobody has verified. Prints as its file, `.tlog-proof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    opening: Opening,
    index: u64,
    proof: Vec<Hash>,
    note: SignedNote,
}

impl Receipt {
    /// Puts a receipt together, and refuses to if it would not verify.
    ///
    /// # Errors
    /// `proof` does not lead from the opened leaf at `index` to the root of `head`.
    pub fn issue(
        opening: Opening,
        index: u64,
        proof: Vec<Hash>,
        head: &SignedTreeHead,
    ) -> Result<Self, ReceiptError> {
        verify_inclusion(
            opening.leaf().hash(),
            index,
            head.size(),
            &proof,
            head.root(),
        )?;
        Ok(Self {
            opening,
            index,
            proof,
            note: head.note().clone(),
        })
    }

    /// Reads a receipt without believing it.
    ///
    /// # Errors
    /// Refuses every form but the specified one, with an opening in the extra line.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        if text.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLong);
        }
        let (proof, note) = text.split_once("\n\n").ok_or(ReceiptError::Malformed)?;
        let mut lines = proof.split('\n');
        let mut field = |name: &str| lines.next()?.strip_prefix(name);
        field(HEADER)
            .filter(|rest| rest.is_empty())
            .ok_or(ReceiptError::Malformed)?;
        let extra = field("extra ").ok_or(ReceiptError::NoOpening)?;
        let index = field("index ")
            .and_then(parse_decimal)
            .ok_or(ReceiptError::Malformed)?;
        let proof = lines
            .map(Hash::from_base64)
            .collect::<Option<Vec<_>>>()
            .ok_or(ReceiptError::Malformed)?;
        let opening = Opening::from_bytes(
            &STANDARD
                .decode(extra)
                .map_err(|_| ReceiptError::Malformed)?,
        )?;
        Ok(Self {
            opening,
            index,
            proof,
            note: SignedNote::parse(note)?,
        })
    }

    /// Verifies that the log of `key` holds exactly the opened record at the index.
    ///
    /// # Errors
    /// The tree head is not signed by the log, or the leaf recomputed from the opening is not in its tree there.
    pub fn verify(&self, key: &LogKey) -> Result<VerifiedReceipt, ReceiptError> {
        let head = SignedTreeHead::from_note(self.note.clone(), key)?;
        let leaf = self.opening.leaf();
        // INVARIANT(receipt-binds-record): the hash proven is that of the record shown. A leaf taken from the receipt
        // instead would let any valid proof be put under any record.
        verify_inclusion(
            leaf.hash(),
            self.index,
            head.size(),
            &self.proof,
            head.root(),
        )?;
        Ok(VerifiedReceipt {
            opening: self.opening.clone(),
            leaf,
            index: self.index,
            head,
        })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra = STANDARD.encode(self.opening.to_bytes());
        write!(f, "{HEADER}\nextra {extra}\nindex {}\n", self.index)?;
        for hash in &self.proof {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.note)
    }
}

/// The proof that a log held a record at an index when it signed a tree head.
#[derive(Debug, PartialEq, Eq)]
pub struct VerifiedReceipt {
    opening: Opening,
    leaf: Leaf,
    index: u64,
    head: SignedTreeHead,
}

impl VerifiedReceipt {
    /// The kind of record.
    #[must_use]
    pub fn kind(&self) -> u16 {
        self.opening.kind
    }

    /// The record, verbatim.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        &self.opening.record
    }

    /// The leaf that commits to the record.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Where the leaf stands in the log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The tree head that covers it.
    #[must_use]
    pub fn head(&self) -> &TreeHead {
        self.head.head()
    }
}

/// Why a receipt is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not a tlog-proof file.
    #[error("receipt is not of the form c2sp.org/tlog-proof@v1; ask the gate for it again")]
    Malformed,
    /// Above [`RECEIPT_BYTES_MAX`].
    #[error("receipt is longer than any gate makes them; ask the gate for it again")]
    TooLong,
    /// A proof without the record it is about.
    #[error(
        "receipt has no extra line that opens its leaf; ask the gate for a receipt with its record"
    )]
    NoOpening,
    /// The extra line is no opening.
    #[error(transparent)]
    Opening(#[from] LeafError),
    /// The tree head is malformed or not signed by the log.
    #[error(transparent)]
    TreeHead(#[from] TreeHeadError),
    /// The opened leaf is not in the tree at that index.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl From<NoteError> for ReceiptError {
    fn from(error: NoteError) -> Self {
        Self::TreeHead(error.into())
    }
}
