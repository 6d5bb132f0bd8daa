//! A target that hands out credentials, on the run's time, and the truth about what stands there. It makes well, late, or
//! without an answer; it is down for long, takes something away by half, and comes back as it was in an older snapshot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gatehold_core::action::Envelope;
use gatehold_core::ids::GrantId;
use gatehold_core::lease::{Plan, Recipe, RevocationClass};
use gatehold_core::time::Timestamp;

use super::seed::Seed;

/// What workloads ask it for.
pub const ACCESS: &str = "db.access";
/// Its name.
pub const TARGET: &str = "db";
/// The longest that it works at making something, in milliseconds: then it has been made, or never will be.
const MAKING_MILLIS: u64 = 30_000;
/// What handles of this gate begin with.
const PREFIX: &str = "gh_";
/// Snapshots that are kept.
const SNAPSHOTS_MAX: usize = 4;

/// What would be made for such an action, where it is one that hands out a credential.
#[must_use]
pub fn plan(envelope: &Envelope, grant: GrantId) -> Option<Plan> {
    let brokered = envelope.descriptor.id.as_str() == ACCESS && envelope.target.as_str() == TARGET;
    brokered.then(|| Plan {
        recipe: recipe(&grant),
        class: RevocationClass::Immediate,
    })
}

fn recipe(grant: &GrantId) -> Recipe {
    Recipe {
        broker: "sim".to_owned(),
        handle: format!("{PREFIX}{grant}"),
        entitlement: "role reader".to_owned(),
        parts: BTreeMap::new(),
    }
}

/// What came of making something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It stands, and the target says so.
    Issued,
    /// Nothing was made, and the target says so.
    Refused,
    /// Nobody can tell.
    Unknown,
}

/// What came of taking something away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Nothing of it is left.
    Gone,
    /// It is still there, or nobody can tell.
    Remains(&'static str),
    /// No answer yet.
    Waits,
}

/// What stands there under one handle.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    /// When the target itself lets nobody in any more.
    not_after: Timestamp,
    /// Whether anybody can still log in.
    login: bool,
    /// Who is in, and stays so beyond its expiry.
    sessions: u32,
}

/// Something that is being made.
struct Call {
    grant: GrantId,
    not_after: Timestamp,
    /// Milliseconds until it is made, or is not.
    left: u64,
    /// Whether it is made, and what the caller hears then.
    fate: (bool, Made),
    done: Option<Made>,
}

/// The target.
#[derive(Default)]
pub struct Target {
    standing: BTreeMap<GrantId, Standing>,
    calls: BTreeMap<u64, Call>,
    next_call: u64,
    snapshots: VecDeque<BTreeMap<GrantId, Standing>>,
    /// Whose sessions do not end although they are told to.
    stuck: BTreeSet<GrantId>,
    down: bool,
}

impl Target {
    /// A credential is to be made; the answer comes by the number of the call. The seed draws no fault where none is given.
    pub fn begin(
        &mut self,
        grant: GrantId,
        not_after: Timestamp,
        faults: Option<&mut Seed>,
    ) -> u64 {
        let (fate, left) = match faults {
            Some(seed) => fate(seed),
            None => ((true, Made::Issued), 0),
        };
        let fate = if self.down {
            (false, Made::Refused)
        } else {
            fate
        };
        self.next_call += 1;
        let call = Call {
            grant,
            not_after,
            left,
            fate,
            done: None,
        };
        self.calls.insert(self.next_call, call);
        self.next_call
    }

    /// The answer to such a call, once it has come.
    pub fn answer(&mut self, call: u64) -> Option<Made> {
        self.go_on(call, 0);
        let done = self.calls.get(&call)?.done?;
        self.calls.remove(&call);
        Some(done)
    }

    /// Time passes here as everywhere; what is being made comes to its end, whoever still waits for it.
    pub fn pass(&mut self, millis: i64) {
        let millis = u64::try_from(millis).unwrap_or(0);
        let calls: Vec<u64> = self.calls.keys().copied().collect();
        for call in calls {
            self.go_on(call, millis);
        }
    }

    fn go_on(&mut self, number: u64, millis: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        call.left = call.left.saturating_sub(millis);
        if call.done.is_some() || call.left > 0 {
            return;
        }
        let (made, answer) = call.fate;
        call.done = Some(answer);
        if made {
            let standing = Standing {
                not_after: call.not_after,
                login: true,
                sessions: 0,
            };
            self.standing.entry(call.grant).or_insert(standing);
        }
    }

    /// Whether a call that would make it is not at its end.
    #[must_use]
    pub fn is_making(&self, grant: &GrantId) -> bool {
        let mut calls = self.calls.values();
        calls.any(|call| call.grant == *grant && call.done.is_none())
    }

    /// Whoever was handed it uses it.
    pub fn used(&mut self, grant: &GrantId, sessions: u32) {
        if let Some(standing) = self.standing.get_mut(grant).filter(|one| one.login) {
            standing.sessions += sessions;
        }
    }

    /// It is to be taken away.
    pub fn remove(&mut self, grant: &GrantId, faults: Option<&mut Seed>) -> Removal {
        if self.down {
            return Removal::Remains("unreachable");
        }
        let roll = faults.map_or(1_000, |seed| seed.below(1_000));
        if (0..120).contains(&roll) {
            return Removal::Waits;
        }
        let Some(standing) = self.standing.get_mut(grant) else {
            return Removal::Gone;
        };
        // Half of it is done: nobody comes in any more, and whoever is in stays.
        standing.login = false;
        if (120..220).contains(&roll) {
            return Removal::Remains("target_refused");
        }
        if standing.sessions > 0 && self.stuck.contains(grant) {
            return Removal::Remains("sessions_left");
        }
        self.standing.remove(grant);
        if (220..300).contains(&roll) {
            return Removal::Remains("timeout");
        }
        Removal::Gone
    }

    /// Everything that stands there under this gate's name, if the target says so.
    #[must_use]
    pub fn found(&self) -> Option<Vec<Recipe>> {
        (!self.down).then(|| self.standing.keys().map(recipe).collect())
    }

    /// The grant that a handle names.
    #[must_use]
    pub fn grant_of(recipe: &Recipe) -> Option<GrantId> {
        recipe.handle.strip_prefix(PREFIX)?.parse().ok()
    }

    /// Whether anything of it is there.
    #[must_use]
    pub fn has(&self, grant: &GrantId) -> bool {
        self.standing.contains_key(grant)
    }

    /// What somebody can use there now.
    #[must_use]
    pub fn usable(&self, now: Timestamp) -> Vec<GrantId> {
        let usable = |one: &Standing| one.sessions > 0 || (one.login && now <= one.not_after);
        let standing = self.standing.iter();
        standing
            .filter(|(_, one)| usable(one))
            .map(|(grant, _)| *grant)
            .collect()
    }

    /// Something happens to it.
    pub fn happens(&mut self, seed: &mut Seed, now: Timestamp) -> &'static str {
        match seed.below(10) {
            0 | 1 if !self.down => {
                self.down = true;
                // Whoever was in is out, and what was being made is not made.
                for call in self.calls.values_mut().filter(|call| call.done.is_none()) {
                    call.done = Some(Made::Unknown);
                }
                "target-down"
            }
            0..3 => {
                self.down = false;
                "target-up"
            }
            3 | 4 => {
                if self.snapshots.len() >= SNAPSHOTS_MAX {
                    self.snapshots.pop_front();
                }
                self.snapshots.push_back(self.standing.clone());
                "target-snapshot"
            }
            5 => self.restore(seed),
            6 | 7 => {
                self.stuck.extend(self.standing.keys().copied());
                "target-stuck"
            }
            8 => {
                self.stuck.clear();
                "target-unstuck"
            }
            _ => {
                let planted = Standing {
                    not_after: now.plus_seconds(600),
                    login: true,
                    sessions: 1,
                };
                let grant = GrantId::from_bytes(seed.bytes());
                self.standing.insert(grant, planted);
                "target-planted"
            }
        }
    }

    /// It is as it was then, and nobody is logged in.
    fn restore(&mut self, seed: &mut Seed) -> &'static str {
        let at = seed.index(self.snapshots.len());
        let Some(snapshot) = self.snapshots.get(at) else {
            return "target-without-snapshot";
        };
        self.standing.clone_from(snapshot);
        for standing in self.standing.values_mut() {
            standing.sessions = 0;
        }
        for call in self.calls.values_mut().filter(|call| call.done.is_none()) {
            call.done = Some(Made::Unknown);
        }
        "target-restored"
    }

    /// Faults stop.
    pub fn heal(&mut self) {
        self.down = false;
        self.stuck.clear();
        self.pass(i64::MAX);
    }
}

/// Whether it is made, what the caller hears, and when.
fn fate(seed: &mut Seed) -> ((bool, Made), u64) {
    let fate = match seed.below(20) {
        0 | 1 => (false, Made::Refused),
        2 | 3 => (true, Made::Unknown),
        4 => (false, Made::Unknown),
        _ => (true, Made::Issued),
    };
    let late = seed.per_mille(300);
    let left = if late {
        1 + seed.below(MAKING_MILLIS)
    } else {
        0
    };
    (fate, left)
}
