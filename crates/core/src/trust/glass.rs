//! Offline keys for break-glass: each of a named person, enrolled by a held change of its own kind. Such a key fills no seat, submits
//! nothing and stops nothing; all it can sign is a break-glass statement.

use serde::{Deserialize, Serialize};

use super::enrolment::Possession;
use super::{TrustError, bad_signature};
use crate::directory::{Directory, GlassKey};
use crate::hash::Hash;
use crate::ids::{HumanId, Origin};
use crate::json::canonical;
use crate::person_key::PersonKey;
use crate::ssh::key::SshPublicKey;

/// The namespace of proofs of possession of an offline key.
pub const GLASS_ENROL_NAMESPACE: &str = "gatehold/glass-enrol/v1";
/// Most offline keys of one gate.
pub const GLASS_KEYS_MAX: usize = 16;

/// A new offline key of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlassEnrol {
    /// Whose.
    pub human: HumanId,
    /// The SSH key's line: Ed25519 or a security key's.
    pub key: String,
    /// The new key's signature over [`GlassEnrol::possession_message`].
    pub possession: String,
    /// The suspension of this person that was said last when it was asked for; nothing, where none was ever said. A later one voids
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Hash>,
}

impl GlassEnrol {
    /// What the new key signs to show that it is there.
    ///
    /// # Errors
    /// Never for text.
    pub fn possession_message(
        origin: &Origin,
        human: &HumanId,
        key: &str,
    ) -> Result<Vec<u8>, TrustError> {
        Ok(canonical::to_bytes(&(origin, human, key))?)
    }

    /// Adds the key to the directory.
    pub(super) fn apply(&self, directory: &mut Directory, leaf: u64) -> Result<(), TrustError> {
        let contradiction = |text: &str| TrustError::Contradiction(text.to_owned());
        let key = SshPublicKey::from_line(&self.key)?;
        let print = PersonKey::from(key.clone()).thumbprint();
        let taken = directory.holder(&print).is_some()
            || directory.glass.contains_key(&print)
            || directory.recovery.contains(&key);
        // One that also reviews, or recovers, would not lie in a drawer.
        if guard!("glass-enrol-fresh", taken) {
            return Err(contradiction(
                "this key is enrolled already; make one for break-glass alone",
            ));
        }
        let keys = directory.humans.get(&self.human).map(|known| &known.keys);
        if guard!(
            "glass-enrol-known",
            keys.is_none_or(std::collections::BTreeMap::is_empty)
        ) {
            return Err(contradiction(
                "whoever has it is no enrolled person; enrol them first",
            ));
        }
        let since = self.suspension != directory.last_gone(&self.human);
        if guard!("glass-enrol-suspension", since) {
            return Err(contradiction(
                "the identity provider has said since that they are gone; ask for the key anew if they are to have it",
            ));
        }
        if guard!("glass-enrol-few", directory.glass.len() >= GLASS_KEYS_MAX) {
            return Err(contradiction(
                "there are 16 offline keys already; revoke one first",
            ));
        }
        let message = Self::possession_message(&directory.origin, &self.human, &self.key)?;
        let possession = Possession {
            namespace: GLASS_ENROL_NAMESPACE,
            message: &message,
            signature: &self.possession,
        };
        if let Err(error) = possession.verify(&key.clone().into(), &[])
            && guard!("glass-enrol-possession", true)
        {
            return Err(bad_signature(&self.human, &error));
        }
        let human = self.human.clone();
        directory.glass.insert(print, GlassKey { human, key, leaf });
        Ok(())
    }
}
