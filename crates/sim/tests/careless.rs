//! Whether the oracle's rules of leases can go red: processes that break each of them on purpose are caught, by that rule.

use gatehold_sim::simulator::careless::Careless;
use gatehold_sim::simulator::{Run, run, run_carelessly};

const STEPS: u32 = 1_500;
/// Seeds within which each has been caught by far.
const SEEDS: u64 = 120;

#[test]
fn a_process_that_breaks_a_rule_of_leases_is_caught_by_it() {
    for (careless, invariant) in Careless::ALL {
        let caught = (1..=SEEDS).find_map(|seed| {
            let run_of = Run { seed, steps: STEPS };
            let violation = run_carelessly(run_of, careless).violation?;
            assert_eq!(violation.invariant, invariant, "{careless:?}: {violation}");
            Some(seed)
        });
        let seed = caught.unwrap_or_else(|| panic!("{careless:?} was not caught"));
        let careful = run(Run { seed, steps: STEPS }).violation;
        assert_eq!(careful, None, "seed {seed} without carelessness");
    }
}
