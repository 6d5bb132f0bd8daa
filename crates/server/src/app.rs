//! What every handler sees: the gate, the published ledger, settings, metrics. Cheap to clone.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatehold_gate::{Beat, Gate, GateError, Signals};
use gatehold_proof::PublicUrl;
use tokio::sync::watch;

use crate::auth::{KnownKeys, SeenNonces};
use crate::channels::{Channels, ChannelsSeen};
use crate::console::{Console, ConsoleError, ConsoleSettings, PageError};
use crate::ledger::PublishedLedger;
use crate::metrics::Metrics;
use crate::scim::Provisioning;

/// How the API behaves. Read and bounded by the configuration.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// What clients sign as the beginning of `@target-uri`.
    pub public_url: PublicUrl,
    /// How far a caller's clock may be off.
    pub skew_seconds: u64,
    /// Longest time a call waits for people, whatever `Prefer` says.
    pub wait_max: Duration,
    /// Time for a body to arrive.
    pub body_timeout: Duration,
    /// Between two signs of life of a stream of the console; how soon it ends with its session.
    pub beat: Duration,
    /// Names this process in ids of calls; not a secret.
    pub instance: String,
    /// Who sends signals; without any there is no door for them.
    pub signals: Option<Arc<Signals>>,
}

impl ApiSettings {
    /// The design's values under this URL.
    #[must_use]
    pub fn new(public_url: PublicUrl, instance: impl Into<String>) -> Self {
        Self {
            public_url,
            skew_seconds: 5,
            wait_max: Duration::from_secs(60),
            body_timeout: Duration::from_secs(20),
            beat: Duration::from_secs(15),
            instance: instance.into(),
            signals: None,
        }
    }
}

/// The state behind the routes.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    gate: Gate,
    ledger: Arc<dyn PublishedLedger>,
    console: Option<Console>,
    settings: ApiSettings,
    metrics: Metrics,
    channels: Channels,
    keys: KnownKeys,
    nonces: SeenNonces,
    calls: AtomicU64,
    ending: watch::Sender<bool>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({})", self.0.settings.public_url)
    }
}

impl App {
    /// The API of a gate and of its published ledger.
    #[must_use]
    pub fn new(gate: Gate, ledger: Arc<dyn PublishedLedger>, settings: ApiSettings) -> Self {
        Self::made(gate, ledger, settings, None)
    }

    /// The same, with pages for people.
    ///
    /// # Errors
    /// When the address of the gate cannot have a console.
    pub fn with_console(
        gate: Gate,
        ledger: Arc<dyn PublishedLedger>,
        settings: ApiSettings,
        console: ConsoleSettings,
    ) -> Result<Self, ConsoleError> {
        let console = Console::new(console, &gate)?;
        Ok(Self::made(gate, ledger, settings, Some(console)))
    }

    fn made(
        gate: Gate,
        ledger: Arc<dyn PublishedLedger>,
        settings: ApiSettings,
        console: Option<Console>,
    ) -> Self {
        Self(Arc::new(Inner {
            gate,
            ledger,
            console,
            settings,
            metrics: Metrics::new(),
            channels: Channels::default(),
            keys: KnownKeys::default(),
            nonces: SeenNonces::default(),
            calls: AtomicU64::new(0),
            ending: watch::Sender::new(false),
        }))
    }

    /// The counters, for whoever runs the clock and the metrics listener.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// People were told, or were not: it is counted, and the overview shows how each channel stands.
    ///
    /// # Errors
    /// When the store does not say what time it is.
    pub async fn told(&self, beat: &Beat) -> Result<(), GateError> {
        self.metrics().notices(beat);
        let now = self.gate().now().await?;
        self.0.channels.take(beat, now);
        Ok(())
    }

    /// How the channels stand; nothing before anybody was to be told.
    #[must_use]
    pub fn channels(&self) -> Option<ChannelsSeen> {
        self.0.channels.seen()
    }

    /// Waiting calls answer now with what they have: the server is about to end.
    pub fn end_waiting(&self) {
        self.0.ending.send_replace(true);
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn ledger(&self) -> &dyn PublishedLedger {
        self.0.ledger.as_ref()
    }

    pub(crate) fn has_console(&self) -> bool {
        self.0.console.is_some()
    }

    /// The provider that says who is gone, where there is one.
    pub(crate) fn provisioning(&self) -> Option<&Provisioning> {
        self.0.console.as_ref()?.provisioning()
    }

    /// Who sends signals, where anybody does.
    pub(crate) fn signals(&self) -> Option<&Arc<Signals>> {
        self.0.settings.signals.as_ref()
    }

    /// The console, behind the routes of one that has it.
    pub(crate) fn console(&self) -> Result<&Console, PageError> {
        let console = self.0.console.as_ref();
        console.ok_or(PageError::Fault("a page of a gate without a console"))
    }

    pub(crate) fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    pub(crate) fn keys(&self) -> &KnownKeys {
        &self.0.keys
    }

    pub(crate) fn nonces(&self) -> &SeenNonces {
        &self.0.nonces
    }

    /// Completes when waiting calls should answer.
    pub(crate) async fn ending(&self) {
        let mut ending = self.0.ending.subscribe();
        // The sender lives in `self`, so the channel cannot be closed here.
        let _ended = ending.wait_for(|ending| *ending).await;
    }

    pub(crate) fn next_call_id(&self) -> String {
        let number = self.0.calls.fetch_add(1, Ordering::Relaxed);
        format!("call_{}_{number}", self.0.settings.instance)
    }
}
