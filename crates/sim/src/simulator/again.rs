//! What any process does about what lives: asks policy about it again once something has changed that it was made from. It
//! mirrors `crates/gate/src/leases/again.rs`.

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::grant::Grant;
use gatehold_core::ids::{GrantId, RequestId};
use gatehold_core::lease::LeaseEvent;
use gatehold_core::task::Chain;
use gatehold_core::verdict::Verdict;

use super::Simulator;
use super::careless::Careless;
use super::command::STANDS;
use super::oracle::{Checked, holds};
use super::process::{Loaded, Process, Stopped, chain as chain_of};
use super::shelf::Shelf;
use super::target::ACCESS;
use super::work::{Intent, Work};

impl Simulator {
    pub(super) fn ask_again(&mut self, at: usize, (grant, request): (GrantId, RequestId)) {
        if self.careless != Some(Careless::NeverAsksAgain) && !self.is_ending(at, &grant) {
            self.ask(at, Intent::Again { grant, request });
        }
    }

    /// Whether a process asks about a lease, or ends it.
    fn is_ending(&self, at: usize, id: &GrantId) -> bool {
        self.work.iter().any(|work| {
            let about = match &work.intent {
                Intent::Again { grant, .. } => Some(grant),
                Intent::Lease { grant, step, .. } if step.what == LeaseEvent::Ended => Some(grant),
                _ => None,
            };
            work.process == at && about == Some(id)
        })
    }

    /// Remembers under what a lease stood, so that it is asked about when that changes.
    pub(super) fn stood(&mut self, work: &Work, loaded: &Loaded, stopped: &Stopped) {
        let Intent::Again { grant, .. } = work.intent else {
            return;
        };
        let chain = loaded.task.as_ref().map(|now| now.chain.clone());
        if let Some(process) = self.processes.get_mut(work.process)
            && stopped.0 == STANDS
        {
            let under = (loaded.directory().version, chain.unwrap_or_default());
            process.remembered.stood.insert(grant, under);
        }
    }

    // INVARIANT(lives-while-allowed): after each turn, what lives although the active bundle denies it, or asks for what nobody
    // signed, is being ended.
    pub(super) fn lives_while_allowed(&self, at: usize) -> Checked {
        let (directory, _) = self.processes.get(at).map_or((None, 0), Process::directory);
        // Who could not read on asks nobody.
        let reads = directory.is_some_and(|known| known.version == self.oracle.realm.version);
        if !reads {
            return Ok(());
        }
        for (id, lease) in &self.oracle.leases {
            let rows = [
                RowKey::new(Table::Grant, id),
                RowKey::new(Table::Request, &lease.request),
            ];
            let edited = rows.iter().any(|row| self.edited.contains(row));
            let tampered = edited || self.oracle.is_tampered(&lease.request);
            if tampered || !lease.is_active() || !self.lets_no_more(&lease.request) {
                continue;
            }
            holds(self.is_ending(at, id), "lives-while-allowed", || {
                format!(
                    "{id} lives, {at} has had a turn, and the active bundle lets it out no more"
                )
            })?;
        }
        Ok(())
    }

    /// Whether the active bundle denies a credential to everybody, or asks for what nobody was asked for, whatever their tasks did.
    pub(super) fn lets_no_more(&self, request: &RequestId) -> bool {
        let rules = self.bundles.get(&self.oracle.realm.bundle);
        let request = self.oracle.requests.get(request);
        rules.zip(request).is_some_and(|(rules, request)| {
            let answer = rules.evaluate(ACCESS, &Chain::default(), None);
            match answer.verdict() {
                Verdict::Allow => false,
                Verdict::Deny => true,
                Verdict::Hold(asked) => request
                    .held
                    .as_ref()
                    .is_none_or(|held| !asked.is_covered_by(&held.requirement.hashes())),
            }
        })
    }
}

impl Process {
    /// Whether something has changed since a lease stood.
    pub(super) fn is_to_ask(&mut self, shelf: &Shelf, grant: &Grant) -> bool {
        let Ok(directory) = self.current(shelf).map(|directory| directory.version) else {
            return false;
        };
        let target = grant.lease.as_ref().map(|lease| &lease.target);
        let chain = grant.task.zip(target);
        let chain = chain.map(|(task, target)| chain_of(shelf, &task, target));
        let under = (directory, chain.unwrap_or_default());
        self.remembered.stood.get(&grant.id) != Some(&under)
    }
}
