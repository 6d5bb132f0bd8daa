//! Whether people fill seats, by trying every way to place them. Slow, obvious, and written without looking at core's.

use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{Checkpoint, Requirement};
use gatehold_core::ids::HumanId;
use gatehold_core::tier::Tier;

use super::Realm;

/// A person who approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Approver {
    pub(super) human: HumanId,
    pub(super) assurance: Assurance,
}

/// So many people of at least this assurance.
fn floors(tier: Tier, dev: bool) -> Vec<(u8, Assurance)> {
    match (tier, dev) {
        (Tier::Red, true) => vec![(2, Assurance::Software)],
        (_, true) => vec![(1, Assurance::Software)],
        (Tier::Green, false) => vec![(1, Assurance::Present)],
        (Tier::Amber, false) => vec![(1, Assurance::Verified)],
        (Tier::Red, false) => vec![(1, Assurance::Attested), (2, Assurance::Verified)],
    }
}

pub(super) fn filled(
    realm: &Realm,
    requirement: &Requirement,
    tier: Tier,
    approvers: &[Approver],
) -> bool {
    let checkpoints: Vec<&Checkpoint> = requirement.checkpoints().map(|(_, c)| c).collect();
    let separate: Vec<&Checkpoint> = checkpoints.iter().copied().filter(|c| c.separate).collect();
    let shared: Vec<&Checkpoint> = checkpoints
        .iter()
        .copied()
        .filter(|c| !c.separate)
        .collect();
    // Each person goes to one of the separate checkpoints, or to all shared ones.
    let places = separate.len() + 1;
    let people = u32::try_from(approvers.len()).unwrap_or(u32::MAX);
    (0..places.saturating_pow(people)).any(|number| {
        let mut groups: Vec<Vec<&Approver>> = vec![Vec::new(); places];
        let mut rest = number;
        for approver in approvers {
            if let Some(group) = groups.get_mut(rest % places) {
                group.push(approver);
            }
            rest /= places;
        }
        let (together, alone) = groups
            .split_first()
            .map_or((&[][..], &[][..]), |(a, b)| (&a[..], b));
        shared
            .iter()
            .all(|checkpoint| met(realm, checkpoint, tier, together))
            && separate
                .iter()
                .zip(alone)
                .all(|(checkpoint, group)| met(realm, checkpoint, tier, group))
    })
}

fn met(realm: &Realm, checkpoint: &Checkpoint, tier: Tier, group: &[&Approver]) -> bool {
    let enough = |seats: u8, factor: Assurance| {
        let admitted = group.iter().filter(|approver| {
            approver.assurance >= factor && realm.admitted(&approver.human, checkpoint)
        });
        admitted.count() >= usize::from(seats)
    };
    let own = checkpoint
        .alternatives
        .iter()
        .any(|alternative| enough(alternative.seats.get(), alternative.factor));
    let floor = floors(tier, realm.dev)
        .into_iter()
        .any(|(seats, factor)| enough(seats, factor));
    own && floor
}
