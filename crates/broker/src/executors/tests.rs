//! The registry: what it knows, and that knowing opens nothing (M213).

use super::*;
use crate::call::tests::call;
use crate::testing::listener::{Manner, Upstream};
use crate::testing::{self, CANARY};

#[tokio::test]
async fn nothing_is_opened_before_a_call() {
    let (_folder, secret) = testing::secret_file();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    let (web, base) = (
        Upstream::start(Manner::Answer(ok)).await,
        Upstream::start(Manner::Close).await,
    );
    let executors = testing::executors(&format!(
        r#"
        [[target]]
        id = "http:shop"
        kind = "http"
        base_url = "http://127.0.0.1:{}"
        methods = ["GET"]
        paths = ["/"]
        coarse = true
        inject = [{{ header = "x-api-key", secret_file = "{secret}" }}]

        [[target]]
        id = "sql:shop"
        kind = "postgres"
        host = "127.0.0.1"
        port = {}
        user = "gate"
        database = "shop"
        password_file = "{secret}"

        [[target]]
        id = "sql:file"
        kind = "sqlite"
        path = "{}"

        [[target]]
        id = "role:shop"
        kind = "postgres_role"
        host = "127.0.0.1"
        port = {}
        user = "gate"
        database = "shop"
        roles = ["readers"]
        "#,
        web.port,
        base.port,
        file.display(),
        base.port,
        secret = secret.display(),
    ));
    assert_eq!(executors.enforces("http:shop"), ["bytes", "uses", "coarse"]);
    assert_eq!(executors.enforces("sql:shop"), ["bytes", "rows", "uses"]);
    assert!(executors.enforces("sql:other").is_empty());
    assert!(executors.has_target("sql:file") && !executors.has_target("sql:other"));
    // One that issues executes nothing.
    assert!(!executors.has_target("role:shop") && executors.enforces("role:shop").is_empty());
    assert!(!executors.has_target("") && !executors.has_target("http:shop "));
    // A call that is refused for its own sake opens nothing either.
    for (target, payload) in [("http:shop", "{}"), ("sql:shop", "SELECT '\0'")] {
        let mut refused = call(Mode::Write, "application/sql", payload.as_bytes());
        refused.target = target.parse().unwrap();
        let ended = executors.run(refused).await;
        assert_eq!(ended.code, "payload_unusable");
    }
    assert_eq!((web.accepted(), base.accepted()), (0, 0));
    assert!(!file.exists());

    let mut get = call(
        Mode::Read,
        "application/json",
        br#"{"method": "GET", "path": "/x"}"#,
    );
    get.target = "http:shop".parse().unwrap();
    let ended = executors.run(get).await;
    assert_eq!(ended.ending, Ending::Completed);
    let mut select = call(Mode::Read, "application/sql", b"SELECT 1");
    select.target = "sql:shop".parse().unwrap();
    let lost = executors.run(select).await;
    assert_eq!(lost.code, "unreachable");
    testing::assert_no_canary(&lost);
    assert_eq!((web.accepted(), base.accepted()), (1, 1));
    assert!(
        web.requests()
            .concat()
            .contains(&format!("x-api-key: {CANARY}"))
    );

    for target in ["sql:other", "role:shop"] {
        let mut nowhere = call(Mode::Read, "application/sql", b"SELECT 1");
        nowhere.target = target.parse().unwrap();
        assert_eq!(executors.run(nowhere).await.code, "target_unknown");
    }
    assert_eq!((web.accepted(), base.accepted()), (1, 1));
}

#[test]
fn a_request_is_spent_once_and_memory_is_bounded() {
    let id = |number: u32| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        RequestId::from_bytes(bytes)
    };
    let mut spent = Spent::default();
    assert!(spent.spend(id(0)));
    assert!(!spent.spend(id(0)));
    let many = u32::try_from(SPENT_MAX).unwrap();
    for number in 1..=many {
        assert!(spent.spend(id(number)));
    }
    assert_eq!(
        (spent.known.len(), spent.order.len()),
        (SPENT_MAX, SPENT_MAX)
    );
    assert!(!spent.spend(id(many)));
}
