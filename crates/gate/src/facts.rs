//! What the gate finds out before it decides: asked through the [`Facts`] port, held to what the
//! descriptor declares, and told apart: VERIFIED with source and age, or UNKNOWN with why. Claims are never among it.

use std::collections::BTreeMap;

use gatehold_core::context::{ResourceFacts, Signals, TypedValue};
use gatehold_core::descriptor::{Described, FactQuery, ValueType};
use gatehold_core::json::canonical::INT_MAX;
use gatehold_core::json::ident::hazard;
use gatehold_core::known::Known;
use gatehold_core::time::Timestamp;
use gatehold_core::view::{Fact, Source};
use gatehold_core::wording::grouped;

use crate::catalog::CatalogEntry;
use crate::ports::facts::{Facts, Flag, Found, Moment, Question, Told};

/// Longest text of a fact that people read, in characters.
const DETAIL_CHARS_MAX: usize = 300;
/// Longest text of a fact that policy reads, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;
/// Most texts of a list.
const LIST_MAX: usize = 100;

/// What was found out about one action.
pub(crate) struct Established {
    pub(crate) signals: Signals,
    /// What policy reads: nothing that is unknown.
    pub(crate) values: BTreeMap<String, TypedValue>,
    /// What people read: what is true and what nobody knows.
    pub(crate) shown: Vec<Fact>,
}

/// Asks whoever knows.
pub(crate) async fn establish(facts: &dyn Facts, question: &Question<'_>) -> Established {
    let moment = facts.moment(question).await;
    let mut told = if question.queries.is_empty() {
        BTreeMap::new()
    } else {
        facts.look_up(question).await
    };
    let mut shown = shown_of(&moment);
    let mut values = BTreeMap::new();
    for query in question.queries {
        let nobody = || {
            let why = format!("nothing here answers `{}`", query.recipe);
            Told::unknown(&query.recipe, why)
        };
        let told = told.remove(&query.name).unwrap_or_else(nobody);
        shown.push(answered(query, told, &mut values));
    }
    Established {
        signals: signals(&moment),
        values,
        shown,
    }
}

/// What the operator's catalogue and the descriptor say of the action.
pub(crate) fn by_the_book(read: &Described, resource: &ResourceFacts) -> Vec<Fact> {
    let known = |label: &str, value: Option<String>, from: &str, why: &str| Fact {
        label: label.to_owned(),
        source: if value.is_some() {
            Source::Verified
        } else {
            Source::Unknown
        },
        from: if value.is_some() { from } else { why }.to_owned(),
        value: value.unwrap_or_default(),
        age_seconds: 0,
        refuted: false,
    };
    let word = |word: Option<&str>| word.map(str::to_owned);
    let catalogue = |label: &str, value| {
        let why = "nobody has said it of this resource";
        known(label, value, "the gate's catalogue", why)
    };
    let descriptor = |label: &str, value| known(label, value, "the descriptor", "nobody can say");
    vec![
        catalogue(
            "environment",
            word(resource.environment.get().map(|value| value.as_str())),
        ),
        catalogue("zone", resource.zone.get().cloned()),
        catalogue(
            "sensitivity",
            word(read.sensitivity.get().map(|value| value.as_str())),
        ),
        catalogue("resource owner", resource.owner.get().cloned()),
        descriptor("quantity", read.quantity.get().copied().map(grouped)),
        descriptor(
            "reversibility",
            word(read.reversibility.get().map(|value| value.as_str())),
        ),
    ]
}

/// What the limits of an approval are worth at a system that cannot enforce them finely, and whether that people stand in for it was
/// looked at in time (M054). Nothing where enforcement is fine, or nobody has said how it is.
pub(crate) fn compensating(entry: Option<&CatalogEntry>, now: Timestamp) -> Vec<Fact> {
    let Some(entry) = entry.filter(|entry| entry.legacy_coarse == Some(true)) else {
        return Vec::new();
    };
    let said = |label: &str, value: String, refuted: bool| Fact {
        label: label.to_owned(),
        value,
        source: Source::Verified,
        from: "the gate's catalogue".to_owned(),
        age_seconds: 0,
        refuted,
    };
    let coarse =
        "coarse: nothing there stops more than what was approved, so people stand in for that";
    let (kept, how) = if entry.is_overdue(now) {
        ("no", "was to be looked at again by")
    } else {
        ("yes", "is looked at again by")
    };
    let day = entry.review_by.map(|by| by.to_string());
    let day = day.as_deref().and_then(|by| by.get(..10));
    let control = format!(
        "{kept}: that they do {how} {}",
        day.unwrap_or("a day that nobody has said")
    );
    vec![
        said("enforcement at the target", coarse.to_owned(), false),
        said(
            "compensating control reviewed in time",
            control,
            kept == "no",
        ),
    ]
}

fn signals(moment: &Moment) -> Signals {
    let flag = |told: &Told<Flag>| Known::from(told.answer.as_ref().ok().map(|flag| flag.set));
    Signals {
        outside_hours: flag(&moment.outside_hours),
        weekend: flag(&moment.weekend),
        holiday: flag(&moment.holiday),
        change_freeze: flag(&moment.change_freeze),
        burst: Known::unknown(),
        wide: Known::unknown(),
        new_resource: Known::unknown(),
        flagged: Known::unknown(),
    }
}

/// What is unusual about the moment is shown, and what nobody knows about it; an ordinary moment says nothing.
fn shown_of(moment: &Moment) -> Vec<Fact> {
    let mut shown: Vec<Fact> = Vec::new();
    for (label, told) in [
        ("outside working hours", &moment.outside_hours),
        ("weekend", &moment.weekend),
        ("holiday", &moment.holiday),
        ("change freeze", &moment.change_freeze),
    ] {
        match &told.answer {
            Ok(flag) if !flag.set => {}
            Ok(flag) => shown.push(Fact {
                label: label.to_owned(),
                value: short(&flag.detail),
                source: Source::Verified,
                from: short(&told.from),
                age_seconds: told.age_seconds,
                refuted: false,
            }),
            Err(why) => {
                let why = short(&format!("{}: {why}", told.from));
                let same = |fact: &&mut Fact| fact.source == Source::Unknown && fact.from == why;
                // What is unknown for one reason is said once.
                match shown.iter_mut().find(same) {
                    Some(fact) => fact.label = format!("{}, {label}", fact.label),
                    None => shown.push(unknown(label, why)),
                }
            }
        }
    }
    shown
}

/// One answer, for people; for policy too, if it is one and of the type that was declared.
fn answered(
    query: &FactQuery,
    told: Told<Found>,
    values: &mut BTreeMap<String, TypedValue>,
) -> Fact {
    let found = match told.answer {
        Ok(found) => found,
        Err(why) => {
            let why = short(&format!("{}: {why}", told.from));
            return unknown(&query.label, why);
        }
    };
    if !fits(query.type_, &found.value) {
        let why = format!("{}: the answer is not of the declared type", told.from);
        return unknown(&query.label, short(&why));
    }
    let refuted = found.value == TypedValue::Bool(false);
    values.insert(query.name.clone(), found.value);
    Fact {
        label: query.label.clone(),
        value: short(&found.detail),
        source: Source::Verified,
        from: short(&told.from),
        age_seconds: told.age_seconds,
        refuted,
    }
}

fn unknown(label: &str, why: String) -> Fact {
    Fact {
        label: label.to_owned(),
        value: String::new(),
        source: Source::Unknown,
        from: why,
        age_seconds: 0,
        refuted: false,
    }
}

fn fits(type_: ValueType, value: &TypedValue) -> bool {
    let safe = |number: &i64| number.unsigned_abs() <= INT_MAX.unsigned_abs();
    let text = |text: &String| text.len() <= TEXT_BYTES_MAX;
    match (type_, value) {
        (ValueType::Integer, TypedValue::Integer(number)) => safe(number),
        (ValueType::Decimal { scale: wanted }, TypedValue::Decimal { unscaled, scale }) => {
            wanted == *scale && safe(unscaled)
        }
        (ValueType::String, TypedValue::Text(value)) => text(value),
        (ValueType::StringList, TypedValue::TextList(values)) => {
            values.len() <= LIST_MAX && values.iter().all(text)
        }
        (ValueType::Bool, TypedValue::Bool(_)) => true,
        _ => false,
    }
}

/// Text of a source, as it may stand on a page: bounded, on one line, without anything that is not visible.
pub(crate) fn short(text: &str) -> String {
    let mut chars = text
        .chars()
        .map(|c| if hazard(c).is_none() { c } else { ' ' });
    let mut out: String = chars.by_ref().take(DETAIL_CHARS_MAX).collect();
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(set: bool) -> Told<Flag> {
        Told {
            answer: Ok(Flag {
                set,
                detail: "Saturday 19:42".to_owned(),
            }),
            from: "calendar `berlin`".to_owned(),
            age_seconds: 7,
        }
    }

    #[test]
    fn what_is_unusual_is_shown_with_source_and_age_and_what_is_usual_is_not() {
        let moment = Moment {
            outside_hours: flag(true),
            weekend: flag(false),
            holiday: Told::unknown("calendar `berlin`", "it ends in 2026"),
            change_freeze: Told::unknown("calendar `berlin`", "it ends in 2026"),
        };
        let shown = shown_of(&moment);
        let seen: Vec<_> = shown
            .iter()
            .map(|fact| (fact.label.as_str(), fact.source, fact.age_seconds))
            .collect();
        let wanted = [
            ("outside working hours", Source::Verified, 7),
            ("holiday, change freeze", Source::Unknown, 0),
        ];
        assert_eq!(seen, wanted);
        assert!(shown[1].from.contains("it ends in 2026") && shown[1].value.is_empty());
        let signals = signals(&moment);
        assert_eq!(signals.outside_hours.get(), Some(&true));
        assert_eq!(signals.weekend.get(), Some(&false));
        assert!(!signals.holiday.is_known() && !signals.change_freeze.is_known());
    }

    fn query(type_: ValueType) -> FactQuery {
        FactQuery {
            name: "incident".to_owned(),
            label: "Incident".to_owned(),
            type_,
            recipe: "lookup.incident".to_owned(),
        }
    }

    fn told(value: TypedValue) -> Told<Found> {
        Told {
            answer: Ok(Found {
                value,
                detail: "yes\u{202e}\n!".to_owned(),
            }),
            from: "look-up".to_owned(),
            age_seconds: 3,
        }
    }

    #[test]
    fn an_answer_of_another_type_is_unknown() {
        let mut values = BTreeMap::new();
        let bool_ = query(ValueType::Bool);
        let fact = answered(&bool_, told(TypedValue::Bool(true)), &mut values);
        assert_eq!(
            (fact.source, fact.value.as_str()),
            (Source::Verified, "yes  !")
        );
        assert_eq!(values.remove("incident"), Some(TypedValue::Bool(true)));
        assert!(!fact.refuted);
        // A no was found out as well, and is marked, so that nobody takes the word VERIFIED for a yes.
        let fact = answered(&bool_, told(TypedValue::Bool(false)), &mut values);
        assert!(fact.source == Source::Verified && fact.refuted);
        assert_eq!(values.remove("incident"), Some(TypedValue::Bool(false)));
        for (type_, value) in [
            (ValueType::Bool, TypedValue::Text("true".to_owned())),
            (ValueType::Integer, TypedValue::Integer(i64::MAX)),
            (ValueType::String, TypedValue::Text("x".repeat(2_000))),
        ] {
            let fact = answered(&query(type_), told(value), &mut values);
            assert_eq!(fact.source, Source::Unknown);
            assert!(values.is_empty());
        }
    }
}
