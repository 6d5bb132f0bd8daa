//! Reads the repository: its files, its Rust sources without their tests, the tables in its documents.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One text file, by its path from the root with `/` between folders.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// Whether the file is Rust that ships or runs in tools: not a test, a bench or an example.
    pub fn is_production(&self) -> bool {
        let testing = ["/tests/", "/benches/", "/examples/"]
            .iter()
            .any(|part| self.path.contains(part));
        self.path.ends_with(".rs") && !testing && !self.path.ends_with("/tests.rs")
    }

    /// The lines outside inline test modules, with their numbers from 1. Relies on rustfmt's indentation.
    pub fn production_lines(&self) -> Vec<(usize, &str)> {
        let mut kept = Vec::new();
        let mut lines = (1_usize..).zip(self.text.lines()).peekable();
        while let Some((number, line)) = lines.next() {
            let opens_tests = line.trim_start().starts_with("#[cfg(test)]")
                && lines
                    .peek()
                    .is_some_and(|(_, next)| next.trim_end().ends_with('{'));
            if !opens_tests {
                kept.push((number, line));
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let close = format!("{}}}", " ".repeat(indent));
            lines.find(|(_, line)| *line == close);
        }
        kept
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the repository")
        .to_owned()
}

/// Every text file of the repository that people write: no build output, no lock file, no recorded data.
pub fn files() -> Vec<File> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .expect("a folder can be listed")
            .flatten()
        {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with("target") && !matches!(name.as_str(), ".git" | "node_modules")
                {
                    folders.push(path);
                }
            } else if is_written(&name) {
                let relative = path.strip_prefix(&root).expect("walked from the root");
                if let Ok(text) = std::fs::read_to_string(&path) {
                    let path = relative.to_string_lossy().replace('\\', "/");
                    found.push(File { path, text });
                }
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn is_written(name: &str) -> bool {
    let kinds = [
        "rs",
        "md",
        "toml",
        "txt",
        "sh",
        "py",
        "go",
        "cedar",
        "cedarschema",
        "html",
        "js",
        "css",
        "yaml",
        "yml",
        "run",
    ];
    name == "run"
        || name
            .rsplit_once('.')
            .is_some_and(|(_, kind)| kinds.contains(&kind))
}

/// The Rust sources of the product and its tools.
pub fn rust() -> Vec<File> {
    let mut files = files();
    files.retain(|file| file.path.ends_with(".rs"));
    files
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("cannot read {path}: {e}"))
}

/// The rows of the table between `<!-- name -->` and `<!-- /name -->`, cells trimmed, without its two head lines.
pub fn table(path: &str, name: &str) -> Vec<Vec<String>> {
    let text = read(path);
    let (open, close) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let (_, rest) = text
        .split_once(&open)
        .unwrap_or_else(|| panic!("{path} has no {open}"));
    let (table, _) = rest
        .split_once(&close)
        .unwrap_or_else(|| panic!("{path} has no {close}"));
    table
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
            inner
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}

/// The words in backticks of a table cell.
pub fn quoted(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// One of our crates, with its direct dependencies: (name, whether for development only).
pub struct Member {
    pub name: String,
    pub dependencies: Vec<(String, bool)>,
}

/// The members of the workspace, from `cargo metadata`.
pub fn members() -> Vec<Member> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version=1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    metadata
        .get("packages")
        .and_then(serde_json::Value::as_array)
        .expect("cargo metadata lists packages")
        .iter()
        .map(|package| Member {
            name: text(&package["name"]),
            dependencies: list(&package["dependencies"])
                .iter()
                .map(|d| (text(&d["name"]), d["kind"] == "dev"))
                .collect(),
        })
        .collect()
}
