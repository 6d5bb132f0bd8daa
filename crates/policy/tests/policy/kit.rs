//! Small bundles and questions for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gatehold_core::context::{PolicyInput, Principal};
use gatehold_core::known::Known;
use gatehold_core::verdict::Verdict;
use gatehold_core::workload::WorkloadKind;
use gatehold_policy::bundle::Files;
use gatehold_policy::{Bundle, BundleProblem};

pub(crate) const HEADER: &str = r#"
name = "kit"
version = 1
profile = "test"
owner = "owners"
rationale = "tests"
routine = []
"#;

/// A checkpoint that may require inputs.
pub(crate) fn checkpoint(name: &str, requires: &str) -> String {
    format!(
        r#"
name = "{name}"
title = "At {name}"
owner = "owners"
rationale = "tests"
justification = "impact"
eligible = {{ teams = ["owners"], humans = [] }}
alternatives = [{{ seats = 1, factor = "software" }}]
separate = false
criteria = []
decide_within_seconds = 60
spend_within_seconds = 60
escalation = []
limits = {{ ttl_seconds = 60, uses = 1, caps = {{}} }}
requires = [{requires}]
"#
    )
}

pub(crate) fn descriptor(id: &str, effect: &str, reversibility: &str) -> String {
    format!(
        r#"
id = "{id}"
version = 1
title = "{id}"
effects = ["{effect}"]
reversibility = "{reversibility}"
media_types = ["application/json"]
payload = "json"
fields = [{{ name = "n", pointer = "/n", label = "N", type = "integer", required = false }}]
quantity = "one"
recipients = "nobody"
sensitivity = "resource"
sentence = "{{workload}} does {id}"
criteria = []
requires = []
downstream = {{ declared = [] }}
infers = []
facts = [{{ name = "rows", label = "Rows", type = "integer", recipe = "none" }}]
dry_run = "none"
revocation = "none"
executor = {{ kind = "http", caps = ["rows"] }}
"#
    )
}

/// The files of a small bundle with these rules.
pub(crate) fn files(rules: &str) -> BTreeMap<String, String> {
    [
        ("bundle.toml", HEADER.to_owned()),
        ("rules.cedar", rules.to_owned()),
        ("checkpoints/one.toml", checkpoint("one", "")),
        ("checkpoints/two.toml", checkpoint("two", "")),
        ("checkpoints/asks.toml", checkpoint("asks", "\"facts.rows\"")),
        ("descriptors/x.read.toml", descriptor("x.read", "read", "read_only")),
        ("descriptors/x.write.toml", descriptor("x.write", "state_change", "reversible")),
        (
            "tests/calm.toml",
            "[[case]]\nname = \"read\"\ndescriptor = \"x.read\"\npayload = \"{}\"\nexpect = \"allow\"\n\
             [[case]]\nname = \"write\"\ndescriptor = \"x.write\"\npayload = \"{}\"\nexpect = \"allow\"\n"
                .to_owned(),
        ),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .into()
}

pub(crate) fn bundle_of(
    files: BTreeMap<String, String>,
) -> Result<Arc<Bundle>, Vec<BundleProblem>> {
    Bundle::from_bytes(&Files::checked(files)?.to_bytes()).map(Arc::new)
}

/// One rule with the annotations every rule needs.
pub(crate) fn rule(id: &str, annotations: &str, text: &str) -> String {
    let attest = if text.starts_with("permit") {
        "@attest_by(\"2030-01-01\")"
    } else {
        ""
    };
    format!("@id(\"{id}\") @owner(\"o\") @rationale(\"r\") {attest} {annotations}\n{text}\n")
}

pub(crate) fn permit_all() -> String {
    rule("permit-all", "", "permit (principal, action, resource);")
}

pub(crate) fn bundle(rules: &str) -> Arc<Bundle> {
    bundle_of(files(rules)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The calm question about `x.read` or `x.write`, as the kit's cases ask it.
pub(crate) fn question(bundle: &Bundle, descriptor: &str) -> PolicyInput {
    let case = bundle
        .cases()
        .iter()
        .find(|case| case.descriptor.as_str() == descriptor)
        .unwrap();
    case.input(bundle).unwrap()
}

pub(crate) fn workload(id: &str, kind: WorkloadKind, teams: &[&str], owner: &str) -> Principal {
    Principal::Workload {
        id: id.parse().unwrap(),
        kind,
        teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
        owner: owner.parse().unwrap(),
    }
}

/// `allow`, `deny`, or the names of the checkpoints.
pub(crate) fn outcome(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Hold(requirement) => {
            let names: BTreeSet<String> = requirement
                .checkpoints()
                .map(|(_, c)| c.name.to_string())
                .collect();
            names.into_iter().collect::<Vec<_>>().join(" ")
        }
        other => other.as_str().to_owned(),
    }
}

pub(crate) fn forget_sensitivity(input: &mut PolicyInput) {
    input.context.sensitivity = Known::unknown();
    input.context = input.context.clone().derived();
}
