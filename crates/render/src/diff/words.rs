//! Which words differ between a line and the one that takes its place.
//!
//! The marks are a help for the eye: the text is shown whole with and without them. So the comparison may stop early:
//! what was not compared word for word is marked as one stretch, and its cost is bounded whatever the lines hold.

use std::ops::Range;

use super::files::Change;
use crate::chars::is_combining;

/// All pairs of words that are compared for one diff.
const COMPARED_MAX: usize = 1 << 20;

/// Stretches of the diff, in order and apart.
pub(super) fn changed(diff: &str, changes: &[Change]) -> Vec<Range<usize>> {
    let mut left = COMPARED_MAX;
    let mut found = Vec::new();
    for change in changes {
        for (removed, added) in change.removed.iter().zip(&change.added) {
            let line = |range: &Range<usize>| diff.get(range.clone()).unwrap_or("");
            if let Some((old, new)) = differences(line(removed), line(added), &mut left) {
                found.extend(old.into_iter().map(|range| moved(&range, removed.start)));
                found.extend(new.into_iter().map(|range| moved(&range, added.start)));
            }
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

fn moved(range: &Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

type Stretches = Vec<Range<usize>>;

/// What differs on either side; nothing when they are the same or have too little in common to be one line.
fn differences(old: &str, new: &str, left: &mut usize) -> Option<(Stretches, Stretches)> {
    let dangling = |line: &str| line.chars().next().is_some_and(is_combining);
    if old == new || dangling(old) || dangling(new) {
        return None;
    }
    let (before, after) = (words(old), words(new));
    let head = before
        .iter()
        .zip(&after)
        .take_while(|(a, b)| a.text == b.text)
        .count();
    let tail = before
        .iter()
        .skip(head)
        .rev()
        .zip(after.iter().skip(head).rev())
        .take_while(|(a, b)| a.text == b.text)
        .count();
    let middle = |words: &[Word<'_>]| head..words.len() - tail;
    let (inner_old, inner_new) = (middle(&before), middle(&after));
    let mut same_old = vec![true; before.len()];
    let mut same_new = vec![true; after.len()];
    for at in inner_old.clone() {
        set(&mut same_old, at, false);
    }
    for at in inner_new.clone() {
        set(&mut same_new, at, false);
    }
    let cost = inner_old.len() * inner_new.len();
    if cost <= *left {
        *left -= cost;
        let part = |words: &[Word<'_>], range: Range<usize>| -> Vec<String> {
            let inside = words.get(range).unwrap_or_default();
            inside.iter().map(|word| word.text.to_owned()).collect()
        };
        let pairs = common(
            &part(&before, inner_old.clone()),
            &part(&after, inner_new.clone()),
        );
        for (one, other) in pairs {
            set(&mut same_old, inner_old.start + one, true);
            set(&mut same_new, inner_new.start + other, true);
        }
    }
    let shared: usize = before
        .iter()
        .zip(&same_old)
        .filter(|(word, same)| **same && !word.text.trim().is_empty())
        .map(|(word, _)| word.text.len())
        .sum();
    let ink = |line: &str| line.split_whitespace().map(str::len).sum::<usize>();
    if shared * 3 < ink(old).max(ink(new)) {
        return None;
    }
    Some((stretches(&before, &same_old), stretches(&after, &same_new)))
}

fn set(marks: &mut [bool], at: usize, to: bool) {
    if let Some(mark) = marks.get_mut(at) {
        *mark = to;
    }
}

#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    start: usize,
    text: &'a str,
}

/// Words, and what stands between them: equal characters in a row are never parted, so that a mark between two words
/// changes nothing of how either is shown.
fn words(line: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut start = 0;
    let mut last: Option<char> = None;
    for (at, character) in line.char_indices() {
        let together = last.is_some_and(|last| {
            last == character
                || is_combining(character)
                || is_of_word(last) && is_of_word(character)
        });
        if !together && at > start {
            words.extend(line.get(start..at).map(|text| Word { start, text }));
            start = at;
        }
        last = Some(character);
    }
    words.extend(
        line.get(start..)
            .filter(|text| !text.is_empty())
            .map(|text| Word { start, text }),
    );
    words
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

/// The longest words that both have in the same order: pairs of their places.
fn common(old: &[String], new: &[String]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    let read = |lengths: &[u32], row: usize, column: usize| {
        lengths.get(row * width + column).copied().unwrap_or(0)
    };
    for (row, one) in old.iter().enumerate().rev() {
        for (column, other) in new.iter().enumerate().rev() {
            let length = if one == other {
                read(&lengths, row + 1, column + 1) + 1
            } else {
                read(&lengths, row + 1, column).max(read(&lengths, row, column + 1))
            };
            if let Some(place) = lengths.get_mut(row * width + column) {
                *place = length;
            }
        }
    }
    let mut pairs = Vec::new();
    let (mut row, mut column) = (0, 0);
    while let (Some(one), Some(other)) = (old.get(row), new.get(column)) {
        if one == other {
            pairs.push((row, column));
            row += 1;
            column += 1;
        } else if read(&lengths, row + 1, column) >= read(&lengths, row, column + 1) {
            row += 1;
        } else {
            column += 1;
        }
    }
    pairs
}

/// Words next to each other that differ are one stretch. A lone space between two of them belongs to it.
fn stretches(words: &[Word<'_>], same: &[bool]) -> Stretches {
    let mut found: Stretches = Vec::new();
    let differs = |at: usize| same.get(at) == Some(&false);
    for (at, word) in words.iter().enumerate() {
        let between = word.text == " " && at > 0 && differs(at - 1) && differs(at + 1);
        if !differs(at) && !between {
            continue;
        }
        let end = word.start + word.text.len();
        match found.last_mut() {
            Some(last) if last.end == word.start => last.end = end,
            _ => found.push(word.start..end),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{COMPARED_MAX, differences, words};

    fn marked(old: &str, new: &str) -> Option<(String, String)> {
        let mut left = COMPARED_MAX;
        let (before, after) = differences(old, new, &mut left)?;
        let show = |line: &str, ranges: Vec<std::ops::Range<usize>>| {
            let mut shown = line.to_owned();
            for range in ranges.into_iter().rev() {
                shown.insert(range.end, ']');
                shown.insert(range.start, '[');
            }
            shown
        };
        Some((show(old, before), show(new, after)))
    }

    #[test]
    fn what_differs_is_marked_word_for_word() {
        let pair = |old: &str, new: &str| Some((old.to_owned(), new.to_owned()));
        for (old, new, wanted) in [
            (
                "let limit = 10;",
                "let limit = 1000;",
                pair("let limit = [10];", "let limit = [1000];"),
            ),
            (
                "if a == b {",
                "if a != b {",
                pair("if a [==] b {", "if a [!=] b {"),
            ),
            ("a.b(c)", "a.b(c, d)", pair("a.b(c)", "a.b(c[, d])")),
            (
                "pay to ann now",
                "pay to eve mallory now",
                pair("pay to [ann] now", "pay to [eve mallory] now"),
            ),
            ("name = x", "name = x\r", pair("name = x", "name = x[\r]")),
            ("  same", "\tsame", pair("[  ]same", "[\t]same")),
            ("one", "another thing", None),
            ("equal", "equal", None),
        ] {
            assert_eq!(marked(old, new), wanted, "{old} {new}");
        }
    }

    #[test]
    fn equal_characters_are_never_parted() {
        for line in [
            "a  b",
            "((x))",
            "a\u{301}\u{301}b",
            ",\u{301}",
            "---",
            "\u{200b}\u{200b}a",
        ] {
            let parts = words(line);
            assert_eq!(parts.iter().map(|word| word.text).collect::<String>(), line);
            for pair in parts.windows(2) {
                assert_ne!(
                    pair[0].text.chars().next_back(),
                    pair[1].text.chars().next(),
                    "{line:?}"
                );
            }
        }
    }

    #[test]
    fn what_costs_too_much_is_one_stretch() {
        let old: String = (0..2_000).map(|word| format!("a{word} ")).collect();
        let new: String = (0..2_000).map(|word| format!("b{word} ")).collect();
        let line = |inner: &str| format!("{}{inner}end", "same ".repeat(4_000));
        let mut left = COMPARED_MAX;
        let (before, after) = differences(&line(&old), &line(&new), &mut left).unwrap();
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_eq!(left, COMPARED_MAX);
    }
}
