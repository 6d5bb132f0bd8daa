//! C2SP entry bundles: up to 256 entries, each behind its length in two bytes. Only the framing; whether an entry belongs
//! where it stands is for its hash to say.

use crate::tile::TILE_WIDTH;

/// Largest entry a bundle can frame. Our leaves have 35 bytes.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Frames `entries` as one bundle.
///
/// # Errors
/// Refuses none or more than 256 entries, and an entry above [`ENTRY_BYTES_MAX`].
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.is_empty() || entries.len() > TILE_WIDTH.into() {
        return Err(BundleError::Count);
    }
    let mut bytes = Vec::new();
    for entry in entries.iter().map(AsRef::as_ref) {
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong)?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle, in order.
///
/// # Errors
/// Refuses a cut entry, and none or more than 256 entries.
pub fn decode_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk() {
        let (entry, after) = after
            .split_at_checked(u16::from_be_bytes(*length).into())
            .ok_or(BundleError::Cut)?;
        entries.push(entry);
        if entries.len() > TILE_WIDTH.into() {
            return Err(BundleError::Count);
        }
        rest = after;
    }
    match (rest, entries.is_empty()) {
        ([], false) => Ok(entries),
        ([], true) => Err(BundleError::Count),
        _ => Err(BundleError::Cut),
    }
}

/// Why bytes are no entry bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// No entry, or more than 256.
    #[error("bundle does not hold 1 to 256 entries; split the entries by tile")]
    Count,
    /// An entry does not fit its length field.
    #[error(
        "entry is longer than 65535 bytes; log a commitment and keep the record beside the tree"
    )]
    EntryTooLong,
    /// The bundle ends inside an entry.
    #[error("bundle ends inside an entry; fetch it again")]
    Cut,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let entries: [&[u8]; 3] = [b"one", b"", b"three"];
        let bytes = encode_bundle(&entries).unwrap();
        assert_eq!(bytes, b"\x00\x03one\x00\x00\x00\x05three");
        assert_eq!(decode_bundle(&bytes).unwrap(), entries);
    }

    #[test]
    fn wrong_bundles_are_refused() {
        assert_eq!(encode_bundle::<&[u8]>(&[]), Err(BundleError::Count));
        assert_eq!(encode_bundle(&[b""; 257]), Err(BundleError::Count));
        assert_eq!(
            encode_bundle(&[vec![0; 65_536]]),
            Err(BundleError::EntryTooLong)
        );
        assert!(encode_bundle(&[vec![0; 65_535]]).is_ok());
        assert_eq!(decode_bundle(b""), Err(BundleError::Count));
        assert_eq!(decode_bundle(&[0; 2 * 257]), Err(BundleError::Count));
        for cut in [&b"\x00"[..], b"\x00\x03on", b"\x00\x01a\x00"] {
            assert_eq!(decode_bundle(cut), Err(BundleError::Cut));
        }
    }
}
