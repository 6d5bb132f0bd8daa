//! Every page of the review console, in a real browser at a real gate: no barriers (axe, WCAG 2.2 AA), nothing wider than a
//! phone of 360 pixels, what is asked for on the first screen, and the way through a real identity provider. `screenshots`
//! walks the same way and keeps the pictures; what is tested beyond that is said by tests.

use crate::packages;
use crate::shell;
use crate::steps::Step;

/// What walks through the pages.
const SCRIPT: &str = "xtask/screenshots/take.mjs";

pub const STEP: Step = Step {
    name: "pages",
    what: "every page of the console in a browser: no barriers, fit for a phone, first things first",
    run: || walk(None),
};

/// Looks at every page; with a folder, its pictures go there.
pub fn walk(folder: Option<&str>) -> Result<(), String> {
    let missing =
        || "Chromium, Node.js or axe-core is missing: run `cargo xtask packages`".to_owned();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let chromium = names.into_iter().find_map(shell::find);
    let chromium = chromium.ok_or_else(missing)?.display().to_string();
    let axe = shell::repository().join(packages::AXE);
    if shell::find("node").is_none() || !axe.is_file() {
        return Err(missing());
    }
    let gatehold = gatehold()?;
    let axe = axe.display().to_string();
    let mut words = vec![SCRIPT, &gatehold, &chromium, &axe];
    words.extend(folder);
    shell::run("node", &words)
}

/// The program as the tests build it, so that after them nothing is built again.
fn gatehold() -> Result<String, String> {
    // Named with a test, it has the features that the tests of the workspace ask for.
    let words = [
        "build",
        "--locked",
        "--workspace",
        "--bin",
        "gatehold",
        "--test",
        "browser",
    ];
    shell::run("cargo", &words)?;
    // This program stands in TARGET/debug, and so does that one.
    let this = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    Ok(this.with_file_name("gatehold").display().to_string())
}
