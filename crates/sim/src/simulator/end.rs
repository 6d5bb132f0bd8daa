//! Liveness: once faults stop, everything that was asked for ends by its deadline.

use gatehold_core::commit::{CounterKey, Table};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::time::Timestamp;

use super::Simulator;
use super::folds::Folds;
use super::oracle::{Checked, holds};
use super::process::Process;

/// Turns of five seconds in the two minutes after which nothing may stand at the target that nothing supports.
const TURNS: u32 = 26;
/// How long such a turn is, in milliseconds.
const TURN_MILLIS: i64 = 5_000;
/// Rounds of the clock until everything must have ended.
const ROUNDS: u32 = 12;

impl Simulator {
    /// Faults stop: rows are repaired, clocks are right, processes run. Then everything ends.
    pub(super) fn settle(&mut self) -> Checked {
        self.quiet = true;
        self.repair();
        for process in &mut self.processes {
            process.skew = 0;
            process.lagging = None;
        }
        self.shelf.set_right();
        self.target.heal();
        self.journal.line("faults stop".to_owned());
        for _ in 0..TURNS {
            self.drain()?;
            self.let_pass(TURN_MILLIS);
            self.tick();
            self.turns()?;
        }
        self.nothing_stands()?;
        for _ in 0..ROUNDS {
            self.drain()?;
            self.let_pass(100_000);
            self.tick();
            self.turns()?;
            self.oracle.everybody_is_asked(self.shelf.now())?;
            self.let_pass(300_000);
            self.tick();
            self.turns()?;
        }
        self.turns()?;
        self.everything_ended(false)?;
        // What somebody gave more time in the database, however often, ends after that time.
        let latest = self.latest_spend_by().millis();
        let left = latest.saturating_sub(self.shelf.now().millis());
        self.let_pass(left.saturating_add(100_000));
        self.tick();
        self.turns()?;
        self.turns()?;
        self.nothing_stands()?;
        let all = self.shelf.rows().map(|(key, _)| key.clone()).collect();
        self.oracle.rows_follow(&self.shelf, &self.edited, &all)?;
        self.everything_ended(true)?;
        self.holds_are_counted()?;
        // Now and then another one reads the whole ledger as if nobody ever had.
        if self.seed.per_mille(250) {
            let forgetful = Process::boot(self.pinned, self.checks_rows, &Folds::default());
            self.processes.push(forgetful);
        }
        for process in &mut self.processes {
            process.read_on(&self.shelf);
        }
        self.processes_agree()
    }

    fn latest_spend_by(&self) -> Timestamp {
        let requests = self
            .shelf
            .rows()
            .filter(|(key, _)| key.table == Table::Request);
        requests
            .filter_map(|(_, row)| row.read::<RequestRecord>())
            .map(|record| record.spend_by)
            .fold(self.shelf.now(), Timestamp::max)
    }

    /// Every process looks after its leases, and what comes of it is done.
    fn turns(&mut self) -> Checked {
        self.drain()?;
        for at in 0..self.processes.len() {
            self.lease_turn(at)?;
            self.drain()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Checked {
        while !self.work.is_empty() {
            self.advance(0)?;
        }
        Ok(())
    }

    /// What was given more time in the database may end after that time, and is not asked for before.
    fn everything_ended(&self, tampered: bool) -> Checked {
        let requests = self.oracle.requests.values();
        for request in requests.filter(|request| tampered || request.tampered.is_empty()) {
            holds(request.state.is_terminal(), "every-request-ends", || {
                format!("{} is still {}", request.id, request.state.name())
            })?;
        }
        let grants = self
            .shelf
            .rows()
            .filter(|(key, _)| key.table == Table::Grant);
        for (key, row) in grants {
            let grant: Option<Grant> = row.read();
            let request = grant
                .as_ref()
                .and_then(|grant| self.oracle.requests.get(&grant.request));
            let tampered = request.is_none_or(|request| !request.tampered.is_empty());
            let state = grant.map_or(GrantState::Ended, |grant| grant.state);
            let active = matches!(state, GrantState::Active | GrantState::Revoking);
            holds(tampered || !active, "every-request-ends", || {
                format!("{key} is still {}", state.name())
            })?;
        }
        Ok(())
    }

    /// The counter that caps open holds comes back to nothing.
    fn holds_are_counted(&self) -> Checked {
        let tampered = self.oracle.holds_miscounted();
        for request in self.oracle.requests.values() {
            let key = CounterKey(format!("holds:{}", request.name));
            let open = self.shelf.counter(&key);
            let really = self
                .oracle
                .requests
                .values()
                .filter(|other| other.name == request.name && other.state == State::Held);
            let really = u64::try_from(really.count()).unwrap_or(u64::MAX);
            holds(tampered || open == really, "fold-equals-row", || {
                format!(
                    "{} has {really} open holds and {open} are counted",
                    request.name
                )
            })?;
        }
        Ok(())
    }
}
