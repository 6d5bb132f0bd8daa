//! A server of SSH for one test: OpenSSH's own, on a port of its own of the loopback address, that lets in by certificates alone.
//!
//! Real servers only. Where the programs are missing this fails and names the package; it never skips. It runs as no root, and so
//! logs in its own user and nobody else.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fixture fails by panicking"
)]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::system_server::{Log, Running, User, free_port};

/// Debian keeps it out of the search path.
const PROGRAM: &str = "/usr/sbin/sshd";
/// Who logs in by certificate does so under this name.
pub const PRINCIPAL: &str = "deploy";

/// A running server, an authority that it trusts, and the place of the list that it reads.
pub struct SshServer {
    port: u16,
    running: Option<Running>,
    log: Arc<Log>,
    folder: TempDir,
}

impl SshServer {
    /// Makes an authority and an empty revocation list, and starts it.
    ///
    /// # Panics
    /// The programs of OpenSSH are missing, or the server does not come up; the message says why.
    #[must_use]
    pub fn start() -> Self {
        assert!(
            Path::new(PROGRAM).exists(),
            "{PROGRAM} is missing; install the Debian package `openssh-server`"
        );
        let folder = tempfile::tempdir().expect("a temporary directory");
        open_to_all(folder.path());
        let port = free_port();
        let mut server = Self {
            port,
            running: None,
            log: Arc::default(),
            folder,
        };
        let user = User::find();
        generate(&server.path("host"));
        user.own(&server.path("host"));
        generate(&server.authority());
        run("ssh-keygen", &["-k", "-f"], &server.list());
        let principals = server.path("principals");
        std::fs::write(principals, format!("{PRINCIPAL}\n")).expect("a file");
        std::fs::write(server.path("config"), server.config()).expect("a file");
        server.go_on();
        server
    }

    fn config(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\nStrictModes no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nAuthorizedKeysFile none\n\
             TrustedUserCAKeys {folder}/authority.pub\nRevokedKeys {folder}/revoked\n\
             AuthorizedPrincipalsFile {folder}/principals\nPermitUserEnvironment no\nSubsystem sftp internal-sftp\n\
             LogLevel VERBOSE\n",
            self.port
        )
    }

    /// Starts it again.
    ///
    /// # Panics
    /// As [`SshServer::start`].
    pub fn go_on(&mut self) {
        let mut server = User::find().command(PROGRAM);
        server.args(["-D", "-e", "-f"]).arg(self.path("config"));
        let running = Running::start(server, "Server listening on", &self.log);
        self.running = Some(running.unwrap_or_else(|said| panic!("sshd did not start:\n{said}")));
    }

    /// Stops it. Sessions go on.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }

    /// Everything that it wrote to its log, once this text is in it.
    ///
    /// # Panics
    /// The text does not come.
    #[must_use]
    pub fn log_until(&self, text: &str) -> String {
        self.log.until(text)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The private key of the authority that it trusts.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.path("authority")
    }

    /// The revocation list that it reads.
    #[must_use]
    pub fn list(&self) -> PathBuf {
        self.path("revoked")
    }

    /// A file beside them.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The client's command line, up to what it asks the server for: as this server's user, with this key alone and the certificate
    /// beside it (`KEY-cert.pub`).
    #[must_use]
    pub fn client(&self, key: &Path, options: &[&str]) -> Command {
        let mut client = Command::new("ssh");
        client.args(["-F", "none", "-p", &self.port.to_string(), "-i"]);
        client.arg(key);
        for option in [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "ConnectTimeout=60",
        ] {
            client.args(["-o", option]);
        }
        client.args(options);
        client.args(["-l", &User::find().name(), "127.0.0.1"]);
        client.stdin(Stdio::null());
        client
    }

    /// Logs in and asks for a command.
    ///
    /// # Panics
    /// There is no program `ssh`.
    #[must_use]
    pub fn log_in(&self, key: &Path, options: &[&str], command: &str) -> Output {
        let mut client = self.client(key, options);
        let output = client.arg(command).output();
        output.expect("ssh did not start; install the package openssh-client")
    }

    /// A new key of a client, in a file of this name.
    #[must_use]
    pub fn client_key(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        generate(&path);
        path
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The public half of a key pair in a file, without its comment.
///
/// # Panics
/// There is no such file.
#[must_use]
pub fn public_line(key: &Path) -> String {
    let text = std::fs::read_to_string(key.with_extension("pub")).expect("a public key");
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    words.join(" ")
}

/// The server runs as somebody else, and reads what lies here.
fn open_to_all(folder: &Path) {
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("its own folder");
}

fn generate(path: &Path) {
    let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"];
    run("ssh-keygen", &arguments, path);
}

fn run(program: &str, arguments: &[&str], path: &Path) {
    let output = Command::new(program).args(arguments).arg(path).output();
    let output = output.expect("it did not start; install the package openssh-client");
    assert!(output.status.success(), "{program}: {output:?}");
}
