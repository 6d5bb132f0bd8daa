//! Every lint of the workspace, warnings as errors, over all targets.

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "clippy",
    what: "no lint warns anywhere",
    run: || {
        shell::run(
            "cargo",
            &[
                "clippy",
                "--locked",
                "--workspace",
                "--all-targets",
                "--keep-going",
                "--",
                "-D",
                "warnings",
            ],
        )
    },
};
