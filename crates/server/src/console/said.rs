//! Words of others made harmless, times, and the few marks that a page shows. Marks always have a word: never colour alone.

use std::fmt::Write as _;

use gatehold_core::json::ident;
use gatehold_core::limits::Limits;
use gatehold_core::request::State;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::wording::at_most;
pub(super) use gatehold_core::wording::{counted, grouped};

/// A stretch of text: as it is, or a character shown by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub chip: bool,
    pub text: String,
}

/// Text on one line in which nothing moves, hides or reorders anything.
pub(super) type Quiet = Vec<Piece>;

/// Makes text harmless: every character that cannot be seen or would change what is seen is shown by its number.
pub(super) fn quiet(text: &str) -> Quiet {
    let mut pieces: Quiet = Vec::new();
    for character in text.chars() {
        let chip = ident::hazard(character).is_some();
        let mut shown = String::new();
        if chip {
            let _ = write!(shown, "\u{27e8}U+{:04X}\u{27e9}", u32::from(character));
        } else {
            shown.push(character);
        }
        match pieces.last_mut() {
            Some(last) if !last.chip && !chip => last.text.push_str(&shown),
            _ => pieces.push(Piece { chip, text: shown }),
        }
    }
    pieces
}

/// The same, line by line.
pub(super) fn lines(text: &str) -> Vec<Quiet> {
    text.split('\n')
        .map(|line| quiet(line.trim_end_matches('\r')))
        .collect()
}

/// Lines that a page of a long text has at most, and characters after which it takes no further line.
const PAGE_LINES: usize = 100;
const PAGE_CHARACTERS: usize = 8_000;

/// A part of a long text; all but the first are unfolded one by one.
pub(super) struct Page {
    /// Which lines they are; empty for the first.
    pub title: String,
    pub lines: Vec<Quiet>,
}

/// A long text of others, whole. Empty lines in a row stand as how many there are, marked as no text of theirs.
pub(super) fn pages(text: &str) -> Vec<Page> {
    let all: Vec<&str> = text
        .split('\n')
        .map(|line| line.trim_end_matches('\r'))
        .collect();
    let mut pages: Vec<(usize, usize, Page)> = Vec::new();
    let mut number = 0;
    for run in all.chunk_by(|left, right| left.is_empty() && right.is_empty()) {
        let (first, last) = (number + 1, number + run.len());
        number = last;
        let line = run.first().copied().unwrap_or_default();
        let shown = match run.len() {
            1 => quiet(line),
            several => vec![Piece {
                chip: true,
                text: format!("\u{22ef} {} empty lines \u{22ef}", grouped(several)),
            }],
        };
        let has_room = |page: &(usize, usize, Page)| {
            page.2.lines.len() < PAGE_LINES && page.1 < PAGE_CHARACTERS
        };
        match pages.last_mut().filter(|page| has_room(page)) {
            Some((_, characters, page)) => {
                *characters += line.len();
                page.lines.push(shown);
            }
            None => {
                let page = Page {
                    title: String::new(),
                    lines: vec![shown],
                };
                pages.push((first, line.len(), page));
            }
        }
    }
    let starts: Vec<usize> = pages.iter().map(|(first, ..)| *first).collect();
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([number]);
    let titled = pages.into_iter().zip(ends).enumerate();
    titled
        .map(|(at, ((first, _, page), last))| Page {
            title: match at {
                0 => String::new(),
                _ => format!("Lines {first} to {last} of {number}"),
            },
            ..page
        })
        .collect()
}

/// The same of several texts.
pub(super) fn each(texts: &[String]) -> Vec<Quiet> {
    texts.iter().map(|text| quiet(text)).collect()
}

/// A time, as it is and from now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// For machines.
    pub iso: String,
    /// `2026-11-20 22:31 UTC`.
    pub absolute: String,
    /// `in 18 min`, `18 min ago`.
    pub relative: String,
}

pub(super) fn moment(at: Timestamp, now: Timestamp) -> Moment {
    let iso = at.to_string();
    let absolute = iso
        .split_once('T')
        .map(|(day, time)| format!("{day} {} UTC", time.trim_end_matches('Z')))
        .unwrap_or_else(|| iso.clone());
    let seconds = at.millis().saturating_sub(now.millis()).div_euclid(1_000);
    let relative = if at == now {
        "now".to_owned()
    } else if seconds >= 0 {
        format!("in {}", duration(seconds))
    } else {
        format!("{} ago", duration(seconds.saturating_neg()))
    };
    Moment {
        iso,
        absolute,
        relative,
    }
}

/// Seconds as people say them.
pub(super) fn duration(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// People in words.
pub(super) fn people(number: u32) -> String {
    if number == 1 {
        "1 person needed".to_owned()
    } else {
        format!("{number} people needed")
    }
}

/// Limits in one line.
pub(super) fn limits(limits: &Limits) -> String {
    let mut text = format!(
        "{}, {}",
        duration(i64::from(limits.ttl_seconds)),
        counted(limits.uses, "use")
    );
    for (name, cap) in &limits.caps {
        let _ = write!(text, ", {}", at_most(*cap, name));
    }
    text
}

/// `operationally_unsafe` and `checkpoint:elevation` as people say them.
pub(super) fn code(code: &str) -> String {
    let code = code.strip_prefix("checkpoint:").unwrap_or(code);
    code.replace('_', " ").replacen(':', ": ", 1)
}

/// Who asks, unless the sentence begins with that.
pub(super) fn asker(requester: &str, sentence: &str) -> Option<Quiet> {
    (!sentence.starts_with(requester)).then(|| quiet(requester))
}

/// A mark: a word and a sign, and how it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub class: &'static str,
    pub sign: &'static str,
    pub word: &'static str,
}

pub(super) const fn tier(tier: Tier) -> Mark {
    match tier {
        Tier::Green => mark("green", "\u{25cf}", "GREEN"),
        Tier::Amber => mark("amber", "\u{25b2}", "AMBER"),
        Tier::Red => mark("red", "\u{25a0}", "RED"),
    }
}

pub(super) const fn state(state: State) -> Mark {
    match state {
        State::Held => mark("held", "\u{25f7}", "HELD"),
        State::Allowed => mark("good", "\u{2713}", "ALLOWED"),
        State::Denied => mark("bad", "\u{2715}", "DENIED"),
        State::Redeemable => mark("good", "\u{2713}", "MAY BE USED"),
        State::Executing => mark("held", "\u{25b6}", "RUNNING"),
        State::Completed => mark("good", "\u{2713}", "DONE"),
        State::Failed => mark("bad", "\u{2715}", "FAILED"),
        State::Unknown => mark("unknown", "?", "UNKNOWN"),
        State::Expired => mark("quiet", "\u{25f4}", "EXPIRED"),
        State::Withdrawn => mark("quiet", "\u{21a9}", "WITHDRAWN"),
        State::Revoked => mark("bad", "\u{2298}", "REVOKED"),
    }
}

pub(super) const VERIFIED: Mark = mark("verified", "\u{2713}", "VERIFIED");
/// It was looked up, and it is not so.
pub(super) const REFUTED: Mark = mark("red", "\u{2716}", "VERIFIED NO");
pub(super) const CLAIMED: Mark = mark("claimed", "\u{201c}", "CLAIMED");
pub(super) const UNKNOWN: Mark = mark("unknown", "?", "UNKNOWN");

pub(super) const fn mark(class: &'static str, sign: &'static str, word: &'static str) -> Mark {
    Mark { class, sign, word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_hides_or_moves() {
        let pieces = quiet("a\u{202e}b\u{200b}\u{1b}c");
        let shown: Vec<_> = pieces
            .iter()
            .map(|piece| (piece.chip, piece.text.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (false, "a"),
                (true, "\u{27e8}U+202E\u{27e9}"),
                (false, "b"),
                (true, "\u{27e8}U+200B\u{27e9}"),
                (true, "\u{27e8}U+001B\u{27e9}"),
                (false, "c")
            ]
        );
        assert_eq!(lines("one\r\ntwo\n").len(), 3);
    }

    #[test]
    fn a_long_text_is_whole_and_folded() {
        let said = |pages: &[Page]| -> Vec<(String, usize)> {
            let each = pages.iter();
            each.map(|page| (page.title.clone(), page.lines.len()))
                .collect()
        };
        assert_eq!(said(&pages("")), [(String::new(), 1)]);
        assert_eq!(said(&pages("a\n\nb")), [(String::new(), 3)]);
        let lines: Vec<String> = (1..=250).map(|number| format!("line {number}")).collect();
        let long = lines.join("\r\n");
        let titles = ["", "Lines 101 to 200 of 250", "Lines 201 to 250 of 250"];
        let found = pages(&long);
        assert_eq!(
            said(&found),
            titles
                .map(str::to_owned)
                .into_iter()
                .zip([100, 100, 50])
                .collect::<Vec<_>>()
        );
        let all = found.iter().flat_map(|page| &page.lines).flatten();
        let all: Vec<&str> = all.map(|piece| piece.text.as_str()).collect();
        assert_eq!(all, lines);
        // What is far below is not hidden by what is above it.
        let padded = pages(&format!("a{}b", "\n".repeat(40_000)));
        assert_eq!(said(&padded), [(String::new(), 3)]);
        let middle = &padded[0].lines[1];
        assert!(middle[0].chip && middle[0].text.contains("39,999 empty lines"));
        let wide = format!("{}\nend", "x".repeat(9_000));
        assert_eq!(said(&pages(&wide))[1].0, "Lines 2 to 2 of 2");
    }

    #[test]
    fn times_are_said_both_ways() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let later = moment(now.plus_seconds(1_080), now);
        assert_eq!(later.relative, "in 18 min");
        assert_eq!(later.absolute, "2026-11-18 11:24:40 UTC");
        let before = moment(Timestamp::from_millis(1_794_999_000_000), now);
        assert_eq!(before.relative, "16 min ago");
    }
}
