//! Threat B9 from the terminal's side: a gate that was taken over lies to whoever asks it, with hashes to match. What follows from
//! the root that the client pinned it cannot make, so `gatehold show` and `gatehold approve` name the lie and nothing is signed.
//!
//! The gate is real. A liar stands where its public URL leads, passes everything on, and changes what the gate answers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use gate::Gate;
use gatehold_client::wire::Base64Bytes;
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use serde_json::Value;

/// Changes the answer to one path.
type Lie = (&'static str, Box<dyn Fn(&mut Value) + Send>);

/// A real gate, served behind a liar.
struct Behind {
    gate: Gate,
    lie: Arc<Mutex<Option<Lie>>>,
    served: Child,
}

impl Drop for Behind {
    fn drop(&mut self) {
        let _ended = self.served.kill();
        let _status = self.served.wait();
    }
}

impl Behind {
    /// The gate of this folder under the liar's address, which is its public one from now on.
    fn of(mut gate: Gate) -> Self {
        gate.terminate();
        assert!(gate.ended());
        let listen = gate.configured("listen");
        let lie: Arc<Mutex<Option<Lie>>> = Arc::default();
        let liar = stand_before(listen.parse().unwrap(), Arc::clone(&lie));
        for (file, key) in [("gatehold.toml", "public_url"), ("client.toml", "url")] {
            let path = gate.home.join(file);
            let text = std::fs::read_to_string(&path).unwrap();
            let (old, new) = (
                format!("{key} = \"http://{listen}\""),
                format!("{key} = \"http://{liar}\""),
            );
            assert!(text.contains(&old), "{text}");
            std::fs::write(&path, text.replace(&old, &new)).unwrap();
        }
        let mut served = Command::new(env!("CARGO_BIN_EXE_gatehold"))
            .args(["serve", "--config"])
            .arg(gate.home.join("gatehold.toml"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(served.stdout.take().unwrap()).lines();
        let serves = said.any(|line| line.unwrap().starts_with("gatehold serves"));
        assert!(serves, "it ended");
        Self { gate, lie, served }
    }

    /// Has it lie about what this path answers.
    fn lies(&self, path: &'static str, about: impl Fn(&mut Value) + Send + 'static) {
        *self.lie.lock().unwrap() = Some((path, Box::new(about)));
    }

    fn is_honest(&self) {
        *self.lie.lock().unwrap() = None;
    }

    /// What a command says that must end with 7 and sign nothing.
    fn caught(&self, command: &[&str]) -> String {
        let output = self.gate.run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(7), "{command:?}: {said}");
        assert!(output.stdout.is_empty(), "{command:?}: {output:?}");
        said
    }

    /// Forgets the links that were seen.
    fn forget(&self) {
        std::fs::remove_dir_all(self.gate.home.join("trust")).unwrap();
    }
}

/// Listens, and passes each call on to the gate.
fn stand_before(gate: SocketAddr, lie: Arc<Mutex<Option<Lie>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lie = Arc::clone(&lie);
            std::thread::spawn(move || pass_on(stream, gate, &lie));
        }
    });
    address
}

fn pass_on(mut client: TcpStream, gate: SocketAddr, lie: &Mutex<Option<Lie>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let (head, length) = head_of(&mut reader)?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut upstream = TcpStream::connect(gate).ok()?;
    upstream.write_all(head.as_bytes()).ok()?;
    upstream.write_all(&body).ok()?;
    let mut answer = BufReader::new(upstream);
    let (answered, _) = head_of(&mut answer)?;
    let mut body = Vec::new();
    answer.read_to_end(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.split('?').next()?;
    if let Some((at, about)) = lie.lock().ok()?.as_ref()
        && path.ends_with(at)
    {
        let mut value: Value = serde_json::from_slice(&body).ok()?;
        about(&mut value);
        body = serde_json::to_vec(&value).ok()?;
    }
    let answered = answered.trim_end();
    let head = format!("{answered}\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(head.as_bytes()).ok()?;
    client.write_all(&body).ok()
}

/// The head of a message that is the only one of its connection, without its length, and that length.
fn head_of(reader: &mut impl std::io::BufRead) -> Option<(String, usize)> {
    let mut head = String::new();
    let mut length = 0;
    let mut kept_length = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let lower = line.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("content-length:") {
            length = number.trim().parse().ok()?;
            kept_length.clone_from(&line);
        } else if line.trim().is_empty() {
            break;
        } else if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    head.push_str("connection: close\r\n");
    // A request keeps its length; an answer gets a new one.
    if !head.starts_with("HTTP/") {
        head.push_str(&kept_length);
        head.push_str("\r\n");
    }
    Some((head, length))
}

fn unpacked(opened: &Value, member: &str) -> Value {
    let bytes: Base64Bytes = serde_json::from_value(opened[member].clone()).unwrap();
    serde_json::from_slice(&bytes.0).unwrap()
}

fn packed(value: &Value) -> (Vec<u8>, Value) {
    let bytes = canonical::to_bytes(value).unwrap();
    let text = serde_json::to_value(Base64Bytes(bytes.clone())).unwrap();
    (bytes, text)
}

/// A lie about view and context, with every hash of them made to match.
fn lied(about: impl Fn(&mut Value, &mut Value)) -> impl Fn(&mut Value) {
    move |opened| {
        let mut view = unpacked(opened, "view");
        let mut context = unpacked(opened, "context_template");
        let honest = (view.clone(), context.clone());
        about(&mut view, &mut context);
        assert_ne!(
            (view.clone(), context.clone()),
            honest,
            "it says something else"
        );
        let (bytes, text) = packed(&view);
        opened["view"] = text;
        context["view_hash"] = Hash::tagged("gatehold/view/v1", &[&bytes])
            .to_string()
            .into();
        context["limits"] = view["terms"]["limits"].clone();
        opened["context_template"] = packed(&context).1;
    }
}

/// A held write of a development gate, behind a liar.
fn held() -> (Behind, String) {
    let gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    (Behind::of(gate), request)
}

#[test]
fn b09_show_and_approve_name_what_a_lying_gate_changed() {
    let (behind, request) = held();
    let show = ["show", &request, "--as", "reviewer"];
    let honest = behind.gate.run(&show);
    let page = String::from_utf8_lossy(&honest.stdout).into_owned();
    assert!(honest.status.success(), "{honest:?}");
    let root = honest_root(&behind.gate);
    assert!(
        page.contains(&format!("from the root that you pinned, {root}")),
        "{page}"
    );

    type About = fn(&mut Value, &mut Value);
    let lies: [(About, &str); 12] = [
        (
            |view, _| view["sentence"] = "deploy-bot wants to read one order".into(),
            "the sentence is not the one that the descriptor makes",
        ),
        (
            |view, _| view["people_needed"] = 1.into(),
            "the gate says that 1 must approve, and the checkpoints ask for 2",
        ),
        (
            |view, _| {
                view["tier"]["tier"] = "green".into();
                view["people_needed"] = 1.into();
            },
            "the tier is lower than its own inputs make it",
        ),
        (
            |view, _| {
                for input in view["tier"]["inputs"].as_array_mut().unwrap() {
                    input["raised"] = false.into();
                    if input["name"] == "effect" {
                        input["value"] = "read".into();
                    }
                }
                view["tier"]["tier"] = "green".into();
                view["people_needed"] = 1.into();
            },
            "an effect that the descriptor names is not among the effects shown",
        ),
        (
            |view, _| {
                for input in view["tier"]["inputs"].as_array_mut().unwrap() {
                    if input["name"] == "reversibility" {
                        input["value"] = "read_only".into();
                    }
                }
            },
            "whether it can be taken back is not shown as the descriptor says",
        ),
        (
            |view, _| view["criteria"] = Value::Array(Vec::new()),
            "the questions are not those of the checkpoints",
        ),
        (
            |view, _| view["checkpoints"][0][1] = "interns".into(),
            "who may decide is not who the checkpoints name",
        ),
        (
            |view, _| view["checkpoints"][0][0] = "harmless".into(),
            "what holds it is in no bundle that people approved",
        ),
        (
            |_, context| context["requirement_hash"] = Hash::of(b"weaker").to_string().into(),
            "what holds it is in no bundle that people approved",
        ),
        (
            |view, _| view["terms"]["limits"]["caps"]["rows"] = 1_000.into(),
            "the limits are wider than what was asked for",
        ),
        (
            |_, context| context["policy"] = Hash::of(b"a bundle of its own").to_string().into(),
            "the gate goes by another bundle than the one that people approved last",
        ),
        (
            |_, context| {
                context["reviewer"]["authority_hash"] = Hash::of(b"somebody").to_string().into();
            },
            "authority_hash is not that of what you are entitled to here",
        ),
    ];
    let answers = behind.gate.answers(&request, "reviewer");
    let approve = [
        "approve",
        &request,
        "--as",
        "reviewer",
        "--criteria",
        &answers,
    ];
    for (about, named) in lies {
        behind.lies("/open", lied(about));
        for command in [&show[..], &approve] {
            let said = behind.caught(command);
            assert!(said.contains(named), "{named}: {said}");
        }
    }

    // The descriptor of the gate's choice, though it renders the same bytes.
    behind.lies("/open", |opened| {
        let mut descriptor = unpacked(opened, "descriptor");
        descriptor["sentence"] = "{workload} wants to look at one order".into();
        opened["descriptor"] = packed(&descriptor).1;
    });
    let said = behind.caught(&show);
    let named = "the descriptor is not the one in the bundle that people approved";
    assert!(said.contains(named), "{said}");

    // Nothing of all this was signed.
    behind.is_honest();
    let page = behind.gate.json(&["inbox", "--as", "reviewer"]);
    assert_eq!(page["items"][0]["signed"], false, "{page}");
}

#[test]
fn b09_what_a_gate_says_of_its_pages_is_shown_beside_what_is_in_this_program() {
    let (behind, request) = held();
    let own = gatehold_server::PageFiles::embedded().set().to_string();
    let show = || {
        let shown = behind.gate.run(&["show", &request, "--as", "reviewer"]);
        assert!(shown.status.success(), "{shown:?}");
        String::from_utf8(shown.stdout).unwrap()
    };
    // It is served without anybody who vouches for people, and so without pages.
    assert!(!show().contains("its pages are made of"));
    let doctor = behind.gate.run(&["doctor", "--pages"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        said.contains("serves no pages: nothing was compared"),
        "{said}"
    );

    let other = Hash::of(b"other pages").to_string();
    for (says, named) in [
        (
            &own,
            format!("its pages are made of the files in this program, {own}"),
        ),
        (
            &other,
            format!("its pages are made of {other}, which are not those in this program, {own}"),
        ),
    ] {
        let says = says.clone();
        behind.lies(
            "/open",
            lied(move |view, _| view["page_files"] = says.clone().into()),
        );
        let page = show();
        assert!(page.contains(&named), "{page}");
    }
}

/// The root that a development gate was founded with.
fn honest_root(gate: &Gate) -> String {
    let statement = std::fs::read(gate.home.join("root.json")).unwrap();
    Hash::tagged("gatehold/root/v1", &[&statement]).to_string()
}

#[test]
fn b09_a_chain_of_trust_that_does_not_lead_from_the_pinned_root_is_refused() {
    let (behind, request) = held();
    let show = ["show", &request, "--as", "reviewer"];
    assert!(behind.gate.run(&show).status.success());

    // Another root, with everything that follows from it.
    behind.forget();
    behind.lies("/trust/links", |links| {
        let mut evidence = unpacked(&links["links"][0], "evidence");
        let statement = evidence["root"]["statement"].as_str().unwrap();
        let other = statement.replace("second@", "mallory@");
        assert_ne!(other, statement);
        evidence["root"]["statement"] = other.into();
        links["links"][0]["evidence"] = packed(&evidence).1;
    });
    let said = behind.caught(&show);
    assert!(said.contains("does not begin at the pinned root"), "{said}");
    assert!(said.contains("`gatehold login --root HASH`"), "{said}");

    // The right root, and a bundle that it does not name.
    behind.lies("/trust/links", |links| {
        let bundle: Base64Bytes =
            serde_json::from_value(links["links"][0]["bundle"].clone()).unwrap();
        let text = String::from_utf8(bundle.0).unwrap();
        let weaker = text.replace("seats = 2", "seats = 1");
        assert_ne!(weaker, text);
        links["links"][0]["bundle"] =
            serde_json::to_value(Base64Bytes(weaker.into_bytes())).unwrap();
    });
    let said = behind.caught(&show);
    assert!(said.contains("the gate does not show bundle "), "{said}");

    // No link at all.
    behind.lies("/trust/links", |links| {
        links["links"] = Value::Array(Vec::new())
    });
    let said = behind.caught(&show);
    assert!(said.contains("it shows no link at all"), "{said}");

    // Links that were seen before are kept, and a gate that has forgotten them is not followed back.
    behind.is_honest();
    assert!(behind.gate.run(&show).status.success());
    behind.lies("/trust/links", |links| {
        links["links"] = Value::Array(Vec::new())
    });
    assert!(behind.gate.run(&show).status.success());
}

#[test]
fn the_first_root_is_trusted_aloud_and_changed_only_by_name() {
    let gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    let root = honest_root(&gate);
    let path = gate.home.join("client.toml");
    let text = || std::fs::read_to_string(&path).unwrap();
    let pinned = format!("root = \"{root}\"\n");
    assert!(text().contains(&pinned), "a development gate pins its own");

    let without = text().replace(&pinned, "");
    std::fs::write(&path, &without).unwrap();
    let login = gate.run(&["login", "--as", "reviewer"]);
    let said = String::from_utf8_lossy(&login.stderr).into_owned();
    assert!(login.status.success(), "{said}");
    assert!(
        said.contains("nothing was pinned") && said.contains(&root) && said.contains("compare it"),
        "{said}"
    );
    assert_eq!(text(), format!("{pinned}{without}"));
    // Once is enough.
    let again = gate.run(&["login", "--as", "reviewer"]);
    assert!(again.stderr.is_empty(), "{again:?}");

    let other = Hash::of(b"another gate").to_string();
    std::fs::write(&path, text().replace(&root, &other)).unwrap();
    for command in [
        &["show", &request, "--as", "reviewer"][..],
        &["login", "--as", "reviewer"],
    ] {
        let refused = gate.run(command);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(7), "{said}");
        assert!(said.contains("does not begin at the pinned root"), "{said}");
    }
    assert!(text().contains(&other), "a refusal pins nothing");
    let wrong = gate.run(&["login", "--as", "reviewer", "--root", &other]);
    assert_eq!(wrong.status.code(), Some(7), "{wrong:?}");
    let right = gate.run(&["login", "--as", "reviewer", "--root", &root]);
    assert!(right.status.success(), "{right:?}");
    assert_eq!(text(), format!("{pinned}{without}"));
    assert!(
        gate.run(&["show", &request, "--as", "reviewer"])
            .status
            .success()
    );
}
