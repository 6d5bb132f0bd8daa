//! Prints docs/reference/policy-context.md.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(gatehold_policy::reference::context_page().as_bytes())
}
