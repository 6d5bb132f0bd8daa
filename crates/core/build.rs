//! Sets `gatehold_mutants` when `GATEHOLD_MUTANTS=1` asks for the build whose guards can be switched off by name.
//! A release build refuses: what ships has no such switch.

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a build script talks to cargo in this way"
)]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=GATEHOLD_MUTANTS");
    if std::env::var_os("GATEHOLD_MUTANTS").is_none_or(|value| value != "1") {
        return;
    }
    if std::env::var("PROFILE").as_deref() != Ok("debug") {
        eprintln!(
            "GATEHOLD_MUTANTS=1 removes guards on demand and is for tests: build without it, or not for release"
        );
        std::process::exit(1);
    }
    println!("cargo:rustc-cfg=gatehold_mutants");
}
