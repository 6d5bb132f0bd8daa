//! Whether people fill seats, by trying every way to place them. Slow, obvious, and written without looking at core's.

use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{Checkpoint, Requirement};
use gatehold_core::ids::HumanId;
use gatehold_core::signer::Signer;
use gatehold_core::tier::Tier;

use std::collections::{BTreeMap, BTreeSet};

use super::Oracle;
use super::delegation::Place;

/// A person who approved.
#[derive(Debug, Clone)]
pub(super) struct Approver {
    pub(super) human: HumanId,
    /// Each of their signatures: whether a browser holds the key, and what that key counts for.
    pub(super) signed: Vec<(bool, Assurance)>,
    /// Whose places they may take.
    pub(super) places: Vec<Place>,
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

/// As whom each person stands: in the place of somebody who is away, or as themselves.
type Standing<'a> = BTreeMap<&'a HumanId, Option<&'a HumanId>>;

/// Whether they fill it in some way: each stands as themselves or for one person who is away, no two for the same, and nobody for
/// somebody who approved themselves.
// INVARIANT(delegation-only-narrows): tried for every way to stand.
pub(super) fn filled(
    oracle: &Oracle,
    requirement: &Requirement,
    tier: Tier,
    approvers: &[Approver],
) -> bool {
    let here: BTreeSet<&HumanId> = approvers.iter().map(|approver| &approver.human).collect();
    let mut ways: Vec<Standing<'_>> = vec![Standing::new()];
    for approver in approvers {
        let away: BTreeSet<&HumanId> = approver.places.iter().map(|place| &place.from).collect();
        let mut capacities = vec![None];
        capacities.extend(away.difference(&here).map(|from| Some(*from)));
        let mut next = Vec::new();
        for way in &ways {
            for stands in &capacities {
                let taken = stands.is_some() && way.values().any(|other| other == stands);
                if !taken {
                    let mut way = way.clone();
                    way.insert(&approver.human, *stands);
                    next.push(way);
                }
            }
        }
        ways = next;
    }
    ways.iter()
        .any(|standing| filled_so(oracle, requirement, tier, approvers, standing))
}

fn filled_so(
    oracle: &Oracle,
    requirement: &Requirement,
    tier: Tier,
    approvers: &[Approver],
    standing: &Standing<'_>,
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
            .all(|checkpoint| met(oracle, checkpoint, tier, together, standing))
            && separate
                .iter()
                .zip(alone)
                .all(|(checkpoint, group)| met(oracle, checkpoint, tier, group, standing))
    })
}

fn met(
    oracle: &Oracle,
    checkpoint: &Checkpoint,
    tier: Tier,
    group: &[&Approver],
    standing: &Standing<'_>,
) -> bool {
    let realm = &oracle.realm;
    let admitted = |approver: &Approver| match standing.get(&approver.human) {
        Some(Some(from)) => {
            let mut places = approver.places.iter();
            places.any(|place| place.from == **from && place.is_at(oracle, checkpoint))
        }
        _ => realm.admitted(&approver.human, checkpoint),
    };
    let demands = (
        checkpoint.signer == Signer::Cli,
        checkpoint.signer == Signer::Passkey,
    );
    let counts = |approver: &Approver, factor: Assurance| {
        let mut signed = approver.signed.iter();
        signed.any(|(by_passkey, assurance)| {
            let other = match demands {
                (true, _) => *by_passkey,
                (_, true) => !*by_passkey,
                _ => false,
            };
            !other && *assurance >= factor
        })
    };
    let enough = |seats: u8, factor: Assurance| {
        let admitted =
            (group.iter()).filter(|approver| counts(approver, factor) && admitted(approver));
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
