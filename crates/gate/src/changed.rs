//! Whether an open screen still shows what is: the view that was stored when it was opened beside the one that would be stored now.
//! It tells nothing of reviews, which no view holds.

use gatehold_core::json::canonical;
use gatehold_core::request::RequestRecord;
use gatehold_core::requester::Requester;
use gatehold_core::view::View;

use crate::error::GateError;
use crate::gate::Gate;
use crate::load::Loaded;
use crate::look::Looked;
use crate::who_stopped::reason;

impl Gate {
    /// What is otherwise now than it was shown under this review nonce, as the page calls it; nothing when all is as it was.
    ///
    /// # Errors
    /// When the store does not answer, or what it kept is no view.
    pub async fn changed_since_opened(
        &self,
        looked: &Looked,
        review_nonce: &str,
    ) -> Result<Vec<&'static str>, GateError> {
        let id = looked.record.id.to_string();
        let opened = self.store().opened(review_nonce).await?;
        let opened = opened.filter(|opened| opened.request == id && looked.now <= opened.expires);
        let Some(opened) = opened else {
            return Ok(vec!["the time for which it stays open"]);
        };
        let shown: View =
            canonical::from_canonical_bytes(&opened.view).map_err(GateError::damaged)?;
        Ok(match &looked.view {
            Some(now) => now.changed_since(&shown),
            None => vec!["whether it can be reviewed"],
        })
    }
}

/// What stops this request now, or whoever asks it, if anything does. Nothing of it is let out then, whoever approves.
pub(crate) fn stopped(record: &RequestRecord, loaded: &Loaded) -> Option<&'static str> {
    if matches!(record.requester, Requester::Human { .. }) {
        return None;
    }
    let by_stop = reason(&loaded.stops.value, record);
    let paused = loaded.pause.value.code.is_some();
    by_stop.or_else(|| paused.then_some("workload_paused"))
}
