//! What an identity provider says of people, and the word by which the gate gives back.

use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_gate::{Gate, OwnWord, Provisioned, Reinstated, Taken};
use gatehold_ledger::{LogSigner, Origin};

use super::LOG_SEED;

/// What signs with the log key of this seed.
pub fn log_signer(seed: [u8; 32]) -> LogSigner {
    LogSigner::from_seed(Origin::new("dev.local/gate").unwrap(), &seed)
}

/// The word of this gate.
pub fn word() -> OwnWord {
    OwnWord::new(log_signer(LOG_SEED))
}

/// Somebody is gone.
pub async fn gone(gate: &Gate, human: &HumanId) {
    assert_eq!(gate.suspend(human, false).await.unwrap(), Taken::Gone);
}

/// Somebody is gone; gives what stands.
pub async fn stands(gate: &Gate, human: &HumanId) -> Hash {
    gone(gate, human).await;
    gate.directory().suspended_by(human).unwrap()
}

/// Somebody is back from whatever stands.
pub async fn back(gate: &Gate, human: &HumanId) {
    let Provisioned::Gone(gone) = gate.provisioned(human).await.unwrap() else {
        panic!("{human} is not gone");
    };
    let back = gate.reinstate(human, &gone.suspension, &word()).await;
    assert_eq!(back.unwrap(), Reinstated::Back);
}
