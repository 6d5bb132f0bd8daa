//! Why a request is held, in words: asked again, because a record keeps the codes of its reasons alone.

use std::collections::BTreeMap;

use gatehold_core::refusal::Refusal;
use gatehold_core::request::{RequestRecord, State};

use crate::error::GateError;
use crate::gate::Gate;
use crate::question::{Given, When};

impl Gate {
    /// The sentence of each code for which policy has one now; nothing for a request that is not held.
    ///
    /// # Errors
    /// When the store does not answer or is damaged.
    pub async fn why_held(
        &self,
        record: &RequestRecord,
    ) -> Result<BTreeMap<String, String>, GateError> {
        if record.state != State::Held {
            return Ok(BTreeMap::new());
        }
        let stored = self.request(record.id).await?;
        let submission = self.submission(&stored).await?;
        let action = Self::action(&stored.record, &submission)?;
        let loaded = self.load_for(&record.requester, &record.envelope).await?;
        let given = Given {
            own: Some(&stored.record),
            claims: &Self::claims(&submission),
            when: When::LookedAt,
        };
        let answered = match self.ask(&action, &record.requester, &loaded, given).await {
            Ok(answered) => answered,
            // Its kind of action is gone since, or its workload: there is nobody to ask about it.
            Err(GateError::Refused(
                Refusal::UnknownDescriptor | Refusal::UnknownPrincipal | Refusal::NotYours(_),
            )) => {
                return Ok(BTreeMap::new());
            }
            Err(error) => return Err(error),
        };
        let reasons = answered.evaluated.trace().reasons.iter();
        Ok(reasons
            .map(|reason| (reason.code.clone(), reason.text.clone()))
            .collect())
    }
}
