//! What the operator says about resources: environment, zone, sensitivity, owner. Nothing said is unknown, and unknown
//! can only make an outcome stricter.

use gatehold_core::context::ResourceFacts;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::ids::{ResourceId, TargetId};
use gatehold_core::known::Known;
use gatehold_core::time::Timestamp;

const DAY_SECONDS: u32 = 86_400;

/// One line of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct CatalogEntry {
    /// The target it is on; `None` is any.
    pub target: Option<TargetId>,
    /// A resource, or a prefix that ends in `/`.
    pub resource: String,
    /// Which world it belongs to.
    pub environment: Option<Environment>,
    /// A trust zone.
    pub zone: Option<String>,
    /// How sensitive its data is.
    pub sensitivity: Option<Sensitivity>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// It cannot enforce fine-grained policy itself (M054).
    pub legacy_coarse: Option<bool>,
    /// The day, by its first second, until which it must be looked at again whether people standing in for that is enough.
    pub review_by: Option<Timestamp>,
}

impl CatalogEntry {
    /// People stand in for a control that its system lacks, and nobody has looked in time at whether that is enough.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let over = |day: Timestamp| now >= day.plus_seconds(DAY_SECONDS);
        self.legacy_coarse == Some(true) && self.review_by.is_none_or(over)
    }
}

/// The catalogue. The longest match says everything: entries are not merged.
#[derive(Debug, Clone, Default)]
pub struct Catalog(Vec<CatalogEntry>);

impl Catalog {
    /// A catalogue of these entries.
    #[must_use]
    pub fn new(mut entries: Vec<CatalogEntry>) -> Self {
        entries.sort_by_key(|entry| core::cmp::Reverse(entry.resource.len()));
        Self(entries)
    }

    /// The line that speaks for a resource.
    #[must_use]
    pub fn line(&self, target: &TargetId, resource: &ResourceId) -> Option<&CatalogEntry> {
        let name = resource.as_str();
        self.0.iter().find(|entry| {
            entry.target.as_ref().is_none_or(|named| named == target)
                && (entry.resource == name
                    || entry.resource.ends_with('/') && name.starts_with(&entry.resource))
        })
    }

    /// What is known about a resource.
    #[must_use]
    pub fn facts(&self, target: &TargetId, resource: &ResourceId) -> ResourceFacts {
        let entry = self.line(target, resource).cloned().unwrap_or_default();
        ResourceFacts {
            id: resource.clone(),
            environment: Known::from(entry.environment),
            zone: Known::from(entry.zone),
            sensitivity: Known::from(entry.sensitivity),
            owner: Known::from(entry.owner),
            legacy_coarse: Known::from(entry.legacy_coarse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_match_speaks_and_silence_is_unknown() {
        let entry = |resource: &str, sensitivity| CatalogEntry {
            resource: resource.to_owned(),
            sensitivity: Some(sensitivity),
            ..CatalogEntry::default()
        };
        let catalog = Catalog::new(vec![
            entry("shop/", Sensitivity::Internal),
            entry("shop/payments", Sensitivity::Restricted),
        ]);
        let target = "sql:shop".parse().unwrap();
        let of = |name: &str| catalog.facts(&target, &name.parse().unwrap()).sensitivity;
        assert_eq!(of("shop/orders").get(), Some(&Sensitivity::Internal));
        assert_eq!(of("shop/payments").get(), Some(&Sensitivity::Restricted));
        assert!(!of("hr/people").is_known());
    }

    #[test]
    fn m054_a_compensating_control_is_overdue_after_its_day_and_without_one() {
        let day = Timestamp::from_millis(86_400_000 * 365);
        let entry = |legacy_coarse, review_by| CatalogEntry {
            legacy_coarse,
            review_by,
            ..CatalogEntry::default()
        };
        let coarse = entry(Some(true), Some(day));
        assert!(!coarse.is_overdue(day));
        assert!(!coarse.is_overdue(day.plus_seconds(86_399)));
        assert!(coarse.is_overdue(day.plus_seconds(86_400)));
        assert!(entry(Some(true), None).is_overdue(day));
        // Where the system enforces, or nobody has said how it does, no person stands in for it by the catalogue.
        assert!(!entry(Some(false), None).is_overdue(day));
        assert!(!entry(None, None).is_overdue(day));

        let said = |entry: &CatalogEntry, now| crate::facts::compensating(Some(entry), now);
        let facts = said(&coarse, day);
        assert_eq!(facts.len(), 2);
        assert_eq!(
            facts[1].value,
            "yes: that they do is looked at again by 1971-01-01"
        );
        assert!(!facts[1].refuted);
        let late = said(&coarse, day.plus_seconds(86_400));
        assert_eq!(
            late[1].value,
            "no: that they do was to be looked at again by 1971-01-01"
        );
        assert!(late[1].refuted);
        assert!(said(&entry(Some(false), None), day).is_empty());
        assert!(said(&entry(None, None), day).is_empty());
    }
}
