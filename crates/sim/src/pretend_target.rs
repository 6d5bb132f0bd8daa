//! A target in memory that hands out credentials: it can be down, answer late, lose an answer, and be restored from a backup.
//! For what a real target does to a gate in ways that no test can time. Real targets are tested beside their brokers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::ids::GrantId;
use gatehold_core::lease::{Lease, Plan, Recipe, RevocationClass};
use gatehold_gate::ports::executor::Evidence;
use gatehold_gate::ports::issuer::{
    Credential, Issuance, IssueTerms, Issuer, NotIssuable, NotTold, Removal,
};
use tokio::sync::Notify;

/// The target that it stands for.
pub const TARGET: &str = "sql:shop";
/// What no log, page or leaf may ever hold.
pub const SECRET: &str = "canary-of-a-credential-5f3a";
/// What a handle begins with.
const PREFIX: &str = "gh_";

/// How a call that makes something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Making {
    /// As it should.
    #[default]
    Well,
    /// Nothing is made, and the target says so.
    Refused,
    /// It is made, and the answer is lost.
    AnswerLost,
    /// It is not made, and nobody can tell.
    Lost,
    /// It is made once [`PretendTarget::go_on`] is called, and answered then.
    Waits,
}

/// What stands at the target, and how it behaves.
#[derive(Debug, Default)]
struct State {
    standing: BTreeMap<String, Recipe>,
    /// Handles with a session that does not end when it is told to.
    stuck: BTreeSet<String>,
    /// Handles whose removal is answered once [`PretendTarget::go_on`] is called.
    stalled: BTreeSet<String>,
    /// Handles that nobody can use any more, whether or not they still stand.
    shut: BTreeSet<String>,
    /// Handles whose removal was begun.
    begun: BTreeSet<String>,
    /// How often each was made anew: only what was made last works.
    rekeyed: BTreeMap<String, u32>,
    /// It cannot replace what it made.
    keeps: bool,
    down: bool,
    making: Making,
    removals: u64,
    /// The next removal is answered late.
    late: bool,
}

/// The target.
#[derive(Debug, Default)]
pub struct PretendTarget {
    state: Mutex<State>,
    /// Woken when something waits to be made.
    pub waiting: Notify,
    go_on: Notify,
}

/// A backup of it.
pub struct Backup(BTreeMap<String, Recipe>);

impl PretendTarget {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles that can be used there now.
    #[must_use]
    pub fn standing(&self) -> Vec<String> {
        self.state().standing.keys().cloned().collect()
    }

    /// What works there under a handle, if anything stands.
    #[must_use]
    pub fn works(&self, handle: &str) -> Option<String> {
        let state = self.state();
        let made = state.rekeyed.get(handle);
        let secret = made.map_or_else(|| SECRET.to_owned(), |count| format!("{SECRET}-{count}"));
        state.standing.contains_key(handle).then_some(secret)
    }

    /// Cannot replace what it made.
    pub fn keep_what_is_made(&self) {
        self.state().keeps = true;
    }

    /// How often somebody tried to take something away.
    #[must_use]
    pub fn removals(&self) -> u64 {
        self.state().removals
    }

    /// Answers nobody, or again.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// How the next credentials are made.
    pub fn set_making(&self, making: Making) {
        self.state().making = making;
    }

    /// Does what the next removal asks for, and answers it once [`PretendTarget::go_on`] is called.
    pub fn answer_late(&self) {
        self.state().late = true;
    }

    fn take_away(&self, recipe: &Recipe) -> Removal {
        let mut state = self.state();
        state.removals += 1;
        if state.down {
            return Removal::Remains("unreachable");
        }
        if state.stuck.contains(&recipe.handle) {
            return Removal::Remains("sessions_left");
        }
        state.standing.remove(&recipe.handle);
        Removal::Gone
    }

    /// Lets everything go on that waits.
    pub fn go_on(&self) {
        self.go_on.notify_waiters();
    }

    /// A session of every credential stays although it is told to end, or ends after all.
    pub fn set_stuck(&self, stuck: bool) {
        let mut state = self.state();
        state.stuck = if stuck {
            state.standing.keys().cloned().collect()
        } else {
            BTreeSet::new()
        };
    }

    /// The removal of this one is not answered for now.
    pub fn stall(&self, handle: &str) {
        self.state().stalled.insert(handle.to_owned());
    }

    /// Every removal is answered for again.
    pub fn stall_nothing(&self) {
        self.state().stalled.clear();
        self.go_on();
    }

    /// Handles that were shut before their removal.
    #[must_use]
    pub fn shut_first(&self) -> BTreeSet<String> {
        self.state().shut.clone()
    }

    /// Takes note of the shut anew.
    pub fn forget_shut(&self) {
        self.state().shut.clear();
    }

    /// Handles whose removal was begun.
    #[must_use]
    pub fn begun(&self) -> BTreeSet<String> {
        self.state().begun.clone()
    }

    /// As it is now.
    #[must_use]
    pub fn backup(&self) -> Backup {
        Backup(self.state().standing.clone())
    }

    /// As it was then.
    pub fn restore(&self, backup: &Backup) {
        self.state().standing.clone_from(&backup.0);
    }

    /// Somebody makes a credential of this name past every gate.
    pub fn plant(&self, handle: &str) {
        let recipe = recipe(handle.to_owned());
        self.state().standing.insert(handle.to_owned(), recipe);
    }
}

fn recipe(handle: String) -> Recipe {
    Recipe {
        broker: "pretend".to_owned(),
        handle,
        entitlement: "role reader".to_owned(),
        parts: BTreeMap::new(),
    }
}

#[async_trait]
impl Issuer for PretendTarget {
    fn terms(&self, target: &str) -> Option<IssueTerms> {
        (target == TARGET).then(|| IssueTerms {
            class: RevocationClass::Immediate,
            enforces: vec!["not_after".to_owned(), "session_end".to_owned()],
        })
    }

    fn targets(&self) -> Vec<String> {
        vec![TARGET.to_owned()]
    }

    fn plan(&self, action: &Action, grant: GrantId) -> Result<Plan, NotIssuable> {
        if action.payload() == br#"{"role":"odd"}"# {
            // A broker that makes a name which nobody can see.
            return Ok(Plan {
                recipe: recipe("gh_\u{202e}".to_owned()),
                class: RevocationClass::Immediate,
            });
        }
        if action.payload() != br#"{"role":"reader"}"# {
            let why = r#"write {"role":"reader"}"#;
            return Err(NotIssuable(why.to_owned()));
        }
        Ok(Plan {
            recipe: recipe(format!("{PREFIX}{grant}")),
            class: RevocationClass::Immediate,
        })
    }

    async fn issue(&self, _: Approved, lease: &Lease, _: &dyn Evidence) -> Issuance {
        let making = self.state().making;
        if making == Making::Waits {
            let go_on = self.go_on.notified();
            self.waiting.notify_one();
            go_on.await;
        }
        if self.state().down {
            return Issuance::Refused("unreachable");
        }
        let handle = lease.recipe.handle.clone();
        match making {
            Making::Refused => return Issuance::Refused("target_refused"),
            Making::Lost => return Issuance::Unknown("lost"),
            Making::Well | Making::AnswerLost | Making::Waits => {}
        }
        self.state()
            .standing
            .insert(handle.clone(), lease.recipe.clone());
        if making == Making::AnswerLost {
            return Issuance::Unknown("lost");
        }
        Issuance::Issued(Credential {
            kind: "pretend_login",
            public: vec![("user", handle)],
            secret: SECRET.to_owned(),
        })
    }

    fn rekeys(&self, _: &str) -> bool {
        !self.state().keeps
    }

    async fn rekey(&self, _: Approved, lease: &Lease) -> Issuance {
        let making = self.state().making;
        if making == Making::Waits {
            let go_on = self.go_on.notified();
            self.waiting.notify_one();
            go_on.await;
        }
        let handle = lease.recipe.handle.clone();
        let mut state = self.state();
        if state.down {
            return Issuance::Refused("unreachable");
        }
        let answered = match making {
            Making::Refused => return Issuance::Refused("target_refused"),
            Making::Lost => return Issuance::Unknown("lost"),
            Making::AnswerLost => false,
            Making::Well | Making::Waits => true,
        };
        // What was taken away is not made.
        if !state.standing.contains_key(&handle) {
            return Issuance::Refused("target_refused");
        }
        let count = state.rekeyed.entry(handle.clone()).or_default();
        *count += 1;
        let secret = format!("{SECRET}-{count}");
        if !answered {
            return Issuance::Unknown("lost");
        }
        Issuance::Issued(Credential {
            kind: "pretend_login",
            public: vec![("user", handle)],
            secret,
        })
    }

    fn missing(&self, _: &str, _: &Recipe) -> Option<String> {
        None
    }

    async fn shut(&self, _: &str, recipes: &[Recipe]) {
        let handles = recipes.iter().map(|recipe| recipe.handle.clone());
        let mut state = self.state();
        // A target that is down heard nothing of it.
        if !state.down {
            state.shut.extend(handles);
        }
    }

    async fn remove(&self, _: &str, recipe: &Recipe) -> Removal {
        self.state().begun.insert(recipe.handle.clone());
        let stalled = self.state().stalled.contains(&recipe.handle);
        if stalled {
            self.go_on.notified().await;
        }
        let removal = self.take_away(recipe);
        if core::mem::take(&mut self.state().late) {
            let go_on = self.go_on.notified();
            self.waiting.notify_one();
            go_on.await;
        }
        removal
    }

    async fn found(&self, _: &str) -> Result<Vec<Recipe>, NotTold> {
        let state = self.state();
        if state.down {
            return Err(NotTold("it does not answer".to_owned()));
        }
        Ok(state.standing.values().cloned().collect())
    }

    fn grant_of(&self, recipe: &Recipe) -> Option<GrantId> {
        recipe.handle.strip_prefix(PREFIX)?.parse().ok()
    }
}
