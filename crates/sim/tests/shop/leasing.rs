//! A shop whose target hands out credentials, by itself or once people are asked.

use std::sync::Arc;

use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_policy::Bundle;
use gatehold_sim::mutants::remove_the_named_guard;
use gatehold_sim::pretend_target::PretendTarget;

use super::{Person, Shop, bundle_folder};

/// What is asked for.
pub const READER: &str = r#"{"role":"reader"}"#;

const DESCRIPTOR: &str = r#"
id = "shop.access"
version = 1
title = "Read the shop by itself"
effects = ["access_grant"]
reversibility = "reversible"
media_types = ["application/json"]
payload = "json"
fields = [{ name = "role", pointer = "/role", label = "Role", type = "string", required = true }]
quantity = "one"
recipients = "nobody"
sensitivity = "resource"
sentence = "{workload} wants to be {role} on {resource} for {duration}"
criteria = []
requires = []
downstream = { declared = [] }
infers = []
facts = []
dry_run = "none"
revocation = "none"
executor = { kind = "broker", caps = [] }
"#;

const RULES: &str = r#"
@id("access")
@owner("owners")
@rationale("Access to the shop is possible")
@attest_by("2027-06-30")
permit (principal, action == Action::"shop.access", resource);
"#;

/// A shop with a target that hands out credentials to whoever policy lets.
pub async fn shop_with_target() -> (Shop, Arc<PretendTarget>) {
    remove_the_named_guard();
    let mut shop = Shop::in_memory().await;
    activate(&shop, RULES).await;
    let target = Arc::new(PretendTarget::default());
    shop.issuing(target.clone()).await;
    (shop, target)
}

#[expect(
    clippy::indexing_slicing,
    reason = "a test that fails should say where"
)]
/// People give force to the shop's bundle with these rules of access.
pub async fn activate(shop: &Shop, rules: &str) {
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let rules = format!(
        "{}\n{rules}",
        packed["files"]["rules.cedar"].as_str().unwrap()
    );
    packed["files"]["rules.cedar"] = rules.into();
    packed["files"]["descriptors/shop.access.toml"] = DESCRIPTOR.into();
    let payload = String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap();
    let activated = shop.change("bundle.activate", &payload, Person::Owner);
    assert_eq!(activated.await.state, State::Completed);
}
