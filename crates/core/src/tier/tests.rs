use super::*;

pub(super) fn calm() -> TierInputs {
    TierInputs {
        effects: BTreeSet::from([EffectClass::Read]),
        reversibility: Known::some(Reversibility::ReadOnly),
        sensitivity: Known::some(Sensitivity::Internal),
        quantity: Known::some(1),
        external_recipients: Known::some(false),
        environment: Known::some(Environment::Staging),
        assurance: WorkloadAssurance::Pop,
        elevation: Known::some(false),
        anomaly: Known::some(false),
        untrusted: Known::some(false),
        inspectable: true,
    }
}

type Change = fn(&mut TierInputs);

/// A calm read after these changes.
fn after(changes: &[Change]) -> TierInputs {
    let mut inputs = calm();
    changes.iter().for_each(|change| change(&mut inputs));
    inputs
}

const WRITE: Change = |i| {
    i.effects = BTreeSet::from([EffectClass::StateChange]);
    i.reversibility = Known::some(Reversibility::Reversible);
};

#[test]
fn the_table() {
    let rows: &[(&str, &[Change], Tier)] = &[
        ("a calm read", &[], Tier::Green),
        (
            "production reads stay green",
            &[|i| i.environment = Known::some(Environment::Production)],
            Tier::Green,
        ),
        (
            "a sensitive read",
            &[|i| i.sensitivity = Known::some(Sensitivity::Confidential)],
            Tier::Amber,
        ),
        (
            "a large sensitive read",
            &[
                |i| i.sensitivity = Known::some(Sensitivity::Restricted),
                |i| i.quantity = Known::some(1_001),
            ],
            Tier::Red,
        ),
        (
            "reads of which nothing is known",
            &[
                |i| i.sensitivity = Known::unknown(),
                |i| i.quantity = Known::unknown(),
                |i| i.reversibility = Known::unknown(),
                |i| i.anomaly = Known::unknown(),
            ],
            Tier::Amber,
        ),
        (
            "a read that is bad enough by what is known",
            &[
                |i| i.sensitivity = Known::some(Sensitivity::Restricted),
                |i| i.quantity = Known::some(2_000),
                |i| i.anomaly = Known::unknown(),
            ],
            Tier::Red,
        ),
        ("a small reversible write", &[WRITE], Tier::Amber),
        (
            "a write in production",
            &[WRITE, |i| {
                i.environment = Known::some(Environment::Production);
            }],
            Tier::Red,
        ),
        (
            "a write of unknown size",
            &[WRITE, |i| i.quantity = Known::unknown()],
            Tier::Red,
        ),
        (
            "a negative count is no count",
            &[|i| i.quantity = Known::some(-1)],
            Tier::Amber,
        ),
        (
            "an irreversible effect alone",
            &[|i| i.reversibility = Known::some(Reversibility::Irreversible)],
            Tier::Red,
        ),
        (
            "an uninspectable write",
            &[WRITE, |i| i.inspectable = false],
            Tier::Red,
        ),
        (
            "a weakly identified read",
            &[|i| i.assurance = WorkloadAssurance::Local],
            Tier::Amber,
        ),
    ];
    for (what, changes, expected) in rows {
        let report = tier(&after(changes));
        assert_eq!(report.tier, *expected, "{what}: {report:?}");
        assert_eq!(report.inputs.len(), 6);
        assert!(report.inputs.iter().all(|input| !input.why.is_empty()));
    }
}

#[test]
fn what_raised_it_is_named_with_what_of_it_nobody_knows() {
    let said = |changes: &[Change]| {
        let raised = tier(&after(changes)).raised();
        let words: Vec<String> = raised.iter().map(Raised::in_words).collect();
        words.join(", ")
    };
    assert_eq!(said(&[]), "");
    assert_eq!(said(&[WRITE]), "effect");
    let far: Change = |i| i.quantity = Known::some(2_000);
    assert_eq!(said(&[WRITE, far]), "effect, blast radius");
    assert_eq!(
        said(&[
            WRITE,
            far,
            |i| i.external_recipients = Known::unknown(),
            |i| i.sensitivity = Known::unknown(),
            |i| i.inspectable = false,
        ]),
        "effect, sensitivity UNKNOWN, blast radius UNKNOWN, context UNKNOWN"
    );
    // What is unknown and raises nothing is not among them.
    assert_eq!(said(&[|i| i.environment = Known::unknown()]), "");
}

#[test]
fn a_tier_that_is_lower_than_its_inputs_is_noticed() {
    let all: [&[Change]; 6] = [
        &[],
        &[WRITE],
        &[WRITE, |i| i.sensitivity = Known::unknown()],
        &[|i| i.reversibility = Known::some(Reversibility::Irreversible)],
        &[|i| i.reversibility = Known::unknown()],
        &[
            |i| i.sensitivity = Known::some(Sensitivity::Restricted),
            |i| i.quantity = Known::some(2_000),
        ],
    ];
    for changes in all {
        let honest = tier(&after(changes));
        assert!(honest.is_as_printed(), "{honest:?}");
        let lower = TierReport {
            tier: Tier::Green,
            ..honest.clone()
        };
        let is_green = honest.tier == Tier::Green;
        assert_eq!(lower.is_as_printed(), is_green, "{honest:?}");
    }
}

#[test]
fn forgetting_an_input_never_lowers_the_tier() {
    let forget: [Change; 7] = [
        |i| i.reversibility = Known::unknown(),
        |i| i.sensitivity = Known::unknown(),
        |i| i.quantity = Known::unknown(),
        |i| i.external_recipients = Known::unknown(),
        |i| i.environment = Known::unknown(),
        |i| i.elevation = Known::unknown(),
        |i| i.anomaly = Known::unknown(),
    ];
    for write in [false, true] {
        for mask in 0_u32..1 << forget.len() {
            let mut inputs = calm();
            if write {
                WRITE(&mut inputs);
            }
            let before = tier(&inputs).tier;
            for (bit, change) in forget.iter().enumerate() {
                if mask >> bit & 1 == 1 {
                    change(&mut inputs);
                }
            }
            let after = tier(&inputs).tier;
            assert!(after >= before, "{inputs:?}");
            assert!(write || after <= Tier::Amber, "{inputs:?}");
        }
    }
}
