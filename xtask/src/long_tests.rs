//! The same tests with far more generated cases each, and every promise at its full count.

use crate::steps::Step;
use crate::tests;

pub const STEP: Step = Step {
    name: "long-tests",
    what: "every property test with 20,000 cases, every promise at its full count",
    run: || {
        tests::run(&[
            ("PROPTEST_CASES", "20000"),
            ("GATEHOLD_PROMISES", "full"),
            ("NEXTEST_PROFILE", "nightly"),
            // Millions of cases, with every assertion of a debug build, in a fifth of its time.
            ("CARGO_PROFILE_DEV_OPT_LEVEL", "1"),
        ])
    },
};
