//! The changes that people make to the gate itself, as held actions: their payloads, and what each does.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::enrolment::{NewKey, Possession, consoles, enrol};
use super::glass::GlassEnrol;
use super::{ENROL_NAMESPACE, TrustError};
use crate::action::Action;
use crate::assurance::Assurance;
use crate::directory::{Baseline, Directory, Lifecycle, Point, Workload};
use crate::hash::Hash;
use crate::ids::{HumanId, Origin, PointId, TeamId, WorkloadId};
use crate::json::canonical;
use crate::jwk::Jwk;
use crate::passkey::WebOrigin;
use crate::person_key::PersonKey;
use crate::stops::Stops;
use crate::time::Timestamp;
use crate::workload::{WorkloadAssurance, WorkloadKind};

/// A new key of a human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HumanEnrol {
    /// Whose.
    pub human: HumanId,
    /// The key's line: an SSH key's, or a passkey's.
    pub key: String,
    /// What it is to count as; more than is proven is refused.
    pub assurance: Assurance,
    /// The new key's signature over [`HumanEnrol::possession_message`].
    pub possession: String,
    /// Its attestation: an SSH key's `ssh-sk-attest-v01` in lower hex, or a passkey's registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<String>,
    /// The suspension of this person that was said last when it was asked for, whether it had ended or not; nothing, where none was
    /// ever said. A later one voids it, also after it has ended: whoever reviewed it knew nothing of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Hash>,
}

impl HumanEnrol {
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

    /// The key, if it could be enrolled under this directory by whoever asks for it now: it is new, it is there, and it is what it
    /// is said to be. How its holder stands to their provider, whoever asks for it names.
    ///
    /// # Errors
    /// [`TrustError`] says why not.
    pub fn check(&self, before: &Directory, at: Timestamp) -> Result<PersonKey, TrustError> {
        let asked = Self {
            suspension: before.last_gone(&self.human),
            ..self.clone()
        };
        Change::HumanEnrol(asked).apply(before, &self.human, at, 0)?;
        Ok(PersonKey::from_line(&self.key)?)
    }

    /// Whether the provider has said nothing of the person since it was asked for but that they are back.
    // INVARIANT(suspension-outlives-row): a key that was approved before a suspension is not one that was enrolled after it, nor
    // once that suspension has ended.
    fn is_of_now(&self, before: &Directory) -> Result<(), TrustError> {
        let last = before.last_gone(&self.human);
        if guard!("enrol-suspension", self.suspension != last) {
            let since = match (last, before.suspended_by(&self.human)) {
                (None, _) => "never said that they are gone, as it names",
                (_, Some(_)) => "has said since it was asked for that they are gone",
                (_, None) => "has said since it was asked for that they were gone, and are back",
            };
            return Err(TrustError::Contradiction(format!(
                "the identity provider of {} {since}; ask for the key anew if they are to have it",
                self.human
            )));
        }
        Ok(())
    }

    fn key_at(&self, at: Timestamp) -> NewKey<'_> {
        NewKey {
            human: &self.human,
            line: &self.key,
            claimed: self.assurance,
            attestation: self.attestation.as_deref(),
            at,
        }
    }
}

/// A new workload, or a change of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NhiCreate {
    /// Its name.
    pub id: WorkloadId,
    /// What kind.
    pub kind: WorkloadKind,
    /// Its public key as a JWK.
    pub jwk: String,
    /// The accountable person.
    pub owner: HumanId,
    /// Their stand-in.
    pub backup: HumanId,
    /// Everyone who may hold the private key.
    pub custodians: BTreeSet<HumanId>,
    /// How well the key is tied to it.
    pub assurance: WorkloadAssurance,
    /// Teams for policy.
    pub teams: BTreeSet<TeamId>,
    /// What it normally does.
    pub baseline: Baseline,
    /// May it ask?
    pub lifecycle: Lifecycle,
    /// Until when.
    pub not_after: Timestamp,
}

/// A new enforcement point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointEnrol {
    /// Its name.
    pub id: PointId,
    /// Its public key as a JWK.
    pub jwk: String,
    /// The accountable person.
    pub owner: HumanId,
    /// Workloads it may submit for.
    pub workloads: BTreeSet<WorkloadId>,
}

/// A team's members, all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamSet {
    /// Which team.
    pub team: TeamId,
    /// Everybody in it from now on.
    pub members: BTreeSet<HumanId>,
}

/// What the root statement fixed about the gate, and people change later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigChange {
    /// The pages on which a passkey may sign from now on, all of them.
    pub consoles: Vec<WebOrigin>,
}

/// A workload that was paused may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadResume {
    /// Which.
    pub workload: WorkloadId,
}

/// An attachment's bytes are to be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordErase {
    /// Of which leaf.
    pub leaf: u64,
    /// Which attachment.
    pub name: String,
}

/// What the signed body of a submission says again. Erasing one of these erases the body with it.
pub const IN_SIGNED_BODY: [&str; 3] = ["envelope", "payload", "claims"];

impl RecordErase {
    /// Every attachment that goes: the one that is named, and the signed body when that repeats it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let repeated = IN_SIGNED_BODY.contains(&self.name.as_str());
        core::iter::once(self.name.as_str()).chain(repeated.then_some("body"))
    }
}

/// Attachments that are read again whenever the chain of trust is verified, and what shows whether break-glass is open.
const CHAIN_ATTACHMENTS: [&str; 5] = [
    "evidence",
    "bundle",
    "glass",
    "glass_review",
    "glass_review_signature",
];

/// One change of the gate itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Another bundle decides from now on; its bytes are the payload.
    BundleActivate(Hash),
    /// A human gets a key.
    HumanEnrol(HumanEnrol),
    /// A workload is created or changed.
    NhiCreate(Box<NhiCreate>),
    /// An enforcement point is enrolled.
    PointEnrol(PointEnrol),
    /// A team is set.
    TeamSet(TeamSet),
    /// Where passkeys may sign is set.
    ConfigChange(ConfigChange),
    /// A human gets an offline key for break-glass.
    GlassEnrol(GlassEnrol),
    /// Stops are lifted.
    StopLift(Stops),
    /// A workload is resumed.
    WorkloadResume(WorkloadResume),
    /// An attachment is erased.
    RecordErase(RecordErase),
}

impl Change {
    /// The descriptors of all of them.
    pub const DESCRIPTORS: [&str; 10] = [
        "bundle.activate",
        "human.enrol",
        "nhi.create",
        "point.enrol",
        "team.set",
        "config.change",
        "glass.enrol",
        "stop.lift",
        "workload.resume",
        "record.erase",
    ];

    /// The change that an action on the gate itself asks for.
    ///
    /// # Errors
    /// [`TrustError::Form`] when the descriptor is none of the gate's own or the payload is not of its form.
    pub fn of(action: &Action) -> Result<Self, TrustError> {
        let payload = action.payload();
        Ok(match action.envelope().descriptor.id.as_str() {
            "bundle.activate" => Self::BundleActivate(Self::bundle_hash(payload)),
            "human.enrol" => Self::HumanEnrol(canonical::from_bytes(payload)?),
            "nhi.create" => Self::NhiCreate(Box::new(canonical::from_bytes(payload)?)),
            "point.enrol" => Self::PointEnrol(canonical::from_bytes(payload)?),
            "team.set" => Self::TeamSet(canonical::from_bytes(payload)?),
            "config.change" => Self::ConfigChange(canonical::from_bytes(payload)?),
            "glass.enrol" => Self::GlassEnrol(canonical::from_bytes(payload)?),
            "stop.lift" => Self::StopLift(canonical::from_bytes(payload)?),
            "workload.resume" => Self::WorkloadResume(canonical::from_bytes(payload)?),
            "record.erase" => Self::RecordErase(canonical::from_bytes(payload)?),
            other => {
                return Err(TrustError::Form(format!(
                    "`{other}` is not a change the gate can make to itself"
                )));
            }
        })
    }

    /// The hash under which a bundle is activated.
    #[must_use]
    pub fn bundle_hash(bytes: &[u8]) -> Hash {
        Hash::tagged("gatehold/bundle/v1", &[bytes])
    }

    /// Who would gain by it under the directory before it: excluded from deciding. Whoever joins a team gets its seats, and
    /// whoever answers for a workload gets it back.
    #[must_use]
    pub fn beneficiaries(&self, before: &Directory) -> BTreeSet<HumanId> {
        let behind = |id: &WorkloadId| {
            let workload = before.workloads.get(id).into_iter();
            workload.flat_map(|workload| {
                let people = workload.custodians.iter();
                people.chain([&workload.owner, &workload.backup]).cloned()
            })
        };
        match self {
            Self::HumanEnrol(enrol) => [enrol.human.clone()].into(),
            Self::GlassEnrol(enrol) => [enrol.human.clone()].into(),
            Self::NhiCreate(create) => {
                let people = create
                    .custodians
                    .iter()
                    .chain([&create.owner, &create.backup]);
                people.cloned().collect()
            }
            Self::PointEnrol(point) => [point.owner.clone()].into(),
            Self::TeamSet(set) => match before.teams.get(&set.team) {
                Some(members) => set.members.difference(members).cloned().collect(),
                None => set.members.clone(),
            },
            Self::StopLift(stops) => stops.workloads.iter().flat_map(behind).collect(),
            Self::WorkloadResume(resume) => behind(&resume.workload).collect(),
            Self::BundleActivate(_) | Self::ConfigChange(_) | Self::RecordErase(_) => {
                BTreeSet::new()
            }
        }
    }

    /// Whether it is a link of the key chain.
    #[must_use]
    pub const fn changes_directory(&self) -> bool {
        matches!(
            self,
            Self::BundleActivate(_)
                | Self::HumanEnrol(_)
                | Self::NhiCreate(_)
                | Self::PointEnrol(_)
                | Self::TeamSet(_)
                | Self::ConfigChange(_)
                | Self::GlassEnrol(_)
        )
    }

    /// The directory after it. `proposer` is who submitted the change, `at` when.
    ///
    /// # Errors
    /// [`TrustError`] when it contradicts the directory.
    pub fn apply(
        &self,
        before: &Directory,
        proposer: &HumanId,
        at: Timestamp,
        leaf: u64,
    ) -> Result<Directory, TrustError> {
        let mut directory = before.clone();
        directory.version = before.version.saturating_add(1);
        match self {
            Self::BundleActivate(hash) => directory.bundle = *hash,
            Self::HumanEnrol(new) => {
                new.is_of_now(before)?;
                let message = HumanEnrol::possession_message(&before.origin, &new.human, &new.key)?;
                let possession = Possession {
                    namespace: ENROL_NAMESPACE,
                    message: &message,
                    signature: &new.possession,
                };
                enrol(&mut directory, &new.key_at(at), &possession, leaf)?;
            }
            Self::NhiCreate(new) => {
                let workload = workload(new, before, proposer, leaf)?;
                directory.workloads.insert(new.id.clone(), workload);
            }
            Self::PointEnrol(new) => {
                let key = new_machine_key(before, &new.jwk)?;
                let known = before.humans.contains_key(&new.owner);
                if guard!("point-owner-known", !known) {
                    return Err(TrustError::Contradiction(
                        "the owner is not enrolled".to_owned(),
                    ));
                }
                let point = Point {
                    key,
                    jwk: new.jwk.clone(),
                    owner: new.owner.clone(),
                    proposer: proposer.clone(),
                    workloads: new.workloads.clone(),
                    leaf,
                };
                directory.points.insert(new.id.clone(), point);
            }
            Self::TeamSet(set) => {
                if let Some(stranger) = set
                    .members
                    .iter()
                    .find(|human| !before.humans.contains_key(human))
                    && guard!("team-members-known", true)
                {
                    return Err(TrustError::Contradiction(format!(
                        "{stranger} is not enrolled"
                    )));
                }
                directory
                    .teams
                    .insert(set.team.clone(), set.members.clone());
            }
            Self::ConfigChange(change) => directory.consoles = consoles(&change.consoles)?,
            Self::GlassEnrol(new) => new.apply(&mut directory, leaf)?,
            // A link that is gone would bring back what it took away, such as a revoked key.
            Self::RecordErase(erase) => {
                let link = CHAIN_ATTACHMENTS.contains(&erase.name.as_str());
                if guard!("erase-no-link", link) {
                    return Err(TrustError::Contradiction(format!(
                        "`{}` is part of the chain of trust and is never erased",
                        erase.name
                    )));
                }
            }
            Self::StopLift(_) | Self::WorkloadResume(_) => {}
        }
        Ok(directory)
    }
}

fn workload(
    new: &NhiCreate,
    before: &Directory,
    proposer: &HumanId,
    leaf: u64,
) -> Result<Workload, TrustError> {
    let owners = [&new.owner, &new.backup];
    let stranger = owners
        .iter()
        .any(|human| !before.humans.contains_key(human));
    if guard!("workload-owners-known", stranger) {
        return Err(TrustError::Contradiction(
            "owner and backup must be enrolled humans".to_owned(),
        ));
    }
    // One person cannot be their own stand-in, except where three generated people play all parts.
    let alone = new.owner == new.backup && !before.origin.is_dev();
    if guard!("workload-two-owners", alone) {
        return Err(TrustError::Contradiction(
            "the backup must be somebody else than the owner".to_owned(),
        ));
    }
    let key = match before.workloads.get(&new.id) {
        Some(known) if known.jwk == new.jwk => known.key,
        _ => new_machine_key(before, &new.jwk)?,
    };
    Ok(Workload {
        kind: new.kind,
        key,
        jwk: new.jwk.clone(),
        owner: new.owner.clone(),
        backup: new.backup.clone(),
        custodians: new.custodians.clone(),
        proposer: proposer.clone(),
        assurance: new.assurance,
        teams: new.teams.clone(),
        baseline: new.baseline.clone(),
        lifecycle: new.lifecycle,
        not_after: new.not_after,
        leaf,
    })
}

/// A machine key names one machine: what another workload or point holds is refused.
fn new_machine_key(directory: &Directory, jwk: &str) -> Result<Hash, TrustError> {
    let key = Jwk::parse(jwk)
        .map_err(|error| TrustError::Form(error.to_string()))?
        .thumbprint();
    let taken = directory.workload_by_key(&key).is_some() || directory.point_by_key(&key).is_some();
    if guard!("machine-key-unique", taken) {
        return Err(TrustError::Contradiction(
            "this key belongs to another workload or point".to_owned(),
        ));
    }
    Ok(key)
}
