//! A unified diff: which files it makes, changes and removes, with their marks, and its text as sent.
//!
//! Names, modes and links stand in the list; what a program that applies it could read in another way (counts that are
//! wrong, names that differ, binary parts) makes it uninspectable. Nothing is left out as generated.

mod files;
mod words;

use std::ops::Range;

use gatehold_core::wording::counted;

use crate::chars::{DIFFERED, DIFFERS, SKIPPED};
use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape, escape_short};
use crate::findings::Findings;
use crate::{decode, opaque, scripts, text};
use files::{Diff, File, Kind, Trouble};

const SYMLINK: &str = "120000";
const SUBMODULE: &str = "160000";
/// What runs by itself, or decides what runs.
const PLACES: [&str; 18] = [
    ".git/",
    ".github/",
    ".gitlab-ci",
    ".circleci/",
    ".husky/",
    ".gitattributes",
    ".gitmodules",
    ".bashrc",
    ".profile",
    ".zshrc",
    ".ssh/",
    ".npmrc",
    ".envrc",
    ".vscode/",
    ".claude/",
    "Jenkinsfile",
    "etc/cron",
    "etc/sudoers",
];

pub(crate) fn blocks(bytes: &[u8], findings: &mut Findings) -> Vec<Block> {
    let whole = |findings: &mut Findings| Block {
        kind: BlockKind::Payload,
        title: "Changes, as sent".to_owned(),
        lines: text::numbered(bytes, findings),
    };
    let Ok(diff) = std::str::from_utf8(bytes) else {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "a diff must be UTF-8");
        return vec![whole(findings)];
    };
    let Diff {
        files,
        troubles,
        changes,
    } = files::read(diff);
    for trouble in troubles {
        report(trouble, findings);
    }
    if files.is_empty() {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "there is no change of a file");
        return vec![whole(findings)];
    }
    let mut lines = vec![total(&files)];
    for file in &files {
        lines.extend(findings.again(|findings| one(file, findings)));
    }
    through_links(&files, findings);
    for line in diff.lines() {
        scripts::look_at(line, findings);
    }
    let list = Block {
        kind: BlockKind::Payload,
        title: "Files".to_owned(),
        lines,
    };
    let mut blocks = vec![
        list,
        marked(diff, &words::changed(diff, &changes), findings),
    ];
    blocks.extend(opaque::decoded(decode::beside_words(diff, findings)));
    blocks
}

/// The text as sent, with what differs between a line and the one in its place set between marks.
fn marked(diff: &str, changed: &[Range<usize>], findings: &mut Findings) -> Block {
    let said = if changed.is_empty() {
        String::new()
    } else {
        format!("; {DIFFERS}{SKIPPED}{DIFFERED} is what differs within a line")
    };
    Block {
        kind: BlockKind::Payload,
        title: format!("Changes, as sent{said}"),
        lines: text::numbered_marked(diff.as_bytes(), changed, findings),
    }
}

fn report(trouble: Trouble, findings: &mut Findings) {
    if let Trouble::Outside = trouble {
        return findings.note_text(Flag::Comments, "text that belongs to no file");
    }
    findings.raise(Flag::Uninspectable);
    match trouble {
        Trouble::Counts => findings.note_text(
            Flag::Malformed,
            "a part does not have the number of lines that it says",
        ),
        Trouble::Names => findings.note_text(
            Flag::Ambiguous,
            "the lines that name a file do not name the same one",
        ),
        Trouble::Outside => {}
    }
}

fn total(files: &[File<'_>]) -> Line {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let added: usize = files.iter().map(|file| file.added).sum();
    let removed: usize = files.iter().map(|file| file.removed).sum();
    let said = format!(
        "{}, {} added, {} removed",
        counted(count(files.len()), "file"),
        counted(count(added), "line"),
        counted(count(removed), "line")
    );
    Line::of(RunKind::Text, said)
}

fn one(file: &File<'_>, findings: &mut Findings) -> Vec<Line> {
    let verb = match file.kind {
        Kind::Changed => "changes",
        Kind::Made => "makes",
        Kind::Removed => "removes",
        Kind::Renamed => "renames",
        Kind::Copied => "copies",
    };
    let head = Line::labelled(verb, Vec::new()).runs;
    let name = |name: &str, head, findings: &mut Findings| {
        let rows = escape(name.as_bytes(), RunKind::Value, LineFeeds::Shown, findings);
        behind(head, rows)
    };
    let mut lines = Vec::new();
    if matches!(file.kind, Kind::Renamed | Kind::Copied) {
        lines.extend(name(file.old, head, findings));
        let head = Line::labelled("  to", Vec::new()).runs;
        lines.extend(name(file.new, head, findings));
    } else {
        lines.extend(name(file.name(), head, findings));
    }
    let counts = format!("  +{} -{}", file.added, file.removed);
    if let Some(last) = lines.last_mut() {
        last.runs.push(Run::new(RunKind::Text, counts));
    }
    let marks = marks(file, findings);
    if let Some(last) = lines.last_mut() {
        for mark in marks {
            let said = format!("  {mark}");
            last.runs.push(Run::new(RunKind::Warning, said));
        }
    }
    for name in [file.old, file.new] {
        look_at_place(name, findings);
    }
    if let Some(target) = file.link.filter(|_| file.mode_new == Some(SYMLINK)) {
        let head = Line::labelled("  links to", Vec::new()).runs;
        lines.extend(name(target, head, findings));
    }
    lines
}

fn marks(file: &File<'_>, findings: &mut Findings) -> Vec<String> {
    let mut marks = Vec::new();
    let note = |flag, findings: &mut Findings| {
        let runs = escape_short(file.name(), findings);
        findings.note(flag, runs);
    };
    if [file.mode_old, file.mode_new].contains(&Some(SYMLINK)) {
        marks.push("symbolic link".to_owned());
        note(Flag::Symlink, findings);
    }
    if [file.mode_old, file.mode_new].contains(&Some(SUBMODULE)) {
        marks.push("another repository's commit".to_owned());
        note(Flag::BinaryFile, findings);
        findings.raise(Flag::Uninspectable);
    }
    let runs =
        |mode: Option<&str>| mode.is_some_and(|mode| mode.starts_with("100") && mode != "100644");
    let changed = file.mode_old.is_some() && file.mode_old != file.mode_new;
    if file.kind != Kind::Removed && (runs(file.mode_new) || changed) {
        let shown = |mode: Option<&str>| {
            let mode = mode.unwrap_or("none");
            if mode.bytes().all(|byte| byte.is_ascii_alphanumeric()) && mode.len() <= 8 {
                mode.to_owned()
            } else {
                "odd".to_owned()
            }
        };
        let said = match file.mode_old {
            Some(_) => format!("mode {} to {}", shown(file.mode_old), shown(file.mode_new)),
            None => format!("mode {}", shown(file.mode_new)),
        };
        marks.push(said);
        note(Flag::FileMode, findings);
    }
    if file.binary {
        marks.push("binary, not shown as text".to_owned());
        note(Flag::BinaryFile, findings);
        findings.raise(Flag::Uninspectable);
    }
    marks
}

fn look_at_place(name: &str, findings: &mut Findings) {
    scripts::look_at(name, findings);
    let climbs = name.split(['/', '\\']).any(|step| step == "..");
    let absolute = name.starts_with(['/', '\\', '~']) && name != "/dev/null";
    let runs = PLACES
        .iter()
        .any(|place| name.starts_with(place) || name.contains(&format!("/{place}")));
    if climbs || absolute || runs {
        let runs = escape_short(name, findings);
        findings.note(Flag::FilePlace, runs);
    }
}

/// A file below a link that the same diff makes: it is written where the link leads.
fn through_links(files: &[File<'_>], findings: &mut Findings) {
    let links: Vec<&str> = files
        .iter()
        .filter(|file| file.mode_new == Some(SYMLINK))
        .map(|file| file.name())
        .collect();
    for file in files {
        let below = |link: &&str| {
            file.name()
                .strip_prefix(*link)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        if links.iter().any(below) {
            findings.raise(Flag::Uninspectable);
            let mut runs = vec![Run::new(RunKind::Text, "written through a link: ")];
            runs.extend(escape_short(file.name(), findings));
            findings.note(Flag::Symlink, runs);
        }
    }
}
