//! A gate whose configuration, database or bundle is broken refuses to start, says everything that is wrong at once, and
//! leaves what is stored as it was.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use gate::{Gate, get, read, say};

fn serve(home: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["serve", "--config"])
        .arg(home.join("gatehold.toml"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Whether it is said what to do.
fn next_or_try(errors: &str) -> bool {
    errors.contains("next:  ") || errors.contains("try:   ")
}

/// A founded gate that has ended.
fn ended() -> Gate {
    let mut gate = Gate::start();
    let service = gate.configured("listen");
    assert_eq!(get(&service, "/healthz").0, 200);
    assert_eq!(say(&service, b"nonsense\r\n\r\n").0, 400);
    gate.terminate();
    assert!(gate.ended());
    gate
}

const DATABASE: [&str; 3] = ["gatehold.db", "gatehold.db-wal", "gatehold.db-shm"];

/// The files of the database, as a backup keeps them: all of them together.
fn database(home: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let there = DATABASE.into_iter().filter(|name| home.join(name).exists());
    there
        .map(|name| (name, std::fs::read(home.join(name)).unwrap()))
        .collect()
}

fn restore(home: &Path, files: &[(&str, Vec<u8>)]) {
    for name in DATABASE {
        let _absent = std::fs::remove_file(home.join(name));
    }
    for (name, bytes) in files {
        std::fs::write(home.join(name), bytes).unwrap();
    }
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let home = tempfile::tempdir().unwrap();
    let text = r#"
listen = "0.0.0.0:7400"
public_url = "ftp://gate.example"
operations_listen = "0.0.0.0:7401"
targets_file = "targets.toml"
colour = "red"
shape = "round"
behind_proxy = "yes"
[store]
sqlite_file = "a.db"
postgres_url_file = "b"
[ledger]
anchor_name = "Gate One"
folder = "x"
[trust]
root = "sha256:12"
[tls]
certificate_file = "nowhere.pem"
[limits]
open_holds_max = 0
connections_max = "many"
shutdown_seconds_max = 100000
[[resource]]
prefix = "shop"
[[resource]]
id = "shop/orders"
env = "prod"
sensitivity = "secret"
"#;
    std::fs::write(home.path().join("gatehold.toml"), text).unwrap();
    let targets = "[[target]]\nid = \"sql:shop\"\nkind = \"sqlite\"\n[[target]]\nid = \"crm\"\nkind = \"http\"\nbase_url = \"http://crm.example\"\n";
    std::fs::write(home.path().join("targets.toml"), targets).unwrap();
    for verb in ["serve", "doctor"] {
        let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
            .args([verb, "--config"])
            .arg(home.path().join("gatehold.toml"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let errors = errors(&output);
        for key in [
            "`public_url`",
            "`operations_listen`",
            "`colour`",
            "`shape`",
            "`behind_proxy`",
            "`store`",
            "`ledger.anchor_name`",
            "`ledger.folder`",
            "`ledger.anchors_folder`",
            "`ledger.key_file`",
            "`trust.root`",
            "`tls.certificate_file`",
            "`tls.private_key_file`",
            "`limits.open_holds_max`",
            "`limits.connections_max`",
            "`limits.shutdown_seconds_max`",
            "`resource[1]`",
            "`resource[2].env`",
            "`resource[2].sensitivity`",
            "target sql:shop",
            "target crm",
        ] {
            assert!(errors.contains(key), "{key} is not in:\n{errors}");
        }
        assert!(next_or_try(&errors), "{errors}");
    }
    let made: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert_eq!(made.len(), 2, "a refused start makes nothing: {made:?}");
}

#[test]
fn a_database_that_is_none_is_refused_and_kept() {
    let gate = ended();
    let good = database(&gate.home);
    restore(&gate.home, &[]);
    let file = gate.home.join("gatehold.db");
    std::fs::write(&file, "this is not a database, but it may be all there is").unwrap();
    let output = serve(&gate.home);
    assert!(matches!(output.status.code(), Some(1 | 7)), "{output:?}");
    assert!(next_or_try(&errors(&output)), "{output:?}");
    assert_eq!(
        read(&gate.home, "gatehold.db"),
        "this is not a database, but it may be all there is"
    );

    // With the right one back it starts, and nothing is lost.
    restore(&gate.home, &good);
    let verified = gate.run(&[
        "audit",
        "verify",
        "--config",
        gate.home.join("gatehold.toml").to_str().unwrap(),
    ]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn an_older_database_is_refused_by_the_anchor() {
    let mut gate = ended();
    let older = database(&gate.home);
    gate.start_again();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    gate.terminate();
    assert!(gate.ended());
    let newer = database(&gate.home);
    restore(&gate.home, &older);
    let output = serve(&gate.home);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(
        errors(&output).contains("gatehold ledger rejoin"),
        "{output:?}"
    );

    restore(&gate.home, &newer);
    gate.start_again();
    assert_eq!(gate.json(&["request", "show", &request])["state"], "held");
}

#[test]
fn a_bundle_that_was_edited_in_the_database_is_refused() {
    let gate = ended();
    let database = rusqlite::Connection::open(gate.home.join("gatehold.db")).unwrap();
    let edited = database
        .execute(
            "UPDATE attachment SET bytes = CAST(replace(CAST(bytes AS TEXT), 'forbid', 'permit') AS BLOB) WHERE name = 'bundle'",
            [],
        )
        .unwrap();
    assert!(edited >= 1);
    drop(database);
    let output = serve(&gate.home);
    assert!(matches!(output.status.code(), Some(6 | 7)), "{output:?}");
    assert!(next_or_try(&errors(&output)), "{output:?}");
}

#[test]
fn every_mistake_of_a_bundle_is_told_at_once() {
    let home = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("bundle.toml", "name = 1\n");
    put("rules.cedar", "permit(principal, action, resource) when {");
    put("checkpoints/a.toml", "name = \"a\"\ncolour = \"red\"\n");
    put("descriptors/b.toml", "id = 7\n");
    let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["policy", "lint"])
        .arg(home.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let errors = errors(&output);
    for file in ["bundle.toml", "rules.cedar", "a.toml", "b.toml"] {
        assert!(errors.contains(file), "{file} is not in:\n{errors}");
    }
}

#[test]
fn a_development_gate_overwrites_no_configuration_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gatehold.toml");
    let text = "# ours\nlisten = \"127.0.0.1:7400\"\n";
    std::fs::write(&config, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["dev", "--quiet", "--keep"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("is not of a gatehold dev"), "{said}");
    assert!(next_or_try(&said), "{said}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), text);
}
