//! New passkeys at a development gate: their holder asks with a generated key and the other two sign, by the same held path as
//! everywhere. It exists only where every key is generated.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_server::Enroller;

use super::sample;
use crate::profile::Profile;

/// The generated people of one folder.
pub struct Generated {
    home: PathBuf,
}

impl Generated {
    /// Those of this folder.
    pub fn of(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
        }
    }
}

#[async_trait]
impl Enroller for Generated {
    async fn enrol(&self, proof: HumanEnrol) -> Result<(), String> {
        let enrolled = async {
            let profile = Profile::load(&self.home)?;
            sample::enrol_passkey(&profile, &proof).await
        };
        enrolled.await.map_err(|failure| failure.causes.join(": "))
    }
}
