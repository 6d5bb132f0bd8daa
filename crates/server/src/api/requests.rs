//! Requests: asked for by workloads, decided on by people, redeemed by whoever asked.

pub(super) mod act;
pub(super) mod answer;
pub(super) mod claims;
pub(super) mod correct;
pub(super) mod corrections;
pub(super) mod deciders;
pub(super) mod open;
pub(super) mod redeem;
pub(super) mod rekey;
pub(super) mod review;
pub(super) mod revoke;
pub(super) mod status;
pub(super) mod submit;
pub(super) mod withdraw;
