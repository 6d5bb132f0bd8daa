//! What the gate is measured beside: an endpoint that answers a constant, and Cerbos with the same rules and no audit.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::post;
use gatehold_scenarios::{Outcome, Trouble, trouble};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::bundle::{self, Rule};
use crate::load::Server;

/// How long a peer may take to start.
const START: Duration = Duration::from_secs(30);
/// How often it is tried.
const TRY: Duration = Duration::from_millis(50);

/// The bare endpoint, in a process of its own.
pub struct Bare {
    address: SocketAddr,
    child: Child,
}

impl Bare {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start() -> Outcome<Self> {
        let address = free_address()?;
        let program = std::env::current_exe().map_err(trouble("this program"))?;
        let child = Command::new(program)
            .args(["bare", &address.port().to_string()])
            .kill_on_drop(true)
            .spawn()
            .map_err(trouble("bare"))?;
        wait_for(address).await?;
        Ok(Self { address, child })
    }

    /// What is driven.
    pub fn server(&self) -> Server {
        Server {
            address: self.address,
            pid: self.child.id(),
        }
    }

    /// A request of about the size of a submission.
    pub fn request(&self) -> Vec<u8> {
        request(self.address, "/v1/requests", &"x".repeat(BODY_BYTES))
    }
}

/// Serves the bare endpoint: reads the whole body, answers a constant.
///
/// # Errors
/// When the port cannot be used.
pub fn serve_bare(port: &str) -> Outcome<()> {
    let port: u16 = port.parse().map_err(trouble("port"))?;
    let answer = |body: Bytes| async move {
        let _ = body.len();
        ([(header::CONTENT_TYPE, "application/json")], ANSWER)
    };
    let runtime = tokio::runtime::Runtime::new().map_err(trouble("runtime"))?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(trouble("bare"))?;
        axum::serve(listener, Router::new().route("/v1/requests", post(answer)))
            .await
            .map_err(trouble("bare"))
    })
}

/// Cerbos with the rules of the bundle.
pub struct Cerbos {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Cerbos {
    /// Starts it with so many rules.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start(program: &Path, policies: usize) -> Outcome<Self> {
        let folder = TempDir::new().map_err(trouble("a folder"))?;
        let place = folder.path().join("policies");
        std::fs::create_dir(&place).map_err(trouble("policies"))?;
        std::fs::write(place.join("record.yaml"), policy(policies)).map_err(trouble("policies"))?;
        let (address, grpc) = (free_address()?, free_address()?);
        let config = format!(
            "server:\n  httpListenAddr: \"{address}\"\n  grpcListenAddr: \"{grpc}\"\nstorage:\n  driver: disk\n  disk:\n    directory: {}\n\
             telemetry:\n  disabled: true\n",
            place.display()
        );
        let file = folder.path().join("cerbos.yaml");
        std::fs::write(&file, config).map_err(trouble("cerbos.yaml"))?;
        let child = Command::new(program)
            .args(["server", "--log-level=error", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(trouble(program.display()))?;
        wait_for(address).await?;
        Ok(Self {
            address,
            child,
            _folder: folder,
        })
    }

    /// What is driven.
    pub fn server(&self) -> Server {
        Server {
            address: self.address,
            pid: self.child.id(),
        }
    }

    /// The question that the gate is asked, in its idiom.
    pub fn request(&self) -> Vec<u8> {
        let body = format!(
            "{{\"requestId\":\"1\",\"principal\":{{\"id\":\"bench-agent\",\"roles\":[\"{}\"]}},\"resources\":[{{\"actions\":[\"read\"],\
             \"resource\":{{\"kind\":\"record\",\"id\":\"record\",\"attr\":{{\"amount\":50}}}}}}]}}",
            bundle::TEAM
        );
        request(self.address, "/api/check/resources", &body)
    }
}

fn policy(number: usize) -> String {
    let mut text = String::from(
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: record\n  version: default\n  rules:\n",
    );
    for rule in bundle::rules(number) {
        let (effect, team, condition) = match rule {
            Rule::Permit(team) => (
                "EFFECT_ALLOW",
                team,
                format!("R.attr.amount <= {}", bundle::ALLOWED_MAX),
            ),
            Rule::Hold(team) => (
                "EFFECT_DENY",
                team,
                format!("R.attr.amount > {}", bundle::HELD_ABOVE),
            ),
        };
        // Writing into text does not fail.
        writeln!(
            text,
            "    - actions: [\"read\"]\n      effect: {effect}\n      roles: [\"team-{team}\"]\n      condition:\n        match:\n          expr: {condition}"
        )
        .unwrap_or_default();
    }
    text
}

fn request(address: SocketAddr, path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn free_address() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(trouble("a port"))?;
    listener.local_addr().map_err(trouble("a port"))
}

/// Waits until somebody listens.
async fn wait_for(address: SocketAddr) -> Outcome<()> {
    let listens = async {
        let mut again = tokio::time::interval(TRY);
        while TcpStream::connect(address).await.is_err() {
            again.tick().await;
        }
    };
    tokio::time::timeout(START, listens)
        .await
        .map_err(|_| Trouble(format!("nobody listens on {address}")))
}

const BODY_BYTES: usize = 1_100;
const ANSWER: &str = r#"{"request":"req_0193b5f0a4c07000a1b2c3d4e5f60718","outcome":"allowed","decided_by":"policy","reasons":[],"trace":{"rules":["permit-0"],"bundle":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}}"#;
