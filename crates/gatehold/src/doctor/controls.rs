//! What `gatehold doctor` says of systems that cannot enforce what is decided: who answers for each, and by when somebody looks again
//! at whether people standing in for that is enough (M054).

use gatehold_core::time::Timestamp;
use gatehold_gate::CatalogEntry;

use super::{Level, Report};

/// Each of them, in the order of the configuration.
pub(super) fn controls(report: &mut Report, resources: &[CatalogEntry], now: Timestamp) {
    for (late, text) in listed(resources, now) {
        report.say(if late { Level::See } else { Level::Ok }, text);
    }
}

fn listed(resources: &[CatalogEntry], now: Timestamp) -> Vec<(bool, String)> {
    let coarse = resources
        .iter()
        .filter(|entry| entry.legacy_coarse == Some(true));
    let line = |entry: &CatalogEntry| {
        let late = entry.is_overdue(now);
        let owner = entry.owner.as_deref().unwrap_or("UNKNOWN");
        let day = entry.review_by.map(|by| by.to_string());
        let day = day.as_deref().and_then(|by| by.get(..10));
        let day = day.unwrap_or("a day that nobody has said");
        let when = if late {
            format!("was to be looked at again by {day}: do so, and then move `review_by`")
        } else {
            format!("is looked at again by {day}")
        };
        let name = &entry.resource;
        let text = format!(
            "controls: {name} (owner {owner}) enforces coarsely; that people stand in for it {when}"
        );
        (late, text)
    };
    coarse.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m054_every_compensating_control_is_listed_and_one_that_is_overdue_is_worth_seeing() {
        let entry = |name: &str, coarse, day: Option<&str>| CatalogEntry {
            resource: name.to_owned(),
            owner: Some("ann@acme".to_owned()),
            legacy_coarse: coarse,
            review_by: day.and_then(crate::parse::day),
            ..CatalogEntry::default()
        };
        let resources = [
            entry("fine/", Some(false), None),
            entry("old/", Some(true), Some("2027-06-30")),
            entry("unsaid/", None, None),
            entry("older/", Some(true), Some("2026-06-30")),
        ];
        let now = crate::parse::day("2026-07-01").unwrap();
        assert_eq!(
            listed(&resources, now),
            [
                (
                    false,
                    "controls: old/ (owner ann@acme) enforces coarsely; that people stand in for it is looked at again by 2027-06-30"
                        .to_owned()
                ),
                (
                    true,
                    "controls: older/ (owner ann@acme) enforces coarsely; that people stand in for it was to be looked at again by \
                     2026-06-30: do so, and then move `review_by`"
                        .to_owned()
                ),
            ]
        );
    }
}
