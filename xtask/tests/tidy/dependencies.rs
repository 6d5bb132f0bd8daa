//! Every direct dependency has a row in docs/dependencies.md, and every row a dependency.

use std::collections::BTreeSet;

use crate::report;
use crate::tree::{members, quoted, table};

#[test]
fn every_direct_dependency_is_explained() {
    let used: BTreeSet<String> = members()
        .iter()
        .flat_map(|member| &member.dependencies)
        .map(|(name, _)| name.clone())
        .filter(|name| !name.starts_with("gatehold-"))
        .collect();
    let explained: BTreeSet<String> = table("docs/dependencies.md", "dependencies")
        .iter()
        .flat_map(|cells| cells.first().map(|cell| quoted(cell)).unwrap_or_default())
        .collect();
    let missing = used
        .difference(&explained)
        .map(|n| format!("docs/dependencies.md does not explain {n}"));
    let stale = explained
        .difference(&used)
        .map(|n| format!("docs/dependencies.md explains {n}, which no crate uses"));
    report(missing.chain(stale).collect());
}
