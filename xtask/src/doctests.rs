//! The examples in the code's documentation compile and hold. nextest does not run them.

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "doctests",
    what: "the examples in the code's documentation run",
    run: || shell::run("cargo", &["test", "--locked", "--workspace", "--doc"]),
};
