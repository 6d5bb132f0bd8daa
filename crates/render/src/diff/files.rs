//! The files of a unified diff, as `git diff` and `diff -u` write it.

use std::collections::BTreeSet;
use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Changed,
    Made,
    Removed,
    Renamed,
    Copied,
}

#[derive(Debug, Clone)]
pub(super) struct File<'a> {
    pub(super) kind: Kind,
    pub(super) old: &'a str,
    pub(super) new: &'a str,
    pub(super) mode_old: Option<&'a str>,
    pub(super) mode_new: Option<&'a str>,
    pub(super) binary: bool,
    pub(super) added: usize,
    pub(super) removed: usize,
    /// The first line that is added: where a link leads.
    pub(super) link: Option<&'a str>,
    /// Whether `---` and `+++` were seen.
    named: bool,
}

impl<'a> File<'a> {
    fn new(old: &'a str, new: &'a str) -> Self {
        Self {
            kind: Kind::Changed,
            old,
            new,
            mode_old: None,
            mode_new: None,
            binary: false,
            added: 0,
            removed: 0,
            link: None,
            named: false,
        }
    }

    pub(super) fn name(&self) -> &'a str {
        if self.kind == Kind::Removed || self.new == NOWHERE {
            self.old
        } else {
            self.new
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// A hunk that is longer or shorter than its head says.
    Counts,
    /// Header lines that name different files.
    Names,
    /// Lines before, between and behind that no program applies.
    Outside,
}

const NOWHERE: &str = "/dev/null";

/// Lines that are taken out, and those that stand in their place: where they stand in the diff, without their signs.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    pub(super) removed: Vec<Range<usize>>,
    pub(super) added: Vec<Range<usize>>,
}

pub(super) struct Diff<'a> {
    pub(super) files: Vec<File<'a>>,
    pub(super) troubles: BTreeSet<Trouble>,
    /// Those that take out lines and put others in their place.
    pub(super) changes: Vec<Change>,
}

pub(super) fn read(diff: &str) -> Diff<'_> {
    let mut reader = Reader {
        files: Vec::new(),
        troubles: BTreeSet::new(),
        changes: Vec::new(),
        change: Change::default(),
        at: 0,
        old_left: 0,
        new_left: 0,
        in_binary: false,
    };
    let mut lines = diff.split('\n').peekable();
    while let Some(line) = lines.next() {
        // Behind the last line feed there is no line.
        if line.is_empty() && lines.peek().is_none() {
            break;
        }
        reader.line(line, lines.peek().copied());
        reader.at += line.len() + 1;
    }
    reader.end_change();
    if reader.old_left + reader.new_left > 0 {
        reader.troubles.insert(Trouble::Counts);
    }
    Diff {
        files: reader.files,
        troubles: reader.troubles,
        changes: reader.changes,
    }
}

struct Reader<'a> {
    files: Vec<File<'a>>,
    troubles: BTreeSet<Trouble>,
    changes: Vec<Change>,
    change: Change,
    /// Where the line begins.
    at: usize,
    /// Lines that the hunk still needs on each side.
    old_left: usize,
    new_left: usize,
    in_binary: bool,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str, next: Option<&'a str>) {
        if self.old_left + self.new_left > 0 {
            return self.hunk_line(line);
        }
        if let Some(names) = line.strip_prefix("diff --git ") {
            self.in_binary = false;
            let (old, new) = git_names(names);
            self.files.push(File::new(old, new));
            return;
        }
        if let Some(old) = line.strip_prefix("--- ")
            && let Some(new) = next.and_then(|next| next.strip_prefix("+++ "))
        {
            return self.names(file_name(old), file_name(new));
        }
        if line.starts_with("+++ ") && self.files.last().is_some_and(|file| file.named) {
            return;
        }
        if let Some(counts) = line.strip_prefix("@@ ") {
            return self.hunk(counts);
        }
        // "No newline at end of file".
        if line.starts_with("\\ ") {
            return;
        }
        self.header(line);
    }

    fn names(&mut self, old: &'a str, new: &'a str) {
        self.in_binary = false;
        let unnamed = self.files.last_mut().filter(|file| !file.named);
        let Some(file) = unnamed else {
            let mut file = File::new(old, new);
            file.named = true;
            file.kind = kind(old, new);
            return self.files.push(file);
        };
        let fits = |said: &str, was: &str| said == was || said == NOWHERE;
        if !fits(old, file.old) || !fits(new, file.new) {
            self.troubles.insert(Trouble::Names);
            // A program may go by either; both are listed.
            let mut other = File::new(old, new);
            other.named = true;
            other.kind = kind(old, new);
            return self.files.push(other);
        }
        file.named = true;
        if file.kind == Kind::Changed {
            file.kind = kind(old, new);
        }
    }

    fn hunk(&mut self, counts: &str) {
        self.end_change();
        let sides = counts
            .split_once(" @@")
            .and_then(|(ranges, _)| ranges.split_once(' '))
            .and_then(|(old, new)| Some((length(old, '-')?, length(new, '+')?)));
        let named = self.files.last().is_some_and(|file| file.named);
        match sides {
            Some((old, new)) if named => (self.old_left, self.new_left) = (old, new),
            _ => {
                self.troubles.insert(Trouble::Counts);
            }
        }
    }

    fn hunk_line(&mut self, line: &'a str) {
        let (old, new) = match line.bytes().next() {
            Some(b'+') => (0, 1),
            Some(b'-') => (1, 0),
            Some(b' ') | None => (1, 1),
            Some(b'\\') => (0, 0),
            _ => {
                self.troubles.insert(Trouble::Counts);
                (self.old_left, self.new_left) = (0, 0);
                return self.line(line, None);
            }
        };
        if old > self.old_left || new > self.new_left {
            self.troubles.insert(Trouble::Counts);
        }
        let content = self.at + 1..self.at + line.len();
        match (old, new) {
            (1, 0) => {
                if !self.change.added.is_empty() {
                    self.end_change();
                }
                self.change.removed.push(content);
            }
            (0, 1) => self.change.added.push(content),
            // A line without an end of its own stands between the two sides.
            (0, 0) => {}
            _ => self.end_change(),
        }
        self.old_left = self.old_left.saturating_sub(old);
        self.new_left = self.new_left.saturating_sub(new);
        if let Some(file) = self.files.last_mut() {
            file.added += new * (1 - old);
            file.removed += old * (1 - new);
            if new > old && file.link.is_none() {
                file.link = line.get(1..);
            }
        }
    }

    fn end_change(&mut self) {
        let change = std::mem::take(&mut self.change);
        if !change.removed.is_empty() && !change.added.is_empty() {
            self.changes.push(change);
        }
    }

    fn header(&mut self, line: &'a str) {
        let Some(file) = self.files.last_mut().filter(|file| !file.named) else {
            if line.trim().is_empty() || self.in_binary {
                return;
            }
            // A line of a change behind the end of its part: some programs go on, some stop.
            let change = line.starts_with(['+', '-']) && line != "-- ";
            let trouble = if change && !self.files.is_empty() {
                Trouble::Counts
            } else {
                Trouble::Outside
            };
            self.troubles.insert(trouble);
            return;
        };
        let rest = |prefix: &str| line.strip_prefix(prefix);
        if let Some(mode) = rest("old mode ") {
            file.mode_old = Some(mode);
        } else if let Some(mode) = rest("new mode ") {
            file.mode_new = Some(mode);
        } else if let Some(mode) = rest("new file mode ") {
            file.kind = Kind::Made;
            file.mode_new = Some(mode);
        } else if let Some(mode) = rest("deleted file mode ") {
            file.kind = Kind::Removed;
            file.mode_old = Some(mode);
            file.mode_new = Some(mode);
        } else if let Some(name) = rest("rename from ").or_else(|| rest("copy from ")) {
            if name != file.old {
                self.troubles.insert(Trouble::Names);
            }
        } else if let Some(name) = rest("rename to ").or_else(|| rest("copy to ")) {
            file.kind = if line.starts_with("copy") {
                Kind::Copied
            } else {
                Kind::Renamed
            };
            if name != file.new {
                self.troubles.insert(Trouble::Names);
            }
        } else if line.starts_with("Binary files ") || line == "GIT binary patch" {
            file.binary = true;
            self.in_binary = line.starts_with("GIT");
        } else if let Some(mode) = rest("index ").and_then(|hashes| hashes.split_once(' ')) {
            file.mode_new = file.mode_new.or(Some(mode.1));
        } else if !(line.starts_with("index ")
            || line.starts_with("similarity index ")
            || line.starts_with("dissimilarity index ")
            || line.is_empty()
            || self.in_binary)
        {
            self.troubles.insert(Trouble::Outside);
        }
    }
}

fn kind(old: &str, new: &str) -> Kind {
    match (old, new) {
        (NOWHERE, _) => Kind::Made,
        (_, NOWHERE) => Kind::Removed,
        _ => Kind::Changed,
    }
}

/// `a/x b/x`: the names are equal unless the file moves, and then other lines say so.
fn git_names(names: &str) -> (&str, &str) {
    let middle = names.len() / 2;
    let halves = (names.get(..middle), names.get(middle + 1..));
    if let (Some(old), Some(new)) = halves
        && names.as_bytes().get(middle) == Some(&b' ')
        && without_side(old) == without_side(new)
    {
        return (without_side(old), without_side(new));
    }
    match names.split_once(" b/") {
        Some((old, new)) => (without_side(old), new),
        None => names.split_once(' ').unwrap_or((names, names)),
    }
}

/// The name behind `---` or `+++`, without a time stamp.
fn file_name(text: &str) -> &str {
    let name = text.split('\t').next().unwrap_or(text);
    without_side(name.strip_suffix('\r').unwrap_or(name))
}

fn without_side(name: &str) -> &str {
    name.strip_prefix("a/")
        .or_else(|| name.strip_prefix("b/"))
        .unwrap_or(name)
}

/// `-12,3` has three lines, `-12` one.
fn length(range: &str, side: char) -> Option<usize> {
    let range = range.strip_prefix(side)?;
    let (start, length) = range.split_once(',').unwrap_or((range, "1"));
    start.parse::<usize>().ok()?;
    length.parse().ok()
}
