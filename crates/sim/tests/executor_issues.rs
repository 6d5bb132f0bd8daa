//! Credentials from an executor in a process of its own, and a gate that lies to it: whatever is forged, nothing is made, and what is
//! ended is the gate's own. What a gate shows honestly is taken from a real one, and each test changes exactly one thing of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]

mod shop;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::lease::{Lease, Plan, Recipe, RevocationClass};
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::requester::Requester;
use gatehold_core::time::Timestamp;
use gatehold_core::workload::WorkloadAssurance;
use gatehold_gate::ports::executor::{Evidence, Execution, Executor};
use gatehold_gate::ports::issuer::{Issuance, IssueTerms, Issuer, NotIssuable, NotTold, Removal};
use gatehold_gate::{Apart, ApartParts, GateError, IssueAsked, TrustLink};
use gatehold_policy::Bundle;
use gatehold_sim::pretend_target::{Making, PretendTarget, SECRET, TARGET};
use gatehold_store::kept::KeptIn;

use shop::{Person, Shop, bundle_folder, nhi};

const URL: &str = "https://gate.example";
const READER: &str = r#"{"role":"reader"}"#;
const WRITE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

const DESCRIPTOR: &str = r#"
id = "shop.access"
version = 1
title = "Read the shop by itself"
effects = ["access_grant"]
reversibility = "reversible"
media_types = ["application/json"]
payload = "json"
fields = [{ name = "role", pointer = "/role", label = "Role", type = "string", required = true }]
quantity = "one"
recipients = "nobody"
sensitivity = "resource"
sentence = "{workload} wants to be {role} on {resource} for {duration}"
criteria = []
requires = []
downstream = { declared = [] }
infers = []
facts = []
dry_run = "none"
revocation = "none"
executor = { kind = "broker", caps = [] }
"#;

/// Access that policy allows, and access that two people approve.
const RULES: &str = r#"
@id("access")
@owner("owners")
@rationale("Access to the shop is possible")
@attest_by("2027-06-30")
permit (principal, action in [Action::"shop.access", Action::"shop.entry"], resource);

@id("hold-entry")
@owner("owners")
@rationale("Whoever comes in is let in by people")
@checkpoint("shop-write")
forbid (principal, action == Action::"shop.entry", resource);
"#;

fn bundle() -> String {
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let files = packed.get_mut("files").unwrap().as_object_mut().unwrap();
    let rules = format!(
        "{}\n{RULES}",
        files.get("rules.cedar").unwrap().as_str().unwrap()
    );
    files.insert("rules.cedar".to_owned(), rules.into());
    let entry = DESCRIPTOR.replace("shop.access", "shop.entry");
    files.insert("descriptors/shop.access.toml".to_owned(), DESCRIPTOR.into());
    files.insert("descriptors/shop.entry.toml".to_owned(), entry.into());
    String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap()
}

/// Keeps what a gate would send, and makes nothing.
#[derive(Default)]
struct Capture {
    target: PretendTarget,
    /// As of an executor that has not answered yet.
    untold: AtomicBool,
    sent: Mutex<Option<(IssueAsked, Vec<TrustLink>)>>,
}

#[async_trait]
impl Issuer for Capture {
    fn terms(&self, target: &str) -> Option<IssueTerms> {
        let knows = self.knows_targets();
        self.target.terms(target).filter(|_| knows)
    }

    fn targets(&self) -> Vec<String> {
        self.target.targets()
    }

    fn knows_targets(&self) -> bool {
        !self.untold.load(Ordering::Relaxed)
    }

    fn plan(&self, action: &Action, grant: GrantId) -> Result<Plan, NotIssuable> {
        self.target.plan(action, grant)
    }

    async fn issue(&self, _: Approved, lease: &Lease, evidence: &dyn Evidence) -> Issuance {
        let (case, lease) = (evidence.case().await.unwrap(), lease.clone());
        let links = evidence.links(None).await.unwrap();
        assert!(!links.more);
        *self.sent.lock().unwrap() = Some((IssueAsked { case, lease }, links.links));
        Issuance::Refused("target_refused")
    }

    async fn remove(&self, _: &str, _: &Recipe) -> Removal {
        Removal::Gone
    }

    fn missing(&self, _: &str, _: &Recipe) -> Option<String> {
        None
    }

    async fn found(&self, _: &str) -> Result<Vec<Recipe>, NotTold> {
        Ok(Vec::new())
    }

    fn grant_of(&self, recipe: &Recipe) -> Option<GrantId> {
        self.target.grant_of(recipe)
    }
}

/// Executes nothing that these tests are about.
struct NeverCalled;

#[async_trait]
impl Executor for NeverCalled {
    async fn execute(&self, _: Approved, _: &dyn Evidence) -> Execution {
        panic!("a credential is no call");
    }

    fn has_target(&self, target: &str) -> bool {
        target == TARGET
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// An executor of its own, with a target, a folder and a clock of its own; and a gate that has it.
struct Own {
    apart: Apart,
    target: Arc<PretendTarget>,
    capture: Arc<Capture>,
    now: Arc<AtomicI64>,
    folder: tempfile::TempDir,
    shop: Shop,
}

impl Own {
    async fn open() -> Self {
        let mut shop = Shop::in_memory().await;
        let bundle = bundle();
        let activated = shop.change("bundle.activate", &bundle, Person::Owner);
        assert_eq!(activated.await.state, State::Completed);
        let capture = Arc::new(Capture::default());
        shop.issuing(capture.clone()).await;
        let now = Arc::new(AtomicI64::new(shop.gate.now().await.unwrap().millis()));
        let folder = tempfile::tempdir().unwrap();
        let target = Arc::new(PretendTarget::default());
        let apart = opened(&shop, &folder, &target, &now);
        Self {
            apart,
            target,
            capture,
            now,
            folder,
            shop,
        }
    }

    /// As after `kill -9`: what it remembers is what stands in its folder.
    fn restarted(self) -> Self {
        let Self {
            apart,
            target,
            capture,
            now,
            folder,
            shop,
        } = self;
        drop(apart);
        let apart = opened(&shop, &folder, &target, &now);
        Self {
            apart,
            target,
            capture,
            now,
            folder,
            shop,
        }
    }

    fn later(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    /// What a gate sends of a credential that it lets out. The links that it has by then are learned.
    async fn sent(&self, id: RequestId) -> IssueAsked {
        let redeemed = self
            .shop
            .gate
            .redeem(&self.shop.caller(), id)
            .await
            .unwrap();
        assert_eq!(redeemed.record.state, State::Failed);
        let sent = self.capture.sent.lock().unwrap().take();
        let (asked, links) = sent.unwrap();
        self.apart.learn(links).await.unwrap();
        asked
    }

    /// The same of one that policy allows.
    async fn allowed(&self) -> IssueAsked {
        let task = self.shop.task().await;
        let asked = self
            .shop
            .submit(&task, "shop.access", READER)
            .await
            .unwrap();
        assert_eq!(asked.record.state, State::Allowed);
        self.sent(asked.record.id).await
    }

    /// The same of one that two people approved.
    async fn approved(&self) -> IssueAsked {
        let task = self.shop.task().await;
        let asked = self.shop.submit(&task, "shop.entry", READER).await.unwrap();
        assert_eq!(asked.record.state, State::Held);
        for person in [Person::Reviewer, Person::Second] {
            self.shop.approve(person, asked.record.id).await.unwrap();
        }
        self.sent(asked.record.id).await
    }

    /// Nothing is made, for this reason.
    #[track_caller]
    fn refuses(&self, asked: &IssueAsked, code: &str) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        let (apart, target, asked) = (self.apart.clone(), self.target.clone(), asked.clone());
        let code = code.to_owned();
        async move {
            let before = target.standing();
            let answer = apart.issue(asked).await;
            let refused = answer.map_err(|refused| (refused.code(), refused.to_string()));
            let (told, text) = match refused {
                Ok(issuance) => panic!("{at}: it was made: {issuance:?}"),
                Err(refused) => refused,
            };
            assert_eq!(told, code, "{at}: {text}");
            assert_eq!(target.standing(), before, "{at}");
        }
    }

    /// It is made, and it is the first time.
    async fn makes(&self, asked: &IssueAsked) {
        let before = self.target.standing().len();
        let issuance = self.apart.issue(asked.clone()).await.unwrap();
        let Issuance::Issued(credential) = issuance else {
            panic!("{issuance:?}");
        };
        assert_eq!(credential.secret, SECRET);
        let standing = self.target.standing();
        assert_eq!(standing.len(), before + 1);
        assert!(standing.contains(&asked.lease.recipe.handle));
    }

    async fn ends(&self, recipe: &Recipe) -> Removal {
        self.apart.remove(TARGET, recipe).await.unwrap()
    }
}

fn opened(
    shop: &Shop,
    folder: &tempfile::TempDir,
    target: &Arc<PretendTarget>,
    now: &Arc<AtomicI64>,
) -> Apart {
    let now = Arc::clone(now);
    let directory = shop.gate.directory();
    Apart::open(ApartParts {
        root: directory.root,
        origin: directory.origin,
        public_url: URL.to_owned(),
        kept: Arc::new(KeptIn::open(folder.path()).unwrap()),
        executor: Arc::new(NeverCalled),
        targets: Vec::new(),
        issuer: target.clone(),
        issuing: serde_json::Value::Null,
        catalog: None,
        clock: Arc::new(move || Timestamp::from_millis(now.load(Ordering::Relaxed))),
    })
    .unwrap()
}

/// With one thing changed in the record, and the request's own hash to match.
fn changed(asked: &IssueAsked, change: impl FnOnce(&mut RequestRecord)) -> IssueAsked {
    let mut asked = asked.clone();
    let record = &mut asked.case.record;
    change(record);
    record.request_hash = record.computed_request_hash();
    asked
}

/// With one thing changed in the lease.
fn leased(asked: &IssueAsked, change: impl FnOnce(&mut Lease)) -> IssueAsked {
    let mut asked = asked.clone();
    change(&mut asked.lease);
    asked
}

#[tokio::test]
async fn what_people_approved_is_made_once_and_for_all() {
    let own = Own::open().await;
    let asked = own.approved().await;
    own.makes(&asked).await;
    own.refuses(&asked, "already_spent").await;
    let own = own.restarted();
    own.refuses(&asked, "already_spent").await;
    // Nor after it is gone, and by whatever name.
    assert_eq!(own.ends(&asked.lease.recipe).await, Removal::Gone);
    let own = own.restarted();
    own.refuses(&asked, "already_spent").await;
    let other = GrantId::from_bytes([9; 16]);
    let mut renamed = changed(&asked, |record| record.grant = Some(other));
    renamed.lease.recipe.handle = format!("gh_{other}");
    own.refuses(&renamed, "already_spent").await;
}

#[tokio::test]
async fn what_policy_allows_is_made_once_whatever_the_gate_calls_the_request() {
    let own = Own::open().await;
    let asked = own.allowed().await;
    own.makes(&asked).await;
    let other = GrantId::from_bytes([9; 16]);
    let mut again = changed(&asked, |record| {
        record.request_nonce = Hash::of(b"another");
        record.id = RequestId::from_bytes([7; 16]);
        record.grant = Some(other);
    });
    again.lease.recipe.handle = format!("gh_{other}");
    own.refuses(&again, "already_spent").await;
}

#[tokio::test]
async fn another_lease_than_the_one_that_follows_is_not_made() {
    let own = Own::open().await;
    for asked in [own.allowed().await, own.approved().await] {
        type Forged = fn(&mut Lease);
        let forgeries: [Forged; 5] = [
            |lease| lease.recipe.handle = format!("gh_{}", GrantId::from_bytes([8; 16])),
            |lease| lease.recipe.entitlement = "role owner".to_owned(),
            |lease| {
                lease
                    .recipe
                    .parts
                    .insert("host".to_owned(), "evil".to_owned());
            },
            |lease| lease.class = RevocationClass::ExpiryOnly,
            |lease| lease.target = "sql:depot".parse().unwrap(),
        ];
        for forged in forgeries {
            own.refuses(&leased(&asked, forged), "lease_other").await;
        }
        own.makes(&asked).await;
    }
}

#[tokio::test]
async fn a_credential_ends_no_later_than_people_signed() {
    let own = Own::open().await;
    let asked = own.approved().await;
    let ends = |seconds: u32| {
        let at = asked.case.record.submitted_at.plus_seconds(seconds);
        leased(&asked, |lease| lease.not_after = at)
    };
    // Approved for ten minutes: from now, as far as clocks agree, although it may have been decided a quarter of an hour later.
    own.refuses(&ends(620), "lease_other").await;
    own.later(1_200);
    // And from the last time at which it can have been decided, however late the gate asks.
    own.refuses(&ends(1_501), "lease_other").await;
    own.makes(&ends(1_500)).await;
}

#[tokio::test]
async fn what_policy_allows_ends_no_later_than_the_call_allows() {
    let own = Own::open().await;
    let asked = own.allowed().await;
    // Nobody signed these.
    let asked = changed(&asked, |record| {
        record.limits.not_after = record.limits.not_after.plus_seconds(50_000);
        record.spend_by = record.spend_by.plus_seconds(50_000);
    });
    let ends = |seconds: u32| {
        let at = asked.case.record.submitted_at.plus_seconds(seconds);
        leased(&asked, |lease| lease.not_after = at)
    };
    own.refuses(&ends(620), "lease_other").await;
    own.later(500);
    // The call says ten minutes, and its time is right to five.
    own.refuses(&ends(901), "lease_other").await;
    own.later(200);
    // What is over is not begun.
    own.refuses(&ends(600), "too_late").await;
    own.makes(&ends(900)).await;
}

#[tokio::test]
async fn without_enough_genuine_reviews_nothing_is_made() {
    let own = Own::open().await;
    let asked = own.approved().await;
    for keep in [0, 1] {
        let fewer = changed(&asked, |record| record.reviews.truncate(keep));
        own.refuses(&fewer, "not_approved").await;
    }
    let unheld = changed(&asked, |record| record.held = None);
    own.refuses(&unheld, "not_approved").await;
    let wider = changed(&asked, |record| record.envelope.duration_seconds = 3_600);
    own.refuses(&wider, "call_not_signed").await;
    own.makes(&asked).await;
}

#[tokio::test]
async fn what_somebody_denied_is_not_made() {
    let own = Own::open().await;
    let task = own.shop.task().await;
    let held = own.shop.submit(&task, "shop.entry", READER).await.unwrap();
    let id = held.record.id;
    let denial = own.shop.sign(Person::Second, id, false).await;
    for person in [Person::Reviewer, Person::Second] {
        own.shop.approve(person, id).await.unwrap();
    }
    let asked = own.sent(id).await;
    // A gate that shows it cannot outvote it, with whatever else the same person signed.
    let denied = changed(&asked, |record| record.reviews.insert(0, denial.review));
    own.refuses(&denied, "denied").await;
    own.makes(&asked).await;
}

#[tokio::test]
async fn a_call_makes_no_credential_and_a_credential_is_no_call() {
    let own = Own::open().await;
    let asked = own.approved().await;
    let executed = own.apart.execute(&asked.case).await;
    assert_eq!(executed.unwrap_err().code(), "descriptor_unknown");

    let recorded = Arc::new(CaptureCall::default());
    let gate = own.shop.beside(Some(recorded.clone())).await;
    let task = own.shop.task().await;
    let write = own.shop.submit(&task, "shop.write", WRITE).await.unwrap();
    for person in [Person::Reviewer, Person::Second] {
        own.shop.approve(person, write.record.id).await.unwrap();
    }
    gate.redeem(&own.shop.caller(), write.record.id)
        .await
        .unwrap();
    let case = recorded.0.lock().unwrap().take().unwrap();
    let mut crossed = asked.clone();
    crossed.case = case;
    own.refuses(&crossed, "descriptor_unknown").await;
    own.makes(&asked).await;
}

/// Keeps what a gate would send of a call.
#[derive(Default)]
struct CaptureCall(Mutex<Option<gatehold_gate::Case>>);

#[async_trait]
impl Executor for CaptureCall {
    async fn execute(&self, _: Approved, evidence: &dyn Evidence) -> Execution {
        *self.0.lock().unwrap() = Some(evidence.case().await.unwrap());
        Execution {
            ending: gatehold_gate::ports::executor::Ending::Failed,
            code: "unreachable",
            quantity: None,
            status: None,
            media_type: String::new(),
            body: Vec::new(),
            truncated: false,
        }
    }

    fn has_target(&self, _: &str) -> bool {
        true
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        vec!["rows".to_owned()]
    }
}

#[tokio::test]
async fn a_workload_that_shares_its_host_is_made_no_credential_elsewhere() {
    let own = Own::open().await;
    // It shared its host until people enrolled it as one that has its key alone.
    for assurance in ["local", "pop"] {
        let mut enrolled = nhi();
        enrolled["assurance"] = assurance.into();
        let enrolled = enrolled.to_string();
        let change = own.shop.change("nhi.create", &enrolled, Person::Owner);
        assert_eq!(change.await.state, State::Completed);
    }
    let asked = own.allowed().await;
    let shared = changed(&asked, |record| {
        if let Requester::Workload { assurance, .. } = &mut record.requester {
            *assurance = WorkloadAssurance::Local;
        }
    });
    own.refuses(&shared, "no_credential").await;
    own.makes(&asked).await;
}

#[tokio::test]
async fn a_gate_ends_its_own_and_nothing_else() {
    let own = Own::open().await;
    let asked = own.approved().await;
    own.makes(&asked).await;
    own.target.plant("other_gate");
    let mut foreign = asked.lease.recipe.clone();
    foreign.handle = "other_gate".to_owned();
    let refused = own.apart.remove(TARGET, &foreign).await.unwrap_err();
    assert_eq!(refused.code(), "other_name");
    let asked_for = gatehold_gate::EndAsked {
        target: TARGET.to_owned(),
        recipes: vec![asked.lease.recipe.clone(), foreign],
    };
    let refused = own.apart.shut(&asked_for).await.unwrap_err();
    assert_eq!(refused.code(), "other_name");
    assert!(own.target.shut_first().is_empty());
    assert!(own.target.standing().contains(&"other_gate".to_owned()));
    assert_eq!(own.ends(&asked.lease.recipe).await, Removal::Gone);
    assert_eq!(own.target.standing(), ["other_gate"]);
}

#[tokio::test]
async fn what_was_to_end_before_it_was_made_is_not_made() {
    let own = Own::open().await;
    let asked = own.approved().await;
    // The gate gave up on the answer, and took it away; what it asked for arrives after that.
    assert_eq!(own.ends(&asked.lease.recipe).await, Removal::Gone);
    own.refuses(&asked, "ended_before").await;
}

#[tokio::test]
async fn nothing_is_gone_that_is_still_being_made() {
    let own = Own::open().await;
    let asked = own.approved().await;
    own.target.set_making(Making::Waits);
    let waiting = own.target.waiting.notified();
    let (apart, making) = (own.apart.clone(), asked.clone());
    // Whoever asked hangs up; it goes on all the same.
    let hung_up = tokio::spawn(async move { apart.issue(making).await });
    waiting.await;
    hung_up.abort();
    let recipe = &asked.lease.recipe;
    assert_eq!(own.ends(recipe).await, Removal::Remains("issuing"));
    own.target.go_on();
    let gone = async {
        while own.ends(recipe).await != Removal::Gone {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), gone)
        .await
        .unwrap();
    assert!(own.target.standing().is_empty());
}

#[tokio::test]
async fn a_target_that_is_down_is_not_called_free_of_anything() {
    let own = Own::open().await;
    let asked = own.approved().await;
    own.makes(&asked).await;
    own.target.set_down(true);
    let recipe = &asked.lease.recipe;
    assert_eq!(own.ends(recipe).await, Removal::Remains("unreachable"));
    assert!(own.apart.found(TARGET).await.is_err());
    own.target.set_down(false);
    assert_eq!(
        own.apart.found(TARGET).await.unwrap(),
        std::slice::from_ref(recipe)
    );
    assert_eq!(own.ends(recipe).await, Removal::Gone);
    assert!(own.folder.path().join("spent").exists());
}

#[tokio::test]
async fn nothing_is_asked_for_at_targets_that_an_executor_has_not_told_yet() {
    let own = Own::open().await;
    own.capture.untold.store(true, Ordering::Relaxed);
    let task = own.shop.task().await;
    let asked = own.shop.submit(&task, "shop.entry", READER).await;
    let Err(GateError::Refused(refusal)) = asked else {
        panic!("it was taken");
    };
    let told = refusal.to_string();
    assert!(told.contains("the executor has not said yet"), "{told}");
    own.capture.untold.store(false, Ordering::Relaxed);
    let asked = own.shop.submit(&task, "shop.entry", READER).await;
    assert_eq!(asked.unwrap().record.state, State::Held);
}
