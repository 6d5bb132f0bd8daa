//! A credential is made anew for whoever asked and lost it: the answer that held it never came, or it was thrown away. It stays the same
//! lease: the same name at the target, the same end, no further use of the grant. The earlier one is dead, and its sessions are over,
//! before the new one is handed over.
//!
//! What policy, people and the world would not let out now is not made anew but ends. A process that dies in between leaves a lease
//! whose credential nobody has; it is asked for again, or ends with its time.

use gatehold_core::approved::Approved;
use gatehold_core::decide::{Release, rekey, rekeyed};
use gatehold_core::grant::Grant;
use gatehold_core::guard;
use gatehold_core::ids::{GrantId, RequestId};
use gatehold_core::lease::Lease;
use gatehold_core::refusal::Refusal;

use super::without_body;
use crate::answers::{Caller, Redeemed};
use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::executor::Ending;
use crate::ports::issuer::Issuance;
use crate::question::{Given, When};
use crate::stored::StoredRequest;

/// What the answer says of a credential that was made anew.
const REKEYED: &str = "rekeyed";

/// One making anew that is durable and may begin.
struct Begun {
    approved: Approved,
    lease: Lease,
    /// Which one of its lease it is.
    number: u32,
}

impl Gate {
    /// Makes the credential of a request anew and hands it over; the earlier one is dead by then.
    ///
    /// # Errors
    /// [`GateError`] where nothing is handed over; the lease stands as before unless the refusal says that it ended.
    pub async fn rekey(&self, caller: &Caller, id: RequestId) -> Result<Redeemed, GateError> {
        let begun = self.begin_rekey(caller, id).await;
        // Only up to here: what is refused afterwards is no replay, although its call was counted.
        let (stored, begun) = self.unless_replayed(caller, begun).await?;
        let target = begun.lease.target.clone();
        let (grant, number) = (begun.approved.grant(), begun.number);
        // Whoever ends the lease meanwhile ends the lease, and not this call alone. It never makes what is not there, so what they have taken
        // away stays gone, whichever of the two comes last; and what it made is handed to nobody.
        let credential = match self.issuer().rekey(begun.approved, &begun.lease).await {
            Issuance::Issued(credential) => credential,
            Issuance::Refused(code) => {
                tracing::warn!(target_id = %target, %grant, code, "a credential is not made anew; the earlier one is as before");
                return Err(Refusal::NotAgain(NOT_MADE).into());
            }
            Issuance::Unknown(code) => {
                tracing::warn!(target_id = %target, %grant, code, "nobody can tell whether a credential was made anew");
                return Err(Refusal::NotAgain(NOBODY_KNOWS).into());
            }
        };
        let grant = self.hand_over_again(grant, number).await?;
        // An act that was kept while this was written covers it too: it is found here, or finds the lease.
        if self.is_kept_first() {
            return Err(Refusal::Stopped("stopped").into());
        }
        Ok(Redeemed {
            record: stored.record,
            execution: Some(without_body(Ending::Completed, REKEYED)),
            credential: Some(credential),
            lease: grant.lease.map(|lease| (grant.state, lease)),
        })
    }

    /// Everything up to the leaf that says that it is about to be made anew. A store that refuses it has nothing made.
    async fn begin_rekey(
        &self,
        caller: &Caller,
        id: RequestId,
    ) -> Result<(StoredRequest, Begun), GateError> {
        self.journal_first().await?;
        let stored = self.own(caller, id).await?;
        let grant = self.grant_of(&stored.record).await?;
        let leased = grant.and_then(|(grant, _)| Some((grant.id, grant.lease?)));
        let (grant, lease) = leased.ok_or(Refusal::NotAgain("none was handed out"))?;
        if guard!(
            "rekey-where-it-can",
            !self.issuer().rekeys(lease.target.as_str())
        ) {
            return Err(Refusal::NotAgain(NOT_HERE).into());
        }
        // What would not be let out now ends, by a leaf that says what policy said.
        if guard!("rekey-stands", !self.stands(grant).await?) {
            self.look_again();
            return Err(
                Refusal::NotAgain("it would not be let out now, and its lease ends").into(),
            );
        }
        for _ in 0..TRIES {
            let stored = self.own(caller, id).await?;
            if let Some(begun) = self.rekey_once(caller, &stored, grant).await? {
                return Ok((stored, begun));
            }
        }
        Err(self.overtaken().await)
    }

    /// One try; nothing when the world changed under it.
    async fn rekey_once(
        &self,
        caller: &Caller,
        stored: &StoredRequest,
        id: GrantId,
    ) -> Result<Option<Begun>, GateError> {
        let record = &stored.record;
        let submission = self.submission(stored).await?;
        let action = Self::action(record, &submission)?;
        let loaded = self.load_for(&record.requester, &record.envelope).await?;
        // As at use: nothing that was found out earlier lets it out.
        let given = Given {
            own: Some(record),
            claims: &Self::claims(&submission),
            when: When::Used,
        };
        let answered = self.ask(&action, &record.requester, &loaded, given).await?;
        // Last of all that is read, so that whatever was done to it since is found by its version.
        let (grant, version) = self.grant(id).await?;
        let world = loaded.world(Some(&answered), self.settings());
        let fresh = self.fresh(loaded.now);
        let about = (&grant, version, record);
        let (write, sealed) = rekey(&caller.nonce, about, &action, &world, &fresh, loaded.now)?;
        match self.commit(write, sealed).await? {
            Committed::Done(_, Release::Approved(approved, _)) => {
                let lease = grant.lease;
                let lease = lease.ok_or_else(|| GateError::damaged("a lease was expected"))?;
                Ok(Some(Begun {
                    approved: *approved,
                    number: lease.rekeys.saturating_add(1),
                    lease,
                }))
            }
            Committed::Done(..) => Err(GateError::damaged("making anew releases proof")),
            Committed::Again => Ok(None),
        }
    }

    /// Says that it was made anew, as long as nothing that it rests on has ended meanwhile.
    async fn hand_over_again(&self, id: GrantId, number: u32) -> Result<Grant, GateError> {
        for _ in 0..TRIES {
            let (grant, version) = self.grant(id).await?;
            let of = self.request(grant.request).await?.record;
            let loaded = self.load_for(&of.requester, &of.envelope).await?;
            // INVARIANT(journal-first): what is only kept is in force too.
            if self.is_kept_first() {
                return Err(Refusal::Stopped("stopped").into());
            }
            let world = loaded.world(None, self.settings());
            let fresh = self.fresh(loaded.now);
            let about = (&grant, version, &of);
            let (write, sealed) = rekeyed(number, about, &world, &fresh, loaded.now)?;
            match self.commit(write, sealed).await? {
                Committed::Done(_, Release::Grant(grant)) => return Ok(*grant),
                Committed::Done(..) => return Err(GateError::damaged("a grant was expected")),
                Committed::Again => {}
            }
        }
        Err(self.overtaken().await)
    }
}

const NOT_HERE: &str = "this target cannot replace what it made, as where a certificate is bound to the key that was approved";
const NOT_MADE: &str =
    "the target made nothing and the earlier one is as it was; the log of the gate says why";
const NOBODY_KNOWS: &str =
    "the target did not say what came of it, and the earlier one may be dead; ask for it again";
