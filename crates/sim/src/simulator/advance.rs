//! Takes one piece of work one stage further. Between any two stages everything else may happen.

use gatehold_core::commit::{Conflict, Receipt};
use gatehold_core::decide::{Command, Fresh, Release};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::ids::{GrantId, RequestId, TaskId};
use gatehold_core::request::state::Event as Ending;

use super::Simulator;
use super::careless::Careless;
use super::issuing::Making;
use super::oracle::{Checked, Violation};
use super::seed::Seed;
use super::target::plan;
use super::work::{Answer, Decided, Intent, Stage, Work};

/// How often work is begun anew after a conflict.
const TRIES: u32 = 3;

impl Simulator {
    /// A new piece of work on this process.
    pub(super) fn ask(&mut self, process: usize, intent: Intent) {
        self.ask_for(process, intent, None);
    }

    /// The same for whoever has a credential in their hands until it is durable.
    pub(super) fn ask_for(&mut self, process: usize, intent: Intent, hands: Option<GrantId>) {
        self.next_work += 1;
        let number = self.next_work;
        let about = intent.request();
        let about = about.map_or_else(String::new, |request| format!(" {request}"));
        self.journal.line(format!(
            "{number} asks {process} to {}{about}",
            intent.name()
        ));
        // What a process does by itself travels nowhere, and nobody can send it again.
        let own = matches!(
            intent,
            Intent::Lease { .. } | Intent::Again { .. } | Intent::Remove { .. }
        ) || hands.is_some();
        if !own {
            if self.overheard.len() >= 40 {
                self.overheard.pop_front();
            }
            self.overheard.push_back(intent.clone());
        }
        self.work.push(Work {
            number,
            process,
            intent,
            tries: 0,
            stage: Stage::Asked,
            hands,
        });
    }

    pub(super) fn fresh(seed: &mut Seed) -> Fresh {
        Fresh {
            request: RequestId::from_bytes(seed.bytes()),
            grant: GrantId::from_bytes(seed.bytes()),
            task: TaskId::from_bytes(seed.bytes()),
            seed: seed.bytes(),
        }
    }

    /// One stage of the work at this place; it is put back unless it has ended.
    pub(super) fn advance(&mut self, at: usize) -> Checked {
        if at >= self.work.len() {
            return Ok(());
        }
        let mut work = self.work.swap_remove(at);
        let stage = core::mem::replace(&mut work.stage, Stage::Asked);
        let next = match stage {
            Stage::Asked if matches!(work.intent, Intent::Remove { .. }) => {
                self.begin_removal(&work)
            }
            Stage::Asked => self.read(&work),
            Stage::Read(read) => self.load(&work, *read),
            Stage::Loaded(loaded) => self.decide(&work, &loaded),
            Stage::Decided(decided) => self.commit(&work, *decided)?,
            Stage::Answered(sealed, answer, leaf) => {
                return self.release(work, *sealed, answer, leaf);
            }
            Stage::Making(making) => return self.making(work, making),
            Stage::Removing { making, returned } => {
                self.removing(work, making, returned);
                return Ok(());
            }
        };
        if let Some(stage) = next {
            work.stage = stage;
            self.work.push(work);
        }
        Ok(())
    }

    fn read(&mut self, work: &Work) -> Option<Stage> {
        let process = self.processes.get_mut(work.process)?;
        match process.read(&self.shelf, &work.intent) {
            Ok(read) => Some(Stage::Read(Box::new(read))),
            Err(stopped) => self.give_up(work, &stopped.0),
        }
    }

    fn load(&mut self, work: &Work, read: super::process::Read) -> Option<Stage> {
        let process = self.processes.get_mut(work.process)?;
        match process.load(&self.shelf, &self.bundles, &work.intent, read) {
            Ok(loaded) => Some(Stage::Loaded(Box::new(loaded))),
            Err(stopped) => self.give_up(work, &stopped.0),
        }
    }

    fn decide(&mut self, work: &Work, loaded: &super::process::Loaded) -> Option<Stage> {
        if let Intent::Open { human, key, .. } = &work.intent {
            self.show(work.process, human, key, loaded);
            return None;
        }
        let fresh = Self::fresh(&mut self.seed);
        let process = self.processes.get(work.process)?;
        let plans_nothing = self.careless == Some(Careless::PlansNothing);
        let decided = process.decide_changed(
            &self.shelf,
            &work.intent,
            loaded,
            &fresh,
            &self.settings,
            |command| match command {
                Command::Redeem(redeem) if plans_nothing => redeem.plan = None,
                _ => {}
            },
        );
        match decided {
            Ok((write, sealed)) => Some(Stage::Decided(Box::new(Decided { write, sealed }))),
            Err(stopped) => {
                self.stood(work, loaded, &stopped);
                self.give_up(work, &stopped.0)
            }
        }
    }

    fn give_up(&mut self, work: &Work, why: &str) -> Option<Stage> {
        self.journal
            .line(format!("{} is refused: {why}", work.number));
        self.notice_gone(&work.intent);
        self.not_handed(work, Ending::Failed);
        None
    }

    fn commit(&mut self, work: &Work, decided: Decided) -> Result<Option<Stage>, Violation> {
        let fault = if self.quiet {
            1_000
        } else {
            self.seed.below(1_000 * self.weather.store_holds())
        };
        let leaf = decided.write.leaf.bytes();
        let answer = if fault < 15 {
            self.journal.line(format!(
                "{}: the store fails and stores nothing",
                work.number
            ));
            self.reach("failed-and-not-stored");
            Answer::Lost
        } else {
            match self.shelf.commit(&decided.write) {
                Ok(receipt) => {
                    self.journal.line(format!(
                        "{} {} is leaf {}",
                        work.number,
                        work.intent.name(),
                        receipt.index
                    ));
                    self.reach(work.intent.name());
                    if let Some(change) = changed(&decided.write) {
                        self.reach(change);
                    }
                    self.oracle.committed(
                        &work.intent,
                        &decided.write,
                        &receipt,
                        &self.bundles,
                        &self.shelf,
                    )?;
                    if fault < 35 {
                        self.reach("stored-and-reported-failed");
                        Answer::Lost
                    } else {
                        Answer::Receipt(receipt)
                    }
                }
                Err(conflict) => self.conflict(work, &conflict),
            }
        };
        let answer = self.misdeliver(answer, fault);
        Ok(decided
            .sealed
            .map(|sealed| Stage::Answered(Box::new(sealed), answer, leaf)))
    }

    fn conflict(&mut self, work: &Work, conflict: &Conflict) -> Answer {
        self.journal.line(format!(
            "{} {}: {conflict}",
            work.number,
            work.intent.name()
        ));
        self.reach(match conflict {
            Conflict::Guard(_) => "conflict-guard",
            Conflict::Deadline => "conflict-deadline",
            Conflict::Malformed(_) => "conflict-malformed",
        });
        Answer::Conflict
    }

    /// Now and then an answer goes to whoever did not ask.
    fn misdeliver(&mut self, answer: Answer, fault: u64) -> Answer {
        if !(35..55).contains(&fault) {
            return answer;
        }
        let which = self.seed.index(4);
        self.reach("answer-of-another");
        self.shelf
            .some_receipt(which)
            .map_or(answer, Answer::Receipt)
    }

    fn release(
        &mut self,
        mut work: Work,
        sealed: gatehold_core::decide::Sealed,
        answer: Answer,
        leaf: gatehold_core::commit::LeafBytes,
    ) -> Checked {
        let receipt: Option<Receipt> = match answer {
            Answer::Receipt(receipt) => Some(receipt),
            Answer::Lost => self.shelf.receipt_of(&leaf),
            Answer::Conflict => None,
        };
        let Some(receipt) = receipt else {
            work.tries += 1;
            if work.tries < TRIES {
                work.stage = Stage::Asked;
                self.work.push(work);
            } else {
                self.not_handed(&work, Ending::Lost);
            }
            return Ok(());
        };
        let Ok(release) = sealed.open(&receipt) else {
            self.journal
                .line(format!("{}: that receipt is another's", work.number));
            self.not_handed(&work, Ending::Lost);
            return Ok(());
        };
        self.oracle.released(&release, &leaf, &self.shelf)?;
        self.go_on_with(&work, &release)?;
        if let Release::Approved(approved, record) = release {
            self.oracle.executed(&approved)?;
            self.reach("executed");
            let grant = approved.grant();
            if plan(&record.envelope, grant).is_some() {
                work.stage = Stage::Making(Making {
                    grant,
                    request: record.id,
                    call: None,
                    given_up: false,
                });
                self.work.push(work);
                return Ok(());
            }
            let ending = if self.seed.per_mille(150) {
                Ending::Failed
            } else {
                Ending::Completed
            };
            self.ask(
                work.process,
                Intent::Report {
                    request: record.id,
                    ending,
                },
            );
        }
        Ok(())
    }
}

/// What a write changed about the gate itself.
fn changed(write: &gatehold_core::commit::Write) -> Option<&'static str> {
    let entry = Entry::from_bytes(&write.leaf.record).ok()?;
    let Event::Trust { what, .. } = entry.event else {
        return None;
    };
    Some(match what.as_str() {
        "bundle.activate" => "policy-changed",
        "team.set" => "team-changed",
        "human.enrol" => "key-enrolled",
        "config.change" => "consoles-changed",
        "key.revoke" => "key-revoked",
        "delegation.add" => "delegated",
        "delegation.end" => "delegation-ended",
        "person.suspend" => "person-suspended",
        "person.reinstate" => "person-reinstated",
        "nhi.create" => "workload-changed",
        _ => "gate-changed",
    })
}
