//! C2SP signed notes: a text and signature lines. The text can be had only through [`SignedNote::verify`], because a note
//! nobody checked must not be read. Signatures by keys nobody knows, such as witnesses', are kept and passed on.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::key::{LogKey, LogSigner, Origin};

/// Largest note, signatures included: room for sixteen post-quantum signatures.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// Most signature lines on one note.
pub const NOTE_SIGNATURES_MAX: usize = 32;

const LINE_START: &str = "\u{2014} ";

/// A note whose signatures have not been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Clone, PartialEq, Eq)]
struct NoteSignature {
    name: Origin,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

impl SignedNote {
    /// Signs `text`, which ends in a newline.
    ///
    /// # Errors
    /// Refuses a text that a note cannot carry.
    pub fn sign(text: &str, signer: &LogSigner) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || text.contains(is_forbidden) {
            return Err(NoteError::Malformed);
        }
        if text.len() > NOTE_BYTES_MAX / 2 {
            return Err(NoteError::TooLong);
        }
        let key = signer.log_key();
        let bytes = signer.sign(text.as_bytes()).to_vec();
        let signature = NoteSignature {
            name: key.origin().clone(),
            key_id: key.id(),
            bytes,
        };
        Ok(Self {
            text: text.to_owned(),
            signatures: vec![signature],
        })
    }

    /// Reads a note without believing it.
    ///
    /// # Errors
    /// Refuses any form other than the specified one, and more than the limits.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        if note.contains(is_forbidden) {
            return Err(NoteError::Malformed);
        }
        // The text may contain empty lines; the last one ends it.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
        if lines.split('\n').count() > NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooLong);
        }
        let signatures = lines
            .split('\n')
            .map(NoteSignature::parse)
            .collect::<Option<_>>();
        Ok(Self {
            text: format!("{text}\n"),
            signatures: signatures.ok_or(NoteError::Malformed)?,
        })
    }

    /// The text, if `key` signed it.
    ///
    /// # Errors
    /// No signature is by `key`, or one that claims to be does not verify.
    pub fn verify(&self, key: &LogKey) -> Result<&str, NoteError> {
        let id = key.id();
        let mut by_key = self
            .signatures
            .iter()
            .filter(|signature| signature.name == *key.origin() && signature.key_id == id)
            .peekable();
        if by_key.peek().is_none() {
            return Err(NoteError::OtherKey);
        }
        if !by_key.all(|signature| key.verifies(self.text.as_bytes(), &signature.bytes)) {
            return Err(NoteError::BadSignature);
        }
        Ok(&self.text)
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        let decoded = STANDARD.decode(encoded).ok()?;
        let (key_id, bytes) = decoded.split_first_chunk()?;
        if bytes.is_empty() {
            return None;
        }
        Some(Self {
            name: Origin::new(name).ok()?,
            key_id: *key_id,
            bytes: bytes.to_vec(),
        })
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            let encoded = STANDARD.encode([&signature.key_id[..], &signature.bytes].concat());
            writeln!(f, "{LINE_START}{} {encoded}", signature.name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SignedNote {{ unverified, {} signatures }}",
            self.signatures.len()
        )
    }
}

fn is_forbidden(c: char) -> bool {
    c < '\u{20}' && c != '\n'
}

/// Why a note is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not text, empty line, signature lines.
    #[error("note is not a text, an empty line and signature lines; fetch it again")]
    Malformed,
    /// Above [`NOTE_BYTES_MAX`] or [`NOTE_SIGNATURES_MAX`].
    #[error(
        "note is longer than 128 KiB or has more than 32 signatures; ask the log for one with fewer cosignatures"
    )]
    TooLong,
    /// No signature line names this key.
    #[error("note is not signed by this log's key; check that the key belongs to the log")]
    OtherKey,
    /// A signature line names this key and does not verify.
    #[error("signature of this log's key does not verify; do not rely on the note")]
    BadSignature,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(name: &str, seed: u8) -> LogSigner {
        LogSigner::from_seed(Origin::new(name).unwrap(), &[seed; 32])
    }

    /// The note of Go's note package documentation.
    #[test]
    fn verifies_a_note_of_another_implementation() {
        let key =
            LogKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
                .unwrap();
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let note = SignedNote::parse(&format!("{text}\n{line}")).unwrap();
        assert_eq!(note.verify(&key), Ok(text));
        assert_eq!(note.to_string(), format!("{text}\n{line}"));
    }

    #[test]
    fn text_may_contain_empty_lines() {
        let signer = signer("x", 1);
        let note = SignedNote::sign("one\n\ntwo\n", &signer).unwrap();
        let read = SignedNote::parse(&note.to_string()).unwrap();
        assert_eq!(read.verify(&signer.log_key()), Ok("one\n\ntwo\n"));
    }

    #[test]
    fn unknown_signatures_are_kept_and_ignored() {
        let (log, witness) = (signer("log", 1), signer("witness", 2));
        let mut note = SignedNote::sign("text\n", &log).unwrap();
        note.signatures.extend(
            SignedNote::sign("other text\n", &witness)
                .unwrap()
                .signatures,
        );
        let read = SignedNote::parse(&note.to_string()).unwrap();
        assert!(read == note);
        assert_eq!(read.verify(&log.log_key()), Ok("text\n"));
        assert_eq!(
            read.verify(&witness.log_key()),
            Err(NoteError::BadSignature)
        );
        assert_eq!(
            read.verify(&signer("log", 3).log_key()),
            Err(NoteError::OtherKey)
        );
        assert_eq!(
            read.verify(&signer("other", 1).log_key()),
            Err(NoteError::OtherKey)
        );
    }

    #[test]
    fn one_bad_signature_by_the_key_spoils_the_note() {
        let log = signer("log", 1);
        let mut note = SignedNote::sign("text\n", &log).unwrap();
        note.signatures
            .extend(SignedNote::sign("other text\n", &log).unwrap().signatures);
        assert_eq!(note.verify(&log.log_key()), Err(NoteError::BadSignature));
    }

    #[test]
    fn malformed_notes_are_refused() {
        let good = SignedNote::sign("text\n", &signer("log", 1))
            .unwrap()
            .to_string();
        let many = format!("{good}{}", "— log AAAAAAA=\n".repeat(NOTE_SIGNATURES_MAX));
        assert_eq!(SignedNote::parse(&many), Err(NoteError::TooLong));
        assert_eq!(
            SignedNote::parse(&"a".repeat(NOTE_BYTES_MAX + 1)),
            Err(NoteError::TooLong)
        );
        for wrong in [
            "",
            "text\n",
            "text\n\n",
            good.trim_end(),
            &good.replace("\n\n", "\n"),
            &good.replace('—', "-"),
            &good.replace("— log ", "— log  "),
            &good.replace("— log ", "— lo+g "),
            &good.replace("— log ", "— "),
            &good.replace("text", "te\txt"),
            &good.replace('\n', "\r\n"),
            "text\n\n— log AAAAAA==\n",
        ] {
            assert_eq!(
                SignedNote::parse(wrong),
                Err(NoteError::Malformed),
                "{wrong:?}"
            );
        }
        assert_eq!(
            SignedNote::sign("no newline", &signer("log", 1)),
            Err(NoteError::Malformed)
        );
    }
}
