//! What differs between two bundles, in words: how many rules, checkpoints, criteria, descriptors and tests there are, and
//! which of them come, go or read otherwise. For whoever decides whether another bundle is to decide.

use std::collections::BTreeMap;

use crate::bundle::Bundle;

/// Most names said in one line; the rest is counted, and stands in the payload.
const NAMES_MAX: usize = 24;

/// One line for each kind of part, whether or not it differs.
#[must_use]
pub fn lines(before: &Bundle, after: &Bundle) -> Vec<String> {
    let rules = |bundle: &Bundle| -> BTreeMap<String, String> {
        let text = |rule: &crate::bundle::Rule| {
            let attested = rule.attest_by.as_deref().unwrap_or_default();
            format!(
                "{} {} {} {attested}",
                rule.policy, rule.owner, rule.rationale
            )
        };
        let rules = bundle.rules().iter();
        rules.map(|rule| (rule.id.clone(), text(rule))).collect()
    };
    let checkpoints = |bundle: &Bundle| {
        let all = bundle.checkpoints().iter();
        all.map(|(name, one)| (name.to_string(), one.definition_hash().to_string()))
            .collect()
    };
    let criteria = |bundle: &Bundle| {
        let all = bundle.criteria().iter();
        all.map(|(name, one)| (name.clone(), format!("{one:?}")))
            .collect()
    };
    let descriptors = |bundle: &Bundle| {
        let all = bundle.descriptors().iter();
        all.map(|(id, one)| (id.to_string(), one.hash().to_string()))
            .collect()
    };
    vec![
        line("rules", &rules(before), &rules(after)),
        line("checkpoints", &checkpoints(before), &checkpoints(after)),
        line("criteria templates", &criteria(before), &criteria(after)),
        line("kinds of action", &descriptors(before), &descriptors(after)),
        format!(
            "{} tests, {} now",
            after.cases().len(),
            before.cases().len()
        ),
    ]
}

fn line(what: &str, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let comes = after.keys().filter(|name| !before.contains_key(*name));
    let goes = before.keys().filter(|name| !after.contains_key(*name));
    let other = after.iter().filter(|(name, text)| {
        let known = before.get(*name);
        known.is_some_and(|known| known != *text)
    });
    let mut said = format!("{} {what}, {} now", after.len(), before.len());
    let mut differs = false;
    for (word, names) in [
        ("REMOVED", goes.collect::<Vec<_>>()),
        ("added", comes.collect()),
        ("changed", other.map(|(name, _)| name).collect()),
    ] {
        if !names.is_empty() {
            differs = true;
            said.push_str(&format!("; {word}: {}", named(&names)));
        }
    }
    if !differs {
        said.push_str("; none differs");
    }
    said
}

fn named(names: &[&String]) -> String {
    let shown: Vec<&str> = names
        .iter()
        .take(NAMES_MAX)
        .map(|name| name.as_str())
        .collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut text = shown.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_comes_goes_and_changes_is_named() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default");
        let before = Bundle::load(&folder).unwrap();
        let none = lines(&before, &before);
        assert!(
            none.iter()
                .take(4)
                .all(|line| line.ends_with("none differs")),
            "{none:?}"
        );
        let text = String::from_utf8(before.to_bytes()).unwrap();
        let text = text
            .replace("Exports and anything sent outside wait", "Exports wait")
            .replace("no-credential-for-local", "no-credential");
        let after = Bundle::from_bytes(text.as_bytes()).unwrap();
        let said = lines(&before, &after);
        let rules = before.rules().len();
        assert_eq!(
            said[0],
            format!(
                "{rules} rules, {rules} now; REMOVED: no-credential-for-local; added: no-credential; changed: hold-release"
            )
        );
        assert!(said[1].ends_with("none differs"), "{said:?}");
    }
}
