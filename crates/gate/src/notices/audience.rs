//! Who a notice is for. Never the requester set, where somebody is to decide; never more than are asked by now.

use std::collections::BTreeSet;

use gatehold_core::checkpoint::Checkpoint;
use gatehold_core::delegation::Lending;
use gatehold_core::directory::Directory;
use gatehold_core::guard;
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::quorum::entitled;
use gatehold_core::request::{HeldAt, RequestRecord};
use gatehold_core::requester::Requester;

use crate::inbox::answers_for;
use crate::ports::notifier::NoticeKind;

/// The people it is for.
pub(super) fn of(
    kind: NoticeKind,
    record: &RequestRecord,
    held: &HeldAt,
    lending: &Lending<'_>,
) -> BTreeSet<HumanId> {
    let directory = lending.directory();
    match kind {
        NoticeKind::Asked | NoticeKind::Escalated | NoticeKind::Changed => {
            asked(record, held, lending)
        }
        NoticeKind::GlassBroken
        | NoticeKind::GlassUsed
        | NoticeKind::GlassReviewed
        | NoticeKind::GlassOverdue => everybody(record, directory),
        NoticeKind::Question
        | NoticeKind::Remains
        | NoticeKind::Stopped
        | NoticeKind::Flagged
        | NoticeKind::TakenAway => accountable(&record.requester, directory),
        NoticeKind::Closed | NoticeKind::Outcome => {
            let mut people = asked(record, held, lending);
            people.extend(accountable(&record.requester, directory));
            people
        }
    }
}

/// Whoever could have decided, looks at it afterwards, could have signed, or answers for the requester.
pub(super) fn everybody(record: &RequestRecord, directory: &Directory) -> BTreeSet<HumanId> {
    let mut people = accountable(&record.requester, directory);
    let Some(held) = &record.held else {
        return people;
    };
    let offer = held.requirement.break_glass(&record.envelope);
    let there = directory.humans.keys();
    for human in there.filter(|human| !directory.is_suspended(human)) {
        let teams = directory.teams_of(human);
        let named = offer.as_ref().is_some_and(|offer| {
            let look = &offer.post_review;
            let looks = look.humans.contains(human) || !look.teams.is_disjoint(&teams);
            looks || offer.people.contains(human)
        });
        if named || entitled(&held.requirement, human, &teams) {
            people.insert(human.clone());
        }
    }
    people
}

/// The teams it is for, of those people.
pub(super) fn teams(
    kind: NoticeKind,
    held: &HeldAt,
    people: &BTreeSet<HumanId>,
    lending: &Lending<'_>,
) -> BTreeSet<TeamId> {
    if matches!(
        kind,
        NoticeKind::Question | NoticeKind::Remains | NoticeKind::TakenAway
    ) {
        return BTreeSet::new();
    }
    let lent: BTreeSet<TeamId> = people
        .iter()
        .flat_map(|human| lending.through(human))
        .flat_map(|through| through.teams)
        .collect();
    let of_them = |team: &&TeamId| {
        let members = lending.directory().teams.get(*team);
        let own = members.is_some_and(|members| !members.is_disjoint(people));
        own || lent.contains(*team)
    };
    held.asked().into_iter().filter(of_them).cloned().collect()
}

/// Whoever has a seat, or decides for somebody who has and is away, is asked by now, and did not ask.
fn asked(record: &RequestRecord, held: &HeldAt, lending: &Lending<'_>) -> BTreeSet<HumanId> {
    let directory = lending.directory();
    let excluded = record.requester.excluded(directory);
    let mut people = BTreeSet::new();
    for human in directory.humans.keys() {
        // INVARIANT(requester-never-decides): whoever asked is not asked, either.
        if guard!("notice-requester-set", excluded.contains(human)) {
            continue;
        }
        // Whoever is gone is told nothing more.
        if guard!("notice-suspended", directory.is_suspended(human)) {
            continue;
        }
        let teams = directory.teams_of(human);
        let through = lending.through(human);
        let is_asked = |checkpoint: &Checkpoint| {
            let own = checkpoint.admits(human, &teams);
            let mut lent = through.iter().filter(|one| one.admits(checkpoint));
            own && is_asked(checkpoint, held, human, &teams)
                || lent.any(|one| is_asked(checkpoint, held, human, &one.teams))
        };
        let mut seats = held.requirement.checkpoints();
        if seats.any(|(_, checkpoint)| is_asked(checkpoint)) {
            people.insert(human.clone());
        }
    }
    people
}

/// Whether somebody with a seat by these teams is asked by now.
fn is_asked(
    checkpoint: &Checkpoint,
    held: &HeldAt,
    human: &HumanId,
    teams: &BTreeSet<TeamId>,
) -> bool {
    let by_name = checkpoint.eligible.humans.contains(human);
    let now = checkpoint.asked_after(held.escalated_seconds);
    let later = !by_name && !now.into_iter().any(|team| teams.contains(team));
    !guard!("notice-asked-by-now", later)
}

/// Whoever answers for the requester, and the person behind it. What a workload says of that person is not enough: it would
/// have anybody be told anything.
pub(super) fn accountable(requester: &Requester, directory: &Directory) -> BTreeSet<HumanId> {
    let named = match requester {
        Requester::Workload { initiator, .. } => initiator.as_ref(),
        Requester::Human { .. } => None,
    };
    let initiator = named.filter(|named| {
        let claimed = guard!("notice-initiator-attested", !named.attested);
        !claimed
    });
    let initiator = initiator.map(|initiator| &initiator.human);
    let behind =
        |human: &&HumanId| Some(*human) == initiator || answers_for(human, requester, directory);
    let there = |human: &&HumanId| {
        let gone = directory.is_suspended(human);
        !guard!("notice-suspended-owner", gone)
    };
    let people = directory.humans.keys().filter(there);
    people.filter(behind).cloned().collect()
}
