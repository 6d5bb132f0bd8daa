//! What people do: look, sign, ask for a workload.

use std::collections::BTreeSet;
use std::str::FromStr;

use gatehold_core::directory::{Baseline, Lifecycle};
use gatehold_core::review::ReviewAct;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::NhiCreate;
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};

use super::asking::refused;
use super::stage::Played;
use super::{Stage, wanted};
use crate::cast::{Answering, Person, ReviewTrouble, Workload};
use crate::now_millis;
use crate::scenario::{Enrolled, Enrolment, Looked, Reviewed, Verdict};
use crate::trouble::{Outcome, Trouble, trouble};

impl Stage {
    pub(super) async fn review(&mut self, reviewed: &Reviewed) -> Outcome<()> {
        let answering = Answering {
            answers: reviewed.answers.clone(),
            ttl_seconds: reviewed
                .at_most_minutes
                .map(|minutes| minutes.saturating_mul(60)),
            caps: reviewed.at_most.clone(),
            ..Answering::default()
        };
        let act = match reviewed.verdict {
            Verdict::Approve => ReviewAct::Approve,
            Verdict::Deny => ReviewAct::Deny,
        };
        let id = self.request(&reviewed.request)?.id.clone();
        let person = self.person(&reviewed.who)?.clone();
        match self
            .sign(&person, &reviewed.request, &id, act, &answering)
            .await
        {
            Err(ReviewTrouble::Gate(error)) if reviewed.refused_as.is_some() => {
                refused(&error, reviewed.refused_as.as_deref())?;
            }
            Err(error) => return Err(Trouble(error.to_string())),
            Ok(()) if reviewed.refused_as.is_some() => {
                return Err(Trouble("the gate accepted the review".to_owned()));
            }
            Ok(()) => {}
        }
        let Some(state) = reviewed.state else {
            return Ok(());
        };
        let who = self.request(&reviewed.request)?.who.clone();
        let found = self.workload(&who)?.client.status(&id, 0).await;
        wanted("state", &state, &found.map_err(trouble("status"))?.state)
    }

    async fn sign(
        &mut self,
        person: &Person,
        name: &str,
        id: &str,
        act: ReviewAct,
        answering: &Answering,
    ) -> Result<(), ReviewTrouble> {
        let opened = person.client.open(id).await?;
        let review = person.sign_review(&opened, act, answering)?;
        if let Some(played) = self.requests.get_mut(name) {
            played.review = Some(review.clone());
        }
        person.client.review(id, &review).await?;
        Ok(())
    }

    pub(super) async fn look(&mut self, looked: &Looked) -> Outcome<()> {
        let id = self.request(&looked.request)?.id.clone();
        let person = self.person(&looked.who)?;
        let opened = person.client.open(&id).await.map_err(trouble("open"))?;
        let shown = [opened.display.as_ref(), opened.view.as_ref()]
            .map(String::from_utf8_lossy)
            .join("\n");
        if let Some(text) = looked.on_screen.iter().find(|text| !shown.contains(*text)) {
            return Err(Trouble(format!("`{text}` is not on the screen: {shown}")));
        }
        let asked: BTreeSet<&String> = opened
            .criteria
            .iter()
            .map(|criterion| &criterion.id)
            .collect();
        match looked.asked.iter().find(|id| !asked.contains(id)) {
            Some(id) => Err(Trouble(format!("`{id}` is not asked, only {asked:?}"))),
            None => Ok(()),
        }
    }

    pub(super) async fn enrol(&mut self, enrolment: &Enrolment) -> Outcome<()> {
        let workload = self.new_workload(&enrolment.workload)?;
        let person = self.person(&enrolment.who)?;
        let enrolled = Enrolled {
            name: enrolment.workload.clone(),
            kind: WorkloadKind::AiAgent,
            assurance: WorkloadAssurance::Pop,
            owner: enrolment.who.clone(),
            normal_actions: BTreeSet::new(),
            normal_targets: BTreeSet::new(),
            normal_resources: BTreeSet::new(),
            normal_scopes: None,
        };
        let create = nhi_create(&enrolled, &workload, person)?;
        let mut payload = person.enrolment(&create)?;
        if !enrolment.without.is_empty() {
            let mut form: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&payload).map_err(trouble("form"))?;
            for name in &enrolment.without {
                form.remove(name)
                    .ok_or_else(|| Trouble(format!("the form has no `{name}`")))?;
            }
            payload = serde_json::to_vec(&form).map_err(trouble("form"))?;
        }
        let descriptor = self.descriptor("nhi.create")?;
        let change = person.change(
            &descriptor,
            &format!("gatehold/workload/{}", enrolment.workload),
            payload,
        )?;
        let answer = person.client.submit_change(&change, false).await;
        let played = Played::of_person(&enrolment.who);
        let come = self.came_of_it(
            &enrolment.request,
            enrolment.outcome,
            enrolment.refused_as.as_deref(),
            answer,
            played,
        )?;
        come.says(&enrolment.because)?;
        self.workloads.insert(enrolment.workload.clone(), workload);
        Ok(())
    }

    /// Enrols a workload of the story through the held change: its owner asks, the other two sign.
    pub(super) async fn enrol_before(&mut self, enrolled: &Enrolled) -> Outcome<()> {
        let workload = self.new_workload(&enrolled.name)?;
        let owner = self.person(&enrolled.owner)?;
        let create = nhi_create(enrolled, &workload, owner)?;
        let others = self
            .people
            .iter()
            .filter(|(name, _)| **name != enrolled.owner);
        let others: Vec<Person> = others.map(|(_, person)| person.clone()).collect();
        let descriptor = self.descriptor("nhi.create")?;
        enrol(owner, &others, &descriptor, &create).await?;
        self.workloads.insert(enrolled.name.clone(), workload);
        Ok(())
    }
}

/// Asks for a workload as `owner`, and signs as each of the others.
///
/// # Errors
/// When the change is not held, or a review is refused.
pub async fn enrol(
    owner: &Person,
    others: &[Person],
    descriptor: &gatehold_core::action::DescriptorRef,
    create: &NhiCreate,
) -> Outcome<()> {
    let place = format!("enrolling {}", create.id);
    let resource = format!("gatehold/workload/{}", create.id);
    let payload = owner.enrolment(create)?;
    let submitted = owner.submit_change(descriptor, &resource, payload).await;
    let gatehold_client::wire::Submitted::Held(held) = submitted.map_err(trouble(&place))? else {
        return Err(Trouble(format!("{place}: nobody was asked")));
    };
    let request = held.request.unwrap_or_default();
    for person in others {
        person
            .review(&request, ReviewAct::Approve, &Answering::default())
            .await
            .map_err(trouble(format!("{place}, {} signs", person.human)))?;
    }
    Ok(())
}

/// The form of a new workload for which `owner` answers.
///
/// # Errors
/// When a name cannot be one.
pub fn nhi_create(enrolled: &Enrolled, workload: &Workload, owner: &Person) -> Outcome<NhiCreate> {
    Ok(NhiCreate {
        id: workload.id.clone(),
        kind: enrolled.kind,
        jwk: workload.jwk(),
        owner: owner.human.clone(),
        backup: owner.human.clone(),
        custodians: owner.alone(),
        assurance: enrolled.assurance,
        teams: BTreeSet::new(),
        baseline: Baseline {
            descriptors: parsed(&enrolled.normal_actions)?,
            targets: parsed(&enrolled.normal_targets)?,
            resources: parsed(&enrolled.normal_resources)?,
            scopes: enrolled.normal_scopes.clone(),
        },
        lifecycle: Lifecycle::Active,
        not_after: Timestamp::from_millis(now_millis() + LIFE_MILLIS),
    })
}

fn parsed<T: FromStr<Err: std::fmt::Display> + Ord>(
    names: &BTreeSet<String>,
) -> Outcome<BTreeSet<T>> {
    names
        .iter()
        .map(|name| name.parse().map_err(trouble(name)))
        .collect()
}

const LIFE_MILLIS: i64 = 86_400_000;
