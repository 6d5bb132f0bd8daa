//! The reference page of everything policy can read, generated from the documented list.

use std::fmt::Write as _;

use gatehold_core::context::{Context, FieldType};

/// The page docs/reference/policy-context.md, as it must be.
#[must_use]
pub fn context_page() -> String {
    let mut page = String::from(HEAD);
    page.push_str("| name | type | what it is |\n|---|---|---|\n");
    for field in Context::documented() {
        let type_ = match field.type_ {
            FieldType::Bool => "Bool",
            FieldType::Integer => "Long",
            FieldType::Text => "String",
            FieldType::TextSet => "Set of String",
        };
        let type_ = if field.may_be_unknown() {
            format!("`{{known, value: {type_}}}`")
        } else {
            format!("`{type_}`")
        };
        let words = match field.words {
            [] => String::new(),
            words => format!(" One of `{}`.", words.join("`, `")),
        };
        let never = match field.always {
            None => String::new(),
            Some(value) => format!(" **Not computed in this version: always {value}.**"),
        };
        let _ = writeln!(
            page,
            "| `context.{}` | {type_} | {}{words}{never} |",
            field.path, field.doc
        );
    }
    page.push_str(TAIL);
    page
}

const HEAD: &str = "\
# What policy can read

Generated from the documented context; a test compares this page with it. Change `crates/core/src/context/documented.rs`
and run `cargo run -p gatehold-policy --example policy_context > docs/reference/policy-context.md`.

There are no optional attributes. What may be unknown is `{known, value}` and always filled. A rule reads `.value` only
where `.known` is certain, and an unknown may only make it stricter: `x.known && x.value …` in a permit, `!x.known || …`
in a forbid. `has` is refused. What people approved is not here: it is never an input of policy.

Some names stand for what this version does not compute. They are marked, and `gatehold policy lint` names every rule that reads
one. What is always false keeps a rule from ever matching: `hold-untrusted` and `hold-exception` of the default pack
hold nothing yet, and content that strangers can write is recognised by nobody. Told as unknown they would hold every action.

";

const TAIL: &str = "
What each descriptor declares is read beside this, always as `{known, value}`:

| name | type | what it is |
|---|---|---|
| `context.fields.<name>` | by declaration | A declared field of the payload. A decimal is the integer of its smallest unit. Unknown when the payload is uninspectable. |
| `context.facts.<name>` | by declaration | A fact that the gate found out itself: [facts.md](facts.md). Unknown where nothing is configured to find it out. |
| `context.caps.<name>` | Long | An upper bound that the requester accepted and the executor enforces. |

Principals are `Workload` (in its `Kind`, its `Team`s and its `Owner`) and `Human` (in their `Team`s). An action is
`Action::\"<descriptor id>\"`, in `Action::\"effect:<class>\"`, `Action::\"reversibility:<word>\"` and `Action::\"executor:<kind>\"`.
Groups hold only what the descriptor declares; `context.effects` holds what was inferred as well, so a rule about an effect
reads `context.effects.contains(\"…\")`. A resource is `Resource::\"a/b/c\"`, in `Folder::\"a/\"` and `Folder::\"a/b/\"`, with `resource.environment`,
`resource.zone`, `resource.sensitivity`, `resource.owner` and `resource.legacy_coarse`, each `{known, value}`.
";

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_the_one_in_the_repository() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/reference/policy-context.md"
        );
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            page,
            super::context_page(),
            "run the example named on the page"
        );
    }
}
