//! gzip and zlib, undone within a limit.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use super::layers::Layer;

pub(super) struct Inflated {
    pub(super) bytes: Vec<u8>,
    /// Something stands behind the compressed part, which some programs read on and others drop.
    pub(super) more_behind: bool,
}

pub(super) fn kind(bytes: &[u8]) -> Option<Layer> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(Layer::Gzip),
        // 78 and a check sum: the header of zlib with its usual window.
        [0x78, second, _, ..] if (0x7800 + u16::from(*second)).is_multiple_of(31) => {
            Some(Layer::Zlib)
        }
        _ => None,
    }
}

pub(super) fn inflate(bytes: &[u8], layer: Layer, limit: usize) -> Result<Inflated, &'static str> {
    const BROKEN: &str = "a compressed part that cannot be undone";
    let start = match layer {
        Layer::Gzip => gzip_header(bytes).ok_or(BROKEN)?,
        _ => 0,
    };
    let mut flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    if layer == Layer::Zlib {
        flags |= inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER;
    }
    let mut out = vec![0; limit];
    let input = bytes.get(start..).unwrap_or_default();
    let (status, read, written) =
        decompress(&mut DecompressorOxide::new(), input, &mut out, 0, flags);
    match status {
        TINFLStatus::Done => {}
        TINFLStatus::HasMoreOutput => return Err("a compressed part that grows too large"),
        _ => return Err(BROKEN),
    }
    out.truncate(written);
    let trailer = if layer == Layer::Gzip { 8 } else { 0 };
    let behind = input.len().saturating_sub(read);
    if behind < trailer {
        return Err(BROKEN);
    }
    Ok(Inflated {
        bytes: out,
        more_behind: behind > trailer,
    })
}

/// Where the compressed bytes of a gzip member begin (RFC 1952).
fn gzip_header(bytes: &[u8]) -> Option<usize> {
    let [0x1f, 0x8b, 8, flags, ..] = bytes else {
        return None;
    };
    let mut at = 10;
    if flags & 4 != 0 {
        let extra: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
        at += 2 + usize::from(u16::from_le_bytes(extra));
    }
    // A file name, a comment: each ends in NUL.
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += bytes.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    Some(at)
}
