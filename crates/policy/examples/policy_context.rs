//! Prints docs/reference/policy-context.md.

fn main() {
    print!("{}", gatehold_policy::reference::context_page());
}
