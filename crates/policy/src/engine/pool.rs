//! Several engines over one bundle, for gates that ask from many threads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use gatehold_core::context::PolicyInput;
use gatehold_core::verdict::Evaluated;

use super::Engine;
use crate::bundle::Bundle;

/// A fixed number of engines; a question takes the first that is free.
pub struct EnginePool {
    bundle: Arc<Bundle>,
    first: Mutex<Engine>,
    more: Vec<Mutex<Engine>>,
}

impl EnginePool {
    /// So many engines, at least one; as many as there are worker threads is enough.
    #[must_use]
    pub fn new(bundle: Arc<Bundle>, engines: usize) -> Self {
        let engine = || Mutex::new(Engine::new(Arc::clone(&bundle)));
        let (first, more) = (engine(), (1..engines).map(|_| engine()).collect());
        Self {
            bundle,
            first,
            more,
        }
    }

    /// The bundle it asks.
    #[must_use]
    pub const fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// Answers one question, waiting for an engine only when all are busy.
    pub fn evaluate(&self, input: &PolicyInput) -> Evaluated {
        self.engine().evaluate(input)
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        for engine in self.more.iter().chain([&self.first]) {
            match engine.try_lock() {
                Ok(free) => return free,
                // An engine holds nothing but caches of finished values, so a panic elsewhere leaves it sound.
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
