//! Caps: an upper bound that somebody names must be one that the target keeps, or people decide about what can only fail.

use gatehold_core::action::Action;
use gatehold_core::descriptor::{Descriptor, ExecutorKind};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;

use crate::gate::{Active, Gate};

impl Gate {
    /// The caps that a target keeps. `uses` and `coarse` are said of a target and are no caps.
    fn kept_caps(&self, target: &str) -> Vec<String> {
        let said = self.inner.parts.executor.enforces(target).into_iter();
        said.filter(|name| !["uses", "coarse"].contains(&name.as_str()))
            .collect()
    }

    /// The caps that are kept when something of this kind is done at this target: by what the target keeps where the gate calls
    /// it, by what the descriptor says elsewhere.
    fn caps_kept_for(&self, target: &str, descriptor: &Descriptor) -> Vec<String> {
        match descriptor.executor.kind {
            ExecutorKind::Http | ExecutorKind::Sql => self.kept_caps(target),
            ExecutorKind::Broker => self.kept_by_broker(target),
            ExecutorKind::Gate => descriptor.executor.caps.iter().cloned().collect(),
        }
    }

    /// What a broker's target keeps of caps; `uses`, `not_after` and `session_end` are limits of every grant, and no caps.
    fn kept_by_broker(&self, target: &str) -> Vec<String> {
        let terms = self.issuer().terms(target);
        let said = terms.map(|terms| terms.enforces).unwrap_or_default();
        said.into_iter()
            .filter(|name| !["uses", "coarse", "not_after", "session_end"].contains(&name.as_str()))
            .collect()
    }

    /// The caps that are kept when this request is executed: none where its kind of action is not in the active bundle any more.
    pub(crate) fn caps_kept_at(&self, record: &RequestRecord, active: &Active) -> Vec<String> {
        let envelope = &record.envelope;
        let descriptor = active.bundle.descriptors().get(&envelope.descriptor.id);
        descriptor.map_or_else(Vec::new, |descriptor| {
            self.caps_kept_for(envelope.target.as_str(), descriptor)
        })
    }

    /// A cap of the request itself is refused before anybody is asked about it when it is not kept.
    pub(crate) fn check_asked_caps(
        &self,
        action: &Action,
        descriptor: &Descriptor,
    ) -> Result<(), Refusal> {
        let envelope = action.envelope();
        let kept = self.caps_kept_for(envelope.target.as_str(), descriptor);
        kept_or_refused(envelope.caps.keys(), &kept)
    }
}

/// Refuses the first cap that is not among those that are kept.
pub(crate) fn kept_or_refused<'a>(
    mut caps: impl Iterator<Item = &'a String>,
    kept: &[String],
) -> Result<(), Refusal> {
    let Some(cap) = caps.find(|cap| !kept.contains(cap)) else {
        return Ok(());
    };
    Err(Refusal::CapNotEnforced {
        cap: cap.clone(),
        enforced: if kept.is_empty() {
            "none".to_owned()
        } else {
            kept.join(", ")
        },
    })
}
