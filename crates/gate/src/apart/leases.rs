//! Credentials, where an executor of its own makes them: from proof alone, once, and as planned here. To end one needs no proof: it is
//! the safe direction, and only what this gate can have made is ever ended.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{MutexGuard, PoisonError};

use gatehold_core::approved::Approved;
use gatehold_core::elsewhere;
use gatehold_core::guard;
use gatehold_core::lease::{Lease, Recipe};

use super::examine::{Does, examine};
use super::{Apart, Nothing, Refused};
use crate::case::{EndAsked, IssueAsked};
use crate::ports::issuer::{Issuance, NotIssuable, NotTold, Removal};

/// How many that were to end are remembered: for as long as a call can still be on its way that asks for one to be made.
const ENDED_MAX: usize = 1 << 16;
/// Why one may still be there: it is being made.
const MAKING: &str = "issuing";

/// What is being made, and what is not made any more. In memory alone: no call outlives the process that it came to.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    making: BTreeSet<String>,
    ended: BTreeSet<String>,
    order: VecDeque<String>,
}

impl UnderWay {
    /// From now on it is not made.
    fn end(&mut self, handle: &str) {
        if !self.ended.insert(handle.to_owned()) {
            return;
        }
        self.order.push_back(handle.to_owned());
        if self.order.len() > ENDED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}

impl Apart {
    /// Makes the credential that a gate shows to be approved, if it is proven here, at most once for ever.
    ///
    /// # Errors
    /// [`Refused`]: nothing was made, unless it was spent before.
    pub async fn issue(&self, asked: IssueAsked) -> Result<Issuance, Refused> {
        // To its end, also where nobody waits for the answer any more: until then it is not called gone.
        let own = self.clone();
        let issuing = tokio::spawn(async move { own.issue_now(&asked).await });
        // One that broke off may have made it.
        issuing.await.unwrap_or_else(|broken| {
            tracing::error!(%broken, "the making of a credential broke off");
            Ok(Issuance::Unknown("lost"))
        })
    }

    async fn issue_now(&self, asked: &IssueAsked) -> Result<Issuance, Refused> {
        let request = asked.case.record.id;
        // Listed before anything is spent: whoever ends it from here on waits, or is waited for.
        let making = self.making(&asked.lease.recipe);
        let proven = match making {
            Ok(making) => self.spent_for(asked).await.map(|proven| (making, proven)),
            Err(refused) => Err(refused),
        };
        let (_making, (approved, lease)) = match proven {
            Ok(proven) => proven,
            Err(refused) => {
                tracing::error!(%request, code = refused.code(), %refused, "a gate asked for a credential that is not proven");
                return Err(refused);
            }
        };
        let (digest, handle) = (approved.digest(), lease.recipe.handle.as_str());
        tracing::warn!(%request, %digest, target_id = %lease.target, handle, until = %lease.not_after, decided_by = ?approved.decided_by(), "a credential is made");
        let issuer = &self.0.parts.issuer;
        let issuance = issuer.issue(approved, &lease, &Nothing).await;
        tracing::warn!(%request, handle, ended = ?issuance, "the making of a credential ended");
        Ok(issuance)
    }

    /// The proof, spent on the device, and the lease that follows from it.
    async fn spent_for(&self, asked: &IssueAsked) -> Result<(Approved, Lease), Refused> {
        let parts = &self.0.parts;
        let force = self.force()?;
        let now = self.now();
        let examined = examine((&asked.case, Does::Issue), &force, parts, now)?;
        let approved = &examined.approved;
        if parts
            .issuer
            .terms(approved.action().envelope().target.as_str())
            .is_none()
        {
            return Err(Refused::NoTarget);
        }
        let plan = parts.issuer.plan(approved.action(), approved.grant());
        let plan = plan.map_err(|NotIssuable(why)| Refused::NotIssuable(why))?;
        let times = (examined.signed_at, now);
        let lease = elsewhere::lease(approved, plan, &asked.lease, times, &force.directory)?;
        let approved = self.spend(examined, now).await?;
        Ok((approved, lease))
    }

    /// Makes these of no use at once, as far as that is quickly done.
    ///
    /// # Errors
    /// [`Refused`] when one of them is not of this gate.
    pub async fn shut(&self, asked: &EndAsked) -> Result<(), Refused> {
        for recipe in &asked.recipes {
            self.end(recipe)?;
        }
        self.0
            .parts
            .issuer
            .shut(&asked.target, &asked.recipes)
            .await;
        Ok(())
    }

    /// Takes one away, and asks its target whether anything is left.
    ///
    /// # Errors
    /// [`Refused`] when it is not of this gate.
    pub async fn remove(&self, target: &str, recipe: &Recipe) -> Result<Removal, Refused> {
        // INVARIANT(revoked-is-verified): nothing is called gone that is still being made, and nothing is made after that.
        let making = self.end(recipe)?;
        if guard!("apart-being-made", making) {
            return Ok(Removal::Remains(MAKING));
        }
        Ok(self.0.parts.issuer.remove(target, recipe).await)
    }

    /// Everything at a target that was made for this gate.
    ///
    /// # Errors
    /// When the target does not say.
    pub async fn found(&self, target: &str) -> Result<Vec<Recipe>, NotTold> {
        self.0.parts.issuer.found(target).await
    }

    /// Has it not made from now on. Whether it is being made.
    fn end(&self, recipe: &Recipe) -> Result<bool, Refused> {
        self.own_name(recipe)?;
        let mut under_way = self.under_way();
        under_way.end(&recipe.handle);
        Ok(under_way.making.contains(&recipe.handle))
    }

    /// A gate ends what was made for it, and nothing else.
    fn own_name(&self, recipe: &Recipe) -> Result<(), Refused> {
        let foreign = self.0.parts.issuer.grant_of(recipe).is_none();
        if guard!("apart-own-name", foreign) {
            tracing::error!(
                handle = recipe.handle,
                "a gate asked to end a credential that is not its own"
            );
            return Err(Refused::OtherName);
        }
        Ok(())
    }

    /// Lists it as being made, unless it was to end before.
    fn making(&self, recipe: &Recipe) -> Result<Making<'_>, Refused> {
        self.own_name(recipe)?;
        let mut under_way = self.under_way();
        let ended = under_way.ended.contains(&recipe.handle);
        if guard!("apart-ended-before", ended) {
            return Err(Refused::Ended);
        }
        if !under_way.making.insert(recipe.handle.clone()) {
            return Err(Refused::Spent);
        }
        Ok(Making {
            apart: self,
            handle: recipe.handle.clone(),
        })
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        let under_way = &self.0.under_way;
        under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It is being made, until this is dropped.
struct Making<'a> {
    apart: &'a Apart,
    handle: String,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.apart.under_way().making.remove(&self.handle);
    }
}
