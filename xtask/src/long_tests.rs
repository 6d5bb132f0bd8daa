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
        ])
    },
};
