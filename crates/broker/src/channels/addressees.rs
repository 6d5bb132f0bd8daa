//! Whom a mail or a push goes to. Whoever is on call is asked first, when they have a seat and are enough; the others when it escalates.
//! Being on call never gives a seat, and what nobody knows asks everybody who has one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::notifier::{Notice, NoticeKind};

use crate::facts::{OnCall, Roster};

/// Of how many requests it is remembered who was not asked. Of one that is forgotten everybody is told how it ended.
const REQUESTS_MAX: usize = 10_000;

/// Picks them.
pub(super) struct Addressees {
    on_call: Option<Arc<OnCall>>,
    spared: Mutex<Spared>,
}

/// Who was not asked, of the last requests. Lost with the process, and then they are told once more than they need be.
#[derive(Default)]
struct Spared {
    people: BTreeMap<RequestId, BTreeSet<HumanId>>,
    order: VecDeque<RequestId>,
}

impl Spared {
    fn set(&mut self, request: RequestId, people: BTreeSet<HumanId>) {
        if self.people.insert(request, people).is_none() {
            self.order.push_back(request);
        }
        if self.order.len() > REQUESTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.people.remove(&oldest);
        }
    }
}

impl Addressees {
    pub(super) fn new(on_call: Option<Arc<OnCall>>) -> Self {
        Self {
            on_call,
            spared: Mutex::default(),
        }
    }

    /// Those of the notice whom the channel reaches, but for those who were not asked.
    pub(super) async fn of<'h>(
        &self,
        notice: &Notice,
        reached: impl Iterator<Item = &'h HumanId>,
        now: Timestamp,
    ) -> BTreeSet<HumanId> {
        let known = reached.filter(|one| notice.people.contains(*one));
        let all: BTreeSet<HumanId> = known.cloned().collect();
        let roster = match (&self.on_call, notice.kind) {
            (Some(on_call), NoticeKind::Asked) => Some(on_call.at(now).await),
            _ => None,
        };
        let mut spared = self.spared.lock().unwrap_or_else(PoisonError::into_inner);
        match notice.kind {
            NoticeKind::Asked => {
                let first = roster.and_then(|roster| first(notice, &all, &roster));
                let first = first.unwrap_or_else(|| all.clone());
                if let Some(request) = notice.request {
                    spared.set(request, &all - &first);
                }
                first
            }
            NoticeKind::Escalated | NoticeKind::Changed => {
                if let Some(request) = notice.request {
                    spared.set(request, BTreeSet::new());
                }
                all
            }
            NoticeKind::Remains
            | NoticeKind::Stopped
            | NoticeKind::Flagged
            | NoticeKind::TakenAway
            | NoticeKind::GlassBroken
            | NoticeKind::GlassUsed
            | NoticeKind::GlassReviewed
            | NoticeKind::GlassOverdue => all,
            NoticeKind::Question | NoticeKind::Closed | NoticeKind::Outcome => {
                let of = notice.request;
                match of.and_then(|request| spared.people.get(&request)) {
                    Some(spared) => &all - spared,
                    None => all,
                }
            }
        }
    }
}

/// Whoever is on call for every team that is asked; nothing when that is not known, or not enough.
fn first(notice: &Notice, all: &BTreeSet<HumanId>, roster: &Roster) -> Option<BTreeSet<HumanId>> {
    let mut first = BTreeSet::new();
    for team in &notice.teams {
        let people = match roster.of(team) {
            Ok(people) => people,
            Err(why) => {
                tracing::warn!(%team, why, "nobody is known to be on call; everybody is asked");
                return None;
            }
        };
        let of_team: Vec<&HumanId> = people.intersection(all).collect();
        if of_team.is_empty() {
            // On call without a seat, or without an address: that reaches nobody who could decide.
            return None;
        }
        first.extend(of_team.into_iter().cloned());
    }
    let needed = usize::try_from(notice.people_needed).unwrap_or(usize::MAX);
    (!first.is_empty() && first.len() >= needed).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::notice;
    use super::*;

    fn human(name: &str) -> HumanId {
        format!("{name}@login.acme.example").parse().unwrap()
    }

    fn people(names: &[&str]) -> BTreeSet<HumanId> {
        names.iter().map(|name| human(name)).collect()
    }

    fn roster(teams: &[(&str, &[&str])]) -> Roster {
        let teams = teams.iter().map(|(team, names)| {
            let team = team.parse().unwrap();
            (team, Ok(people(names)))
        });
        Roster(Ok(teams.collect()))
    }

    #[test]
    fn who_is_on_call_is_asked_first_only_with_a_seat_and_only_if_enough() {
        let all = people(&["priya", "tomas", "ann"]);
        let ask = |needed, teams: &[&str]| Notice {
            people_needed: needed,
            people: all.clone(),
            teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
            ..notice()
        };
        let one = ask(1, &["payments"]);
        let two = ask(2, &["payments"]);
        let both = ask(1, &["payments", "security"]);
        for (what, notice, roster, wanted) in [
            (
                "one is enough",
                &one,
                roster(&[("payments", &["ann"])]),
                Some(&["ann"][..]),
            ),
            (
                "two are needed",
                &two,
                roster(&[("payments", &["ann"])]),
                None,
            ),
            (
                "two are on call",
                &two,
                roster(&[("payments", &["ann", "tomas"])]),
                Some(&["ann", "tomas"]),
            ),
            ("no seat", &one, roster(&[("payments", &["eve"])]), None),
            (
                "one of two has a seat",
                &one,
                roster(&[("payments", &["eve", "ann"])]),
                Some(&["ann"]),
            ),
            (
                "another team's",
                &one,
                roster(&[("security", &["ann"])]),
                None,
            ),
            ("nobody", &one, roster(&[("payments", &[])]), None),
            (
                "one team of two",
                &both,
                roster(&[("payments", &["ann"])]),
                None,
            ),
            (
                "of both teams",
                &both,
                roster(&[("payments", &["ann"]), ("security", &["priya"])]),
                Some(&["ann", "priya"]),
            ),
            ("unreadable", &one, Roster(Err("broken".to_owned())), None),
        ] {
            let found = first(notice, &all, &roster);
            assert_eq!(found, wanted.map(people), "{what}");
        }
        let nobodys = Notice {
            teams: BTreeSet::new(),
            ..one.clone()
        };
        assert_eq!(
            first(&nobodys, &all, &roster(&[])),
            None,
            "no team is named"
        );
    }

    #[tokio::test]
    async fn who_was_not_asked_is_not_told_that_it_is_over_unless_it_escalated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("on-call.toml");
        std::fs::write(
            &file,
            "[[schedule]]\nteam = \"payments\"\nzone = \"UTC\"\nuntil = 2030-01-01\n\
             rotation = { from = 2026-01-01T00:00:00, every = \"week\", people = [\"priya@login.acme.example\"] }\n",
        )
        .unwrap();
        let mail = super::super::mail::tests::mail("127.0.0.1:1");
        let addressees = Addressees::new(Some(Arc::new(OnCall::new(file))));
        let now = notice().at;
        let tell = |kind| Notice {
            kind,
            people_needed: 1,
            ..notice()
        };
        let priya = people(&["priya"]);
        let both = people(&["priya", "tomas"]);
        for (kind, wanted) in [
            (NoticeKind::Asked, &priya),
            (NoticeKind::Closed, &priya),
            (NoticeKind::Asked, &priya),
            (NoticeKind::Escalated, &both),
            (NoticeKind::Closed, &both),
            (NoticeKind::Outcome, &both),
        ] {
            assert_eq!(
                &addressees.of(&tell(kind), mail.people(), now).await,
                wanted,
                "{kind:?}"
            );
        }
        // A process that does not know tells everybody.
        let anew = Addressees::new(None);
        let closed = tell(NoticeKind::Closed);
        assert_eq!(anew.of(&closed, mail.people(), now).await, both);
    }
}
