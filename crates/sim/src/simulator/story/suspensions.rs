//! People in a story whom an identity provider says are gone, and back.

use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::trust::ENROL_NAMESPACE;
use gatehold_core::trust::change::HumanEnrol;

use super::Story;
use crate::simulator::people::{Key, human};
use crate::simulator::work::Intent;

impl Story {
    /// Somebody is gone; gives the name of what says so.
    ///
    /// # Panics
    /// When it is not recorded.
    pub fn suspend(&mut self, name: &str) -> Hash {
        let told = self.tell(Intent::Suspend {
            human: human(name),
            removed: false,
        });
        assert!(told.is_ok(), "it was not recorded: {:?}", told.err());
        let stands = self.directory().suspended_by(&human(name));
        stands.expect("it is recorded")
    }

    /// The gate's word that somebody is back from this.
    pub fn back_from(&mut self, name: &str, suspension: Hash) -> Intent {
        self.0.end_of_suspension(human(name), suspension, false)
    }

    /// A new key of somebody, who stands so to their provider; the key is in their hand from now on.
    ///
    /// # Panics
    /// Never for a key that can be written.
    pub fn new_key_of(&mut self, name: &str, key: Key, suspension: Option<Hash>) -> Vec<u8> {
        let origin = self.0.origin.clone();
        let message = HumanEnrol::possession_message(&origin, &human(name), &key.line);
        let message = message.expect("text has a canonical form");
        let enrol = HumanEnrol {
            human: human(name),
            possession: key.sign(ENROL_NAMESPACE, &message),
            key: key.line.clone(),
            assurance: key.assurance,
            attestation: None,
            suspension,
        };
        self.new_key(name, key);
        canonical::to_bytes(&enrol).expect("small numbers only")
    }
}
