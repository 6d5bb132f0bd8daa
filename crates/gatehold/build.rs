//! Writes the list of the default pack's files, so that they are compiled into the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script its folders by the environment"
)]
fn main() -> std::io::Result<()> {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default())
        .join("../../policies/default");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut list = String::from("const FILES: &[(&str, &str)] = &[\n");
    for within in ["", "checkpoints", "criteria", "descriptors", "tests"] {
        for (name, path) in files(&root.join(within))? {
            let name = if within.is_empty() {
                name
            } else {
                format!("{within}/{name}")
            };
            let _ = writeln!(list, "    ({name:?}, include_str!({path:?})),");
        }
    }
    list.push_str("];\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::write(out.join("default_pack.rs"), list)
}

fn files(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let kept = path
            .extension()
            .is_some_and(|end| end == "toml" || end == "cedar");
        if let (true, Some(name), Some(text)) =
            (kept && path.is_file(), path.file_name(), path.to_str())
        {
            found.push((name.to_string_lossy().into_owned(), text.to_owned()));
        }
    }
    found.sort();
    Ok(found)
}
