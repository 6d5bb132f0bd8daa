//! A real gate behind a liar: it stands where the gate's public URL leads, passes everything on, and changes what the gate answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use gatehold_client::wire::Base64Bytes;
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use serde_json::Value;

use crate::gate::Gate;

/// Changes the answer to one path.
type Lie = (&'static str, Box<dyn Fn(&mut Value) + Send>);

/// A real gate, served behind a liar.
pub struct Behind {
    pub gate: Gate,
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
    pub fn of(mut gate: Gate) -> Self {
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
    pub fn lies(&self, path: &'static str, about: impl Fn(&mut Value) + Send + 'static) {
        *self.lie.lock().unwrap() = Some((path, Box::new(about)));
    }

    pub fn is_honest(&self) {
        *self.lie.lock().unwrap() = None;
    }

    /// What a command says that must end with 7 and sign nothing.
    pub fn caught(&self, command: &[&str]) -> String {
        let output = self.gate.run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(7), "{command:?}: {said}");
        assert!(output.stdout.is_empty(), "{command:?}: {output:?}");
        said
    }

    /// Forgets the links that were seen.
    pub fn forget(&self) {
        let folder = self.gate.home.join("trust");
        if folder.exists() {
            std::fs::remove_dir_all(folder).unwrap();
        }
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

pub fn unpacked(opened: &Value, member: &str) -> Value {
    let bytes: Base64Bytes = serde_json::from_value(opened[member].clone()).unwrap();
    serde_json::from_slice(&bytes.0).unwrap()
}

pub fn packed(value: &Value) -> (Vec<u8>, Value) {
    let bytes = canonical::to_bytes(value).unwrap();
    let text = serde_json::to_value(Base64Bytes(bytes.clone())).unwrap();
    (bytes, text)
}

/// A lie about view and context, with every hash of them made to match.
pub fn lied(about: impl Fn(&mut Value, &mut Value)) -> impl Fn(&mut Value) {
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

/// A lie about what was asked and the view, with every hash of them made to match.
pub fn asked_otherwise(about: impl Fn(&mut Value, &mut Value)) -> impl Fn(&mut Value) {
    move |opened| {
        let mut asked = unpacked(opened, "asked");
        let mut view = unpacked(opened, "view");
        about(&mut asked, &mut view);
        let (bytes, text) = packed(&asked);
        opened["asked"] = text;
        let hash = Hash::tagged("gatehold/request/v1", &[&bytes]).to_string();
        lied(|shown, context| {
            shown.clone_from(&view);
            context["request_hash"] = hash.clone().into();
        })(opened);
    }
}

/// A held write of a development gate, behind a liar.
pub fn held() -> (Behind, String) {
    let gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    (Behind::of(gate), request)
}
