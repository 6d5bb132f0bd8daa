//! Policy as a value: a small table that a bundle activation replaces. It answers as the policy crate would, and is so
//! simple that the oracle can ask it again at the moment of every commit.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU8, NonZeroU32};

use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{
    Alternative, Checkpoint, CheckpointLimits, Criterion, CriterionKind, Eligible, EscalationStep,
    Justification, Requirement,
};
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::signer::Signer;
use gatehold_core::task::Chain;
use gatehold_core::tier::{Tier, TierReport};
use gatehold_core::trust::Change;
use gatehold_core::verdict::{Evaluated, Reason, Trace, Verdict};
use serde::{Deserialize, Serialize};

use super::people::human;
use super::seed::Seed;
use super::target::ACCESS;

/// What workloads ask for.
pub const ACTIONS: [&str; 6] = [
    ACCESS,
    "db.read",
    "db.secret",
    "db.write",
    "mail.send",
    "host.reboot",
];
/// Only reads.
pub const READS: [&str; 2] = ["db.read", "db.secret"];
/// What people ask the gate for.
pub const CHANGES: [&str; 7] = [
    "bundle.activate",
    "config.change",
    "team.set",
    "human.enrol",
    "nhi.create",
    "stop.lift",
    "workload.resume",
];

/// A bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Makes bundles differ.
    pub serial: u64,
    /// One answer a kind of action.
    pub answers: BTreeMap<String, Answer>,
    /// Whether what follows a sensitive read within a task is held as well.
    pub tainted: bool,
    /// Whether this bundle is of a development gate.
    pub dev: bool,
    #[serde(skip)]
    evaluated: Remembered,
}

/// What a bundle was asked before: the same answer again. A copy of a bundle is there to be changed, and knows nothing.
#[derive(Debug, Default)]
struct Remembered(RefCell<BTreeMap<(String, u64, bool), Evaluated>>);

impl Clone for Remembered {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Remembered {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Remembered {}

/// What a bundle says about one kind of action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// `allow`, `deny` or `hold`.
    pub says: String,
    /// Where it is held, by number in the pool.
    pub checkpoints: BTreeSet<u8>,
    /// How risky it is.
    pub tier: Tier,
    /// Whether its evaluation errs.
    pub errs: bool,
}

/// How many checkpoints there are to choose from.
const POOL: u8 = 7;
/// The one that holds changes of the gate.
const CHANGE: u8 = 100;

impl Rules {
    /// The bundle a gate is founded with.
    #[must_use]
    pub fn first(dev: bool) -> Self {
        let mut answers = BTreeMap::new();
        for name in ACTIONS {
            let (says, checkpoints) = match name {
                ACCESS | "db.read" | "db.secret" | "mail.send" => ("allow", BTreeSet::new()),
                "db.write" => ("hold", [0].into()),
                _ => ("hold", [1].into()),
            };
            answers.insert(
                name.to_owned(),
                Answer {
                    says: says.to_owned(),
                    checkpoints,
                    tier: Tier::Green,
                    errs: false,
                },
            );
        }
        for name in CHANGES {
            answers.insert(name.to_owned(), Answer::change());
        }
        Self {
            serial: 0,
            answers,
            tainted: true,
            dev,
            evaluated: Remembered::default(),
        }
    }

    /// Another bundle: this one with some answers changed.
    #[must_use]
    pub fn changed(&self, seed: &mut Seed) -> Self {
        let mut next = self.clone();
        next.serial = seed.below(1 << 40);
        for name in ACTIONS {
            if seed.per_mille(450) {
                next.answers.insert(name.to_owned(), Answer::drawn(seed));
            }
        }
        for name in CHANGES {
            let mut answer = Answer::change();
            // A bundle whose author forgot how much the gate itself asks for.
            if seed.per_mille(60) {
                answer.checkpoints = [4].into();
            }
            if seed.per_mille(30) {
                answer.says = "allow".to_owned();
            }
            next.answers.insert(name.to_owned(), answer);
        }
        next.tainted = seed.per_mille(700);
        next
    }

    /// The bytes that are activated.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self).expect("small numbers only")
    }

    /// Their name.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Change::bundle_hash(&self.to_bytes())
    }

    /// The answer about an action within a chain, in a task of at most so many steps: one more is denied.
    pub fn evaluate(&self, action: &str, chain: &Chain, most: Option<u64>) -> Evaluated {
        let outside = most.is_some_and(|most| chain.steps >= most);
        let asked = (action.to_owned(), chain.sensitive, outside);
        let mut known = self.evaluated.0.borrow_mut();
        let answer = known.entry(asked);
        answer
            .or_insert_with(|| self.evaluate_anew(action, chain, outside))
            .clone()
    }

    fn evaluate_anew(&self, action: &str, chain: &Chain, outside: bool) -> Evaluated {
        let unknown = Answer {
            says: "deny".to_owned(),
            checkpoints: BTreeSet::new(),
            tier: Tier::Red,
            errs: false,
        };
        let answer = self.answers.get(action).unwrap_or(&unknown);
        // What only reads never depends on the chain, so that a busy workload does not wait for itself.
        let tainted = self.tainted
            && chain.sensitive > 0
            && !READS.contains(&action)
            && !CHANGES.contains(&action);
        let mut checkpoints: Vec<Checkpoint> = answer
            .checkpoints
            .iter()
            .map(|number| checkpoint(*number, self.dev))
            .collect();
        if tainted {
            checkpoints.push(checkpoint(5, self.dev));
        }
        let verdict = match answer.says.as_str() {
            _ if outside => Verdict::Deny,
            "allow" if !tainted => Verdict::Allow,
            "allow" => hold(vec![checkpoint(5, self.dev)]),
            "hold" => hold(checkpoints),
            _ => Verdict::Deny,
        };
        let errors = if answer.errs {
            vec!["a rule of this bundle overflows".to_owned()]
        } else {
            Vec::new()
        };
        let input = Hash::tagged(
            "sim/input",
            &[
                action.as_bytes(),
                &chain.sensitive.to_be_bytes(),
                &[u8::from(outside)],
            ],
        );
        let trace = Trace {
            bundle: self.hash(),
            input,
            rules: vec![action.to_owned()],
            reasons: reasons(&verdict, &answer.says),
            errors,
            tier: TierReport {
                tier: answer.tier,
                inputs: vec![],
            },
        };
        Evaluated::new(verdict, trace)
    }
}

/// The checkpoints that hold it, or what the table says.
fn reasons(verdict: &Verdict, says: &str) -> Vec<Reason> {
    let codes: Vec<String> = match verdict {
        Verdict::Hold(requirement) => requirement
            .checkpoints()
            .map(|(_, checkpoint)| format!("checkpoint:{}", checkpoint.name))
            .collect(),
        _ => vec![says.to_owned()],
    };
    let reason = |code| Reason {
        code,
        text: "So says the table.".to_owned(),
    };
    codes.into_iter().map(reason).collect()
}

impl Answer {
    fn change() -> Self {
        Self {
            says: "hold".to_owned(),
            checkpoints: [CHANGE].into(),
            tier: Tier::Green,
            errs: false,
        }
    }

    fn drawn(seed: &mut Seed) -> Self {
        let says = match seed.below(10) {
            0 => "deny",
            1..=3 => "allow",
            _ => "hold",
        };
        let mut checkpoints = BTreeSet::new();
        if says == "hold" {
            for _ in 0..=seed.below(2) {
                checkpoints.insert(u8::try_from(seed.below(u64::from(POOL))).unwrap_or(0));
            }
        }
        let tier = match seed.below(4) {
            0 => Tier::Red,
            1 => Tier::Amber,
            _ => Tier::Green,
        };
        Self {
            says: says.to_owned(),
            checkpoints,
            tier,
            errs: seed.per_mille(40),
        }
    }
}

fn hold(checkpoints: Vec<Checkpoint>) -> Verdict {
    Requirement::new(checkpoints).map_or(Verdict::Deny, Verdict::Hold)
}

/// The checkpoints a bundle can name.
fn checkpoint(number: u8, dev: bool) -> Checkpoint {
    let seats = |seats: u8, level: Assurance| Alternative {
        seats: NonZeroU8::new(seats).expect("not zero"),
        factor: if dev { Assurance::Software } else { level },
    };
    let one = vec![seats(1, Assurance::Present)];
    let two = vec![seats(2, Assurance::Present)];
    let three = vec![seats(3, Assurance::Present)];
    let either = vec![seats(1, Assurance::Attested), seats(2, Assurance::Present)];
    let (name, eligible, alternatives) = match number {
        0 => ("one-reviewer", team("reviewers"), one),
        1 => ("two-owners", team("owners"), two),
        2 => ("either", team("reviewers"), either),
        3 => ("separate", team("owners"), one),
        4 => ("few", these(&["dia", "cem"]), one),
        5 => ("tainted", teams(&["reviewers", "everyone"]), one),
        6 => ("three", teams(&["everyone", "owners", "reviewers"]), three),
        // Beyond the pool: a story names it.
        7 => (
            "attested",
            team("owners"),
            vec![seats(1, Assurance::Attested)],
        ),
        _ => ("change", team("everyone"), two),
    };
    let escalation = match number {
        5 => vec![asked_later(120, "everyone")],
        6 => vec![asked_later(60, "owners"), asked_later(300, "reviewers")],
        _ => vec![],
    };
    Checkpoint {
        escalation,
        separate: number == 3,
        // A development gate has no passkeys, and is taken by each of its keys.
        signer: if number == 2 {
            Signer::Cli
        } else {
            Signer::Any
        },
        ..defined(name, eligible, alternatives)
    }
}

fn asked_later(seconds: u32, team: &str) -> EscalationStep {
    EscalationStep {
        after_seconds: NonZeroU32::new(seconds).expect("not zero"),
        teams: [team.parse().expect("a plain name")].into(),
    }
}

fn team(name: &str) -> Eligible {
    teams(&[name])
}

fn teams(names: &[&str]) -> Eligible {
    let names = names.iter().map(|name| name.parse().expect("a plain name"));
    Eligible {
        teams: names.collect(),
        humans: BTreeSet::new(),
    }
}

fn these(names: &[&str]) -> Eligible {
    Eligible {
        teams: BTreeSet::new(),
        humans: names.iter().map(|name| human(name)).collect(),
    }
}

fn defined(name: &str, eligible: Eligible, alternatives: Vec<Alternative>) -> Checkpoint {
    let seconds = |seconds: u32| NonZeroU32::new(seconds).expect("not zero");
    Checkpoint {
        name: name.parse().expect("a plain name"),
        title: "A change that people look at".to_owned(),
        owner: "owners".to_owned(),
        rationale: "The simulator asks for people here".to_owned(),
        justification: Justification::Impact,
        eligible,
        alternatives,
        signer: Signer::Any,
        separate: false,
        criteria: vec![Criterion {
            id: format!("ok-{name}"),
            text: "Is this what was meant?".to_owned(),
            kind: CriterionKind::Yes,
            required: true,
            claim: None,
        }],
        decide_within_seconds: seconds(600),
        spend_within_seconds: seconds(1_200),
        escalation: vec![],
        limits: CheckpointLimits {
            ttl_seconds: seconds(600),
            uses: seconds(1),
            caps: [("rows".to_owned(), 100)].into(),
        },
        requires: BTreeSet::new(),
        break_glass: None,
    }
}
