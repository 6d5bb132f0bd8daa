//! The review in a real browser: Debian's Chromium with authenticators that it simulates, driven by node through the debugging
//! pipe. What a person does stands in `browser/journey.mjs`, what must come to nothing in `browser/attacks.mjs`.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails should say where"
)]

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehold_core::hash::Hash;
use gatehold_core::passkey::{Assertion, PasskeyPublicKey, WebOrigin};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");
const PYTHON: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../target/python/bin/python3"
);

/// Runs one script to its end; what it finds wrong is what it prints.
fn run(script: &str, more: &[&str]) -> String {
    let mut node = Command::new("node");
    node.arg(Path::new(FOLDER).join(script))
        .args([env!("CARGO_BIN_EXE_gatehold"), "chromium"])
        .args(more);
    said(script, &mut node)
}

fn said(what: &str, command: &mut Command) -> String {
    match command.output() {
        Err(error) => panic!("{what}: {error}; `cargo xtask packages` installs what it needs"),
        Ok(run) if !run.status.success() => panic!(
            "{what}\n{}\n{}",
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr)
        ),
        Ok(run) => String::from_utf8(run.stdout).unwrap(),
    }
}

#[test]
fn two_people_review_with_passkeys_and_python_fido2_verifies_what_they_signed() {
    let folder = tempfile::tempdir().unwrap();
    let dossier = folder.path().join("one.dossier");
    let url = run("journey.mjs", &[dossier.to_str().unwrap()]);
    let mut python = Command::new(PYTHON);
    python
        .arg(Path::new(FOLDER).join("verify_with_fido2.py"))
        .arg(&dossier);
    let verified = said("python-fido2", python.arg(url.trim()));
    assert_eq!(verified, "2 verified by python-fido2\n");
}

#[test]
fn two_people_sign_in_elsewhere_are_enrolled_and_decide_each_in_a_browser_of_their_own() {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/identity-provider");
    run("people.mjs", &[packages.to_str().unwrap()]);
}

#[test]
fn a_passkey_that_a_pinned_maker_attests_is_enough_for_red_at_a_gate_of_real_people() {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/identity-provider");
    run("attested.mjs", &[packages.to_str().unwrap(), PYTHON]);
}

#[test]
fn green_and_amber_take_one_person_and_a_phone_or_a_late_page_says_what_it_cannot() {
    run("tiers.mjs", &[]);
}

#[test]
fn no_single_key_signs_nor_haste_nor_a_page_without_network() {
    run("armed.mjs", &[]);
}

#[test]
fn b08_what_is_signed_has_the_text_of_the_terminal_line_by_line() {
    run("signed.mjs", &[]);
}

#[test]
fn what_is_large_reversed_binary_or_wide_is_shown_whole_and_the_page_goes_on_answering() {
    println!("{}", run("heavy.mjs", &[]));
}

#[test]
fn the_demo_is_played_in_a_browser_to_its_end() {
    run("demo.mjs", &[]);
}

#[test]
fn nobody_is_kept_on_a_page_that_loads_itself_again() {
    run("leaving.mjs", &[]);
}

#[test]
fn an_inbox_changes_by_itself_and_nobody_loses_their_place() {
    run("live.mjs", &[]);
}

#[test]
fn a_decided_request_is_taken_away_corrected_and_printed_and_owners_see_what_is_theirs() {
    run("record.mjs", &[]);
}

#[test]
fn c14_people_are_told_in_their_browsers_and_a_push_service_learns_nothing() {
    run("push.mjs", &[]);
}

#[test]
fn m007_what_was_looked_up_claimed_and_unknown_has_each_a_mark_of_its_own() {
    run("facts.mjs", &[]);
}

#[test]
fn b09_what_a_page_a_network_or_a_link_does_comes_to_nothing() {
    run("attacks.mjs", &[]);
}

#[test]
fn b10_following_every_link_of_every_page_changes_nothing() {
    run("prefetch.mjs", &[]);
}

#[test]
fn b09_a_swapped_module_does_not_run_and_over_a_page_that_lies_the_terminal_shows_the_true_bytes() {
    run("swapped.mjs", &[]);
}

#[test]
fn b06_two_hundred_assertions_of_a_real_browser_verify_and_no_other() {
    let said = run("assertions.mjs", &[]);
    let mut lines = said.lines();
    let mut verified = 0;
    while let (Some(origin), Some(line)) = (lines.next(), lines.next()) {
        let consoles = [WebOrigin::new(origin).unwrap()];
        let elsewhere = [WebOrigin::new("http://localhost:1").unwrap()];
        let key = PasskeyPublicKey::from_line(line).unwrap();
        for _ in 0..100 {
            let challenge = URL_SAFE_NO_PAD.decode(lines.next().unwrap()).unwrap();
            let challenge = Hash::from_bytes(challenge.try_into().unwrap());
            let assertion = Assertion::from_text(lines.next().unwrap()).unwrap();
            let flags = key
                .verify(&assertion, &challenge, &consoles)
                .unwrap()
                .flags();
            assert!(flags.user_presence && flags.user_verification);
            assert!(key.verify(&assertion, &challenge, &elsewhere).is_err());
            let other = Hash::of(challenge.as_bytes());
            assert!(key.verify(&assertion, &other, &consoles).is_err());
            verified += 1;
        }
    }
    assert_eq!(verified, 200);
}
