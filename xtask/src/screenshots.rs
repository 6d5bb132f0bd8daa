//! Pictures of every page of the review console, taken from a real gate by a real browser, for people to look at.
//! They are not compared with anything: what is tested is said by tests, and how it looks is judged by eye.

use crate::shell;

/// Where the pictures go.
const FOLDER: &str = "target/screenshots";
/// What takes them.
const SCRIPT: &str = "xtask/screenshots/take.mjs";

pub fn run() -> Result<(), String> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let chromium = names
        .into_iter()
        .find_map(shell::find)
        .ok_or("install Chromium first (Debian: chromium)")?;
    if shell::find("node").is_none() {
        return Err("install Node.js first (Debian: nodejs)".to_owned());
    }
    shell::run("cargo", &["build", "--locked", "--package", "gatehold"])?;
    let gatehold = shell::repository().join("target/debug/gatehold");
    let words = [
        gatehold.display().to_string(),
        chromium.display().to_string(),
    ];
    let [gatehold, chromium] = &words;
    shell::run("node", &[SCRIPT, gatehold, chromium, FOLDER])?;
    println!("the pictures are in {FOLDER}");
    Ok(())
}
