//! A whole gate behind a real port: memory store, three generated people, one workload and one enforcement point enrolled
//! through the real held path, a recorder as target. `call` sends raw HTTP, so that nothing corrects a bad request.

pub mod browser;
pub mod call;
pub mod knock;
pub mod people;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gatehold_client::wire::{SubmitRequest, TaskRequest};
use gatehold_client::{
    Ambient, AmbientError, Client, ClientConfig, SignatureHeaders, SignerError, ToSign,
};
use gatehold_core::action::Envelope;
use gatehold_core::approved::Approved;
use gatehold_core::decide::Settings;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::entropy::Entropy;
use gatehold_gate::ports::executor::{Ending, Evidence, Execution, Executor};
use gatehold_gate::ports::store::Store;
use gatehold_gate::push::{PushRules, PushServices};
use gatehold_gate::{Catalog, Gate, GateError, Parts, SessionLimits, Signals};
use gatehold_policy::Bundle;
use gatehold_proof::web_push::VapidKey;
use gatehold_proof::{Algorithm, PublicUrl, RequestToSign, SigningKey, sign_request};
use gatehold_server::listen::{ListenLimits, ListenSettings, Listener};
use gatehold_server::login::{IdentityProvider, PrintedCode};
use gatehold_server::{
    About, ApiSettings, App, ConsoleSettings, Provisioning, PublishedHead, PublishedLedger,
};
use gatehold_store::clock::Clock as _;
use gatehold_store::memory::MemoryStore;
use tokio::sync::{Semaphore, oneshot};

use people::Person;

pub const NOW: i64 = 1_795_000_000_000;

/// One running gate.
pub struct House {
    pub url: String,
    pub app: App,
    pub gate: Gate,
    pub store: MemoryStore,
    pub executed: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Executions wait for one of these.
    pub target: Arc<Semaphore>,
    /// One for each execution that has begun.
    pub begun: Arc<Semaphore>,
    pub workload: Arc<SigningKey>,
    pub point: Arc<SigningKey>,
    /// What the console of this gate takes, and what it printed.
    pub codes: Arc<PrintedCode>,
    pub printed: Arc<Mutex<Vec<String>>>,
    nonces: AtomicU64,
    _end: oneshot::Sender<()>,
}

/// Browsers are told through the usual push services.
pub fn push_rules() -> PushRules {
    PushRules {
        services: PushServices::default(),
        public_key: VapidKey::generate(|seed| seed.fill(7))
            .unwrap()
            .public()
            .to_owned(),
    }
}

/// Who tells a gate things.
#[derive(Default)]
struct Told {
    provisioning: Option<Arc<Provisioning>>,
    signals: Option<Arc<Signals>>,
}

impl House {
    pub async fn open() -> Self {
        Self::open_within(ListenLimits::default(), None).await
    }

    /// With other bounds of the listener, and another time for a body to arrive.
    pub async fn open_within(limits: ListenLimits, body_timeout: Option<Duration>) -> Self {
        // As often as nobody would, so that a test needs not wait for a stream to look at its session.
        Self::open_beating(limits, body_timeout, Duration::from_millis(20)).await
    }

    /// The same, with streams that beat so often.
    pub async fn open_beating(
        limits: ListenLimits,
        body_timeout: Option<Duration>,
        beat: Duration,
    ) -> Self {
        Self::open_told(limits, body_timeout, beat, Told::default()).await
    }

    /// With a provider that says who is gone.
    pub async fn open_provisioned(provisioning: Provisioning) -> Self {
        let (limits, beat) = (ListenLimits::default(), Duration::from_millis(20));
        let provisioning = Some(Arc::new(provisioning));
        let told = Told {
            provisioning,
            ..Told::default()
        };
        Self::open_told(limits, None, beat, told).await
    }

    /// With senders of signals.
    pub async fn open_signalled(signals: Signals) -> Self {
        let (limits, beat) = (ListenLimits::default(), Duration::from_millis(20));
        let signals = Some(Arc::new(signals));
        let told = Told {
            signals,
            ..Told::default()
        };
        Self::open_told(limits, None, beat, told).await
    }

    async fn open_told(
        limits: ListenLimits,
        body_timeout: Option<Duration>,
        beat: Duration,
        told: Told,
    ) -> Self {
        let store = MemoryStore::at(Timestamp::from_millis(NOW));
        let entropy = Arc::new(Counting::default());
        let folder = bundle_folder();
        let bundle = Bundle::load(folder.path()).unwrap_or_else(|all| panic!("{all:#?}"));
        Gate::found(
            &store,
            entropy.as_ref(),
            people::root(bundle.hash()),
            bundle.to_bytes(),
        )
        .await
        .unwrap();
        let executed = Arc::new(Mutex::new(Vec::new()));
        let target = Arc::new(Semaphore::new(1000));
        let begun = Arc::new(Semaphore::new(0));
        let gate = Gate::open(Parts {
            journal: None,
            store: Arc::new(store.clone()),
            entropy,
            executor: Arc::new(Recorder {
                executed: executed.clone(),
                target: target.clone(),
                begun: begun.clone(),
            }),
            issuer: Arc::new(gatehold_gate::ports::issuer::NoIssuer),
            facts: Arc::new(gatehold_gate::ports::facts::Nothing),
            settings: Settings {
                open_holds_max: 40,
                ..Settings::default()
            },
            pinned_root: None,
            catalog: Catalog::default(),
            page_files: Some(gatehold_server::PageFiles::embedded().set()),
            execution_seconds_max: 60,
            alone: true,
        })
        .await
        .unwrap();
        let listener = Listener::bind(&ListenSettings {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            behind_proxy: false,
            limits,
        })
        .await
        .unwrap();
        let url = format!("http://{}", listener.address());
        let mut settings = ApiSettings::new(PublicUrl::parse(&url).unwrap(), "test");
        settings.body_timeout = body_timeout.unwrap_or(settings.body_timeout);
        settings.beat = beat;
        settings.signals = told.signals;
        let printed = Arc::new(Mutex::new(Vec::new()));
        let codes = Arc::new(PrintedCode::new(Arc::new(Counting::default()), {
            let printed = printed.clone();
            move |code: &str| printed.lock().unwrap().push(code.to_owned())
        }));
        let console = ConsoleSettings {
            provider: IdentityProvider::Code(codes.clone()),
            sessions: SessionLimits::default(),
            url: PublicUrl::parse(&url).unwrap(),
            enroller: None,
            provisioning: told.provisioning,
            push: Some(push_rules()),
        };
        let published = Arc::new(Published(store.clone()));
        let app = App::with_console(gate.clone(), published, settings, console).unwrap();
        let (end, ended) = oneshot::channel();
        let router = gatehold_server::router(&app);
        tokio::spawn(async move {
            let _ended = listener.serve(router, async { drop(ended.await) }).await;
        });
        let house = Self {
            url,
            app,
            gate,
            store,
            executed,
            target,
            begun,
            workload: Arc::new(key(b"workload")),
            point: Arc::new(key(b"point")),
            codes,
            printed,
            nonces: AtomicU64::new(0),
            _end: end,
        };
        house.enrol().await;
        house
    }

    async fn enrol(&self) {
        let owner = Person::Owner.id();
        let nhi = serde_json::json!({
            "id": "deploy-bot", "kind": "ai_agent", "jwk": self.workload.public().to_jwk(),
            "owner": owner, "backup": owner, "custodians": [], "assurance": "pop", "teams": [],
            "baseline": { "descriptors": ["shop.read"], "targets": ["sql:shop"], "resources": ["shop/"] },
            "lifecycle": "active", "not_after": 4_102_444_800_000_i64,
        });
        people::change(&self.gate, "nhi.create", &nhi.to_string()).await;
        let point = serde_json::json!({
            "id": "gateway", "jwk": self.point.public().to_jwk(), "owner": owner,
            "workloads": ["deploy-bot"],
        });
        people::change(&self.gate, "point.enrol", &point.to_string()).await;
    }

    pub fn client(&self, key: &Arc<SigningKey>) -> Client {
        self.client_at(key, None)
    }

    /// One that connects elsewhere.
    pub fn client_at(&self, key: &Arc<SigningKey>, url: Option<&str>) -> Client {
        let key = key.clone();
        let sign = move |call: &ToSign<'_>| {
            let refuse = |error: gatehold_proof::SignatureError| SignerError(error.to_string());
            let signed = sign_request(
                &key,
                &RequestToSign {
                    method: call.method,
                    public_url: &PublicUrl::parse(call.public_url).map_err(refuse)?,
                    request_target: call.request_target,
                    idempotency_key: call.idempotency_key,
                    body: call.body,
                    created: call.created,
                    life_seconds: 30,
                    nonce: call.nonce,
                },
            )
            .map_err(refuse)?;
            Ok(SignatureHeaders {
                content_digest: signed.content_digest,
                signature_input: signed.signature_input,
                signature: signed.signature,
            })
        };
        let mut config = ClientConfig::new(&self.url);
        config.connect_url = url.map(ToOwned::to_owned);
        Client::new(
            &config,
            Arc::new(sign),
            Arc::new(AtHouse(self.store.clone())),
        )
        .unwrap()
    }

    /// A fresh nonce.
    pub fn nonce(&self) -> String {
        format!(
            "nonce-of-test-{:06}",
            self.nonces.fetch_add(1, Ordering::Relaxed)
        )
    }

    pub async fn task(&self, client: &Client) -> String {
        let request = TaskRequest {
            purpose: "retry failed orders".into(),
            on_behalf_of: None,
            boundary: None,
        };
        client.start_task(&request).await.unwrap().task
    }

    /// An action of the workload.
    pub fn action(&self, task: &str, descriptor: &str, sql: &str) -> SubmitRequest {
        SubmitRequest {
            envelope: canonical::to_bytes(&self.envelope(Some(task), descriptor, sql))
                .unwrap()
                .into(),
            payload: sql.as_bytes().to_vec().into(),
            claims: gatehold_client::wire::Claims::default(),
        }
    }

    pub fn envelope(&self, task: Option<&str>, descriptor: &str, payload: &str) -> Envelope {
        people::envelope(&self.gate, task, descriptor, payload)
    }

    pub async fn leaves(&self) -> u64 {
        self.store.head().await.unwrap().size
    }
}

pub fn key(seed: &[u8]) -> SigningKey {
    SigningKey::from_seed(Algorithm::Ed25519, Hash::of(seed).as_bytes()).unwrap()
}

/// The shop's bundle, and in it the enrolment of enforcement points.
fn bundle_folder() -> tempfile::TempDir {
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim/tests/shop/bundle");
    let folder = tempfile::tempdir().unwrap();
    for part in ["", "checkpoints", "descriptors"] {
        let to = folder.path().join(part);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(shop.join(part)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }
    let enrol = std::fs::read_to_string(shop.join("descriptors/nhi.create.toml")).unwrap();
    let enrol = enrol.replace("nhi.create", "point.enrol");
    std::fs::write(folder.path().join("descriptors/point.enrol.toml"), enrol).unwrap();
    folder
}

/// Counts instead of drawing, so that two draws differ and a run repeats.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Entropy for Counting {
    fn bytes(&self) -> [u8; 32] {
        *Hash::of(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes()).as_bytes()
    }
}

/// Draws of all clients differ: a nonce is good once for each key.
static DRAWN: AtomicU64 = AtomicU64::new(0);

/// What clients live by: the house's own clock.
struct AtHouse(MemoryStore);

impl Ambient for AtHouse {
    fn now_unix_seconds(&self) -> u64 {
        u64::try_from(self.0.clock().now().millis() / 1000).unwrap()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), AmbientError> {
        let random = Hash::of(&DRAWN.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        for (to, from) in bytes.iter_mut().zip(random.as_bytes()) {
            *to = *from;
        }
        Ok(())
    }
}

/// Remembers what it was told to execute.
struct Recorder {
    executed: Arc<Mutex<Vec<Vec<u8>>>>,
    target: Arc<Semaphore>,
    begun: Arc<Semaphore>,
}

#[async_trait]
impl Executor for Recorder {
    async fn execute(&self, approved: Approved, _: &dyn Evidence) -> Execution {
        self.begun.add_permits(1);
        self.target.acquire().await.unwrap().forget();
        self.executed
            .lock()
            .unwrap()
            .push(approved.action().payload().to_vec());
        Execution {
            ending: Ending::Completed,
            code: "ok",
            quantity: Some(1),
            status: None,
            media_type: "text/plain".to_owned(),
            body: b"done".to_vec(),
            truncated: false,
        }
    }

    fn has_target(&self, target: &str) -> bool {
        target == "sql:shop"
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        vec!["rows".to_owned()]
    }
}

/// The leaves themselves; nothing is signed here.
struct Published(MemoryStore);

#[async_trait]
impl PublishedLedger for Published {
    async fn tree_head(&self) -> Result<Option<PublishedHead>, GateError> {
        let head = self.0.head().await?;
        Ok(Some(PublishedHead {
            size: head.size,
            root: "root".into(),
            note: "note".into(),
        }))
    }

    async fn about(&self, leaf: u64) -> Result<Option<About>, GateError> {
        let leaves = self.0.leaves(leaf, 1, false).await?;
        Ok(leaves.first().map(|leaf| {
            let entry = gatehold_core::entry::Entry::from_bytes(&leaf.record).unwrap();
            About {
                request: entry.request,
                opens_request: entry.from.is_none(),
            }
        }))
    }

    async fn receipt(&self, leaf: u64) -> Result<Option<String>, GateError> {
        Ok(Some(format!("receipt of {leaf}\n")))
    }

    async fn dossier(&self, request: RequestId) -> Result<Option<Vec<u8>>, GateError> {
        Ok(Some(format!("dossier of {request}").into_bytes()))
    }
}
