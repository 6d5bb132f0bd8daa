//! What the operator says about resources: environment, zone, sensitivity, owner. Nothing said is unknown, and unknown
//! can only make an outcome stricter.

use gatehold_core::context::ResourceFacts;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::ids::{ResourceId, TargetId};
use gatehold_core::known::Known;

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

    /// What is known about a resource.
    #[must_use]
    pub fn facts(&self, target: &TargetId, resource: &ResourceId) -> ResourceFacts {
        let name = resource.as_str();
        let found = self.0.iter().find(|entry| {
            entry.target.as_ref().is_none_or(|named| named == target)
                && (entry.resource == name
                    || entry.resource.ends_with('/') && name.starts_with(&entry.resource))
        });
        let entry = found.cloned().unwrap_or_default();
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
}
