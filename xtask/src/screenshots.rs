//! Pictures of every page of the review console, taken from a real gate by a real browser, for people to look at.
//! They are not compared with anything: what is tested is said by tests, and how it looks is judged by eye. What only a
//! browser can show, an inbox that changes under the reader, is tried afterwards and fails the run.

use crate::shell;

/// Where the pictures go.
const FOLDER: &str = "target/screenshots";
/// Where the one package from npm goes, by its pinned hash.
const PACKAGES: &str = "target/node";
/// What takes them.
const SCRIPT: &str = "xtask/screenshots/take.mjs";
/// What looks at an inbox that changes.
const LIVE: &str = "xtask/screenshots/live.mjs";

pub fn run() -> Result<(), String> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let chromium = names
        .into_iter()
        .find_map(shell::find)
        .ok_or("install Chromium first (Debian: chromium)")?;
    if shell::find("node").is_none() {
        return Err("install Node.js first (Debian: nodejs)".to_owned());
    }
    let axe = axe()?;
    shell::run("cargo", &["build", "--locked", "--package", "gatehold"])?;
    let gatehold = shell::repository().join("target/debug/gatehold");
    let words = [
        gatehold.display().to_string(),
        chromium.display().to_string(),
    ];
    let [gatehold, chromium] = &words;
    shell::run("node", &[SCRIPT, gatehold, chromium, &axe, FOLDER])?;
    shell::run("node", &[LIVE, gatehold, chromium])?;
    println!("the pictures are in {FOLDER}");
    Ok(())
}

/// What looks for barriers on a page.
fn axe() -> Result<String, String> {
    let axe = format!("{PACKAGES}/node_modules/axe-core/axe.min.js");
    if std::path::Path::new(&axe).is_file() {
        return Ok(axe);
    }
    std::fs::create_dir_all(PACKAGES).map_err(|error| format!("{PACKAGES}: {error}"))?;
    for name in ["package.json", "package-lock.json"] {
        let from = format!("xtask/screenshots/{name}");
        std::fs::copy(&from, format!("{PACKAGES}/{name}"))
            .map_err(|error| format!("{from}: {error}"))?;
    }
    let words = [
        "ci",
        "--prefix",
        PACKAGES,
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ];
    shell::run("npm", &words).map_err(|error| {
        format!(
            "{error}\naxe-core of xtask/screenshots/package-lock.json is missing: it comes from npm"
        )
    })?;
    Ok(axe)
}
