//! The documentation of the code builds, and its links lead somewhere.

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "rustdoc",
    what: "the code's documentation builds without a warning",
    run: || {
        shell::run_with(
            "cargo",
            &[
                "doc",
                "--locked",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ],
            &[("RUSTDOCFLAGS", "-D warnings")],
        )
    },
};
