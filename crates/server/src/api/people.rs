//! What people do beside requests: log in, look, ask for a change of the gate, take a key's force away, let others decide
//! for them while they are away.

pub(super) mod change;
pub(super) mod delegate;
pub(super) mod delegations;
pub(super) mod end_delegation;
pub(super) mod humans;
pub(super) mod inbox;
pub(super) mod links;
pub(super) mod login;
pub(super) mod me;
pub(super) mod revoke_key;
pub(super) mod safe;
