//! A report read back from what it prints: for whoever is shown one that another program made, and makes the tier again from the
//! values instead of believing what is said to follow from them.

use core::fmt;

use super::{ADVICE, TierInputs, TierReport, UNKNOWN, tier};
use crate::effect::{EffectClass, Environment, Reversibility, Sensitivity};
use crate::known::Known;
use crate::workload::WorkloadAssurance;

impl TierReport {
    /// The inputs of the table, as the report prints them; nothing where it prints another table.
    #[must_use]
    pub fn read(&self) -> Option<TierInputs> {
        let value = |name: &str| {
            let mut inputs = self.inputs.iter();
            let input = inputs.find(|input| input.name == name)?;
            Some(input.value.as_str())
        };
        let reach = value("blast_radius")?;
        let [quantity, recipients, environment] =
            labelled(reach, ["quantity ", "external recipients ", "environment "])?;
        let identity = value("identity")?;
        let [assurance, elevation] = labelled(identity, ["assurance ", "beyond baseline "])?;
        let context = value("context")?;
        let [anomaly, untrusted, payload] =
            labelled(context, ["anomaly ", "untrusted content ", "payload "])?;
        let effects = value("effect")?.split(", ");
        let effects = effects.filter(|class| !class.is_empty());
        Some(TierInputs {
            effects: effects
                .map(|class| word(EffectClass::ALL, class))
                .collect::<Option<_>>()?,
            reversibility: known(value("reversibility")?, |text| {
                word(Reversibility::ALL, text)
            })?,
            sensitivity: known(value("sensitivity")?, |text| word(Sensitivity::ALL, text))?,
            quantity: known(quantity, |text| text.replace(',', "").parse().ok())?,
            external_recipients: known(recipients, yes_or_no)?,
            environment: known(environment, |text| word(Environment::ALL, text))?,
            assurance: word(WorkloadAssurance::ALL, assurance)?,
            elevation: known(elevation, yes_or_no)?,
            anomaly: known(anomaly, yes_or_no)?,
            untrusted: known(untrusted, yes_or_no)?,
            inspectable: match payload {
                "inspectable" => true,
                "uninspectable" => false,
                _ => return None,
            },
        })
    }

    /// Whether it is what its own values make it: every row as the table has it, whether it raises and why, and the tier of all
    /// of them. Only [`ADVICE`] may come after those, and only to raise it.
    #[must_use]
    pub fn is_as_printed(&self) -> bool {
        let Some(own) = self.read().map(|inputs| tier(&inputs)) else {
            return false;
        };
        let Some((table, more)) = self.inputs.split_at_checked(own.inputs.len()) else {
            return false;
        };
        let follows = match more {
            [] => self.tier == own.tier,
            [advice] => advice.name == ADVICE && advice.raised && self.tier > own.tier,
            _ => false,
        };
        follows && table == own.inputs
    }
}

/// The parts of a value that has several, each after its label.
fn labelled<'a, const N: usize>(value: &'a str, labels: [&str; N]) -> Option<[&'a str; N]> {
    let mut parts = value.split(", ");
    let mut found = [""; N];
    for (place, label) in found.iter_mut().zip(labels) {
        *place = parts.next()?.strip_prefix(label)?;
    }
    parts.next().is_none().then_some(found)
}

/// What is known, read so; nothing where it is neither that nor unknown.
fn known<T: Default>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Known<T>> {
    match text {
        UNKNOWN => Some(Known::unknown()),
        text => read(text).map(Known::some),
    }
}

fn word<T: Copy + fmt::Display>(all: &[T], text: &str) -> Option<T> {
    let mut all = all.iter();
    all.find(|one| one.to_string() == text).copied()
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::tier::tests::calm;
    use crate::tier::{Tier, TierInput};

    fn any_word<T: Copy + fmt::Debug>(all: &'static [T]) -> impl Strategy<Value = T> {
        proptest::sample::select(all)
    }

    fn maybe<T: Default + fmt::Debug>(
        value: impl Strategy<Value = T>,
    ) -> impl Strategy<Value = Known<T>> {
        proptest::option::of(value).prop_map(Known::from)
    }

    fn any_inputs() -> impl Strategy<Value = TierInputs> {
        let flag = || maybe(any::<bool>());
        let effects = proptest::collection::btree_set(any_word(EffectClass::ALL), 0..4);
        let judged = (
            effects,
            maybe(any_word(Reversibility::ALL)),
            maybe(any_word(Sensitivity::ALL)),
            maybe(any::<i64>()),
            maybe(any_word(Environment::ALL)),
            any_word(WorkloadAssurance::ALL),
        );
        let flags = (flag(), flag(), flag(), flag(), any::<bool>());
        (judged, flags).prop_map(|(judged, flags)| {
            let (effects, reversibility, sensitivity, quantity, environment, assurance) = judged;
            let (external_recipients, elevation, anomaly, untrusted, inspectable) = flags;
            TierInputs {
                effects,
                reversibility,
                sensitivity,
                quantity,
                external_recipients,
                environment,
                assurance,
                elevation,
                anomaly,
                untrusted,
                inspectable,
            }
        })
    }

    proptest! {
        /// Whatever goes into the table can be read in its report, and nothing of the report can be said otherwise.
        #[test]
        fn a_report_says_its_inputs_and_is_believed_only_as_they_make_it(
            inputs in any_inputs(),
            at in 0_usize..6,
            to in any_word(&[Tier::Green, Tier::Amber, Tier::Red]),
        ) {
            let honest = tier(&inputs);
            prop_assert_eq!(honest.read(), Some(inputs));
            prop_assert!(honest.is_as_printed());

            let other = TierReport { tier: to, ..honest.clone() };
            prop_assert_eq!(other.is_as_printed(), to == honest.tier, "{:?}", other);
            let mut flagged = honest.clone();
            flagged.inputs[at].raised ^= true;
            prop_assert!(!flagged.is_as_printed());
            let mut explained = honest.clone();
            explained.inputs[at].why = "nothing to see here".to_owned();
            prop_assert!(!explained.is_as_printed());
            let mut left_out = honest.clone();
            left_out.inputs.remove(at);
            prop_assert!(!left_out.is_as_printed());
        }
    }

    #[test]
    fn advice_stands_after_the_table_and_only_raises() {
        let advised = |inputs: &TierInputs, to: Tier| {
            let mut report = tier(inputs);
            report.tier = to;
            report.inputs.push(TierInput {
                name: ADVICE.to_owned(),
                value: to.to_string(),
                raised: true,
                why: "something outside the table raised it".to_owned(),
            });
            report
        };
        assert!(advised(&calm(), Tier::Amber).is_as_printed());
        assert!(
            !advised(&calm(), Tier::Green).is_as_printed(),
            "it says nothing"
        );
        let red = TierInputs {
            reversibility: Known::unknown(),
            effects: BTreeSet::from([EffectClass::StateChange]),
            ..calm()
        };
        assert!(!advised(&red, Tier::Green).is_as_printed(), "it lowers");
        let mut first = advised(&calm(), Tier::Amber);
        first.inputs.rotate_right(1);
        assert!(!first.is_as_printed(), "it hides a row of the table");
    }
}
