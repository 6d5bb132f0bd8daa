//! Every way by which an agent could approve itself. Each must be refused, and the request must stay undecided.

use gatehold_client::wire::{Act, ActRequest, ReviewRequest};
use gatehold_client::{Client, ClientError};
use gatehold_core::assurance::Assurance;
use gatehold_core::ids::HumanId;
use gatehold_core::json::canonical;
use gatehold_core::review::{REVIEW_TYPE, ReviewAct, ReviewContext};
use gatehold_core::ssh::{sign_software, sshsig};
use gatehold_core::trust::ENROL_NAMESPACE;
use gatehold_core::trust::change::HumanEnrol;

use super::asking::word;
use super::{Stage, wanted};
use crate::cast::{Answering, Person, Workload};
use crate::scenario::{Cheat, Cheated};
use crate::trouble::{Outcome, Trouble, trouble};

impl Stage {
    pub(super) async fn cheat(&mut self, cheated: &Cheated) -> Outcome<()> {
        let id = self.request(&cheated.request)?.id.clone();
        let workload = self.workload(&cheated.who)?.clone();
        let before = workload
            .client
            .status(&id, 0)
            .await
            .map_err(trouble("status"))?;
        let error = match self.attempt(cheated, &workload, &id).await? {
            Ok(what) => return Err(Trouble(format!("the gate accepted it: {what}"))),
            Err(error) => error,
        };
        let problem = error.problem().ok_or_else(|| Trouble(error.to_string()))?;
        let code = word(problem.code);
        if !cheated.refused_as.contains(&code) {
            return Err(Trouble(format!(
                "wanted a refusal as one of {:?}, found `{code}`: {problem}",
                cheated.refused_as
            )));
        }
        let after = workload
            .client
            .status(&id, 0)
            .await
            .map_err(trouble("status"))?;
        wanted("state", &before.state, &after.state)
    }

    /// The outer error is the story's, the inner one the gate's.
    async fn attempt(
        &self,
        cheated: &Cheated,
        workload: &Workload,
        id: &str,
    ) -> Outcome<Result<String, ClientError>> {
        let client = &workload.client;
        let reviewer = self.person("reviewer")?;
        Ok(match cheated.way {
            Cheat::OpenItself => client.open(id).await.map(|opened| opened.request),
            Cheat::ReviewWithOwnKey => {
                let itself = HumanId::new("gatehold", workload.id.as_str());
                let review = self
                    .forged(workload, id, &itself.map_err(trouble("name"))?)
                    .await?;
                send(client, id, &review).await
            }
            Cheat::ReviewInTheNameOfAnother => {
                let review = self.forged(workload, id, &reviewer.human).await?;
                // First through its own door, then as if the reviewer's session had carried it.
                match send(client, id, &review).await {
                    Ok(what) => Ok(what),
                    Err(_) => send(&reviewer.client, id, &review).await,
                }
            }
            Cheat::ReplayAReview => {
                let review = self.some_review(&cheated.request)?;
                match send(client, id, &review).await {
                    Ok(what) => Ok(what),
                    Err(_) => send(&reviewer.client, id, &review).await,
                }
            }
            Cheat::LogInAsAPerson => {
                let (itself, login) = Person::new(
                    reviewer.human.clone(),
                    reviewer.origin().clone(),
                    *workload.seed(),
                    client.public_url(),
                )?;
                itself
                    .client
                    .login(&login)
                    .await
                    .map(|session| session.human)
            }
            Cheat::StealALogin => {
                let (_, login) = reviewer.another_login(client.public_url())?;
                client.login(&login).await.map(|session| session.human)
            }
            Cheat::ActAsAPerson => {
                let act = ActRequest {
                    act: Act::Claim,
                    reason: None,
                    text: None,
                };
                client.act(id, &act).await.map(|result| result.request)
            }
            Cheat::EnrolItself => self.enrol_itself(workload).await?,
            Cheat::RedeemUndecided => client
                .redeem(id, 0)
                .await
                .map(|answer| format!("{:?}", answer.status.state)),
            Cheat::RepeatWithOtherBytes => self.repeat(cheated, workload).await?,
        })
    }

    /// A review as an agent would forge it: every word of what a reviewer was shown, signed with the agent's key.
    async fn forged(
        &self,
        workload: &Workload,
        id: &str,
        name: &HumanId,
    ) -> Outcome<ReviewRequest> {
        let reviewer = self.person("reviewer")?;
        let opened = reviewer.client.open(id).await.map_err(trouble("open"))?;
        let honest = reviewer.sign_review(&opened, ReviewAct::Approve, &Answering::default())?;
        let mut context: ReviewContext =
            canonical::from_bytes(honest.context.as_ref()).map_err(trouble("context"))?;
        context.reviewer.issuer = name.issuer().to_owned();
        context.reviewer.subject = name.subject().to_owned();
        if *name != reviewer.human {
            let own = sshsig::software_key(workload.seed()).thumbprint();
            context.reviewer.key = gatehold_core::hash::Hash::from_bytes(own);
        }
        let bytes = context.to_bytes().map_err(trouble("context"))?;
        let signature =
            sign_software(workload.seed(), REVIEW_TYPE, &bytes).map_err(trouble("sign"))?;
        Ok(ReviewRequest {
            context: bytes.into(),
            signature,
            ..honest
        })
    }

    fn some_review(&self, except: &str) -> Outcome<ReviewRequest> {
        let others = self.requests.iter().filter(|(name, _)| *name != except);
        others
            .filter_map(|(_, played)| played.review.clone())
            .next()
            .ok_or_else(|| Trouble("nobody has signed a review yet".to_owned()))
    }

    async fn enrol_itself(&self, workload: &Workload) -> Outcome<Result<String, ClientError>> {
        let reviewer = self.person("reviewer")?;
        let itself = HumanId::new("gatehold", workload.id.as_str()).map_err(trouble("name"))?;
        let key = sshsig::software_key(workload.seed()).to_line();
        let message = HumanEnrol::possession_message(reviewer.origin(), &itself, &key)
            .map_err(trouble("possession"))?;
        let enrol = HumanEnrol {
            possession: sign_software(workload.seed(), ENROL_NAMESPACE, &message)
                .map_err(trouble("possession"))?,
            human: itself.clone(),
            key,
            assurance: Assurance::Software,
            attestation: None,
            suspension: None,
        };
        let payload = canonical::to_bytes(&enrol).map_err(trouble("enrolment"))?;
        let (author, _) = Person::new(
            itself,
            reviewer.origin().clone(),
            *workload.seed(),
            workload.client.public_url(),
        )?;
        let change = author.change(&self.descriptor("human.enrol")?, "human/self", payload)?;
        let answer = workload.client.submit_change(&change, false).await;
        Ok(answer.map(|submitted| format!("{submitted:?}")))
    }

    async fn repeat(
        &self,
        cheated: &Cheated,
        workload: &Workload,
    ) -> Outcome<Result<String, ClientError>> {
        let played = self.request(&cheated.request)?;
        let other = format!("{} ", played.asked.payload);
        let body = self.body(&played.asked, other.as_bytes())?;
        let answer = workload.submit(&body, Some(&played.idempotency_key)).await;
        Ok(answer.map(|submitted| format!("{submitted:?}")))
    }
}

async fn send(client: &Client, id: &str, review: &ReviewRequest) -> Result<String, ClientError> {
    client.review(id, review).await.map(|result| result.request)
}
