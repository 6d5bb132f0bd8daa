//! A question about an action on `shop/orders`, for tests of sources.

use std::collections::BTreeMap;

use gatehold_core::action::{DescriptorRef, Envelope, PayloadRef};
use gatehold_core::context::{ResourceFacts, TypedValue};
use gatehold_core::decide::Claims;
use gatehold_core::descriptor::{FactQuery, ValueType};
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::known::Known;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::facts::Question;

/// What a question borrows.
pub(super) struct Asked {
    pub(super) owner: HumanId,
    pub(super) envelope: Envelope,
    pub(super) resource: ResourceFacts,
    pub(super) queries: Vec<FactQuery>,
    pub(super) fields: BTreeMap<String, TypedValue>,
    pub(super) claims: Claims,
    pub(super) anew: bool,
}

impl Asked {
    pub(super) fn new() -> Self {
        let id = "shop/orders".parse().unwrap();
        let hash = Hash::of(b"");
        Self {
            owner: "tomas@login.acme.example".parse().unwrap(),
            envelope: Envelope {
                descriptor: DescriptorRef {
                    id: "shop.write".parse().unwrap(),
                    hash,
                },
                workload: "deploy-bot".parse().unwrap(),
                task: None,
                target: "sql:shop".parse().unwrap(),
                resource: "shop/orders".parse().unwrap(),
                duration_seconds: 60,
                caps: BTreeMap::new(),
                precondition: None,
                payload: PayloadRef {
                    media_type: "application/json".to_owned(),
                    size: 0,
                    sha256: hash,
                },
            },
            resource: ResourceFacts {
                id,
                environment: Known::unknown(),
                zone: Known::unknown(),
                sensitivity: Known::unknown(),
                owner: Known::unknown(),
                legacy_coarse: Known::unknown(),
            },
            queries: vec![FactQuery {
                name: "incident".to_owned(),
                label: "Incident".to_owned(),
                type_: ValueType::Bool,
                recipe: "lookup.incident".to_owned(),
            }],
            fields: BTreeMap::new(),
            claims: Claims::default(),
            anew: false,
        }
    }

    /// The same with a claim.
    pub(super) fn claiming(name: &str, text: &str) -> Self {
        let mut asked = Self::new();
        asked.claims.0.insert(name.to_owned(), text.to_owned());
        asked
    }

    /// The question at a time: `2026-12-25T09:00:00Z`.
    pub(super) fn at(&self, now: &str) -> Question<'_> {
        let now: jiff::Timestamp = now.parse().unwrap();
        Question {
            now: Timestamp::from_millis(now.as_millisecond()),
            owner: &self.owner,
            envelope: &self.envelope,
            resource: &self.resource,
            queries: &self.queries,
            fields: &self.fields,
            claims: &self.claims,
            anew: self.anew,
        }
    }
}
