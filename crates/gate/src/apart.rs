//! The executor's own half, where it is a process of its own: it believes nothing that a gate says, makes the proof again from what
//! people and the requester signed, spends it for ever, and only then has it executed.
//!
//! `examine` is the way from a [`Case`] to a proof; here is what has force, and what was done already.

mod examine;
mod leases;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use gatehold_core::action::DescriptorRef;
use gatehold_core::approved::Approved;
use gatehold_core::directory::Directory;
use gatehold_core::effect::EffectClass;
use gatehold_core::elsewhere::NotElsewhere;
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::Origin;
use gatehold_core::time::Timestamp;
use gatehold_policy::{Bundle, EnginePool};

use crate::case::{Case, Standing, TargetTerms};
use crate::catalog::Catalog;
use crate::chain::prepare;
use crate::error::GateError;
use crate::links::{TrustLink, TrustLinks};
use crate::ports::executor::{Evidence, Execution, Executor};
use crate::ports::issuer::Issuer;
use crate::ports::kept::{Kept, NotKept};
use crate::rooted::{Folding, Past, RootedError};
use examine::{Does, Examined, examine};
use leases::UnderWay;

/// Where time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What an executor of its own is made of.
pub struct ApartParts {
    /// The root that its operator pinned.
    pub root: Hash,
    /// Whose gate it executes for.
    pub origin: Origin,
    /// What workloads call there: part of what they sign.
    pub public_url: String,
    /// What it remembers.
    pub kept: Arc<dyn Kept>,
    /// What executes.
    pub executor: Arc<dyn Executor>,
    /// What that has.
    pub targets: Vec<TargetTerms>,
    /// What makes credentials, under the name of the gate that `root` founds.
    pub issuer: Arc<dyn Issuer>,
    /// What that tells its gate of its targets.
    pub issuing: serde_json::Value,
    /// What its own operator says of resources; without it the gate's catalogue is believed.
    pub catalog: Option<Catalog>,
    /// Its own time.
    pub clock: Clock,
}

/// An executor of its own. Cheap to clone.
#[derive(Clone)]
pub struct Apart(Arc<Inner>);

struct Inner {
    parts: ApartParts,
    folding: tokio::sync::Mutex<Folding>,
    force: RwLock<Option<Arc<Force>>>,
    under_way: Mutex<UnderWay>,
}

/// What has force, as far as links were seen.
pub(crate) struct Force {
    pub(crate) directory: Directory,
    pub(crate) past: Past,
    pub(crate) bundle: Arc<Bundle>,
    pub(crate) engine: Arc<EnginePool>,
}

/// Why nothing was executed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The links lead nowhere.
    #[error("{0}; keep this line, and look at the gate")]
    Chain(#[from] RootedError),
    /// They are another gate's.
    #[error(
        "the root is that of {found}, and this executor is for {own}; correct `origin` or `root`"
    )]
    OtherGate {
        /// Whose they are.
        found: Origin,
        /// Whose they should be.
        own: Origin,
    },
    /// The active bundle cannot be read here.
    #[error("the active bundle cannot be read: {0}; install the gatehold that the gate runs")]
    Bundle(String),
    /// No link has been seen yet.
    #[error("no link of the chain of trust was shown yet; the gate sends them first")]
    NoChain,
    /// A review names links that were never shown here.
    #[error(
        "a review was signed under links that were not shown here; the gate has kept some back"
    )]
    Unseen,
    /// The requester did not sign this.
    #[error("the requester did not sign it: {0}")]
    NotSigned(String),
    /// The directory knows another requester.
    #[error("the key directory does not know who is said to ask: {0}")]
    Requester(String),
    /// Nobody knows this kind of action.
    #[error("no kind of action of the active bundle is meant that an executor executes")]
    Descriptor,
    /// No such target.
    #[error("this executor has no such target")]
    NoTarget,
    /// It is not a name that it can have given.
    #[error("no credential of this gate is called so")]
    OtherName,
    /// It was to be taken away before it was made.
    #[error("it was to be taken away before it was made")]
    Ended,
    /// The target gives nothing for it.
    #[error("nothing is made of it: {0}")]
    NotIssuable(String),
    /// There is no proof.
    #[error(transparent)]
    NotProven(#[from] NotElsewhere),
    /// It was spent.
    #[error("it was handed over before; how that ended is not told twice")]
    Spent,
    /// It cannot be spent.
    #[error("what was executed cannot be remembered, so nothing is executed: {0}")]
    NotKept(#[from] NotKept),
}

impl Refused {
    /// Stable, for the gate and the log.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Chain(_) | Self::OtherGate { .. } => "chain_refused",
            Self::Bundle(_) => "bundle_unreadable",
            Self::NoChain => "chain_missing",
            Self::Unseen => "chain_unseen",
            Self::NotSigned(_) => "call_not_signed",
            Self::Requester(_) => "requester_unknown",
            Self::Descriptor => "descriptor_unknown",
            Self::NoTarget => "target_unknown",
            Self::OtherName => "other_name",
            Self::Ended => "ended_before",
            Self::NotIssuable(_) => "not_issuable",
            Self::Spent => "already_spent",
            Self::NotKept(_) => "state_unusable",
            Self::NotProven(why) => match why {
                NotElsewhere::OwnChange => "own_change",
                NotElsewhere::OtherBundle => "bundle_other",
                NotElsewhere::OtherTime => "call_of_another_time",
                NotElsewhere::TooLate(_) => "too_late",
                NotElsewhere::TooEarly => "too_early",
                NotElsewhere::Forbidden => "forbidden",
                NotElsewhere::NotApproved(_) => "not_approved",
                NotElsewhere::Denied => "denied",
                NotElsewhere::RequesterGone => "requester_gone",
                NotElsewhere::NoCredential(_) => "no_credential",
                NotElsewhere::OtherLease(_) => "lease_other",
                NotElsewhere::Damaged(_) => "case_damaged",
            },
        }
    }
}

impl Apart {
    /// Opens it on what it remembers.
    ///
    /// # Errors
    /// [`Refused`] when that does not lead from the root to a bundle any more.
    pub fn open(parts: ApartParts) -> Result<Self, Refused> {
        let mut folding = Folding::new(parts.root);
        for link in parts.kept.links()? {
            folding.take(link)?;
        }
        let force = Force::of(&folding, &parts.origin)?;
        Ok(Self(Arc::new(Inner {
            parts,
            folding: tokio::sync::Mutex::new(folding),
            force: RwLock::new(force.map(Arc::new)),
            under_way: Mutex::default(),
        })))
    }

    /// How far it has seen, and what it has.
    pub async fn standing(&self) -> Standing {
        Standing {
            link: self.0.folding.lock().await.last(),
            targets: self.0.parts.targets.clone(),
            issuing: self.0.parts.issuing.clone(),
        }
    }

    /// What the active bundle says that a kind of action does.
    pub fn effects(
        &self,
        descriptor: &DescriptorRef,
    ) -> Option<std::collections::BTreeSet<EffectClass>> {
        let force = self.force().ok()?;
        let known = force.bundle.descriptors().get(&descriptor.id)?;
        (known.hash() == descriptor.hash).then(|| known.effects.clone())
    }

    /// Learns links. What is known already stays as it is: nobody goes back behind it.
    ///
    /// # Errors
    /// [`Refused`]; nothing of them is learned then.
    pub async fn learn(&self, links: Vec<TrustLink>) -> Result<Standing, Refused> {
        // To its end, also where nobody waits for the answer any more: what is written and what is known stay one thing.
        let own = self.clone();
        let learning = tokio::spawn(async move { own.try_learn(links).await });
        let learned = learning
            .await
            .unwrap_or_else(|broken| Err(NotKept(broken.to_string()).into()));
        if let Err(refused) = &learned {
            tracing::error!(code = refused.code(), %refused, "links of the chain of trust were refused");
        }
        learned?;
        Ok(self.standing().await)
    }

    async fn try_learn(&self, links: Vec<TrustLink>) -> Result<(), Refused> {
        let mut folding = self.0.folding.lock().await;
        let mut next = folding.clone();
        for link in links {
            if next.last().is_some_and(|last| link.leaf <= last) {
                continue;
            }
            next.take(link)?;
        }
        if next.last() == folding.last() {
            return Ok(());
        }
        let force = Force::of(&next, &self.0.parts.origin)?;
        // On the device before it has force: after a crash no gate goes back behind it.
        self.0.parts.kept.keep_links(next.links()).await?;
        *folding = next;
        let mut known = self.0.force.write().unwrap_or_else(PoisonError::into_inner);
        *known = force.map(Arc::new);
        Ok(())
    }

    /// Executes what a gate shows, if it is proven here, at most once for ever.
    ///
    /// # Errors
    /// [`Refused`]: nothing was executed, unless it was spent before.
    pub async fn execute(&self, case: &Case) -> Result<Execution, Refused> {
        let request = case.record.id;
        let proven = self.spent(case).await;
        let approved = match proven {
            Ok(approved) => approved,
            Err(refused) => {
                tracing::error!(%request, code = refused.code(), %refused, "a gate asked for what is not proven");
                return Err(refused);
            }
        };
        // Loud at every level that a log has here: what a gate that was taken over keeps quiet about is told by this process alone.
        let (digest, target) = (
            approved.digest(),
            approved.action().envelope().target.clone(),
        );
        tracing::warn!(%request, %digest, target_id = %target, decided_by = ?approved.decided_by(), "an action is executed");
        let execution = self.0.parts.executor.execute(approved, &Nothing).await;
        tracing::warn!(%request, ending = ?execution.ending, code = execution.code, "an action was executed");
        Ok(execution)
    }

    /// The proof, spent on the device.
    // INVARIANT(single-release): whatever happens after this, neither the request nor the signed call is executed again.
    async fn spent(&self, case: &Case) -> Result<Approved, Refused> {
        let parts = &self.0.parts;
        let force = self.force()?;
        let now = self.now();
        let examined = examine((case, Does::Execute), &force, parts, now)?;
        let target = examined.approved.action().envelope().target.as_str();
        if !parts.executor.has_target(target) {
            return Err(Refused::NoTarget);
        }
        self.spend(examined, now).await
    }

    /// Spends what was proven, on the device.
    async fn spend(&self, examined: Examined, now: Timestamp) -> Result<Approved, Refused> {
        let Examined {
            approved,
            names,
            until,
            ..
        } = examined;
        let first = self.0.parts.kept.spend(names, until, now).await?;
        if guard!("apart-once", !first) {
            return Err(Refused::Spent);
        }
        Ok(approved)
    }

    /// Its own time, behind which it never goes back.
    fn now(&self) -> Timestamp {
        let parts = &self.0.parts;
        (parts.clock)().max(parts.kept.latest())
    }

    fn force(&self) -> Result<Arc<Force>, Refused> {
        let force = self.0.force.read().unwrap_or_else(PoisonError::into_inner);
        force.clone().ok_or(Refused::NoChain)
    }
}

impl Force {
    fn of(folding: &Folding, origin: &Origin) -> Result<Option<Self>, Refused> {
        let (Some(directory), Some(bundle)) = (folding.directory(), folding.bundle()) else {
            return Ok(None);
        };
        if directory.origin != *origin {
            return Err(Refused::OtherGate {
                found: directory.origin.clone(),
                own: origin.clone(),
            });
        }
        let (bundle, engine) =
            prepare(bundle).map_err(|error| Refused::Bundle(error.to_string()))?;
        Ok(Some(Self {
            directory: directory.clone(),
            past: folding.past().clone(),
            bundle,
            engine,
        }))
    }
}

/// What executes here has the proof, and needs to be shown nothing more.
struct Nothing;

#[async_trait::async_trait]
impl Evidence for Nothing {
    async fn case(&self) -> Result<Case, GateError> {
        Err(GateError::damaged("an executor shows nothing"))
    }

    async fn links(&self, _: Option<u64>) -> Result<TrustLinks, GateError> {
        Ok(TrustLinks::default())
    }
}
