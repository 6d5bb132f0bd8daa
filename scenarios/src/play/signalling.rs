//! What platforms do: say what they see of a workload.

use super::{Stage, wanted};
use crate::cast::push;
use crate::scenario::Signalled;
use crate::trouble::Outcome;

impl Stage {
    pub(super) async fn signal(&self, said: &Signalled) -> Outcome<()> {
        let platform = self.platform(&said.sender)?;
        let token = platform.token(&said.subject, &said.event, said.forged)?;
        let status = push(self.gate.url(), token).await?;
        wanted("status", &said.answered, &status)
    }
}
