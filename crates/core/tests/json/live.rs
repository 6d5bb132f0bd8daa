//! The Python package `rfc8785` itself, asked at every run about documents that nobody has seen before.

use std::path::PathBuf;
use std::process::Command;

use super::canonical::agreeing;

/// Documents of one run, and of the nightly one.
const DOCUMENTS: [usize; 2] = [5_000, 200_000];

/// What the package makes of generated documents.
fn generated(count: usize, seed: u64) -> String {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../target/python/bin/python3");
    let output = Command::new(&python)
        .arg(here.join("tests/json/corpus/generate.py"))
        .args([count.to_string(), seed.to_string()])
        .output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "{}: {error}; run `cargo xtask packages`, which installs the Python package rfc8785",
            python.display()
        )
    });
    assert!(
        output.status.success(),
        "{}; run `cargo xtask packages`, which installs the Python package rfc8785",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn b01_the_file_beside_this_is_what_the_package_says_today() {
    assert_eq!(generated(500, 8785), include_str!("corpus/rfc8785.tsv"));
}

#[test]
fn b01_agrees_with_the_python_package_on_documents_made_just_now() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the nightly run asks for more documents"
    )]
    let full = std::env::var("GATEHOLD_PROMISES").is_ok_and(|count| count == "full");
    let count = DOCUMENTS[usize::from(full)];
    let seed = u64::from(std::process::id());
    println!("seed {seed}, {count} documents");
    assert_eq!(agreeing(&generated(count, seed)), count, "seed {seed}");
}
