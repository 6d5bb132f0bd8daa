//! `gatehold serve`: puts a gate together from its configuration and serves it until it is told to end.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use gatehold_broker::{Calendars, Lookups, OnCall, Sources};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::journal::Journal;
use gatehold_gate::ports::store::{Store, StoreFault};
use gatehold_gate::{Catalog, Dispatcher, Gate, OpenError, OwnWord, Parts};
use gatehold_proof::PublicUrl;
use gatehold_server::listen::{Ended, ListenError, ListenSettings, Listener};
use gatehold_server::login::IdentityProvider;
use gatehold_server::{ApiSettings, App, ConsoleSettings, Enroller, PageFiles, Provisioning};
use gatehold_store::AfterCommit;
use gatehold_store::anchor::{AnchorFault, Anchors};
use gatehold_store::derive::Publisher;
use gatehold_store::journal::{self, JournalFault};
use gatehold_store::postgres::{PostgresOptions, PostgresStore};
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};
use tokio::signal::unix::{SignalKind, signal};

use crate::ambient::Os;
use crate::beats::{Clock, Publishing};
use crate::channel::standing::Keeper;
use crate::config::{
    Config, ConfigFile, ExecutorPlace, IdentityProviderPlace, ScimPlace, StorePlace,
};
use crate::executing;
use crate::exit::{Exit, Failure};
use crate::identity_provider;
use crate::leases;
use crate::published::{Published, publisher_to, signer};
use crate::safety::SafetyListener;
use crate::signals;
use crate::telling::{self, Telling};

/// `gatehold serve`.
///
/// # Errors
/// Everything that keeps the gate from starting.
pub async fn serve(file: &ConfigFile) -> Result<Exit, Failure> {
    let config = Config::require(&file.config)?;
    let url = config.public_url.clone();
    let running = Running::start(config).await?;
    let end = ended_by_signal();
    if let Some(operations) = &running.operations {
        println!("metrics and health on http://{}", operations.address());
    }
    if let Some(safety) = &running.safety {
        println!("what only stops is served on {} too", safety.address());
    }
    println!("gatehold serves {url} on {}", running.listener.address());
    running.until(end).await
}

/// Pages for people: who vouches for them, and where the pages are.
pub struct Pages {
    /// Who vouches.
    pub provider: IdentityProvider,
    /// The origin that browsers name.
    pub url: PublicUrl,
    /// Who has new passkeys enrolled at once, at a development gate.
    pub enroller: Option<Arc<dyn Enroller>>,
    /// What the provider says of people between two sign-ins, if it does.
    pub provisioning: Option<Arc<Provisioning>>,
}

/// A gate that is ready to accept.
pub struct Running {
    gate: Gate,
    app: App,
    listener: Listener,
    safety: Option<SafetyListener>,
    operations: Option<Listener>,
    anchors: Arc<Anchors>,
    published: Arc<Published>,
    publisher: Option<Publisher>,
    dispatcher: Dispatcher,
    channels_kept: PathBuf,
    executor: Option<ExecutorPlace>,
}

impl Running {
    /// Opens store, gate and listener.
    ///
    /// # Errors
    /// Everything that keeps the gate from starting.
    pub async fn start(config: Config) -> Result<Self, Failure> {
        Self::start_on(config, Opened::default(), None).await
    }

    /// The same on addresses that are open already, and with a console where somebody vouches for people.
    ///
    /// # Errors
    /// Everything that keeps the gate from starting.
    pub async fn start_on(
        config: Config,
        opened: Opened,
        pages: Option<Pages>,
    ) -> Result<Self, Failure> {
        let anchors = open_anchors(&config)?;
        let journal = open_journal(&config)?;
        let channels_kept = config.channels_kept();
        let store = open_store(&config.store, Some(anchors.clone())).await?;
        anchors
            .compare(store.as_ref())
            .await
            .map_err(|fault| disagrees(&fault))?;
        let public_url = public_url(&config.public_url)?;
        let founded: Arc<OnceLock<Gate>> = Arc::default();
        let on_call = config.on_call.map(OnCall::new).map(Arc::new);
        let gate = Gate::open(Parts {
            store: store.clone(),
            entropy: Arc::new(Os),
            issuer: leases::issuer(&config.executor, &config.targets, store.as_ref()).await?,
            executor: executing::executor(&config.executor, config.targets, founded.clone()).await,
            facts: sources(config.calendar, config.lookups, on_call.clone()),
            journal: Some(journal),
            settings: config.settings,
            pinned_root: config.root,
            catalog: Catalog::new(config.resources),
            page_files: page_files(pages.is_some() || config.identity_provider.is_some()),
            execution_seconds_max: config.execution_seconds_max,
            alone: matches!(config.store, StorePlace::Sqlite(_)),
        })
        .await
        .map_err(|error| refused(&error))?;
        let _first = founded.set(gate.clone());
        pinned(config.root, &gate)?;
        let settings = ListenSettings {
            address: config.listen,
            tls: config.tls,
            behind_proxy: config.behind_proxy,
            limits: config.listen_limits,
        };
        let safety = SafetyListener::beside(&settings, config.safety)?;
        let listener = listen(opened.service, &settings)
            .await
            .map_err(|error| Failure::usage(error, "correct `listen` or `tls`"))?;
        let (at, limits) = (config.operations, config.listen_limits);
        let operations = operators(opened.operations, at, limits).await?;
        let (published, publisher) =
            publishing(store, config.published.as_deref(), &config.log_key, &gate)?;
        let provider = config.identity_provider;
        let pages = vouching(pages, provider, &public_url, &gate, &config.log_key)?;
        let push = config.channels.push();
        let told = (config.channels, on_call);
        let signals = signals::open(config.signals, &gate)?;
        let dispatcher = telling::dispatcher(&gate, told, &public_url, signals.clone());
        let mut settings = ApiSettings::new(public_url, instance()?);
        settings.signals = signals;
        let console = pages.map(|pages| ConsoleSettings {
            provider: pages.provider,
            sessions: config.sessions,
            url: pages.url,
            enroller: pages.enroller,
            provisioning: pages.provisioning,
            push,
        });
        let app = app(gate.clone(), published.clone(), settings, console)?;
        Ok(Self {
            gate,
            app,
            listener,
            safety,
            operations,
            anchors,
            published,
            publisher,
            dispatcher,
            channels_kept,
            executor: config.executor,
        })
    }

    /// The store's time.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn now(&self) -> Result<Timestamp, Failure> {
        let now = self.gate.now().await;
        now.map_err(|error| Failure::fault(error, "repair the store"))
    }

    /// Serves until `end`, then lets open calls finish.
    ///
    /// # Errors
    /// When open calls had to be cut.
    pub async fn until(self, end: impl Future<Output = ()>) -> Result<Exit, Failure> {
        let clock = Clock {
            gate: self.gate.clone(),
            app: self.app.clone(),
            anchors: self.anchors.clone(),
        };
        let publishing = Publishing {
            app: self.app.clone(),
            published: self.published,
            publisher: self.publisher,
        };
        let (ending, end_of_clock) = tokio::sync::oneshot::channel();
        let clock = tokio::spawn(clock.run(end_of_clock));
        let ending_leases = tokio::spawn(leases::run(self.gate.clone(), self.app.clone()));
        let asking = tokio::spawn(executing::keep_asking(self.executor));
        let (ended_too, end_of_publishing) = tokio::sync::oneshot::channel();
        let publishing = tokio::spawn(publishing.run(end_of_publishing));
        let (ended_as_well, end_of_telling) = tokio::sync::oneshot::channel();
        let telling = Telling {
            app: self.app.clone(),
            dispatcher: self.dispatcher,
            keeper: Keeper::new(self.channels_kept),
        };
        let telling = tokio::spawn(telling.run(end_of_telling));
        let operations = self.operations.map(|listener| {
            let router = gatehold_server::operations_router(&self.app);
            tokio::spawn(listener.serve(router, std::future::pending()))
        });
        let safety = self
            .safety
            .map(|safety| safety.serve(self.app.clone()))
            .transpose()?;
        let app = self.app.clone();
        let end = async move {
            end.await;
            app.end_waiting();
        };
        let ended = self
            .listener
            .serve(gatehold_server::router(&self.app), end)
            .await;
        drop((ending, ended_too, ended_as_well));
        if let Some(safety) = safety {
            safety.end().await;
        }
        if let Some(operations) = operations {
            operations.abort();
            // Awaited, so that what it holds is let go before the caller removes its folder.
            let _aborted = operations.await;
        }
        if let Err(error) = self.gate.flush().await {
            tracing::error!(%error, "the last refusals could not be written");
        }
        let _ended = clock.await;
        // What is under way at a target is given up: whoever starts next goes on with it.
        ending_leases.abort();
        asking.abort();
        let _told = telling.await;
        // What was appended since the last time is covered by a tree head before the process is gone.
        if let Ok(mut publishing) = publishing.await {
            publishing.publish().await;
        }
        // Its last sync is done before the caller removes its folder.
        self.anchors.finish();
        match ended {
            Ended::Orderly => Ok(Exit::Done),
            Ended::Cut(open) => Err(Failure::fault(
                format!("{open} connections were cut"),
                "raise limits.shutdown_seconds_max when this happens often",
            )),
        }
    }
}

/// Only a development gate starts without a root that somebody wrote down.
fn pinned(root: Option<Hash>, gate: &Gate) -> Result<(), Failure> {
    if root.is_none() && !gate.origin().is_dev() {
        return Err(Failure::usage(
            "`trust.root` is not set",
            "pin the root: write the hash that `gatehold init finish` printed",
        ));
    }
    Ok(())
}

/// What finds facts out.
fn sources(
    calendar: Option<PathBuf>,
    lookups: Lookups,
    on_call: Option<Arc<OnCall>>,
) -> Arc<Sources> {
    let calendars = calendar.map(Calendars::new);
    Arc::new(Sources {
        calendars,
        lookups,
        on_call,
    })
}

/// The ledger as others may read it, and what writes it to this folder, if this process does.
fn publishing(
    store: Arc<dyn Store>,
    folder: Option<&Path>,
    log_key: &Path,
    gate: &Gate,
) -> Result<(Arc<Published>, Option<Publisher>), Failure> {
    let signer = signer(log_key, gate.origin().as_str())?;
    let place = folder.map(Path::to_owned).unwrap_or_default();
    let published = Published::new(store, place, &signer);
    let publisher = folder.map(|folder| publisher_to(folder, signer));
    Ok((published, publisher.transpose()?))
}

fn public_url(text: &str) -> Result<PublicUrl, Failure> {
    PublicUrl::parse(text).map_err(|error| Failure::usage(error, "correct `public_url`"))
}

/// What is recorded of the pages with everything that is shown.
fn page_files(has_pages: bool) -> Option<Hash> {
    has_pages.then(|| PageFiles::embedded().set())
}

/// Pages for people: those that are given, or else at the public URL with the provider that the configuration names.
fn vouching(
    given: Option<Pages>,
    place: Option<IdentityProviderPlace>,
    public_url: &PublicUrl,
    gate: &Gate,
    log_key: &Path,
) -> Result<Option<Pages>, Failure> {
    match (given, place) {
        (None, Some(place)) => {
            let asked = place.groups.iter().flat_map(|groups| groups.teams.keys());
            let unknown = gate.unknown_teams(asked);
            if let Some(team) = unknown.first() {
                return Err(Failure::usage(
                    format!(
                        "identity_provider.teams: `{team}` is no team of this gate, and would narrow nothing"
                    ),
                    "write it as `gatehold human list` does, or leave it out",
                ));
            }
            let is_dev = gate.origin().is_dev();
            let scim = place.scim.clone();
            let provisioning = scim.map(|scim| provisioning(scim, &place.issuer, gate, log_key));
            let provisioning = provisioning.transpose()?;
            Ok(Some(Pages {
                provider: identity_provider::open(place, public_url.as_str(), is_dev)?,
                url: public_url.clone(),
                enroller: None,
                provisioning,
            }))
        }
        (given, _) => Ok(given),
    }
}

/// The provider that says who is gone. What it gives back, the gate says with the log key, so that must be the root's.
fn provisioning(
    scim: ScimPlace,
    issuer: &str,
    gate: &Gate,
    log_key: &Path,
) -> Result<Arc<Provisioning>, Failure> {
    let signer = signer(log_key, gate.origin().as_str())?;
    let named = gate.with_directory(|directory| directory.log_key == signer.log_key().to_string());
    if !named {
        return Err(Failure::usage(
            "ledger.key_file: it is not the log key that the root names, and nobody could be given back",
            "give the log.key that `gatehold init new` wrote, or leave `identity_provider.scim_token_file` out",
        ));
    }
    let (word, token) = (OwnWord::new(signer), &scim.token.0);
    let provisioning = Provisioning::new(issuer.to_owned(), token, scim.subject, word);
    Ok(Arc::new(provisioning))
}

/// The API, with a console where somebody vouches for people.
fn app(
    gate: Gate,
    published: Arc<Published>,
    settings: ApiSettings,
    console: Option<ConsoleSettings>,
) -> Result<App, Failure> {
    match console {
        None => Ok(App::new(gate, published, settings)),
        Some(console) => App::with_console(gate, published, settings, console)
            .map_err(|error| Failure::usage(error, "correct `public_url`")),
    }
}

/// What names this process in ids of calls.
fn instance() -> Result<String, Failure> {
    crate::ambient::random()
        .map(|bytes| gatehold_core::hash::hex(&bytes).chars().take(8).collect())
        .map_err(|error| Failure::fault(error, "check the system's random source"))
}

/// Addresses that were opened before the gate was put together.
#[derive(Debug, Default)]
pub struct Opened {
    /// Of the API.
    pub service: Option<TcpListener>,
    /// Of metrics and health.
    pub operations: Option<TcpListener>,
}

async fn listen(
    opened: Option<TcpListener>,
    settings: &ListenSettings,
) -> Result<Listener, ListenError> {
    match opened {
        Some(socket) => Listener::on(socket, settings),
        None => Listener::bind(settings).await,
    }
}

/// The listener for operators alone, if there is one.
async fn operators(
    opened: Option<TcpListener>,
    address: Option<std::net::SocketAddr>,
    limits: gatehold_server::listen::ListenLimits,
) -> Result<Option<Listener>, Failure> {
    let Some(address) = address else {
        return Ok(None);
    };
    let settings = ListenSettings {
        address,
        tls: None,
        behind_proxy: false,
        limits,
    };
    let listener = listen(opened, &settings)
        .await
        .map_err(|error| Failure::usage(error, "correct `operations_listen`"))?;
    Ok(Some(listener))
}

/// This process's anchor.
///
/// # Errors
/// When the folder cannot be used.
pub fn open_anchors(config: &Config) -> Result<Arc<Anchors>, Failure> {
    std::fs::create_dir_all(&config.anchors)
        .map_err(|error| Failure::file(&config.anchors, &error))?;
    Anchors::open(&config.anchors, &config.anchor_name).map_err(|fault| disagrees(&fault))
}

fn disagrees(fault: &AnchorFault) -> Failure {
    Failure::verification(
        fault,
        "restore the newest copy of the store; after an honest restore run `gatehold ledger rejoin`",
    )
}

/// Opens the configured store.
///
/// # Errors
/// When it cannot be used.
pub async fn open_store(
    place: &StorePlace,
    hook: Option<Arc<dyn AfterCommit>>,
) -> Result<Arc<dyn Store>, Failure> {
    connect(place, hook)
        .await
        .map_err(|fault| Failure::fault(fault, "correct [store], or repair the database"))
}

/// The same, with the fault itself: an auditor says another thing about a damaged store than an operator.
///
/// # Errors
/// When it cannot be used.
pub async fn connect(
    place: &StorePlace,
    hook: Option<Arc<dyn AfterCommit>>,
) -> Result<Arc<dyn Store>, StoreFault> {
    Ok(match place {
        StorePlace::Sqlite(path) => {
            let mut options = SqliteOptions::new(path);
            options.hook = hook;
            Arc::new(SqliteStore::open(options)?)
        }
        StorePlace::Postgres(url) => {
            let mut options = PostgresOptions::new(url.0.clone());
            options.hook = hook;
            Arc::new(PostgresStore::open(options).await?)
        }
    })
}

/// Where revocations are kept while the store refuses.
fn open_journal(config: &Config) -> Result<Arc<dyn Journal>, Failure> {
    match journal::Journal::open(config.journal()) {
        Ok(journal) => Ok(Arc::new(journal)),
        Err(fault) => Err(unusable(&fault)),
    }
}

/// Says why the revocation journal cannot be used.
pub fn unusable(fault: &JournalFault) -> Failure {
    match fault {
        JournalFault::Damaged { .. } => Failure::verification(
            fault,
            "do the lost acts again after the start, then check with `gatehold doctor`",
        ),
        _ => Failure::fault(
            fault,
            "correct `ledger.anchors_folder` or `ledger.anchor_name`; the journal stands there",
        ),
    }
}

/// Says why a gate does not open.
#[must_use]
pub fn refused(error: &OpenError) -> Failure {
    let next = match error {
        OpenError::NotFounded => "found it with `gatehold init finish`",
        OpenError::AlreadyFounded => "use another store, or serve this one",
        OpenError::Chain(_) => "keep the database as it is and run `gatehold audit verify`",
        OpenError::Bundle(_) => "update this program, or give the bundle the root names",
        OpenError::Recovery(_) => {
            "draw it up anew with `gatehold recover new`, and collect the signatures"
        }
        OpenError::Journal(_) => "keep the journal, and let the program that wrote it replay it",
        OpenError::Store(_) | OpenError::Found(_) => "repair the store",
    };
    let exit = match error {
        OpenError::Chain(_) | OpenError::Recovery(_) => Exit::Verification,
        OpenError::Bundle(_) => Exit::Policy,
        _ => Exit::Fault,
    };
    Failure::new(exit, error, next)
}

/// SIGTERM or SIGINT, from now on: whoever reads that the gate is ready may already end it in order.
pub fn ended_by_signal() -> impl Future<Output = ()> + Send {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    async move {
        let (Ok(mut term), Ok(mut int)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }
}
