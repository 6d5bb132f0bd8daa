//! Known vulnerabilities in what we depend on. Fetches the advisory database, so it needs the network.

use crate::steps::Step;
use crate::{deny, shell};

pub const STEP: Step = Step {
    name: "advisories",
    what: "no known vulnerability in a dependency; needs the network",
    run: || {
        deny::ensure_installed()?;
        shell::run("cargo", &["deny", "--workspace", "check", "advisories"])
    },
};
