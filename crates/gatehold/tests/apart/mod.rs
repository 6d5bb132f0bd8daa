//! What a gate and an executor in a process of its own need beside themselves: certificates, and a program that is read and killed.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "several tests share it; not every one of them needs all of it"
)]

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Makes an authority, and certificates under it for both sides; and another authority with a certificate of its own.
const CERTIFICATES: &str = r#"set -e
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" -keyout $1.key -out $1.pem 2>/dev/null
}
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -addext "subjectAltName=IP:127.0.0.1" \
    -keyout $2.key -out $2.csr 2>/dev/null
  openssl x509 -req -in $2.csr -CA $1.pem -CAkey $1.key -CAcreateserial -days 2 -copy_extensions copy -out $2.pem 2>/dev/null
}
authority own; certificate own executor; certificate own gate
authority other; certificate other stranger
"#;

/// Writes them into a folder.
pub fn certificates(folder: &Path) {
    let made = Command::new("sh")
        .args(["-c", CERTIFICATES])
        .current_dir(folder)
        .status();
    assert!(made.unwrap().success());
}

pub fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A program that goes on until it is killed.
pub struct Served {
    child: Child,
    pub said: String,
}

impl Served {
    /// Starts it, and reads its first line.
    pub fn start(arguments: &[&str], config: &Path) -> Self {
        Self::logging(arguments, config, Stdio::inherit())
    }

    /// The same, and what it logs goes there.
    pub fn logging(arguments: &[&str], config: &Path, log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gatehold"))
            .args(arguments)
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while !said.contains("serves") {
            assert_ne!(out.read_line(&mut said).unwrap(), 0, "it ended: {said}");
        }
        Self { child, said }
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
