//! What a real server makes of a certificate: one command, from one place, until it ends or is revoked.

use std::io::Read as _;
use std::process::{Output, Stdio};

use super::*;

/// A server, and a gate whose authority it trusts.
struct House {
    server: SshServer,
    leases: Leases,
    time: Arc<AtomicI64>,
    key: PathBuf,
}

impl House {
    fn new() -> Self {
        let server = SshServer::start();
        let toml = config_of(&server.authority(), &server.list(), "");
        let time = Arc::new(AtomicI64::new(NOW));
        let leases = leases_at_time(&toml, ORIGIN, &time);
        let key = server.client_key("client");
        Self {
            server,
            leases,
            time,
            key,
        }
    }

    fn payload(&self, command: &str) -> Vec<u8> {
        payload(PRINCIPAL, command, &public_line(&self.key))
    }

    /// Asks for a certificate, and puts it beside the key.
    async fn certified(&self, command: &str, grant: u8) -> (Lease, Credential) {
        let payload = self.payload(command);
        let lease = lease(&self.leases, &payload, grant);
        let credential = issued(&self.leases, &lease, &payload).await;
        self.hold(&credential);
        (lease, credential)
    }

    fn hold(&self, credential: &Credential) {
        hold(&self.key, &credential.secret);
    }

    fn log_in(&self, options: &[&str], command: &str) -> Output {
        self.server.log_in(&self.key, options, command)
    }

    fn is_refused(&self) {
        let refused = self.log_in(&[], "true");
        assert_eq!(refused.status.code(), Some(255), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("Permission denied"), "{said}");
    }
}

fn hold(key: &Path, certificate: &str) {
    let mut path = key.as_os_str().to_owned();
    path.push("-cert.pub");
    std::fs::write(path, format!("{certificate}\n")).unwrap();
}

fn said(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[tokio::test]
async fn c07_a_login_runs_exactly_what_was_approved_whatever_it_asks_for() {
    let house = House::new();
    let (lease, credential) = house
        .certified(
            "echo \"it's\" 'approved'; echo \"$SSH_ORIGINAL_COMMAND\"",
            1,
        )
        .await;
    for asked in ["id", "cat /etc/passwd", "; reboot"] {
        let output = house.log_in(&[], asked);
        assert!(output.status.success(), "{output:?}");
        // What was asked for is only a text that the command may look at.
        assert_eq!(said(&output), format!("it's approved\n{asked}\n"));
    }
    let shell = house.server.client(&house.key, &[]).output().unwrap();
    assert_eq!(said(&shell), "it's approved\n\n");
    let sftp = house.log_in(&["-s"], "sftp");
    assert!(said(&sftp).starts_with("it's approved\n"), "{sftp:?}");
    let shown: Vec<_> = credential.public.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        shown,
        ["hosts", "user", "from", "key_id", "serial", "expires"]
    );
    assert_eq!(credential.kind, "ssh_certificate");
    assert_eq!(public(&credential, "user"), PRINCIPAL);
    assert_eq!(public(&credential, "key_id"), lease.recipe.handle);
    assert_eq!(public(&credential, "expires"), "2100-01-01T00:00:00Z");
    // The server's log names the grant.
    let log = house.server.log_until("Accepted publickey");
    assert!(
        log.contains(&format!("ID {}", lease.recipe.handle)),
        "{log}"
    );
}

#[tokio::test]
async fn c07_a_login_has_no_terminal_and_forwards_nothing() {
    let house = House::new();
    let (_lease, _credential) = house.certified("echo ran", 1).await;
    let terminal = house.log_in(&["-tt"], "id");
    let why = String::from_utf8_lossy(&terminal.stderr);
    assert!(
        why.contains("PTY allocation request failed"),
        "{terminal:?}"
    );
    let forward = format!("127.0.0.1:{}", house.server.port());
    let through = house.log_in(&["-W", &forward], "");
    assert!(
        !through.status.success() && through.stdout.is_empty(),
        "{through:?}"
    );
    let _log = house.server.log_until("refused local port forward");
    let remote = house.log_in(
        &["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9"],
        "id",
    );
    assert!(!remote.status.success(), "{remote:?}");
}

#[tokio::test]
async fn c07_a_certificate_is_good_from_its_addresses_alone() {
    let house = House::new();
    let (_lease, _credential) = house.certified("true", 1).await;
    assert!(house.log_in(&[], "true").status.success());
    let elsewhere = house.log_in(&["-b", "127.0.0.2"], "true");
    assert_eq!(elsewhere.status.code(), Some(255), "{elsewhere:?}");
    let log = house
        .server
        .log_until("not from a permitted source address");
    assert!(log.contains("127.0.0.2"), "{log}");
}

#[tokio::test]
async fn c15_p10_a_certificate_is_good_until_its_end_and_not_before_its_beginning() {
    let house = House::new();
    let payload = house.payload("true");
    let mut over = lease(&house.leases, &payload, 1);
    over.not_after = Timestamp::from_millis(NOW + DAY);
    house.hold(&issued(&house.leases, &over, &payload).await);
    house.is_refused();
    let _log = house.server.log_until("Certificate invalid: expired");
    house.time.store(4_102_444_000_000, Ordering::SeqCst);
    let (_early, _credential) = house.certified("true", 2).await;
    house.is_refused();
    let _log = house.server.log_until("Certificate invalid: not yet valid");
    // What would end before it begins is not certified at all.
    let ended = house.leases.make(TARGET, &over, &payload).await;
    assert!(
        matches!(ended, Issuance::Refused("entitlement_refused")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn c01_c05_m144_a_revoked_certificate_lets_nobody_in_and_another_stays() {
    let mut house = House::new();
    let (first, credential) = house.certified("echo first", 1).await;
    let (second, other) = house.certified("echo second", 2).await;
    for (held, wanted) in [(&credential, "first\n"), (&other, "second\n")] {
        house.hold(held);
        assert_eq!(said(&house.log_in(&[], "true")), wanted);
    }
    assert_eq!(standing(&house.leases).await.len(), 2);
    assert_eq!(remove(&house.leases, &first).await, Removal::Gone);
    house.hold(&credential);
    house.is_refused();
    let _log = house.server.log_until("revoked");
    house.hold(&other);
    assert_eq!(said(&house.log_in(&[], "true")), "second\n");
    assert_eq!(
        standing(&house.leases).await,
        [second.recipe.handle.as_str()]
    );
    // No server has to be up for it.
    house.server.stop();
    assert_eq!(remove(&house.leases, &second).await, Removal::Gone);
    assert_eq!(remove(&house.leases, &first).await, Removal::Gone);
    house.server.go_on();
    house.is_refused();
    assert!(standing(&house.leases).await.is_empty());
}

#[tokio::test]
async fn m215_who_is_logged_in_goes_on_which_is_what_its_class_says() {
    let house = House::new();
    // It ends with its input.
    let (lease, _credential) = house.certified("echo begun; cat", 1).await;
    let mut client = house.server.client(&house.key, &[]);
    client.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut session = client.spawn().unwrap();
    let mut begun = [0; 6];
    session
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut begun)
        .unwrap();
    assert_eq!(&begun, b"begun\n");
    assert_eq!(remove(&house.leases, &lease).await, Removal::Gone);
    house.is_refused();
    let mut input = session.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"still here").unwrap();
    drop(input);
    let rest = session.wait_with_output().unwrap();
    assert_eq!(said(&rest), "still here");
    assert_eq!(lease.class, RevocationClass::NewUseOnly);
}
