//! One style, decided by rustfmt.

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "fmt",
    what: "rustfmt changes nothing",
    run: || shell::run("cargo", &["fmt", "--all", "--check"]),
};
