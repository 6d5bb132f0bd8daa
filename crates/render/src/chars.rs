//! What is known about single characters: how wide, which direction, which are ours.
//!
//! Fixed ranges instead of a Unicode library: a stored display must come out the same after an upgrade.

/// Marks that we draw ourselves. In requester text they become chips, so that no text can imitate a chip or a break.
pub(crate) const OWN_MARKS: [char; 9] = [
    '\u{27e8}', '\u{27e9}', DIFFERS, DIFFERED, WRAPPED, CONTINUED, SKIPPED, GUTTER, '\u{fffd}',
];

/// Start of what differs between two lines.
pub(crate) const DIFFERS: char = '\u{27e6}';
/// End of what differs between two lines.
pub(crate) const DIFFERED: char = '\u{27e7}';

/// End of a line that goes on below.
pub(crate) const WRAPPED: char = '\u{21a9}';
/// Start of a line that goes on from above.
pub(crate) const CONTINUED: char = '\u{21b3}';
/// Lines left out and counted.
pub(crate) const SKIPPED: char = '\u{22ef}';
/// Left of every line that may hold requester text.
pub(crate) const GUTTER: char = '\u{2502}';

/// Whether a character is one of ours, control pictures included.
pub(crate) fn is_own_mark(character: char) -> bool {
    OWN_MARKS.contains(&character) || ('\u{2400}'..='\u{2426}').contains(&character)
}

/// Columns in a monospaced font: 0, 1 or 2.
pub(crate) fn columns(character: char) -> usize {
    if is_combining(character) {
        return 0;
    }
    let wide = matches!(
        u32::from(character),
        0x1100..=0x115f
            | 0x2e80..=0x303e
            | 0x3041..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f
            | 0xff00..=0xff60
            | 0xffe0..=0xffe6
            | 0x1f300..=0x1f64f
            | 0x1f680..=0x1f6ff
            | 0x1f900..=0x1faff
            | 0x20000..=0x3fffd
    );
    if wide { 2 } else { 1 }
}

/// Columns of a text.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Marks that are drawn over the character before them. The blocks of combining marks, and the marks of scripts whose
/// words have at most two in a row.
pub(crate) fn is_combining(character: char) -> bool {
    matches!(
        u32::from(character),
        0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f | 0x1ab0..=0x1aff
            | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0x302a..=0x302f | 0x3099..=0x309a | 0xfe20..=0xfe2f
    )
}

/// Letters that a terminal or browser may lay out right to left.
pub(crate) fn is_right_to_left(character: char) -> bool {
    matches!(
        u32::from(character),
        0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfefe | 0x10800..=0x10fff | 0x1e800..=0x1efff
    )
}
