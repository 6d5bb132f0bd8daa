//! The first passkey of somebody who has neither a key nor a terminal, in a real browser with a real identity provider. What they do
//! stands in `browser/first_passkey.mjs`; what the page must refuse, in `leavers.rs` and in `crates/sim/tests/gate_newcomers.rs`.

use std::process::Command;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
const PACKAGES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../target/identity-provider"
);

#[test]
fn whoever_has_no_key_makes_a_passkey_that_others_enrol() {
    let run = Command::new("node")
        .arg(format!("{TESTS}/browser/first_passkey.mjs"))
        .args([env!("CARGO_BIN_EXE_gatehold"), "chromium", PACKAGES])
        .arg(format!("{TESTS}/identity_provider/provider.mjs"))
        .output();
    match run {
        Err(error) => panic!("{error}; `cargo xtask packages` installs what it needs"),
        Ok(run) => assert!(
            run.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr)
        ),
    }
}
