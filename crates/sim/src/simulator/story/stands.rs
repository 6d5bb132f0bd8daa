//! What stands in a story's gate, and what somebody with database access does to it.

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::Settings;
use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::jwk::Jwk;
use gatehold_core::request::RequestRecord;
use gatehold_core::trust::change::NhiCreate;
use gatehold_core::trust::{Evidence, Executed, SignedRoot};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Story, id_of, unreachable_answer};
use crate::simulator::Agent;
use crate::simulator::oracle::Tampered;
use crate::simulator::people::{Person, human};
use crate::simulator::process::submission_of;
use crate::simulator::shelf::Shelf;

impl Story {
    /// The request as its row has it.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn record(&self, request: RequestId) -> RequestRecord {
        self.row(Table::Request, &request)
            .expect("it was asked for")
    }

    /// Any row.
    #[must_use]
    pub fn row<T: DeserializeOwned + Clone + 'static>(
        &self,
        table: Table,
        id: &impl ToString,
    ) -> Option<T> {
        self.0
            .shelf
            .row(&RowKey::new(table, &id.to_string()))?
            .read()
    }

    /// Somebody with database access edits a row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn edit<T: DeserializeOwned + Serialize + Clone + 'static>(
        &mut self,
        table: Table,
        id: &impl ToString,
        change: impl FnOnce(&mut T),
    ) {
        let mut row: T = self.row(table, id).expect("there is such a row");
        change(&mut row);
        let bytes = canonical::to_bytes(&row).expect("small numbers only");
        let key = RowKey::new(table, &id.to_string());
        self.0.shelf.tamper(&key, bytes);
        for request in self.0.oracle.requests.values_mut() {
            if request.id.to_string() == id.to_string() {
                request.tampered.extend(Tampered::ANY);
            }
        }
    }

    /// Somebody with database access inserts a row.
    ///
    /// # Panics
    /// When it has no canonical form.
    pub fn insert(&mut self, table: Table, id: &impl ToString, row: &impl Serialize) {
        let bytes = canonical::to_bytes(row).expect("small numbers only");
        self.0
            .shelf
            .tamper(&RowKey::new(table, &id.to_string()), bytes);
    }

    /// Somebody with database access puts a row back, whole, to the version before.
    ///
    /// # Panics
    /// When there was none.
    pub fn put_back(&mut self, key: &RowKey) {
        assert!(self.0.shelf.tamper_back(key, 1), "{key} has one version");
        for request in self.0.oracle.requests.values_mut() {
            if request.id.to_string() == key.id {
                request.tampered.extend(Tampered::ANY);
            }
        }
    }

    /// The directory that the first process goes by, once it has read on.
    ///
    /// # Panics
    /// When there is none.
    pub fn directory(&mut self) -> Directory {
        let sim = &mut self.0;
        let serving = sim.processes.first_mut().expect("there are two");
        serving.read_on(&sim.shelf);
        serving.directory().0.expect("it was founded").clone()
    }

    /// The store.
    #[must_use]
    pub const fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    /// The five.
    ///
    /// # Panics
    /// When it is none of them.
    #[must_use]
    pub fn person(&self, name: &str) -> &Person {
        let mut people = self.0.people.iter();
        people
            .find(|person| person.id == human(name))
            .expect("one of the five")
    }

    /// The gate's rules.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Every link of the key chain so far, with the leaf it stands at.
    #[must_use]
    pub fn links(&self) -> Vec<(u64, Evidence)> {
        let leaves = (0_u64..).zip(self.0.shelf.leaves());
        leaves
            .filter(|(_, leaf)| leaf.is_trust())
            .filter_map(|(index, leaf)| {
                let evidence = Evidence::from_bytes(leaf.attachment("evidence")?).ok()?;
                Some((index, evidence))
            })
            .collect()
    }

    /// The root that this gate was founded with.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn root(&self) -> SignedRoot {
        match self.links().into_iter().next() {
            Some((_, Evidence::Root(root))) => root,
            _ => unreachable_answer(None),
        }
    }

    /// What the chain would hold of this approved change.
    ///
    /// # Panics
    /// When the request's submission is not there.
    #[must_use]
    pub fn executed(&self, request: RequestId) -> Executed {
        let record = self.record(request);
        let leaf = submission_of(&self.0.shelf, request).expect("it was asked for");
        let submit = leaf
            .attachment("proof")
            .and_then(|proof| canonical::from_canonical_bytes(proof).ok());
        let payload = leaf.attachment("payload").unwrap_or_default();
        Executed::new(record, payload, submit.expect("a person asked for it"))
    }

    /// The key of a workload that was enrolled last.
    ///
    /// # Panics
    /// When there is no such workload.
    #[must_use]
    pub fn key_of(&self, workload: &str) -> Hash {
        let mut agents = self.0.agents.iter().rev();
        let agent = agents.find(|agent| agent.id.as_str() == workload);
        agent.expect("one of the three").key
    }

    /// What a workload was enrolled as.
    ///
    /// # Panics
    /// When there is no such workload.
    #[must_use]
    pub fn workload(&self, workload: &str) -> NhiCreate {
        let known = self.0.oracle.realm.workloads.get(&id_of(workload));
        known.expect("one of the three").0.clone()
    }

    /// From now on a workload signs with this key.
    ///
    /// # Panics
    /// When it is no key.
    pub fn enrolled_again(&mut self, workload: &str, jwk: &str) {
        let key = Jwk::parse(jwk).expect("a well-formed key").thumbprint();
        self.0.agents.push(Agent {
            id: id_of(workload),
            key,
            jwk: jwk.to_owned(),
        });
    }

    /// Another machine key.
    pub fn new_jwk(&mut self) -> String {
        self.0.new_jwk()
    }

    /// A number of its own for whatever needs one.
    pub fn text(&mut self) -> String {
        self.0.seed.text()
    }

    /// Bytes for a key.
    pub fn bytes(&mut self) -> [u8; 32] {
        self.0.seed.bytes()
    }
}
