//! The files of a bundle and their one byte form. Which files there may be is a closed list: a file with another name
//! would be read by people and not by the gate.

use std::collections::BTreeMap;
use std::path::Path;

use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use serde::{Deserialize, Serialize};

use super::BundleProblem;

/// Largest bundle in bytes: it must fit the payload of one action.
pub const BUNDLE_BYTES_MAX: usize = 1 << 20;
/// Most files of a bundle.
const FILES_MAX: usize = 1_000;
/// What stands in front, so that these bytes are nothing else.
const FORMAT: &str = "gatehold/bundle/v1";

/// Path to text, by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files(BTreeMap<String, String>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Packed {
    format: String,
    files: BTreeMap<String, String>,
}

/// What a file is, told by its path alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Header,
    Rules,
    Checkpoint,
    Criteria,
    Descriptor,
    Cases,
}

impl Files {
    /// Reads a folder and the four folders within it.
    pub(super) fn read(folder: &Path) -> Result<Self, Vec<BundleProblem>> {
        let mut files = BTreeMap::new();
        let mut problems = Vec::new();
        for within in ["", "checkpoints", "criteria", "descriptors", "tests"] {
            read_folder(folder, within, &mut files, &mut problems);
        }
        if problems.is_empty() {
            Self::checked(files)
        } else {
            Err(problems)
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Vec<BundleProblem>> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(whole(format!(
                "a bundle has at most {BUNDLE_BYTES_MAX} bytes; this one has {}",
                bytes.len()
            )));
        }
        let packed: Packed = canonical::from_canonical_bytes(bytes)
            .map_err(|error| whole(format!("these are no bundle bytes: {error}")))?;
        if packed.format != FORMAT {
            return Err(whole(format!("`format` must be `{FORMAT}`")));
        }
        Self::checked(packed.files)
    }

    /// A set of files from anywhere else, such as a test.
    ///
    /// # Errors
    /// Names that a bundle does not have, and sizes beyond its limits.
    pub fn checked(files: BTreeMap<String, String>) -> Result<Self, Vec<BundleProblem>> {
        let mut problems: Vec<BundleProblem> = files
            .keys()
            .filter(|path| FileKind::of(path).is_none())
            .map(|path| BundleProblem {
                file: path.clone(),
                line: 1,
                problem: "a bundle has no such file: bundle.toml, *.cedar, checkpoints/*.toml, criteria/*.toml, \
                          descriptors/*.toml, tests/*.toml"
                    .to_owned(),
            })
            .collect();
        if files.len() > FILES_MAX {
            problems.extend(whole(format!("a bundle has at most {FILES_MAX} files")));
        }
        let files = Self(files);
        if files.to_bytes().len() > BUNDLE_BYTES_MAX {
            problems.extend(whole(format!(
                "a bundle has at most {BUNDLE_BYTES_MAX} bytes in all"
            )));
        }
        if problems.is_empty() {
            Ok(files)
        } else {
            Err(problems)
        }
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let packed = Packed {
            format: FORMAT.to_owned(),
            files: self.0.clone(),
        };
        // Text by text always has a canonical form.
        canonical::to_bytes(&packed).unwrap_or_default()
    }

    pub(super) fn hash(&self) -> Hash {
        Hash::tagged(FORMAT, &[&self.to_bytes()])
    }

    pub(super) fn of(&self, kind: FileKind) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(move |(path, _)| FileKind::of(path) == Some(kind))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The Cedar sources.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, &str)> {
        self.of(FileKind::Rules)
    }
}

impl FileKind {
    fn of(path: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (stem, ending) = name.rsplit_once('.')?;
        let plain = !stem.is_empty()
            && !stem.starts_with('.')
            && stem
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        if !plain {
            return None;
        }
        match (folder, stem, ending) {
            ("", "bundle", "toml") => Some(Self::Header),
            ("", _, "cedar") => Some(Self::Rules),
            ("checkpoints", _, "toml") => Some(Self::Checkpoint),
            ("criteria", _, "toml") => Some(Self::Criteria),
            ("descriptors", _, "toml") => Some(Self::Descriptor),
            ("tests", _, "toml") => Some(Self::Cases),
            _ => None,
        }
    }
}

/// The name of a file without folder and ending: what the thing in it must be called.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

pub(super) fn whole(problem: String) -> Vec<BundleProblem> {
    vec![BundleProblem {
        file: "bundle".to_owned(),
        line: 1,
        problem,
    }]
}

fn read_folder(
    folder: &Path,
    within: &str,
    files: &mut BTreeMap<String, String>,
    problems: &mut Vec<BundleProblem>,
) {
    let place = if within.is_empty() {
        folder.to_path_buf()
    } else {
        folder.join(within)
    };
    if !within.is_empty() && !place.exists() {
        return;
    }
    let mut fail = |file: String, problem: String| {
        problems.push(BundleProblem {
            file,
            line: 1,
            problem,
        })
    };
    let entries = match std::fs::read_dir(&place) {
        Ok(entries) => entries,
        Err(error) => {
            return fail(
                within.to_owned(),
                format!("the folder cannot be read: {error}"),
            );
        }
    };
    for entry in entries {
        let Ok(entry) = entry else {
            fail(within.to_owned(), "the folder cannot be listed".to_owned());
            continue;
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if within.is_empty() {
            name
        } else {
            format!("{within}/{name}")
        };
        // Folders are walked by name; anything unexpected in them is refused by `checked`.
        if within.is_empty() && entry.path().is_dir() {
            if !["checkpoints", "criteria", "descriptors", "tests"].contains(&path.as_str()) {
                fail(path, "a bundle has no such folder".to_owned());
            }
            continue;
        }
        if files.len() >= FILES_MAX {
            return fail(path, format!("a bundle has at most {FILES_MAX} files"));
        }
        match read_text(&entry.path()) {
            Ok(text) => {
                files.insert(path, text);
            }
            Err(problem) => fail(path, problem),
        }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let limit = BUNDLE_BYTES_MAX as u64 + 1;
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| format!("the file cannot be read: {error}"))?;
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(format!("the file is larger than {BUNDLE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())
}
