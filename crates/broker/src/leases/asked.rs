//! What of an action counts for a broker.

use std::collections::BTreeMap;

use gatehold_core::action::Action;
use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;

pub(crate) struct Asked<'a> {
    pub(crate) media_type: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) caps: &'a BTreeMap<String, u64>,
    pub(crate) precondition: Option<&'a str>,
}

impl<'a> From<&'a Action> for Asked<'a> {
    fn from(action: &'a Action) -> Self {
        let envelope = action.envelope();
        Self {
            media_type: &envelope.payload.media_type,
            payload: action.payload(),
            caps: &envelope.caps,
            precondition: envelope.precondition.as_deref(),
        }
    }
}

/// The members of a JSON object of texts that has exactly these names, in their order.
pub(crate) fn texts<const N: usize>(payload: &[u8], names: [&str; N]) -> Option<[String; N]> {
    let document = payload::parse(payload, &Limits::PAYLOAD).ok()?;
    let members = document.as_object()?;
    if members.len() != N {
        return None;
    }
    let text = |name: &str| match members.iter().find(|(known, _)| known == name) {
        Some((_, Json::String(text))) => Some(text.clone()),
        _ => None,
    };
    let found: Vec<String> = names.iter().filter_map(|name| text(name)).collect();
    found.try_into().ok()
}
