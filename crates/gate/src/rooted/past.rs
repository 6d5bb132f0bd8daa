//! The key directory as it was after each link of the chain: whom a requester was when it asked, and under which chain people
//! signed what stands in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gatehold_core::assurance::Assurance;
use gatehold_core::directory::{Authority, Directory, Point, Workload};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, PointId, TeamId, WorkloadId};
use gatehold_core::json::canonical;
use gatehold_core::requester::{Requester, SubmittingPoint};
use gatehold_core::review::{ReviewContext, UnverifiedReview};
use gatehold_core::trust::Evidence;

/// The levels that a key may have been enrolled at.
const LEVELS: [Assurance; 4] = [
    Assurance::Software,
    Assurance::Present,
    Assurance::Verified,
    Assurance::Attested,
];

/// Everything that the directory has said by now of workloads, points and keys, and each chain it has stood on.
#[derive(Debug, Clone, Default)]
pub struct Past {
    workloads: BTreeMap<WorkloadId, Vec<Workload>>,
    points: BTreeMap<PointId, Vec<Point>>,
    keys: BTreeMap<HumanId, BTreeSet<Hash>>,
    stood: Vec<Stood>,
}

/// What an authority that was signed depends on.
#[derive(Debug, Clone)]
struct Stood {
    named: u64,
    chain: Hash,
    teams: Arc<BTreeMap<TeamId, BTreeSet<HumanId>>>,
}

impl Stood {
    /// Whether a review under this chain has that authority.
    fn has(&self, human: &HumanId, signed: &ReviewContext) -> bool {
        let member = |(team, members): (&TeamId, &BTreeSet<HumanId>)| {
            members.contains(human).then(|| team.clone())
        };
        let teams: BTreeSet<TeamId> = self.teams.iter().filter_map(member).collect();
        LEVELS.into_iter().any(|assurance| {
            // Nobody decides for another about a change of the gate.
            let authority = Authority {
                human: human.clone(),
                key: signed.reviewer.key,
                assurance,
                teams: teams.clone(),
                directory: self.named,
                chain: self.chain,
                through: Vec::new(),
            };
            authority.hash() == signed.reviewer.authority_hash
        })
    }
}

impl Past {
    /// What this workload was enrolled as, newest first.
    pub fn workloads(&self, id: &WorkloadId) -> impl Iterator<Item = &Workload> {
        self.workloads.get(id).into_iter().flatten().rev()
    }

    /// What this enforcement point was enrolled as, newest first.
    pub fn points(&self, id: &PointId) -> impl Iterator<Item = &Point> {
        self.points.get(id).into_iter().flatten().rev()
    }

    /// Whether any enforcement point could ever speak for this workload.
    #[must_use]
    pub fn has_point_for(&self, id: &WorkloadId) -> bool {
        let mut points = self.points.values().flatten();
        points.any(|point| point.workloads.contains(id))
    }

    /// Whether this key was ever theirs.
    #[must_use]
    pub fn has_enrolled(&self, human: &HumanId, key: &Hash) -> bool {
        self.keys.get(human).is_some_and(|keys| keys.contains(key))
    }

    /// What an entry of the directory says otherwise of a workload that asked, and of the point that asked for it.
    #[must_use]
    pub fn unlike(&self, requester: &Requester, entry: &Workload) -> Vec<&'static str> {
        let Requester::Workload {
            id,
            kind,
            key,
            owner,
            backup,
            custodians,
            proposer,
            assurance,
            point,
            ..
        } = requester
        else {
            return vec!["kind"];
        };
        let (speaks, with) = match point {
            None => (entry.key == *key, "key"),
            Some(point) => {
                let mut known = self.points(&point.id);
                let speaks = known.any(|known| {
                    known.key == *key
                        && known.workloads.contains(id)
                        && SubmittingPoint::of(&point.id, known) == *point
                });
                (speaks, "enforcement point")
            }
        };
        let checks = [
            (entry.kind == *kind, "kind"),
            (entry.owner == *owner, "owner"),
            (entry.backup == *backup, "backup"),
            (entry.custodians == *custodians, "holders of the key"),
            (entry.proposer == *proposer, "proposer of the key"),
            (entry.assurance == *assurance, "assurance"),
            (speaks, with),
        ];
        let wrong = checks.into_iter().filter(|(same, _)| !same);
        wrong.map(|(_, what)| what).collect()
    }

    /// Takes in the directory after one more link.
    pub(super) fn learn(&mut self, directory: &Directory) {
        for (id, workload) in &directory.workloads {
            let known = self.workloads.entry(id.clone()).or_default();
            if known.last() != Some(workload) {
                known.push(workload.clone());
            }
        }
        for (id, point) in &directory.points {
            let known = self.points.entry(id.clone()).or_default();
            if known.last() != Some(point) {
                known.push(point.clone());
            }
        }
        for (human, now) in &directory.humans {
            let known = self.keys.entry(human.clone()).or_default();
            known.extend(now.keys.keys());
        }
        let before = self.stood.last().map(|stood| &stood.teams);
        let same = before.filter(|teams| ***teams == directory.teams);
        let teams = same.map_or_else(|| Arc::new(directory.teams.clone()), Arc::clone);
        self.stood.push(Stood {
            named: directory.named,
            chain: directory.chain,
            teams,
        });
    }

    /// Whether each review in a link was signed under a chain that this one begins with. Whoever signs names every link there was
    /// by then, so links that were not seen before cannot be left out, added or moved behind the back of those who approved a
    /// later one.
    pub(super) fn is_signed_in(&self, evidence: &Evidence) -> bool {
        let Evidence::Executed(executed) = evidence else {
            return true;
        };
        // Nobody decides for another about a change of the gate.
        let mut reviews = executed.record.reviews.iter();
        reviews.all(|review| {
            self.has_signed_in(&UnverifiedReview {
                authority: None,
                ..review.clone()
            })
        })
    }

    /// Whether a review was signed under a chain that this one begins with; also by somebody who decided for another.
    #[must_use]
    pub fn has_signed_in(&self, review: &UnverifiedReview) -> bool {
        let context = canonical::from_canonical_bytes(review.context.as_bytes());
        let context: Result<ReviewContext, _> = context;
        // What is no review counts for nothing.
        let Ok(context) = context else {
            return true;
        };
        let by = &context.reviewer;
        let Ok(human) = HumanId::new(&by.issuer, &by.subject) else {
            return true;
        };
        let named = review
            .authority
            .as_ref()
            .filter(|authority| Authority::hash_of(authority.as_bytes()) == by.authority_hash);
        let named = named.and_then(|authority| {
            canonical::from_canonical_bytes::<Authority>(authority.as_bytes()).ok()
        });
        let mut stood = self.stood.iter().rev();
        stood.any(|stood| match &named {
            Some(named) => stood.named == named.directory && stood.chain == named.chain,
            None => stood.has(&human, &context),
        })
    }
}
