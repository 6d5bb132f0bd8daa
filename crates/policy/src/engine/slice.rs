//! Slicing: of all rules only those whose scope can match are evaluated, because Cedar itself walks every one.
//!
//! A rule stands in the bucket of the most telling part of its scope: principal, else resource, else action. A question
//! opens the buckets of its principal, resource and action and all their ancestors, and the bucket of rules without any.
//! So a slice leaves out only rules whose scope cannot match, which the equivalence tests hold it to.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint,
};

use super::CACHE_MAX;
use gatehold_core::context::Context;

use crate::bundle::{Bundle, Effect, parse_policies};
use crate::guard;

/// Rules that can match one question.
pub(super) struct Slice {
    /// Permits and plain forbids.
    pub(super) base: PolicySet,
    /// Checkpoint forbids.
    pub(super) holds: PolicySet,
    /// What any of them reads.
    pub(super) wanted: Wanted,
}

/// The names that a slice's rules read, looked up without building text.
#[derive(Default)]
pub(super) struct Wanted {
    /// By position in the documented list.
    documented: Vec<bool>,
    /// Members of `caps`, `fields` and `facts`, as `fields.amount`.
    declared: HashMap<&'static str, BTreeSet<String>>,
    /// Whether any attribute of the resource is read.
    pub(super) resource: bool,
}

impl Wanted {
    fn of(names: &BTreeSet<String>) -> Self {
        let documented = Context::documented()
            .iter()
            .map(|field| names.contains(&format!("context.{}", field.path)))
            .collect();
        let mut declared: HashMap<&'static str, BTreeSet<String>> = HashMap::new();
        for record in ["caps", "fields", "facts"] {
            let prefix = format!("context.{record}.");
            let members = names.iter().filter_map(|name| name.strip_prefix(&prefix));
            declared.insert(record, members.map(str::to_owned).collect());
        }
        let resource = names.iter().any(|name| name.starts_with("resource."));
        Self {
            documented,
            declared,
            resource,
        }
    }

    pub(super) fn documented(&self, at: usize) -> bool {
        self.documented.get(at).copied().unwrap_or(true)
    }

    pub(super) fn declared(&self, record: &str, name: &str) -> bool {
        self.declared
            .get(record)
            .is_none_or(|names| names.contains(name))
    }
}

/// What is known of one rule by its id.
struct About {
    policy: Policy,
    effect: Effect,
    rationale: String,
    reads: BTreeSet<String>,
}

pub(super) struct Index {
    rules: Vec<About>,
    by_id: HashMap<String, usize>,
    buckets: HashMap<EntityUid, Vec<usize>>,
    unscoped: Vec<usize>,
    whole: Arc<Slice>,
    cache: RefCell<HashMap<Vec<usize>, Arc<Slice>>>,
}

impl Index {
    pub(super) fn new(bundle: &Bundle) -> Self {
        let mut fresh: HashMap<String, Policy> = bundle
            .files()
            .rules()
            .flat_map(|(_, text)| parse_policies(text))
            .map(|policy| (policy.id().to_string(), policy))
            .collect();
        let rules: Vec<About> = bundle
            .rules()
            .iter()
            .map(|rule| About {
                policy: fresh
                    .remove(&rule.id)
                    .unwrap_or_else(|| rule.policy.clone()),
                effect: rule.effect.clone(),
                rationale: rule.rationale.clone(),
                reads: guard::reads(rule).names,
            })
            .collect();
        let by_id = bundle
            .rules()
            .iter()
            .enumerate()
            .map(|(at, rule)| (rule.id.clone(), at))
            .collect();
        let mut buckets: HashMap<EntityUid, Vec<usize>> = HashMap::new();
        let mut unscoped = Vec::new();
        for (at, about) in rules.iter().enumerate() {
            match scope(&about.policy) {
                Scope::Anything => unscoped.push(at),
                Scope::Of(keys) => keys
                    .into_iter()
                    .for_each(|key| buckets.entry(key).or_default().push(at)),
            }
        }
        let whole = Arc::new(slice(rules.iter()));
        Self {
            rules,
            by_id,
            buckets,
            unscoped,
            whole,
            cache: RefCell::default(),
        }
    }

    pub(super) fn whole(&self) -> Arc<Slice> {
        Arc::clone(&self.whole)
    }

    /// The rules that can match a question with these keys.
    pub(super) fn slice<'k>(&self, keys: impl Iterator<Item = &'k EntityUid>) -> Arc<Slice> {
        let mut picked: Vec<usize> = keys
            .filter_map(|key| self.buckets.get(key))
            .flatten()
            .copied()
            .collect();
        picked.extend(&self.unscoped);
        picked.sort_unstable();
        picked.dedup();
        let mut cache = self.cache.borrow_mut();
        if let Some(slice) = cache.get(&picked) {
            return Arc::clone(slice);
        }
        let made = Arc::new(slice(picked.iter().filter_map(|at| self.rules.get(*at))));
        if cache.len() >= CACHE_MAX {
            cache.clear();
        }
        cache.insert(picked, Arc::clone(&made));
        made
    }

    pub(super) fn effect(&self, id: &str) -> Option<&Effect> {
        self.about(id).map(|about| &about.effect)
    }

    pub(super) fn rationale(&self, id: &str) -> &str {
        self.about(id).map_or("", |about| &about.rationale)
    }

    fn about(&self, id: &str) -> Option<&About> {
        self.rules.get(*self.by_id.get(id)?)
    }
}

fn slice<'r>(rules: impl Iterator<Item = &'r About>) -> Slice {
    let mut slice = Slice {
        base: PolicySet::new(),
        holds: PolicySet::new(),
        wanted: Wanted::default(),
    };
    let mut reads = BTreeSet::new();
    for rule in rules {
        let set = if matches!(rule.effect, Effect::Hold(_)) {
            &mut slice.holds
        } else {
            &mut slice.base
        };
        // Ids are distinct in a sound bundle, so adding cannot fail.
        let _ = set.add(rule.policy.clone());
        reads.extend(rule.reads.iter().cloned());
    }
    slice.wanted = Wanted::of(&reads);
    slice
}

enum Scope {
    Anything,
    Of(Vec<EntityUid>),
}

fn scope(policy: &Policy) -> Scope {
    match policy.principal_constraint() {
        PrincipalConstraint::In(uid)
        | PrincipalConstraint::Eq(uid)
        | PrincipalConstraint::IsIn(_, uid) => {
            return Scope::Of(vec![uid]);
        }
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => {}
    }
    match policy.resource_constraint() {
        ResourceConstraint::In(uid)
        | ResourceConstraint::Eq(uid)
        | ResourceConstraint::IsIn(_, uid) => {
            return Scope::Of(vec![uid]);
        }
        ResourceConstraint::Any | ResourceConstraint::Is(_) => {}
    }
    match policy.action_constraint() {
        ActionConstraint::Eq(uid) => Scope::Of(vec![uid]),
        ActionConstraint::In(uids) => Scope::Of(uids),
        ActionConstraint::Any => Scope::Anything,
    }
}
