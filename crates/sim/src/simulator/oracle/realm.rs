//! Keys, teams, workloads and the bundle as people really agreed on them. It changes only when the oracle has seen a
//! change approved by enough people; what a process folds from the ledger is compared with it.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{Checkpoint, Requirement};
use gatehold_core::directory::{Directory, Lifecycle};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, TeamId, WorkloadId};
use gatehold_core::jwk::Jwk;
use gatehold_core::passkey::{RelyingPartyId, WebOrigin};
use gatehold_core::person_key::PersonKey;
use gatehold_core::ssh::key::SshPublicKey;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::Change;
use gatehold_core::trust::change::NhiCreate;

use super::{Checked, Given, holds};

/// Who and what has force.
#[derive(Debug, Clone)]
pub struct Realm {
    /// Whether software keys count.
    pub dev: bool,
    /// How many changes there were, the root included.
    pub version: u64,
    /// The bundle that decides.
    pub bundle: Hash,
    /// Keys by human, each with what its signature counts for.
    pub humans: BTreeMap<HumanId, BTreeMap<Hash, Assurance>>,
    /// Teams.
    pub teams: BTreeMap<TeamId, BTreeSet<HumanId>>,
    /// Who decides for whom.
    pub delegations: BTreeMap<Hash, Given>,
    /// Pages on which passkeys sign.
    pub consoles: Vec<WebOrigin>,
    /// Whom an identity provider says are gone: by which suspension, at which leaf.
    pub suspended: BTreeMap<HumanId, (Hash, u64)>,
    /// Of whom it was ever said: the last time, whether they are back or not.
    pub last_gone: BTreeMap<HumanId, (Hash, u64)>,
    /// At which leaf a key was enrolled; a key of the root is not here.
    pub since: BTreeMap<Hash, u64>,
    /// The host of each passkey.
    pub passkeys: BTreeMap<Hash, RelyingPartyId>,
    /// Workloads, with who proposed each.
    pub workloads: BTreeMap<WorkloadId, (NhiCreate, HumanId)>,
}

impl Realm {
    /// Whether a person may fill a seat of a checkpoint.
    pub(super) fn admitted(&self, human: &HumanId, checkpoint: &Checkpoint) -> bool {
        let member = |team: &TeamId| {
            let members = self.teams.get(team);
            members.is_some_and(|members| members.contains(human))
        };
        checkpoint.eligible.humans.contains(human) || checkpoint.eligible.teams.iter().any(member)
    }

    /// Whether a person may fill a seat of any of these checkpoints.
    pub(super) fn entitled(&self, human: &HumanId, requirement: &Requirement) -> bool {
        let mut checkpoints = requirement.checkpoints();
        checkpoints.any(|(_, checkpoint)| self.admitted(human, checkpoint))
    }

    /// Who gains by a change: whoever gets a key, joins a team, or answers for what is created or goes on.
    pub(super) fn gaining(&self, change: &Change) -> BTreeSet<HumanId> {
        let behind = |create: &NhiCreate| {
            let mut people = create.custodians.clone();
            people.extend([create.owner.clone(), create.backup.clone()]);
            people
        };
        let of = |id: &WorkloadId| self.workloads.get(id).map(|(create, _)| behind(create));
        match change {
            Change::HumanEnrol(enrol) => [enrol.human.clone()].into(),
            Change::GlassEnrol(enrol) => [enrol.human.clone()].into(),
            Change::NhiCreate(create) => behind(create),
            Change::PointEnrol(point) => [point.owner.clone()].into(),
            Change::TeamSet(set) => {
                let mut joining = set.members.clone();
                let before = self.teams.get(&set.team).into_iter().flatten();
                joining.retain(|human| !before.clone().any(|member| member == human));
                joining
            }
            Change::StopLift(stops) => stops.workloads.iter().filter_map(of).flatten().collect(),
            Change::WorkloadResume(resume) => of(&resume.workload).unwrap_or_default(),
            Change::BundleActivate(_) | Change::ConfigChange(_) | Change::RecordErase(_) => {
                BTreeSet::new()
            }
        }
    }

    /// What a key's signature counts for, if the key has force; nothing for a passkey of which no page is left.
    pub(super) fn key(&self, human: &HumanId, key: &Hash) -> Option<Assurance> {
        let level = self.humans.get(human)?.get(key).copied()?;
        let host = self.passkeys.get(key);
        let signs = host.is_none_or(|host| self.has_page(host)) && !self.is_taken(human, key);
        signs.then_some(level)
    }

    /// Whether a key has force, whatever its signatures count for.
    pub fn has_force(&self, human: &HumanId, key: &Hash) -> bool {
        let keys = self.humans.get(human);
        keys.is_some_and(|keys| keys.contains_key(key)) && !self.is_taken(human, key)
    }

    fn has_page(&self, host: &RelyingPartyId) -> bool {
        let mut consoles = self.consoles.iter();
        consoles.any(|console| console.relying_party() == host)
    }

    /// The workload that may act with this key.
    pub(super) fn acting(&self, key: &Hash, now: Timestamp) -> Option<&(NhiCreate, HumanId)> {
        self.workloads.values().find(|(workload, _)| {
            thumbprint(&workload.jwk) == Some(*key)
                && workload.lifecycle == Lifecycle::Active
                && now <= workload.not_after
        })
    }

    /// People who may not decide on what a workload asks, initiator aside.
    pub(super) fn around(&self, workload: &NhiCreate, proposer: &HumanId) -> BTreeSet<HumanId> {
        let mut people = workload.custodians.clone();
        people.insert(proposer.clone());
        people
    }

    /// Carries out a change that people approved, at this leaf.
    pub(super) fn apply(&mut self, change: &Change, author: &HumanId, leaf: u64) -> Checked {
        match change {
            Change::BundleActivate(hash) => self.bundle = *hash,
            Change::HumanEnrol(new) => {
                let key = PersonKey::from_line(&new.key).ok();
                let Some(key) = key else {
                    return holds(false, "chain-gives-force", || {
                        "an unreadable key".to_owned()
                    });
                };
                let thumbprint = key.thumbprint();
                let taken = self
                    .humans
                    .values()
                    .any(|keys| keys.contains_key(&thumbprint));
                holds(!taken, "chain-gives-force", || {
                    "one key for two people".to_owned()
                })?;
                // Nobody in a run makes a new key whose attestation is for them.
                let strong = key.as_ssh().is_none_or(SshPublicKey::is_security_key);
                let most = if strong {
                    Assurance::Verified
                } else {
                    Assurance::Software
                };
                holds(new.assurance <= most, "attested-key", || {
                    format!("a key that counts as {}", new.assurance)
                })?;
                if let Some(passkey) = key.as_passkey() {
                    let host = passkey.relying_party();
                    holds(self.has_page(host), "chain-gives-force", || {
                        format!("a passkey of {host}, where nobody signs")
                    })?;
                    self.passkeys.insert(thumbprint, host.clone());
                }
                let keys = self.humans.entry(new.human.clone()).or_default();
                keys.insert(thumbprint, new.assurance);
                self.since.insert(thumbprint, leaf);
            }
            Change::NhiCreate(new) => {
                let taken = self.workloads.values().any(|(other, _)| {
                    other.id != new.id && thumbprint(&other.jwk) == thumbprint(&new.jwk)
                });
                holds(!taken, "chain-gives-force", || {
                    "one key for two workloads".to_owned()
                })?;
                let known = [&new.owner, &new.backup]
                    .iter()
                    .all(|human| self.humans.contains_key(human));
                holds(known, "chain-gives-force", || {
                    "a workload nobody owns".to_owned()
                })?;
                self.workloads
                    .insert(new.id.clone(), ((**new).clone(), author.clone()));
            }
            Change::TeamSet(set) => {
                let known = set
                    .members
                    .iter()
                    .all(|human| self.humans.contains_key(human));
                holds(known, "chain-gives-force", || {
                    "a team of strangers".to_owned()
                })?;
                self.teams.insert(set.team.clone(), set.members.clone());
            }
            Change::ConfigChange(change) => self.consoles.clone_from(&change.consoles),
            // It decides nothing.
            Change::GlassEnrol(_) => {}
            Change::PointEnrol(_)
            | Change::StopLift(_)
            | Change::WorkloadResume(_)
            | Change::RecordErase(_) => return Ok(()),
        }
        self.version += 1;
        Ok(())
    }

    /// Whether a directory that was folded from the whole ledger says the same.
    // INVARIANT(chain-gives-force): whatever stands in rows and leaves, a process that has read all of them agrees.
    ///
    /// # Errors
    /// What differs.
    pub fn agrees(&self, directory: &Directory) -> Checked {
        let keys = |directory: &Directory| -> BTreeMap<HumanId, BTreeMap<Hash, Assurance>> {
            let keys = directory.humans.iter().map(|(human, enrolled)| {
                let keys = enrolled.keys.iter();
                let keys = keys.map(|(thumbprint, key)| (*thumbprint, key.assurance));
                (human.clone(), keys.collect())
            });
            keys.collect()
        };
        let workloads: BTreeMap<_, _> = directory
            .workloads
            .iter()
            .map(|(id, workload)| (id.clone(), (workload.jwk.clone(), workload.lifecycle)))
            .collect();
        let agreed: BTreeMap<_, _> = self
            .workloads
            .iter()
            .map(|(id, (workload, _))| (id.clone(), (workload.jwk.clone(), workload.lifecycle)))
            .collect();
        let gone = directory.suspended.iter();
        let gone = gone.map(|(human, gone)| (human.clone(), (gone.id, gone.leaf)));
        let last = self.last_gone.iter();
        let last: BTreeMap<_, _> = last.map(|(human, (id, _))| (human.clone(), *id)).collect();
        for (same, what) in [
            (directory.last_gone == last, "who was ever gone"),
            (
                gone.collect::<BTreeMap<_, _>>() == self.suspended,
                "who is gone",
            ),
            (directory.version == self.version, "the number of changes"),
            (directory.bundle == self.bundle, "the bundle"),
            (keys(directory) == self.humans, "people's keys"),
            (directory.teams == self.teams, "teams"),
            (directory.consoles == self.consoles, "consoles"),
            (workloads == agreed, "workloads"),
            (
                directory.delegations.keys().eq(self.delegations.keys()),
                "delegations",
            ),
        ] {
            holds(same, "chain-gives-force", || {
                format!("a process is wrong about {what}")
            })?;
        }
        Ok(())
    }
}

fn thumbprint(jwk: &str) -> Option<Hash> {
    Jwk::parse(jwk).ok().map(|jwk| jwk.thumbprint())
}
