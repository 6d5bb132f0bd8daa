//! What a real server refuses, and this gate never makes: certificates of other shapes, by `ssh-keygen` and by hand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// Signs the client's key as told, with `ssh-keygen`, and gives what the server says of a login with it.
fn log_in_with(server: &SshServer, authority: &Path, arguments: &[&str]) -> (bool, String) {
    let key = server.client_key("client");
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-s"])
        .arg(authority)
        .args(["-I", "corpus"])
        .args(arguments)
        .arg(key.with_extension("pub"))
        .output()
        .unwrap();
    assert!(signed.status.success(), "{signed:?}");
    let output = server.log_in(&key, &[], "true");
    for name in ["client", "client.pub", "client-cert.pub"] {
        std::fs::remove_file(server.path(name)).unwrap();
    }
    (output.status.success(), format!("{output:?}"))
}

#[test]
fn c07_a_server_refuses_what_is_never_made_here() {
    let server = SshServer::start();
    let authority = server.authority();
    let other = server.client_key("other-authority");
    // What it lets in, so that the others are refused for what they are.
    let (good, said) = log_in_with(&server, &authority, &["-n", PRINCIPAL]);
    assert!(good, "{said}");
    let trusted = [
        (&[][..], "does not contain an authorized principal"),
        (&["-n", "root"], "does not contain an authorized principal"),
        (
            &["-n", PRINCIPAL, "-O", "critical:unknown@example.com=1"],
            "is not supported",
        ),
        (
            &["-n", PRINCIPAL, "-V", "20200101:20200102"],
            "Certificate invalid: expired",
        ),
        (
            &["-n", PRINCIPAL, "-O", "source-address=10.0.0.0/8"],
            "not from a permitted source address",
        ),
    ];
    for (arguments, why) in trusted {
        let (let_in, said) = log_in_with(&server, &authority, arguments);
        assert!(!let_in, "{arguments:?}: {said}");
        let _log = server.log_until(why);
    }
    // Of a host; and of an authority that the server does not trust.
    for (authority, arguments) in [
        (&authority, &["-h", "-n", PRINCIPAL][..]),
        (&other, &["-n", PRINCIPAL]),
    ] {
        let (let_in, said) = log_in_with(&server, authority, arguments);
        assert!(!let_in, "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn c07_an_altered_certificate_is_refused() {
    let server = SshServer::start();
    let leases = leases_of(&config_of(&server.authority(), &server.list(), ""), ORIGIN);
    let key = server.client_key("client");
    let payload = payload(PRINCIPAL, "echo approved", &public_line(&key));
    let lease = lease(&leases, &payload, 1);
    let line = issued(&leases, &lease, &payload).await.secret;
    let (name, base64) = line.split_once(' ').unwrap();
    let bytes = STANDARD.decode(base64).unwrap();
    let altered = |from: &[u8], to: &[u8]| {
        let at = bytes
            .windows(from.len())
            .position(|part| part == from)
            .unwrap();
        let mut altered = bytes.clone();
        altered[at..at + to.len()].copy_from_slice(to);
        let line = format!("{name} {}\n", STANDARD.encode(altered));
        std::fs::write(server.path("client-cert.pub"), line).unwrap();
        server.log_in(&key, &[], "true")
    };
    let good = altered(b"approved", b"approved");
    assert_eq!(good.stdout, b"approved\n", "{good:?}");
    let serial = serial(&lease.recipe.handle).to_be_bytes();
    let first = &[&serial[..], &[0, 0, 0, 1]].concat();
    for (from, to) in [
        (&b"echo approved"[..], &b"echo tampered"[..]),
        (b"127.0.0.1/32", b"127.0.0.0/08"),
        (b"deploy", b"backup"),
        (b"force-command", b"xorce-command"),
        (first, &[&serial[..], &[0, 0, 0, 2]].concat()),
        (&serial, &[0; 8]),
        (&4_102_444_800_u64.to_be_bytes(), &u64::MAX.to_be_bytes()),
    ] {
        let output = altered(from, to);
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{output:?}"
        );
    }
    // Nor is it of use to whoever has not the workload's key.
    let thief = server.client_key("thief");
    std::fs::write(server.path("thief-cert.pub"), format!("{line}\n")).unwrap();
    assert!(!server.log_in(&thief, &[], "true").status.success());
}
