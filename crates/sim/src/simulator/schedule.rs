//! Chooses what happens next. Everything can follow everything.

use gatehold_core::request::State;
use gatehold_core::request::state::Event as Ending;

use super::oracle::{Checked, Held};
use super::process::Process;
use super::weather::Happens;
use super::work::Intent;
use super::{SKEW_MILLIS_MAX, Simulator};

impl Simulator {
    /// One step.
    pub(super) fn step(&mut self) -> Checked {
        let roll = self.seed.below(1_000);
        let full = self.work.len() >= self.weather.work_max();
        match self.weather.happens(roll) {
            // With all hands full, what is there goes on.
            Happens::Errand if !full => self.errand(),
            Happens::Advance | Happens::Errand => {
                let at = self.seed.index(self.work.len());
                self.notice_order(at);
                self.advance(at)?;
            }
            Happens::Time => self.pass_time(),
            Happens::Clocks => self.step_clocks(),
            Happens::Crash => self.crash()?,
            Happens::Tick => {
                let at = self.seed.index(self.processes.len());
                self.tick_of(at);
                self.lease_turn(at)?;
            }
            Happens::Tamper => self.tamper()?,
            Happens::Repair => self.repair(),
            Happens::Lag => self.lag(),
            Happens::Upheaval => self.upheaval()?,
            Happens::Target => self.target_changes(),
            Happens::SendAgain => self.send_again(),
        }
        self.processes_agree()?;
        if roll.is_multiple_of(8) {
            let touched = self.shelf.take_touched();
            self.oracle
                .rows_follow(&self.shelf, &self.edited, &touched)?;
        }
        Ok(())
    }

    /// What was asked later may go on first.
    fn notice_order(&mut self, at: usize) {
        let number = self.work.get(at).map(|work| work.number);
        if self.work.iter().any(|other| Some(other.number) < number) {
            self.reach("reordered");
        }
    }

    fn pass_time(&mut self) {
        let millis = match self.seed.below(self.weather.hours()) {
            0 => self.seed.below(400_000),
            1..=3 => self.seed.below(60_000),
            _ => self.seed.below(5_000),
        };
        let millis = i64::try_from(millis).unwrap_or(0);
        self.let_pass(millis);
        self.journal.line(format!("{millis} ms pass"));
    }

    /// Time passes, at the store and at the target.
    pub(super) fn let_pass(&mut self, millis: i64) {
        self.shelf.step_clock(millis);
        self.target.pass(millis);
    }

    fn target_changes(&mut self) {
        let what = self.target.happens(&mut self.seed, self.shelf.now());
        self.journal.line(what.to_owned());
        self.reach(what);
    }

    /// Clocks are wrong: the machine's under the store, or one process's.
    fn step_clocks(&mut self) {
        let by = match self.seed.below(self.weather.clocks()) {
            0 => SKEW_MILLIS_MAX,
            1 => -SKEW_MILLIS_MAX,
            2 => 2_000,
            _ => 0,
        };
        if self.seed.per_mille(200) {
            self.reach(match by {
                SKEW_MILLIS_MAX => "store-clock-forward",
                0.. => "store-clock-little",
                _ => "store-clock-back",
            });
            self.shelf.step_clock(by);
            self.journal
                .line(format!("the store's clock steps {by} ms"));
            return;
        }
        let at = self.seed.index(self.processes.len());
        self.reach(match by {
            SKEW_MILLIS_MAX => "clock-forward",
            0.. => "clock-little",
            _ => "clock-back",
        });
        if let Some(process) = self.processes.get_mut(at) {
            process.skew = by;
            self.journal
                .line(format!("the clock of {at} is {by} ms off"));
        }
    }

    /// A process dies with everything it had in its hands, and is started again.
    fn crash(&mut self) -> Checked {
        let at = self.seed.index(self.processes.len());
        let lost: Vec<_> = self
            .work
            .iter()
            .filter(|work| work.process == at)
            .map(|work| work.stage.names().0)
            .collect();
        for stage in lost {
            self.reach(stage);
        }
        self.work.retain(|work| work.process != at);
        self.journal.line(format!("{at} crashes and starts again"));
        self.reach("crash");
        let mut process = Process::boot(self.pinned, self.checks_rows, &self.folds);
        process.read_on(&self.shelf);
        if let Some(place) = self.processes.get_mut(at) {
            *place = process;
        }
        self.processes_agree()
    }

    /// What a clock does about once a second: looks at what is due, and gives up what a crash left executing.
    pub(super) fn tick(&mut self) {
        let at = self.seed.index(self.processes.len());
        self.tick_of(at);
    }

    fn tick_of(&mut self, at: usize) {
        let Some(now) = self
            .processes
            .get(at)
            .map(|process| process.now(&self.shelf))
        else {
            return;
        };
        let mut intents = Vec::new();
        for request in self.oracle.requests.values() {
            let held = request.held.as_ref().map(|held| held.decide_by);
            let due = match request.state {
                State::Held => held,
                State::Allowed | State::Redeemable => Some(request.spend_by),
                _ => None,
            };
            let asks = request.held.as_ref().and_then(Held::asks_more_at);
            if due.is_some_and(|due| due < now) {
                intents.push(Intent::Expire {
                    request: request.id,
                });
            } else if request.state == State::Held && asks.is_some_and(|asks| asks <= now) {
                intents.push(Intent::Escalate {
                    request: request.id,
                });
            }
            let reporting = self.work.iter().any(|work| {
                matches!(&work.intent, Intent::Report { request: id, .. } | Intent::Redeem { request: id, .. } if *id == request.id)
            });
            // What hands out a credential may take its time, whoever does it: only then is it lost.
            let lost = |now| self.oracle.is_lost(&request.id, now).unwrap_or(!reporting);
            if request.state == State::Executing && lost(self.shelf.now()) {
                let ending = Ending::Lost;
                intents.push(Intent::Report {
                    request: request.id,
                    ending,
                });
            }
        }
        // Sometimes too early: a clock that looks again and again is not careful.
        if !self.quiet
            && let Some(request) = self.some_request(|request| !request.state.is_terminal())
        {
            intents.push(Intent::Expire { request });
            intents.push(Intent::Escalate { request });
        }
        for intent in intents {
            self.ask(at, intent);
        }
    }

    /// A process is slow to take up a new bundle, or catches up.
    fn lag(&mut self) {
        let at = self.seed.index(self.processes.len());
        let old: Vec<_> = self.bundles.keys().copied().collect();
        let lagging = if self.seed.per_mille(500) {
            self.seed.pick(&old).copied()
        } else {
            None
        };
        if let Some(process) = self.processes.get_mut(at) {
            process.lagging = lagging;
        }
        self.journal
            .line(format!("{at} lags: {}", lagging.is_some()));
    }

    /// Something that was sent once arrives again, perhaps elsewhere.
    fn send_again(&mut self) {
        let at = self.seed.index(self.overheard.len());
        if let Some(intent) = self.overheard.get(at).cloned() {
            let process = self.seed.index(self.processes.len());
            self.reach(intent.replayed());
            self.ask(process, intent);
        }
    }

    /// Whoever has read the whole ledger knows exactly what people agreed on.
    pub(super) fn processes_agree(&mut self) -> Checked {
        let leaves = self.shelf.leaves().len();
        for process in &mut self.processes {
            let asked = Some((leaves, self.oracle.realm.version));
            let (directory, up_to) = process.directory();
            if let Some(directory) = directory
                && up_to == leaves
                && process.agreed != asked
            {
                self.oracle.realm.agrees(directory)?;
                process.agreed = asked;
            }
        }
        Ok(())
    }
}
