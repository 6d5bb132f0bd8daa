//! What operators count, in the text format of OpenMetrics. Names follow the documented list; labels are words from fixed
//! sets, the operator's names for channels among them, never an id, a path or anything a caller sends. What is so right now is in `gauges`.

mod gauges;
mod leases;
mod notices;

use std::time::{Duration, Instant};

use axum::extract;
use axum::response::{IntoResponse, Response};
use gatehold_core::action::ActionError;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{DecidedBy, RequestRecord, State};
use gatehold_core::tier::Tier;
use gatehold_gate::{Beat, LeaseTick, Redeemed, Submitted, Tick};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::app::App;
use crate::problem::ApiError;
use gauges::Gauges;
use leases::Leases;
use notices::Notices;

/// Every counter of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    decisions: Family<DecisionLabels, Counter>,
    decision_duration: Family<SourceLabel, Histogram, fn() -> Histogram>,
    calls: Family<CallLabels, Counter>,
    call_duration: Family<RouteLabel, Histogram, fn() -> Histogram>,
    refusals: Family<KindLabel, Counter>,
    self_approval_blocked: Counter,
    digest_mismatch: Counter,
    replay_blocked: Counter,
    holds_expired: Counter,
    outcomes_lost: Counter,
    notices: Notices,
    leases: Leases,
    unauthenticated: Counter,
    signals: Family<SignalLabel, Counter>,
    head_sequence: Gauge,
    gauges: Gauges,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    source: &'static str,
    tier: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignalLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// Measures how long a decision takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

#[expect(
    clippy::disallowed_methods,
    reason = "the outermost layer measures durations; nothing is decided by them"
)]
impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn elapsed(self) -> Duration {
        Instant::now().duration_since(self.0)
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("gatehold");
        let build = BuildLabels {
            version: env!("CARGO_PKG_VERSION"),
        };
        registry.register("build", "The running version", Info::new(build));
        let metrics = Self {
            decisions: Family::default(),
            decision_duration: Family::new_with_constructor(durations),
            calls: Family::default(),
            call_duration: Family::new_with_constructor(durations),
            refusals: Family::default(),
            self_approval_blocked: Counter::default(),
            digest_mismatch: Counter::default(),
            replay_blocked: Counter::default(),
            holds_expired: Counter::default(),
            outcomes_lost: Counter::default(),
            notices: Notices::default(),
            leases: Leases::default(),
            unauthenticated: Counter::default(),
            signals: Family::default(),
            head_sequence: Gauge::default(),
            gauges: Gauges::default(),
            registry: Registry::default(),
        };
        metrics.register(&mut registry);
        Self {
            registry,
            ..metrics
        }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "decisions",
            "Decisions and holds by who decided, tier and outcome",
            self.decisions.clone(),
        );
        registry.register_with_unit(
            "decision_duration",
            "Time from a submission's arrival to its answer",
            Unit::Seconds,
            self.decision_duration.clone(),
        );
        registry.register(
            "http_requests",
            "Calls by method, route template and status",
            self.calls.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time of a call, waiting for people included",
            Unit::Seconds,
            self.call_duration.clone(),
        );
        registry.register(
            "refusals",
            "Calls that were not carried out, by kind of problem",
            self.refusals.clone(),
        );
        registry.register(
            "self_approval_blocked",
            "Reviews refused because the reviewer is in the requester set",
            self.self_approval_blocked.clone(),
        );
        registry.register(
            "digest_mismatch",
            "Bodies and payloads that are not what was signed or described",
            self.digest_mismatch.clone(),
        );
        registry.register(
            "replay_blocked",
            "Signed calls that were sent again",
            self.replay_blocked.clone(),
        );
        registry.register(
            "holds_expired",
            "Held requests that ended because nobody decided in time",
            self.holds_expired.clone(),
        );
        registry.register(
            "outcomes_lost",
            "Executions of which nothing was heard and that are Unknown now",
            self.outcomes_lost.clone(),
        );
        registry.register(
            "unauthenticated_calls",
            "Calls without a proof by a key that has force; they leave no leaf",
            self.unauthenticated.clone(),
        );
        registry.register(
            "signals",
            "Security event tokens by what became of them",
            self.signals.clone(),
        );
        registry.register(
            "audit_head_sequence",
            "Leaves of the ledger that this process has seen",
            self.head_sequence.clone(),
        );
        self.notices.register(registry);
        self.leases.register(registry);
        self.gauges.register(registry);
    }

    /// The clock ended what was due.
    pub fn ticked(&self, tick: &Tick) {
        self.holds_expired.inc_by(tick.expired);
        self.outcomes_lost.inc_by(tick.lost);
    }

    /// Something became of a security event token.
    pub(crate) fn signal(&self, outcome: &'static str) {
        self.signals.get_or_create(&SignalLabel { outcome }).inc();
    }

    /// Credentials were ended and taken away, or were not.
    pub fn leases(&self, did: &LeaseTick) {
        self.leases.take(did);
    }

    /// Notices were delivered, or were not.
    pub fn notices(&self, beat: &Beat) {
        self.notices.take(beat);
        self.gauges.notices(beat.waiting);
    }

    /// Whether decisions are anchored.
    pub fn anchored(&self, holds: bool) {
        self.gauges.anchored(holds);
    }

    /// A signed tree head over so many leaves was published; none where this process publishes none.
    pub fn published(&self, size: Option<u64>) {
        self.gauges.published(true, size);
        if let Some(size) = size {
            self.ledger_size(size);
        }
    }

    /// No tree head could be published.
    pub fn publishing_failed(&self) {
        self.gauges.published(false, None);
    }

    /// Somebody called without a proof that counts.
    pub(crate) fn unauthenticated(&self) {
        self.unauthenticated.inc();
    }

    /// The ledger has at least this many leaves.
    pub fn ledger_size(&self, leaves: u64) {
        let leaves = i64::try_from(leaves).unwrap_or(i64::MAX);
        if leaves > self.head_sequence.get() {
            self.head_sequence.set(leaves);
        }
    }

    /// A submission was answered. Dry runs decide nothing and are not counted.
    pub(crate) fn submitted(&self, submitted: &Submitted, dry_run: bool, stopwatch: Stopwatch) {
        if dry_run || submitted.replayed {
            return;
        }
        let labels = labels(&submitted.record);
        let source = SourceLabel {
            source: labels.source,
        };
        self.decisions.get_or_create(&labels).inc();
        self.decision_duration
            .get_or_create(&source)
            .observe(stopwatch.elapsed().as_secs_f64());
        if let Some(receipt) = &submitted.receipt {
            self.ledger_size(receipt.index.saturating_add(1));
        }
    }

    /// A review or an act was stored; it counts once it decided.
    pub(crate) fn reviewed(&self, record: &RequestRecord) {
        if record.state != State::Held {
            self.decisions.get_or_create(&labels(record)).inc();
        }
    }

    /// A redemption ended: executed, held again or denied.
    pub(crate) fn redeemed(&self, redeemed: &Redeemed) {
        self.decisions
            .get_or_create(&labels(&redeemed.record))
            .inc();
    }

    pub(crate) fn called(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let labels = CallLabels {
            method: method_word(method),
            route: route.to_owned(),
            status: status.as_u16(),
        };
        self.calls.get_or_create(&labels).inc();
        let route = RouteLabel {
            route: labels.route,
        };
        self.call_duration
            .get_or_create(&route)
            .observe(took.as_secs_f64());
    }

    pub(crate) fn refused(&self, error: &ApiError) {
        let kind = error.kind();
        self.refusals.get_or_create(&KindLabel { kind }).inc();
        let counter = match (kind, error.refusal()) {
            ("replayed", _) => &self.replay_blocked,
            ("body_mismatch", _) | (_, Some(Refusal::Action(ActionError::Payload(_)))) => {
                &self.digest_mismatch
            }
            (_, Some(Refusal::OwnRequest)) => &self.self_approval_blocked,
            _ => return,
        };
        counter.inc();
    }
}

/// `GET /metrics`. Served by the operations router, which belongs on a listener of its own.
pub(crate) async fn get(extract::State(app): extract::State<App>) -> Response {
    let standing = app.gate().standing().await;
    if let Err(error) = &standing {
        tracing::warn!(%error, "nothing could be counted");
    }
    app.metrics().gauges.stands(standing.as_ref().ok());
    app.metrics().gauges.journal(app.gate().journal_waiting());
    let uncovered = app.gate().holds_nobody_can_approve();
    app.metrics().gauges.uncovered(uncovered);
    let mut text = String::new();
    if encode(&mut text, &app.metrics().registry).is_err() {
        return ApiError::Fault("metrics could not be written").into_response();
    }
    let media_type =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(CONTENT_TYPE, media_type)], text).into_response()
}

/// A decision, or a hold, in words of fixed sets.
fn labels(record: &RequestRecord) -> DecisionLabels {
    let closing = record.closing.as_ref().map(|closing| closing.decided_by);
    DecisionLabels {
        source: match closing.or(record.decided_by).unwrap_or(DecidedBy::Policy) {
            DecidedBy::Policy => "policy",
            DecidedBy::Human => "human",
            DecidedBy::DelegatedModel => "delegated_model",
            DecidedBy::BreakGlass => "break_glass",
            DecidedBy::Timeout => "timeout",
        },
        tier: match record.tier {
            Tier::Green => "green",
            Tier::Amber => "amber",
            Tier::Red => "red",
        },
        outcome: record.state.name(),
    }
}

/// Methods are words of the caller: what is not known is `OTHER`.
fn method_word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

/// From half a millisecond, doubling, to about a minute and a half of waiting.
fn durations() -> Histogram {
    Histogram::new(prometheus_client::metrics::histogram::exponential_buckets(
        0.0005, 2.0, 18,
    ))
}
