//! What people do beside requests: log in, look, ask for a change of the gate, take a key's force away.

pub(super) mod change;
pub(super) mod humans;
pub(super) mod inbox;
pub(super) mod login;
pub(super) mod revoke_key;
