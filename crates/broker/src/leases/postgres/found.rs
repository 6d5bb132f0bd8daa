//! What stands at the server under this gate's name, whether or not anybody remembers it.

use gatehold_core::lease::Recipe;
use gatehold_gate::ports::issuer::NotTold;

use super::RoleTarget;
use super::names::Name;
use super::plan::entitlement;
use super::talk::{Talk, Trouble};
use crate::leases::handle::Prefix;

/// Most roles that are told of.
const ROLES_MAX: usize = 10_000;

/// Not LIKE: an underscore would stand for any letter there.
const ROLES: &str = "SELECT r.rolname::text, ( \
        SELECT min(g.rolname::text) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) \
    FROM pg_roles r WHERE starts_with(r.rolname::text, $1) ORDER BY 1 LIMIT $2";

/// Every role whose name this gate can have made.
pub(crate) async fn found(target: &RoleTarget, prefix: &Prefix) -> Result<Vec<Recipe>, NotTold> {
    let asked = tokio::time::timeout(target.call_limit(), ask(target, prefix));
    match asked.await {
        Ok(Ok(recipes)) => Ok(recipes),
        Ok(Err(trouble)) => Err(NotTold(format!("{}: {}", trouble.code, trouble.said))),
        Err(_elapsed) => Err(NotTold("the database took too long".to_owned())),
    }
}

async fn ask(target: &RoleTarget, prefix: &Prefix) -> Result<Vec<Recipe>, Trouble> {
    let talk = Talk::open(&target.server, None).await?;
    let limit = i64::try_from(ROLES_MAX)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let rows = talk.rows(ROLES, &[&prefix.as_str(), &limit]).await?;
    if rows.len() > ROLES_MAX {
        let text = format!("more than {ROLES_MAX} roles have this gate's prefix: look at pg_roles");
        return Err(Trouble::new("target_refused", text));
    }
    let mut recipes = Vec::new();
    for row in &rows {
        let (name, group): (String, Option<String>) = (talk.get(row, 0)?, talk.get(row, 1)?);
        let Some(grant) = prefix.grant(&name) else {
            continue;
        };
        let handle = Name::from(&prefix.handle(grant));
        // A role that lost its group on the way out still has to go.
        let group = group.and_then(|group| Name::new(&group).ok());
        let gives = group.map_or_else(|| "no role".to_owned(), |group| entitlement(&group));
        recipes.push(target.gives.recipe(&handle, gives));
    }
    Ok(recipes)
}
