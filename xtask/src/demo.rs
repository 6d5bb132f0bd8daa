//! The demo a newcomer runs, without a person: the release build walks the whole story and must say so itself.

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "demo",
    what: "`cargo run --release -- demo --auto` tells its story to the end",
    run,
};

fn run() -> Result<(), String> {
    shell::run(
        "cargo",
        &["build", "--locked", "--release", "--package", "gatehold"],
    )?;
    let story = shell::output(
        "cargo",
        &["run", "--locked", "--release", "--", "demo", "--auto"],
    )?;
    print!("{story}");
    if story.trim().is_empty() {
        return Err("the demo ended without a word".to_owned());
    }
    Ok(())
}
