//! A gate process over a server of OpenSSH whose authority it holds, its people, and one workload.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use gatehold_client::wire::{Claims, Credential, Submitted};
use gatehold_core::action::DescriptorRef;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::review::ReviewAct;
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_scenarios::cast::{Answering, Ask, Person, Workload};
use gatehold_scenarios::gate_process::{GateProcess, Ground};
use gatehold_scenarios::play::{enrol, nhi_create};
use gatehold_scenarios::scenario::{Enrolled, Resource};
use gatehold_sim::ssh_server::{PRINCIPAL, SshServer, public_line};
use tempfile::TempDir;

pub const TARGET: &str = "ssh:shop";
/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(20);
/// A way out for a test whose event never comes.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct World {
    pub gate: GateProcess,
    pub people: BTreeMap<String, Person>,
    pub bot: Workload,
    pub server: SshServer,
    pub key: PathBuf,
    command: DescriptorRef,
    _folder: TempDir,
}

impl World {
    /// A gate, its people, one workload, and a server that trusts the gate's authority.
    pub async fn open() -> Self {
        let server = SshServer::start();
        let key = server.client_key("client");
        let folder = TempDir::new().unwrap();
        let mut ground = Ground::new(folder.path());
        let place = (server.authority(), server.list());
        ground.ssh_certificates(TARGET, place, PRINCIPAL, server.port());
        ground.resources.push(Resource {
            name: "shop/".to_owned(),
            environment: Environment::Production,
            zone: "shop".to_owned(),
            sensitivity: Sensitivity::Internal,
            owner: "owners".to_owned(),
            legacy_coarse: false,
            review_by: None,
        });
        let program = Path::new(env!("CARGO_BIN_EXE_gatehold"));
        let gate = GateProcess::start(program, &ground).await.unwrap();
        let people = gate.people().await.unwrap();
        let descriptors = gate.descriptors(&people).await.unwrap();
        let bot = Workload::new("shop-agent", gate.url()).unwrap();
        let enrolled = Enrolled {
            name: "shop-agent".to_owned(),
            kind: WorkloadKind::AiAgent,
            assurance: WorkloadAssurance::Pop,
            owner: "owner".to_owned(),
            normal_actions: ["ssh.command".to_owned()].into(),
            normal_targets: [TARGET.to_owned()].into(),
            normal_resources: ["shop/".to_owned()].into(),
            normal_scopes: None,
        };
        let create = nhi_create(&enrolled, &bot, &people["owner"]).unwrap();
        let others = ["reviewer", "second"].map(|name| people[name].clone());
        let (owner, descriptor) = (&people["owner"], &descriptors["nhi.create"]);
        enrol(owner, &others, descriptor, &create).await.unwrap();
        let command = descriptors["ssh.command"].clone();
        Self {
            gate,
            people,
            bot,
            server,
            key,
            command,
            _folder: folder,
        }
    }

    /// Asks for a command, which is held; gives the request.
    pub async fn ask(&self, task: &str, command: &str) -> String {
        let payload = serde_json::json!({
            "principal": PRINCIPAL, "command": command, "public_key": public_line(&self.key),
        });
        let payload = payload.to_string();
        let ask = Ask {
            descriptor: self.command.clone(),
            task,
            target: TARGET,
            resource: "shop/web",
            duration_seconds: 600,
            caps: BTreeMap::new(),
            media_type: "application/json",
            payload: payload.as_bytes(),
            claims: Claims::default(),
        };
        let body = self.bot.body(&ask).unwrap();
        match self.bot.submit(&body, None).await.unwrap() {
            Submitted::Held(held) => {
                let at = &held.checkpoints;
                assert!(at.iter().any(|name| name == "code-execution"), "{at:?}");
                held.request.unwrap()
            }
            Submitted::Decided(decision) => panic!("{decision:?}"),
        }
    }

    pub async fn approve(&self, request: &str) {
        let answering = Answering::default();
        for name in ["reviewer", "second"] {
            let person = &self.people[name];
            let reviewed = person.review(request, ReviewAct::Approve, &answering).await;
            if reviewed.unwrap().decision.is_some() {
                return;
            }
        }
        panic!("two people are enough");
    }

    /// Takes what was approved, and puts it beside the key.
    pub async fn taken(&self, request: &str) -> Credential {
        let redeemed = self.bot.client.redeem(request, 0).await.unwrap();
        let credential = redeemed
            .credential
            .unwrap_or_else(|| panic!("{:?}\n{}", redeemed.result, self.gate.says()));
        self.hold(&credential);
        credential
    }

    pub fn hold(&self, credential: &Credential) {
        let certificate = self.server.path("client-cert.pub");
        std::fs::write(certificate, format!("{}\n", credential.secret)).unwrap();
    }

    pub fn log_in(&self) -> Output {
        self.server.log_in(&self.key, &[], "cat /etc/passwd")
    }

    pub fn is_refused(&self) {
        let refused = self.log_in();
        assert_eq!(refused.status.code(), Some(255), "{refused:?}");
    }

    /// Waits until the gate says that its credential is gone.
    pub async fn until_gone(&self, request: &str) {
        let mut looks = tokio::time::interval(LOOK);
        let gone = async {
            loop {
                looks.tick().await;
                let status = self.bot.client.status(request, 0).await.unwrap();
                if status.lease.is_some_and(|lease| lease.state == "revoked") {
                    return;
                }
            }
        };
        let waited = tokio::time::timeout(PATIENCE, gone).await;
        assert!(waited.is_ok(), "it is never gone:\n{}", self.gate.says());
    }
}
