//! The only way in: proof becomes a call here, and nowhere else outside tests. Nothing is opened when this is built.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gatehold_core::action::DescriptorRef;
use gatehold_core::approved::Approved;
use gatehold_core::effect::{EffectClass, read_alone};
use gatehold_core::ids::{RequestId, TargetId};
use gatehold_gate::TargetTerms;
use gatehold_gate::ports::executor::{Evidence, Execution, Executor};

use crate::call::{Call, Mode};
use crate::config::{Kind, Target, Targets};
use crate::outcome::{Ending, Stop, code};
use crate::{http, sql};

/// How many requests are remembered as spent.
const SPENT_MAX: usize = 1 << 16;

/// What the active bundle says a descriptor does.
pub trait Effects: Send + Sync + 'static {
    /// Its effect classes, or `None` when nobody knows a descriptor of that hash: then it may only look.
    fn effects(&self, descriptor: &DescriptorRef) -> Option<BTreeSet<EffectClass>>;
}

impl<F> Effects for F
where
    F: Fn(&DescriptorRef) -> Option<BTreeSet<EffectClass>> + Send + Sync + 'static,
{
    fn effects(&self, descriptor: &DescriptorRef) -> Option<BTreeSet<EffectClass>> {
        self(descriptor)
    }
}

/// Executes approved actions at the configured targets.
pub struct Executors {
    targets: Targets,
    effects: Box<dyn Effects>,
    spent: Mutex<Spent>,
}

impl Executors {
    /// Over these targets. Connects to none of them.
    pub fn new(targets: Targets, effects: impl Effects) -> Self {
        Self {
            targets,
            effects: Box::new(effects),
            spent: Mutex::default(),
        }
    }

    /// What can be executed here: each target with what it enforces.
    #[must_use]
    pub fn terms(&self) -> Vec<TargetTerms> {
        let called = self.targets.called().map(ToString::to_string);
        called
            .map(|target| TargetTerms {
                enforces: self.enforces(&target),
                target,
            })
            .collect()
    }

    fn target(&self, id: &str) -> Option<&Target> {
        let id: TargetId = id.parse().ok()?;
        self.targets.0.get(&id)
    }

    fn call(&self, approved: &Approved) -> Call {
        let (envelope, limits) = (approved.action().envelope(), approved.limits());
        // What is not known to write may only look.
        let effects = self.effects.effects(&envelope.descriptor);
        let mode = match effects {
            Some(effects) if !effects.is_empty() && !read_alone(&effects) => Mode::Write,
            _ => Mode::Read,
        };
        let mut caps = limits.caps.clone();
        for (name, cap) in &envelope.caps {
            let tighter = caps.get(name).map_or(*cap, |other| *cap.min(other));
            caps.insert(name.clone(), tighter);
        }
        let seconds = limits.ttl_seconds.min(envelope.duration_seconds);
        Call {
            request: Some(approved.request()),
            target: envelope.target.clone(),
            media_type: envelope.payload.media_type.clone(),
            payload: approved.action().payload().to_vec(),
            caps,
            uses: limits.uses,
            ttl: Duration::from_secs(seconds.into()),
            precondition: envelope.precondition.clone(),
            mode,
        }
    }

    /// Makes one call.
    pub(crate) async fn run(&self, call: Call) -> Execution {
        let ended = match self.target(call.target.as_str()).map(|target| &target.kind) {
            Some(Kind::Sqlite(target)) => sql::sqlite::execute(target, &call).await,
            Some(Kind::Postgres(target)) => sql::postgres::execute(target, &call).await,
            Some(Kind::Http(target)) => http::execute(target, &call).await,
            // Issuing is not executing: `Leases` does that.
            Some(Kind::PostgresRole(_) | Kind::SshCertificate(_)) | None => Err(Stop::failed(
                code::NO_TARGET,
                "this executor has no such target",
            )),
        };
        ended.unwrap_or_else(Execution::from)
    }
}

#[async_trait]
impl Executor for Executors {
    // INVARIANT(single-release): the proof is spent by move, and a second proof of the same request is not executed.
    async fn execute(&self, approved: Approved, _: &dyn Evidence) -> Execution {
        let request = approved.request();
        let first = self
            .spent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .spend(request);
        if !first {
            let text = "this request was handed over before; how that ended is not told twice";
            return Stop::unknown(code::SPENT, text).into();
        }
        let execution = self.run(self.call(&approved)).await;
        tracing::info!(
            %request,
            target_id = %approved.action().envelope().target,
            ending = ?execution.ending,
            code = execution.code,
            "broker.execute"
        );
        if execution.ending == Ending::Unknown {
            tracing::warn!(%request, code = execution.code, "the outcome of an execution is unknown");
        }
        execution
    }

    fn has_target(&self, target: &str) -> bool {
        self.target(target).is_some_and(|target| {
            !matches!(target.kind, Kind::PostgresRole(_) | Kind::SshCertificate(_))
        })
    }

    fn enforces(&self, target: &str) -> Vec<String> {
        let Some(target) = self.target(target) else {
            return Vec::new();
        };
        let caps = match target.kind {
            Kind::Sqlite(_) | Kind::Postgres(_) => sql::CAPS,
            Kind::Http(_) => http::CAPS,
            Kind::PostgresRole(_) | Kind::SshCertificate(_) => return Vec::new(),
        };
        let coarse = target.coarse.then_some("coarse");
        let all = caps.iter().copied().chain(["uses"]).chain(coarse);
        all.map(str::to_owned).collect()
    }
}

/// The requests handed over lately. The gate claims each once; this holds even if it were wrong.
#[derive(Default)]
struct Spent {
    known: BTreeSet<RequestId>,
    order: VecDeque<RequestId>,
}

impl Spent {
    /// Whether this is the first time.
    fn spend(&mut self, request: RequestId) -> bool {
        if !self.known.insert(request) {
            return false;
        }
        self.order.push_back(request);
        if self.order.len() > SPENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests;
