//! What is stopped and who is paused now: the row, and never less than the leaves that this process has read. A row that
//! was written since is used only after its leaf was read, so that nobody loosens anything by writing both.

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::{Pause, Versioned};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::glass::{UnverifiedPostReview, VerifiedPostReview};
use gatehold_core::guard;
use gatehold_core::restraints::{Loosening, says_it_loosens};
use gatehold_core::stops::Stops;
use gatehold_core::trust::Evidence;
use serde::de::DeserializeOwned;

use crate::chain::{Link, opened};
use crate::drive::TRIES;
use crate::error::GateError;
use crate::gate::{Active, ChainSoFar, Gate};
use crate::ports::store::{Store, StoredRecord};
use crate::stored::body;
use std::sync::Arc;

impl ChainSoFar {
    /// Takes in what a leaf stops, pauses, lifts or resumes. Its record was hashed into it.
    // INVARIANT(restraint-outlives-row): a leaf loosens by evidence that verifies here, under the chain before it.
    pub(crate) async fn restrain(
        &mut self,
        store: &dyn Store,
        leaf: &StoredRecord,
    ) -> Result<(), GateError> {
        if !self.restraints.concerns(&leaf.record) {
            return Ok(());
        }
        let Ok(entry) = Entry::from_bytes(&leaf.record) else {
            self.report(format!("the record of leaf {} cannot be read", leaf.index));
            return Ok(());
        };
        let mut approved = None;
        if says_it_loosens(&entry) {
            match self.loosening(store, leaf, &entry).await {
                Ok(loosening) => approved = Some(loosening),
                Err(error @ GateError::Store(_)) => return Err(error),
                Err(error) => self.report(format!("leaf {} loosens nothing: {error}", leaf.index)),
            }
        }
        if let Event::PostReviewed { .. } = &entry.event {
            match self.looked_at(store, leaf).await {
                Ok(()) => {}
                Err(error @ GateError::Store(_)) => return Err(error),
                Err(error) => self.report(format!("leaf {} does not count: {error}", leaf.index)),
            }
        }
        let added = self.restraints.add(leaf.index, &entry, approved.as_ref());
        if let Err(why) = added {
            self.report(format!("leaf {}: {why}", leaf.index));
        }
        Ok(())
    }

    /// Somebody looked at an opening afterwards, which lets another one be: taken only from their signature.
    async fn looked_at(&mut self, store: &dyn Store, leaf: &StoredRecord) -> Result<(), GateError> {
        let leaf = Link::of(leaf).read(store).await?;
        let text = |name| {
            let bytes = opened(&leaf, name)?.to_vec();
            String::from_utf8(bytes).map_err(GateError::damaged)
        };
        let review = UnverifiedPostReview {
            statement: text("glass_review")?,
            signature: text("glass_review_signature")?,
        };
        let before = self.chain.directory();
        let before = before.ok_or_else(|| GateError::damaged("nobody is enrolled yet"))?;
        let verified = VerifiedPostReview::verify(&review, before).map_err(GateError::damaged)?;
        let teams = before.teams_of(&verified.statement().human);
        self.restraints
            .post_reviewed(&verified, &teams)
            .map_err(GateError::damaged)
    }

    async fn loosening(
        &self,
        store: &dyn Store,
        leaf: &StoredRecord,
        entry: &Entry,
    ) -> Result<Loosening, GateError> {
        let leaf = Link::of(leaf).read(store).await?;
        let evidence = Evidence::from_bytes(opened(&leaf, "evidence")?);
        let evidence = evidence.map_err(GateError::damaged)?;
        let before = self.chain.directory();
        let before = before.ok_or_else(|| GateError::damaged("nobody is enrolled yet"))?;
        Loosening::verify(entry, &evidence, before).map_err(GateError::damaged)
    }

    /// Looks at the rows of what is stopped and paused: any that was written before the last leaf that was read has to say
    /// as much as the leaves do.
    pub(crate) async fn look_at_restraints(&mut self, store: &dyn Store) -> Result<(), GateError> {
        let keys: Vec<RowKey> = self.restraints.rows().collect();
        for key in keys {
            let row = store.row(&key).await?;
            let newer = row
                .as_ref()
                .is_some_and(|row| row.last_leaf >= self.frontier.size());
            let body = row.map(|row| row.body).unwrap_or_default();
            if !newer && self.restraints.is_looser(&key, &body) {
                self.report(looser(&key));
            }
        }
        Ok(())
    }
}

fn looser(key: &RowKey) -> String {
    format!("{key} says less than the leaves do; what they stop and pause stays in force")
}

impl Gate {
    /// Everything that is stopped.
    pub(crate) async fn stops_now(&self) -> Result<Versioned<Stops>, GateError> {
        let key = RowKey::new(Table::Stops, &"main");
        let (active, row) = self.read_up_to(&key).await?;
        let all = active.restraints.stops_with(&row.value);
        if guard!("stops-of-leaves", all != row.value) {
            let _ = self.tampered(looser(&key));
            return Ok(Versioned { value: all, ..row });
        }
        Ok(row)
    }

    /// What the leaves that were read stop, and what the row says now, whoever wrote it: used only to end what runs, where
    /// more than is true is safe and less is not.
    pub(crate) async fn stops_known(&self) -> Stops {
        let key = RowKey::new(Table::Stops, &"main");
        let row = self.store().row(&key).await.ok().flatten();
        let said = row.and_then(|row| body(&row).ok()).unwrap_or_default();
        self.active().restraints.stops_with(&said)
    }

    /// Whether and why somebody is paused.
    pub(crate) async fn pause_now(&self, name: &str) -> Result<Versioned<Pause>, GateError> {
        let key = RowKey::new(Table::Workload, &name);
        let (active, row) = self.read_up_to(&key).await?;
        let pause = active.restraints.pause_with(name, &row.value);
        if guard!("pause-of-leaves", pause != row.value) {
            let _ = self.tampered(looser(&key));
            return Ok(Versioned {
                value: pause,
                ..row
            });
        }
        Ok(row)
    }

    /// A row, and the leaves read at least to the one that wrote it. What was read of the leaves before the row was is older
    /// than the row: what it says less was not lifted since.
    async fn read_up_to<T: Default + DeserializeOwned>(
        &self,
        key: &RowKey,
    ) -> Result<(Arc<Active>, Versioned<T>), GateError> {
        for _ in 0..TRIES {
            let active = self.active();
            let Some(row) = self.row(key).await? else {
                return Ok((active, Versioned::default()));
            };
            if guard!("row-after-leaves", row.last_leaf >= active.leaves) {
                self.read_on().await?;
                continue;
            }
            let value = body(&row)?;
            let version = row.version;
            return Ok((active, Versioned { value, version }));
        }
        Err(GateError::Busy)
    }
}
