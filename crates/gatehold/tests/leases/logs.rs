//! What a target's own log tells of what the gate executed there: an HTTP service that writes its accesses down, and a real PostgreSQL
//! server. Somebody who has the gate's secret does the same beside it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use gatehold_client::wire::{Claims, RequestState, Submitted};
use gatehold_core::action::DescriptorRef;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::review::ReviewAct;
use gatehold_core::time::Timestamp;
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_scenarios::cast::{Answering, Ask, Person, Workload};
use gatehold_scenarios::gate_process::{GateProcess, Ground};
use gatehold_scenarios::now_millis;
use gatehold_scenarios::play::{enrol, nhi_create};
use gatehold_scenarios::scenario::{Enrolled, Resource, Web};
use gatehold_sim::postgres_server::PostgresServer;
use tempfile::TempDir;

const SECRET: &str = "the-secret-of-the-gate";

/// An HTTP service that lets in whoever brings the secret, and writes every access down as its operator configured.
struct Service {
    port: u16,
    log: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &lines);
            }
        });
        Self { port, log }
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// What somebody does who has the gate's secret.
    fn called(&self, request: &str, name: Option<&str>) {
        let name = name.map(|name| format!("Gatehold-Request: {name}\r\n"));
        let name = name.unwrap_or_default();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n{name}\r\n"
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// Answers one request, once it stands in the log: by turns in each of the two forms.
fn serve(mut stream: TcpStream, lines: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        let found = head.lines().find_map(|line| {
            let (header, value) = line.split_once(": ")?;
            header.eq_ignore_ascii_case(name).then_some(value)
        });
        found.unwrap_or("-").to_owned()
    };
    let known = header("authorization") == format!("Bearer {SECRET}");
    let status = if known { 200 } else { 401 };
    let (request, id) = (head.lines().next().unwrap(), header("gatehold-request"));
    let time = Timestamp::from_millis(now_millis()).to_string();
    let mut lines = lines.lock().unwrap();
    let combined = lines.len().is_multiple_of(2);
    lines.push(if combined {
        let (day, clock) = time.trim_end_matches('Z').split_once('T').unwrap();
        let day: Vec<&str> = day.split('-').collect();
        let months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(' ');
        let month: Vec<&str> = months.collect();
        let month = month[day[1].parse::<usize>().unwrap() - 1];
        let date = format!("{}/{month}/{}:{clock}", day[2], day[0]);
        format!("127.0.0.1 - - [{date} +0000] \"{request}\" {status} 2 \"-\" \"x\" \"{id}\"")
    } else {
        let mut words = request.split(' ');
        let (method, uri) = (words.next().unwrap(), words.next().unwrap());
        serde_json::json!({ "time": time, "method": method, "uri": uri, "status": status,
            "remote_addr": "127.0.0.1", "remote_user": "", "request_id": id })
        .to_string()
    });
    drop(lines);
    let body = if known { "200 OK" } else { "401 Unauthorized" };
    let answer = format!("HTTP/1.1 {body}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    stream.write_all(answer.as_bytes()).unwrap();
}

/// A gate with both targets.
struct Place {
    gate: GateProcess,
    people: BTreeMap<String, Person>,
    descriptors: BTreeMap<String, DescriptorRef>,
    bot: Workload,
    task: String,
    folder: TempDir,
}

impl Place {
    async fn open(change: impl FnOnce(&mut Ground)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut ground = Ground::new(folder.path());
        change(&mut ground);
        ground.resources.push(Resource {
            name: "shop/".to_owned(),
            environment: Environment::Production,
            zone: "shop".to_owned(),
            sensitivity: Sensitivity::Internal,
            owner: "owners".to_owned(),
            legacy_coarse: false,
            review_by: None,
        });
        let gate = GateProcess::start(program(), &ground).await.unwrap();
        let people = gate.people().await.unwrap();
        let descriptors = gate.descriptors(&people).await.unwrap();
        let bot = Workload::new("order-agent", gate.url()).unwrap();
        let enrolled = Enrolled {
            name: "order-agent".to_owned(),
            kind: WorkloadKind::AiAgent,
            assurance: WorkloadAssurance::Pop,
            owner: "owner".to_owned(),
            normal_actions: ["http.get".to_owned(), "sql.read".to_owned()].into(),
            normal_targets: ["http:shop".to_owned(), "sql:shop".to_owned()].into(),
            normal_resources: ["shop/".to_owned()].into(),
            normal_scopes: None,
        };
        let create = nhi_create(&enrolled, &bot, &people["owner"]).unwrap();
        let others = ["reviewer", "second"].map(|name| people[name].clone());
        let descriptor = &descriptors["nhi.create"];
        enrol(&people["owner"], &others, descriptor, &create)
            .await
            .unwrap();
        let task = bot.start_task("look for stuck orders").await.unwrap();
        Self {
            gate,
            people,
            descriptors: descriptors.into_iter().collect(),
            bot,
            task,
            folder,
        }
    }

    /// Has it executed, whoever has to decide it first; gives the request.
    async fn executed(&self, descriptor: &str, target: &str, payload: (&str, &[u8])) -> String {
        let ask = Ask {
            descriptor: self.descriptors[descriptor].clone(),
            task: &self.task,
            target,
            resource: "shop/orders",
            duration_seconds: 300,
            caps: BTreeMap::new(),
            media_type: payload.0,
            payload: payload.1,
            claims: Claims::default(),
        };
        let body = self.bot.body(&ask).unwrap();
        let request = match self.bot.submit(&body, None).await.unwrap() {
            Submitted::Held(held) => {
                let request = held.request.unwrap();
                self.approve(&request).await;
                request
            }
            Submitted::Decided(decision) => decision.request.unwrap(),
        };
        let redeemed = self.bot.client.redeem(&request, 10).await.unwrap();
        assert_eq!(
            redeemed.status.state,
            RequestState::Completed,
            "{redeemed:?}"
        );
        request
    }

    async fn approve(&self, request: &str) {
        for name in ["reviewer", "second"] {
            let person = &self.people[name];
            let answering = Answering::default();
            let reviewed = person.review(request, ReviewAct::Approve, &answering);
            if reviewed.await.unwrap().decision.is_some() {
                return;
            }
        }
        panic!("two people are enough");
    }

    /// What `gatehold audit reconcile` says of such a log, and how it ends.
    fn reconciled(
        &self,
        target: &str,
        option: &str,
        log: &str,
    ) -> (Option<i32>, serde_json::Value) {
        let path = self.folder.path().join("server.log");
        std::fs::write(&path, log).unwrap();
        let output = Command::new(program())
            // However slow this machine is: what is said again is not said later.
            .args(["audit", "reconcile", target, "-o", "json", "--apart", "10m", option])
            .arg(&path)
            .arg("--config")
            .arg(self.gate.config())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let answer = serde_json::from_slice(&output.stdout);
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output.status.code(), answer)
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_gatehold"))
}

const GET: (&str, &[u8]) = (
    "application/json",
    br#"{"method":"GET","path":"/v1/orders","query":{"status":"stuck"}}"#,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m023_an_access_log_tells_a_call_of_the_gates_from_one_with_its_secret() {
    let service = Service::start();
    let url = format!("http://127.0.0.1:{}/api", service.port);
    let place = Place::open(|ground| {
        let web = Web {
            target: "http:shop".to_owned(),
            methods: vec!["GET".to_owned()],
            paths: vec!["/v1/orders".to_owned()],
            answer: String::new(),
            secret: SECRET.to_owned(),
        };
        ground.http(&web, &url).unwrap();
    })
    .await;
    let first = place.executed("http.get", "http:shop", GET).await;
    let second = place.executed("http.get", "http:shop", GET).await;
    let clean = service.log();
    assert!(
        clean[0].contains(&first) && clean[1].contains(&second),
        "{clean:?}"
    );
    let (code, answer) = place.reconciled("http:shop", "--http", &clean.join("\n"));
    assert_eq!(code, Some(0), "{answer:#}");
    assert_eq!(
        (&answer["granted"], &answer["executions"]),
        (&2.into(), &2.into())
    );
    assert!(!answer.to_string().contains("stuck"), "no query is shown");

    // Whoever has the secret: without a name, with one that nobody executed, with one that was used, and for something else.
    let forged = format!("req_{}", "0".repeat(32));
    service.called("GET /api/v1/orders/7", None);
    service.called("GET /api/v1/orders", Some(&forged));
    service.called("GET /api/v1/orders", Some(&first));
    service.called("DELETE /api/v1/orders", Some(&second));
    // What the target does not guard.
    service.called("GET /api/health", None);
    let log = service.log().join("\n");
    let (code, answer) = place.reconciled("http:shop", "--log", &log);
    assert_eq!(code, Some(7), "{answer:#}");
    let findings = answer["findings"].as_array().unwrap();
    let lines: Vec<u64> = findings
        .iter()
        .map(|one| one["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [3, 4, 5, 6], "{answer:#}");
    for (finding, why) in findings.iter().zip([
        "no grant covers it",
        "executed none of that name",
        "stands here twice",
        "approved for something else",
    ]) {
        assert!(
            finding["why"].as_str().unwrap().contains(why),
            "{finding:#}"
        );
    }
    assert_eq!(
        (&answer["granted"], &answer["elsewhere"]),
        (&2.into(), &1.into())
    );

    // A line that was taken out is missed, and one that was cut is told.
    let later = place.executed("http.get", "http:shop", GET).await;
    service.called("GET /api/health", None);
    let all = service.log();
    let cut: Vec<&String> = all.iter().filter(|line| !line.contains(&later)).collect();
    let mut cut: String = cut.iter().map(|line| format!("{line}\n")).collect();
    // The log goes on, and so does its time.
    let end = Timestamp::from_millis(now_millis() + 20_000);
    cut += &format!(
        "{{\"time\":\"{end}\",\"method\":\"GET\",\"uri\":\"/api/health\",\"status\":200,\"remote_addr\":\"::1\"}}\n127.0.0.1 - - nonsense\n"
    );
    let begin = Timestamp::from_millis(now_millis() - 7_200_000);
    let cut = format!(
        "{{\"time\":\"{begin}\",\"method\":\"GET\",\"uri\":\"/api/health\",\"status\":200,\"remote_addr\":\"::1\"}}\n{cut}"
    );
    let (_, answer) = place.reconciled("http:shop", "--http", &cut);
    let unknown = answer["unknown"].to_string();
    assert!(unknown.contains("1 execution went"), "{answer:#}");
    assert!(unknown.contains("no line of the two forms"), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m023_statements_under_the_gates_own_login_are_told_from_those_of_whoever_has_its_password()
{
    let settings = [
        ("log_connections", "on"),
        ("log_statement", "all"),
        ("log_timezone", "UTC"),
    ];
    let server = PostgresServer::start_writing_csvlog(&settings);
    let _url = server.create_database("orders").await;
    let admin = server.connect("orders").await;
    let setup = "CREATE TABLE orders (id int PRIMARY KEY, status text)";
    admin.batch_execute(setup).await.unwrap();
    drop(admin);
    let before = server.csvlog_until("CREATE TABLE orders");
    let port = server.port();
    let place = Place::open(|ground| {
        ground
            .postgres("sql:shop", port, "orders", server.password())
            .unwrap();
    })
    .await;
    let asked = (
        "application/sql",
        &b"SELECT status FROM orders WHERE id = 7"[..],
    );
    let request = place.executed("sql.read", "sql:shop", asked).await;
    let log = server.csvlog_until("FROM orders WHERE id = 7");
    assert!(log.contains(&format!("gatehold {request}")), "{log}");
    let of_the_gate = log.strip_prefix(before.as_str()).unwrap();
    let (code, answer) = place.reconciled("sql:shop", "--log", of_the_gate);
    assert_eq!(code, Some(0), "{answer:#}");
    assert!(answer["granted"].as_u64().unwrap() >= 2, "{answer:#}");

    // The same login, by its password alone.
    let beside = server.connect("orders").await;
    beside
        .batch_execute("INSERT INTO orders VALUES (9, 'beside the gate')")
        .await
        .unwrap();
    let said = format!(
        "SET application_name = 'gatehold {request}'; UPDATE orders SET status = 'by a name that was used'"
    );
    beside.batch_execute(&said).await.unwrap();
    let again = "UPDATE orders SET status = 'said again'";
    beside.batch_execute(again).await.unwrap();
    let log = server.csvlog_until("said again");
    let log = log.strip_prefix(before.as_str()).unwrap();
    let (code, answer) = place.reconciled("sql:shop", "--log", log);
    assert_eq!(code, Some(7), "{answer:#}");
    let findings = answer["findings"].as_array().unwrap();
    let whys: Vec<&str> = findings
        .iter()
        .map(|one| one["why"].as_str().unwrap())
        .collect();
    assert!(
        whys.iter()
            .any(|why| why.contains("has the gate's password")),
        "{answer:#}"
    );
    assert!(
        whys.iter().any(|why| why.contains("stands here twice")),
        "{answer:#}"
    );
    let lines: Vec<&str> = log.lines().collect();
    for finding in findings {
        let line = usize::try_from(finding["line"].as_u64().unwrap()).unwrap();
        assert!(!lines[line - 1].contains(&format!("FROM orders WHERE id = 7 {request}")));
    }
    assert!(
        !answer.to_string().contains("beside the gate"),
        "no statement is shown"
    );
}
