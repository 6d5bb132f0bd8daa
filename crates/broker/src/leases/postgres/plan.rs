//! What would be made, out of the approved bytes and the configuration alone.

use gatehold_core::lease::{Plan, RevocationClass};
use gatehold_gate::ports::issuer::{IssueTerms, NotIssuable};

use super::Roles;
use super::names::Name;
use crate::leases::asked::{Asked, texts};

/// What stands in front of the group in an entitlement.
const ENTITLEMENT: &str = "role ";

/// The server itself lets nobody log in after `VALID UNTIL`. Sessions it does not end: the gate does.
pub(crate) fn terms(coarse: bool) -> IssueTerms {
    let enforces = ["not_after"].into_iter().chain(coarse.then_some("coarse"));
    IssueTerms {
        class: RevocationClass::Immediate,
        enforces: enforces.map(str::to_owned).collect(),
    }
}

/// The role that would be made, and how it would be taken away.
pub(crate) fn plan(target: &Roles, asked: Asked<'_>, handle: Name) -> Result<Plan, NotIssuable> {
    let no = |text: &str| Err(NotIssuable(text.to_owned()));
    if !asked.caps.is_empty() {
        return no(
            "a role of a database keeps no caps: leave them out, or ask for a statement instead",
        );
    }
    if asked.precondition.is_some() {
        return no(
            "a role of a database keeps no precondition: leave it out, or ask for a statement instead",
        );
    }
    if asked.media_type != "application/json" {
        return no("write the role as application/json: {\"role\": \"…\"}");
    }
    let group = texts(asked.payload, ["role"])
        .and_then(|[text]| target.roles.iter().find(|known| known.as_str() == text))
        .ok_or_else(|| not_given(target))?;
    let recipe = target.recipe(&handle, entitlement(group));
    recipe
        .check()
        .map_err(|error| NotIssuable(error.to_string()))?;
    Ok(Plan {
        recipe,
        class: RevocationClass::Immediate,
    })
}

/// What membership in a group is called in a recipe.
pub(super) fn entitlement(group: &Name) -> String {
    format!("{ENTITLEMENT}{}", group.as_str())
}

/// The group of a recipe.
pub(super) fn group(entitlement: &str) -> Option<Name> {
    Name::new(entitlement.strip_prefix(ENTITLEMENT)?).ok()
}

fn not_given(target: &Roles) -> NotIssuable {
    let roles: Vec<&str> = target.roles.iter().map(Name::as_str).collect();
    NotIssuable(format!(
        "write exactly {{\"role\": \"…\"}} with a role that this target gives: {}",
        roles.join(", ")
    ))
}
