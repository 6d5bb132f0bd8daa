//! Every mistake at once, and no secret in any text.

use super::*;
use crate::testing::{CANARY, secret_file};

fn read(text: &str) -> Result<Targets, Vec<String>> {
    Targets::from_toml(text, &|name| (name == "SET").then(|| CANARY.to_owned())).map_err(|errors| {
        let text = errors.to_string();
        assert!(!text.contains(CANARY), "{text}");
        errors
            .0
            .iter()
            .map(|problem| format!("{} {}", problem.target, problem.field))
            .collect()
    })
}

#[test]
fn a_full_configuration_reads_and_prints_no_secret() {
    let (_folder, secret) = secret_file();
    let targets = read(&format!(
        r#"
        [[target]]
        id = "sql:file"
        kind = "sqlite"
        path = "/var/lib/shop.db"
        statement_timeout_seconds = 5
        lock_timeout_seconds = 1
        bytes_max = 1000

        [[target]]
        id = "sql:shop"
        kind = "postgres"
        host = "/run/postgresql"
        user = "gate"
        database = "shop"
        password_env = "SET"

        [[target]]
        id = "sql:url"
        kind = "postgres"
        url_file = "{secret}"

        [[target]]
        id = "http:shop"
        kind = "http"
        base_url = "http://localhost:8080/api/"
        methods = ["GET", "POST"]
        paths = ["/v1/orders", "/v1/refunds"]
        headers = ["X-Request-Id"]
        inject = [
          {{ header = "Authorization", prefix = "Bearer ", secret_file = "{secret}" }},
          {{ query = "key", secret_env = "SET" }},
          {{ header = "X-Other", command = ["pass", "show", "other"] }},
        ]
        "#,
        secret = secret.display()
    ))
    .unwrap();
    assert_eq!(targets.ids().count(), 4);
    assert!(!format!("{targets:?} {targets:#?}").contains(CANARY));
    let id: TargetId = "http:shop".parse().unwrap();
    let Kind::Http(http) = &targets.0[&id].kind else {
        panic!("it is HTTP");
    };
    assert_eq!((http.base.prefix.as_str(), http.base.port), ("/api", 8080));
    assert!(http.headers.contains("x-request-id"));
    assert!(!http.headers.contains("x-other"));
}

#[test]
fn every_mistake_is_reported_at_once() {
    let (folder, secret) = secret_file();
    let open = folder.path().join("open");
    std::fs::write(&open, "secret-for-all").unwrap();
    let found = read(&format!(
        r#"
        [[target]]
        id = "a"
        kind = "sqlite"
        path = "relative.db"
        statement_timeout_seconds = 0
        bytes_max = 99999999999

        [[target]]
        id = "b"
        kind = "mysql"

        [[target]]
        id = "a"
        kind = "sqlite"
        path = "/x.db"

        [[target]]
        id = "c"
        kind = "sqlite"
        path = "/x.db"
        url = "no such field"

        [[target]]
        kind = "sqlite"
        path = "/x.db"
        coarse = "yes"

        [[target]]
        id = "d"
        kind = "postgres"
        host = "db.example"
        user = "gate"
        database = "shop"
        password_file = "{open}"

        [[target]]
        id = "e"
        kind = "postgres"
        host = "db.example"
        user = "gate"
        database = "shop"
        password_env = "UNSET"
        tls_roots = "/nonexistent.pem"

        [[target]]
        id = "f"
        kind = "postgres"
        url_file = "{secret}"
        host = "x"

        [[target]]
        id = "g"
        kind = "http"
        base_url = "https://api.example/a/../b?x=1"
        methods = ["TRACE"]
        paths = ["/a/../b"]
        headers = ["Host", "x-forwarded-for"]
        inject = [
          {{ header = "Content-Length", secret_file = "{secret}" }},
          {{ header = "a", query = "b", secret_env = "SET" }},
          {{ header = "c", secret_env = "SET", secret_file = "{secret}" }},
          {{ header = "d", secret_env = "SET" }},
          {{ header = "D", secret_env = "SET" }},
          {{ body = "/a", secret_env = "SET" }},
          {{ body = "token", secret_env = "SET" }},
          {{ body = "/a~2", secret_env = "SET" }},
          {{ body = "/a", query = "b", secret_env = "SET" }},
        ]

        [[target]]
        id = "h"
        kind = "http"
        base_url = "http://api.example"
        methods = []
        paths = []

        [[target]]
        id = "i"
        kind = "http"
        base_url = "https://user:pass@api.example"
        methods = ["GET"]
        paths = ["/"]
        "#,
        open = open.display(),
        secret = secret.display()
    ))
    .unwrap_err();
    for wanted in [
        "a path",
        "a statement_timeout_seconds",
        "a bytes_max",
        "b kind",
        "a id",
        "c fields",
        "number 5 id",
        "number 5 coarse",
        "d password",
        "e tls_roots",
        "e password",
        "f url_file",
        "g base_url",
        "g methods",
        "g paths",
        "g headers",
        "g inject",
        "h base_url",
        "h methods",
        "h paths",
        "i base_url",
    ] {
        assert!(
            found.iter().any(|problem| problem == wanted),
            "{wanted}: {found:?}"
        );
    }
    assert!(
        found
            .iter()
            .filter(|problem| *problem == "g inject")
            .count()
            >= 7
    );
}

#[test]
fn a_plain_connection_off_this_machine_must_be_wanted() {
    let postgres = |more: &str| {
        read(&format!(
            "[[target]]\nid = \"x\"\nkind = \"postgres\"\nhost = \"db.example\"\nuser = \"u\"\ndatabase = \"d\"\n{more}"
        ))
    };
    assert_eq!(postgres("").unwrap_err(), ["x tls_roots"]);
    assert!(postgres("plaintext = true").is_ok());
    let document = "[other]\nx = 1";
    assert_eq!(read(document).unwrap_err(), ["all targets"]);
}

#[test]
fn every_mistake_of_a_target_that_issues_is_reported_at_once() {
    let role = |more: &str| {
        read(&format!(
            "[[target]]\nid = \"x\"\nkind = \"postgres_role\"\nuser = \"u\"\ndatabase = \"d\"\n{more}"
        ))
    };
    let good = "host = \"localhost\"\nroles = [\"readers\"]\n";
    let targets = role(good).unwrap();
    let id: TargetId = "x".parse().unwrap();
    let Kind::PostgresRole(target) = &targets.0[&id].kind else {
        panic!("it issues roles");
    };
    assert_eq!((target.connections, target.public.1), (1, 5432));
    assert_eq!(target.public.0, "localhost");
    let socket = "host = \"/run/postgresql\"\nroles = [\"readers\"]\n";
    assert_eq!(role(socket).unwrap_err(), ["x public_host"]);
    assert!(role(&format!("{socket}public_host = \"db.example\"")).is_ok());
    let long = "r".repeat(64);
    let wrong = format!(
        "host = \"db.example\"\nroles = [\"{long}\", \"\", \"a\\u202eb\", 7]\nconnections = 101\npublic_host = \"a\\nb\"\npublic_port = 65536"
    );
    let mut found = role(&wrong).unwrap_err();
    found.sort();
    let wanted = [
        "x connections",
        "x public_host",
        "x public_port",
        "x roles",
        "x roles",
        "x roles",
        "x roles",
        "x tls_roots",
    ];
    assert_eq!(found, wanted);
    assert_eq!(
        role("host = \"localhost\"\nroles = []").unwrap_err(),
        ["x roles"]
    );
    let more = format!("{good}rolls = 1");
    assert_eq!(role(&more).unwrap_err(), ["x fields"]);
    let url = format!("{good}url_file = \"/x\"");
    assert_eq!(role(&url).unwrap_err(), ["x url_file"]);
}

#[test]
fn every_mistake_of_a_target_that_certifies_is_reported_at_once() {
    let (folder, secret) = secret_file();
    let closed = folder.path().display();
    let certificate = |more: &str| {
        read(&format!(
            "[[target]]\nid = \"x\"\nkind = \"ssh_certificate\"\n{more}"
        ))
    };
    let mut missing = certificate("").unwrap_err();
    missing.sort();
    let wanted = [
        "x ca_key_file",
        "x hosts",
        "x krl_file",
        "x principals",
        "x source_addresses",
    ];
    assert_eq!(missing, wanted);
    // A file that holds something else is no key, and is not repeated.
    let wrong = format!(
        "ca_key_file = \"{}\"\nprincipals = [\"a,b\", \"\"]\ncommands = []\nsource_addresses = [\"10.0.0.1/8\"]\n\
         hosts = [\"shop.example\"]\nkrl_file = \"{closed}/none/krl\"\nlock_timeout_seconds = 0\n",
        secret.display()
    );
    let mut found = certificate(&wrong).unwrap_err();
    found.sort();
    let wanted = [
        "x ca_key_file",
        "x commands",
        "x hosts",
        "x krl_file",
        "x lock_timeout_seconds",
        "x principals",
        "x principals",
        "x source_addresses",
    ];
    assert_eq!(found, wanted);
    assert_eq!(certificate("principal = []").unwrap_err(), ["x fields"]);
    // Where anybody may write, anybody may take a certificate off the list again.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let found = certificate(&format!("krl_file = \"{closed}/krl\"")).unwrap_err();
    assert!(found.contains(&"x krl_file".to_owned()), "{found:?}");
}
