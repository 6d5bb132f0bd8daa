//! The same tests with far more generated cases each.

use crate::steps::Step;
use crate::tests;

pub const STEP: Step = Step {
    name: "long-tests",
    what: "every property test with 20,000 cases",
    run: || tests::run(&[("PROPTEST_CASES", "20000")]),
};
