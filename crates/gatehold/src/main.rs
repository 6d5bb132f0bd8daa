//! The `gatehold` binary.
fn main() {}
