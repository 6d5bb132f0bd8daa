//! Founding: the root statement, the first bundle, and three workloads enrolled the only way there is: asked for by a
//! person, approved by two others, applied as links of the chain.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gatehold_core::assurance::Assurance;
use gatehold_core::commit::Receipt;
use gatehold_core::decide::{Settings, found};
use gatehold_core::directory::{Baseline, Lifecycle};
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::{HumanId, Origin, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::jwk::Jwk;
use gatehold_core::passkey::RelyingPartyId;
use gatehold_core::person_key::PersonKey;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::NhiCreate;
use gatehold_core::trust::root::ROOT_TYPE;
use gatehold_core::trust::{
    Evidence, ROOT_NAMESPACE, RootHuman, RootKey, RootSignature, RootStatement, SignedRoot,
};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};

use super::folds::Folds;
use super::journal::Journal;
use super::oracle::{Oracle, Realm};
use super::people::{NAMES, Person, console, everybody, human, pinned};
use super::process::Process;
use super::provider::log_signer;
use super::rules::Rules;
use super::seed::Seed;
use super::shelf::Shelf;
use super::weather::Weather;
use super::{Agent, Run, START_MILLIS, Simulator};

/// Who owns each workload, and who stands in.
const OWNERS: [(&str, &str, &str); 3] = [
    ("bot-0", "ann", "bob"),
    ("bot-1", "cem", "dia"),
    ("bot-2", "eve", "ann"),
];

impl Simulator {
    /// A gate that has been founded and has three workloads.
    pub(super) fn new(run: Run) -> Self {
        let mut seed = Seed::new(run.seed);
        let dev = seed.per_mille(500);
        let checks_rows = seed.per_mille(500);
        Self::founded(run, seed, dev, checks_rows)
    }

    /// The same for a gate of which it is known what it is.
    pub(super) fn founded(run: Run, mut seed: Seed, dev: bool, checks_rows: bool) -> Self {
        crate::mutants::remove_the_named_guard();
        let origin: Origin = if dev { "dev.sim" } else { "sim.example" }
            .parse()
            .expect("a plain name");
        let people = everybody(dev, || seed.bytes());
        let rules = Rules::first(dev);
        let root = root(&origin, &people, &rules);
        let pinned = root.hash();
        let settings = Settings {
            open_holds_max: 4,
            ..Settings::default()
        };
        let weather = Weather::of(&mut seed);
        let mut shelf = Shelf::at(START_MILLIS);
        let fresh = Self::fresh(&mut seed);
        let write = found(&Evidence::Root(root), rules.to_bytes(), &fresh, shelf.now())
            .expect("a root has a canonical form");
        let _: Receipt = shelf.commit(&write).expect("an empty store takes a root");
        let folds = Folds::default();
        let mut simulator = Self {
            oracle: Oracle::new(realm(dev, &people, &rules), settings),
            bundles: [(rules.hash(), rules)].into(),
            processes: (0..2)
                .map(|_| Process::boot(pinned, checks_rows, &folds))
                .collect(),
            folds,
            journal: Journal::of(run),
            seed,
            origin,
            pinned,
            shelf,
            people,
            agents: Vec::new(),
            work: Vec::new(),
            overheard: VecDeque::new(),
            on_screen: VecDeque::new(),
            settings,
            edited: BTreeSet::new(),
            checks_rows,
            weather,
            quiet: true,
            next_work: 0,
            reached: BTreeMap::new(),
        };
        simulator.journal.line(format!(
            "founded, development {dev}, rows are checked {checks_rows}, {weather:?}"
        ));
        simulator.enrol_workloads();
        simulator.quiet = false;
        simulator
    }

    /// Without a fault in the way this must simply work.
    fn enrol_workloads(&mut self) {
        for (name, owner, backup) in OWNERS {
            let jwk = self.new_jwk();
            let create = NhiCreate {
                id: name.parse().expect("a plain name"),
                kind: WorkloadKind::AiAgent,
                jwk: jwk.clone(),
                owner: human(owner),
                backup: human(backup),
                custodians: BTreeSet::new(),
                assurance: WorkloadAssurance::Pop,
                teams: BTreeSet::new(),
                baseline: Baseline::default(),
                lifecycle: Lifecycle::Active,
                not_after: Timestamp::from_millis(START_MILLIS).plus_seconds(30 * 86_400),
            };
            let key = Jwk::parse(&jwk).expect("a well-formed key").thumbprint();
            self.change_at_once(&human(owner), "nhi.create", &create);
            self.agents.push(Agent {
                id: create.id,
                key,
                jwk,
            });
        }
    }

    /// A machine key; only its thumbprint matters here, because calls arrive authenticated.
    pub(super) fn new_jwk(&mut self) -> String {
        let x: String = hex(&self.seed.bytes::<22>()).chars().take(43).collect();
        format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
    }
}

fn teams() -> BTreeMap<TeamId, BTreeSet<HumanId>> {
    let team = |name: &str, members: &[&str]| -> (TeamId, BTreeSet<HumanId>) {
        let members = members.iter().map(|member| human(member));
        (name.parse().expect("a plain name"), members.collect())
    };
    [
        team("owners", &["ann", "bob", "cem"]),
        team("reviewers", &["bob", "cem", "dia", "eve"]),
        team("everyone", &NAMES),
    ]
    .into()
}

/// A root statement that all of these people sign.
pub(super) fn root(origin: &Origin, people: &[Person], rules: &Rules) -> SignedRoot {
    let humans = people.iter().map(|person| RootHuman {
        human: person.id.clone(),
        keys: person
            .keys
            .iter()
            .map(|key| RootKey {
                key: key.line.clone(),
                assurance: key.assurance,
                attestation: (key.assurance == Assurance::Attested)
                    .then(|| key.attestation(origin, &person.id))
                    .flatten(),
            })
            .collect(),
    });
    let statement = RootStatement {
        type_: ROOT_TYPE.to_owned(),
        origin: origin.clone(),
        created_at: Timestamp::from_millis(START_MILLIS),
        humans: humans.collect(),
        teams: teams(),
        bundle: rules.hash(),
        log_key: log_signer(origin).log_key().to_string(),
        recovery_keys: vec![],
        attestation_roots: pinned(),
        consoles: vec![console()],
    };
    let statement = canonical::to_bytes(&statement).expect("small numbers only");
    let keys = people.iter().flat_map(|person| &person.keys);
    let signatures = keys.map(|key| RootSignature {
        key: key.line.clone(),
        signature: key.sign(ROOT_NAMESPACE, &statement),
    });
    SignedRoot {
        signatures: signatures.collect(),
        statement: String::from_utf8(statement).expect("canonical JSON is text"),
    }
}

fn realm(dev: bool, people: &[Person], rules: &Rules) -> Realm {
    let keys = people.iter().map(|person| {
        let keys = person
            .keys
            .iter()
            .map(|key| (key.thumbprint, key.assurance));
        (person.id.clone(), keys.collect())
    });
    Realm {
        dev,
        version: 1,
        bundle: rules.hash(),
        humans: keys.collect(),
        teams: teams(),
        delegations: BTreeMap::new(),
        consoles: vec![console()],
        suspended: BTreeMap::new(),
        last_gone: BTreeMap::new(),
        since: BTreeMap::new(),
        passkeys: people.iter().flat_map(passkeys).collect(),
        workloads: BTreeMap::new(),
    }
}

fn passkeys(person: &Person) -> impl Iterator<Item = (Hash, RelyingPartyId)> {
    person.keys.iter().filter_map(|key| {
        let line = PersonKey::from_line(&key.line).expect("a key that was made here");
        let host = line.as_passkey()?.relying_party().clone();
        Some((key.thumbprint, host))
    })
}

/// The hash under which an active descriptor of this kind stands.
pub(super) fn descriptor_hash(kind: &str) -> Hash {
    Hash::of(kind.as_bytes())
}
