//! What a development gate starts with: a toy shop database, and one workload that was enrolled as any other is: its owner
//! asked and signed, two others looked and signed.

use std::collections::BTreeMap;
use std::path::Path;

use gatehold_client::wire::{Outcome, RequestState, Submitted};
use gatehold_core::checkpoint::{Criterion, CriterionKind};
use gatehold_core::directory::{Baseline, Lifecycle};
use gatehold_core::ids::{NameError, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::{HumanEnrol, NhiCreate};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use rusqlite::Connection;

use super::folder::PEOPLE;
use crate::ambient::now_millis;
use crate::change::{self, Submitting};
use crate::exit::Failure;
use crate::people::last_gone;
use crate::profile::Profile;
use crate::review::approve::{open, sign};
use crate::review::criteria::Questions;
use crate::review::shown::Shown;
use crate::session::{Acting, acting};
use crate::workload::keygen;

/// The target's name.
pub const SHOP: &str = "sql:shop";
/// Its database, beside everything else.
pub const SHOP_FILE: &str = "shop.db";
/// The workload's name.
pub const WORKLOAD: &str = "deploy-bot";
/// Its key.
pub const KEY_FILE: &str = "deploy-bot.pem";
/// Why the generated people approve; on red the gate asks them as well.
const GENERATED: &str = "generated for a development gate";
/// How long it lives, seconds.
const LIFETIME_SECONDS: u32 = 30 * 86_400;

const TABLES: &str = "
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL, total_cents INTEGER NOT NULL);
CREATE TABLE deployments (id INTEGER PRIMARY KEY, service TEXT NOT NULL, status TEXT NOT NULL, log TEXT NOT NULL);
INSERT INTO orders VALUES (1, 'Ada', 'paid', 1200), (2, 'Bo', 'paid', 560), (3, 'Cy', 'shipped', 9900),
  (4, 'Dee', 'paid', 150), (5, 'Eli', 'shipped', 7300), (6, 'Fay', 'paid', 4200), (7, 'Gil', 'failed', 1995);
INSERT INTO deployments VALUES (990, 'checkout', 'done', 'ok'),
  (991, 'checkout', 'failed', 'payment worker crashed; order 7 was left as failed');
";

/// Writes the shop.
///
/// # Errors
/// When it cannot be written.
pub fn write_shop(home: &Path) -> Result<(), Failure> {
    let broken = |error: rusqlite::Error| Failure::fault(error, "make room on the disk");
    let shop = Connection::open(home.join(SHOP_FILE)).map_err(broken)?;
    shop.execute_batch(TABLES).map_err(broken)
}

/// Enrols the sample workload.
///
/// # Errors
/// When any step of the held path does not happen.
pub async fn enrol(profile: &Profile) -> Result<(), Failure> {
    let jwk = keygen(&profile.home.join(KEY_FILE))?;
    enrol_workload(profile, WORKLOAD, jwk).await
}

/// Enrols a workload of the owner: the owner asks, the others sign.
///
/// # Errors
/// When any step of the held path does not happen.
pub async fn enrol_workload(profile: &Profile, name: &str, jwk: String) -> Result<(), Failure> {
    let owner = acting(profile, Some("owner")).await?;
    let payload = canonical::to_bytes(&creation(&owner, name, jwk).map_err(wrong)?)
        .map_err(|error| Failure::fault(error, "report this"))?;
    let how = Submitting {
        reason: Some(format!("the sample agent {name} of this development gate")),
        wait: false,
        dry_run: false,
    };
    let resource = format!("gatehold/workload/{name}");
    let asked = change::ask(&owner, &how, "nhi.create", &resource, payload).await?;
    carried(profile, &owner, asked, &["reviewer", "second"]).await
}

/// Enrols a passkey that was made in the console: its holder asks with their generated key, the others sign.
///
/// # Errors
/// When any step of the held path does not happen.
pub async fn enrol_passkey(profile: &Profile, proof: &HumanEnrol) -> Result<(), Failure> {
    let holder = proof.human.subject();
    let asking = acting(profile, Some(holder)).await?;
    let people = asking.client.humans().await?;
    let proof = HumanEnrol {
        suspension: last_gone(&people, &proof.human)?,
        ..proof.clone()
    };
    let payload =
        canonical::to_bytes(&proof).map_err(|error| Failure::fault(error, "report this"))?;
    let how = Submitting {
        reason: Some("a passkey that was made in the console".to_owned()),
        wait: false,
        dry_run: false,
    };
    let resource = format!("gatehold/human/{}", proof.human);
    let asked = change::ask(&asking, &how, "human.enrol", &resource, payload).await?;
    let others: Vec<&str> = PEOPLE.into_iter().filter(|name| *name != holder).collect();
    carried(profile, &asking, asked, &others).await
}

/// Has the others sign what was asked for; a change of the gate is applied with the review that completes it.
async fn carried(
    profile: &Profile,
    asking: &Acting,
    asked: Submitted,
    others: &[&str],
) -> Result<(), Failure> {
    let id = match asked {
        Submitted::Held(held) => held.request.unwrap_or_default(),
        Submitted::Decided(decision) => {
            return Err(unexpected(&format!(
                "it was not held but {:?}",
                decision.outcome
            )));
        }
    };
    for name in others {
        let status = asking.client.status(&id, 0).await?;
        if status.state == RequestState::Held {
            review(profile, name, id.parse().map_err(wrong)?).await?;
        }
    }
    let status = asking.client.status(&id, 0).await?;
    if status.state != RequestState::Completed {
        return Err(unexpected(&format!("it ended as {:?}", status.state)));
    }
    Ok(())
}

/// Looks at a request as one of the generated people, answers what is asked in the affirmative, and signs.
///
/// # Errors
/// When what is shown is not what would be signed, or the gate refuses.
pub async fn review(
    profile: &Profile,
    name: &str,
    id: RequestId,
) -> Result<Option<Outcome>, Failure> {
    let reviewer = acting(profile, Some(name)).await?;
    let shown = open(&reviewer, profile, id).await?;
    let answers = affirmed(&shown);
    let result = sign(&reviewer, shown, answers, GENERATED).await?;
    Ok(result.decision.map(|decision| decision.outcome))
}

/// The answers that let an approving review count, and on red what stands on the page.
pub fn affirmed(shown: &Shown) -> BTreeMap<String, String> {
    let asked = Questions::of(shown);
    let fact = asked.fact.map(|fact| (fact.id, fact.answer));
    asked.criteria.iter().map(affirmative).chain(fact).collect()
}

fn affirmative(criterion: &Criterion) -> (String, String) {
    let answer = match &criterion.kind {
        CriterionKind::Yes => "yes".to_owned(),
        CriterionKind::Choice(words) => words.first().cloned().unwrap_or_default(),
        CriterionKind::Text => GENERATED.to_owned(),
    };
    (criterion.id.clone(), answer)
}

fn creation(owner: &Acting, name: &str, jwk: String) -> Result<NhiCreate, NameError> {
    let human = owner.person.human.clone();
    Ok(NhiCreate {
        id: name.parse()?,
        kind: WorkloadKind::AiAgent,
        jwk,
        owner: human.clone(),
        backup: human.clone(),
        custodians: [human].into(),
        assurance: WorkloadAssurance::Pop,
        teams: std::collections::BTreeSet::new(),
        baseline: Baseline {
            descriptors: ["sql.read".parse()?].into(),
            targets: [SHOP.parse()?].into(),
            resources: ["shop/".parse()?].into(),
            scopes: None,
        },
        lifecycle: Lifecycle::Active,
        not_after: Timestamp::from_millis(now_millis()).plus_seconds(LIFETIME_SECONDS),
    })
}

fn wrong(error: NameError) -> Failure {
    Failure::fault(error, "report this")
}

fn unexpected(what: &str) -> Failure {
    Failure::fault(
        format!("enrolling by the generated people: {what}"),
        "run `gatehold audit verify` on the folder and report this",
    )
}
