//! What a requester says, flattened to names and texts. Who may vouch for a prompt is checked here, because only this
//! layer knows what kind of key signed.

use std::collections::BTreeMap;

use gatehold_client::wire::{Claims as Said, PromptSource};
use gatehold_core::decide::Claims;

use crate::problem::ApiError;

/// Flattens claims. `observed` says that an enforcement point submits, which may have seen the human type the prompt.
pub(in crate::api) fn claims(said: Said, observed: bool) -> Result<Claims, ApiError> {
    let prompt_source = match said.prompt_source {
        None => None,
        Some(PromptSource::Claimed) => Some("claimed"),
        Some(PromptSource::Observed) if observed => Some("observed"),
        Some(PromptSource::Observed) => {
            return Err(refuse(
                "only an enforcement point observes a prompt; say `claimed`",
            ));
        }
        Some(PromptSource::HumanSigned) => {
            return Err(refuse(
                "no signature of a human comes with this call; say `claimed`",
            ));
        }
    };
    let named = [
        ("reason", said.reason),
        ("prompt", said.prompt),
        ("prompt_source", prompt_source.map(str::to_owned)),
        ("model_recommendation", said.model_recommendation),
        ("ticket", said.ticket),
        ("rollback_plan", said.rollback_plan),
        ("tests", said.tests),
    ];
    let named = named
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), text?)));
    let evidence = said
        .evidence
        .into_iter()
        .zip(1_u32..)
        .map(|(text, number)| (format!("evidence.{number}"), text));
    let mut claims = BTreeMap::new();
    for (name, text) in named.chain(evidence).chain(said.more) {
        if claims.insert(name, text).is_some() {
            return Err(ApiError::Member {
                member: "more",
                why: "a name in it stands for another claim already".to_owned(),
            });
        }
    }
    Ok(Claims(claims))
}

fn refuse(why: &str) -> ApiError {
    ApiError::Member {
        member: "prompt_source",
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_keeps_its_name_and_none_is_lost() {
        let said = Said {
            reason: Some("r".into()),
            evidence: vec!["a".into(), "b".into()],
            more: [("x".into(), "y".into())].into(),
            prompt_source: Some(PromptSource::Claimed),
            ..Said::default()
        };
        let names: Vec<_> = claims(said, false).unwrap().0.into_keys().collect();
        assert_eq!(
            names,
            ["evidence.1", "evidence.2", "prompt_source", "reason", "x"]
        );
    }

    #[test]
    fn nobody_vouches_for_a_prompt_who_did_not_see_it() {
        let with = |source| Said {
            prompt_source: Some(source),
            ..Said::default()
        };
        assert!(claims(with(PromptSource::Observed), true).is_ok());
        assert!(claims(with(PromptSource::Observed), false).is_err());
        assert!(claims(with(PromptSource::HumanSigned), true).is_err());
        let doubled = Said {
            reason: Some("r".into()),
            more: [("reason".into(), "other".into())].into(),
            ..Said::default()
        };
        assert!(claims(doubled, false).is_err());
    }
}
