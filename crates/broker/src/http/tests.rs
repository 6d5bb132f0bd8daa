//! Against real listeners: what goes over the wire, byte for byte, and what never does.

mod answers;
mod requests;

use super::*;
use crate::call::Mode::{Read, Write};
use crate::call::tests::call;
use crate::outcome::Ending;
use crate::testing::listener::{Manner, Upstream};
use crate::testing::{self, CANARY};

/// A target that may be called under `/v1`, with an injected header and query parameter.
fn target(port: u16) -> HttpTarget {
    let secret = || Source::Captured(Secret::new(CANARY.as_bytes().to_vec()).unwrap());
    HttpTarget {
        base: Base {
            tls: false,
            host: "127.0.0.1".to_owned(),
            port,
            host_header: HeaderValue::from_str(&format!("127.0.0.1:{port}")).unwrap(),
            server_name: None,
            prefix: "/api".to_owned(),
        },
        tls: None,
        methods: ["GET", "HEAD", "POST", "PUT", "DELETE"]
            .map(str::to_owned)
            .into(),
        paths: vec!["/v1".to_owned()],
        headers: headers::ALWAYS
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        inject: vec![
            Inject {
                place: Place::Header("authorization".to_owned()),
                prefix: "Bearer ".to_owned(),
                source: secret(),
            },
            Inject {
                place: Place::Query("api_key".to_owned()),
                prefix: String::new(),
                source: secret(),
            },
        ],
        request_id_header: Some("gatehold-request".to_owned()),
        connect_timeout: Duration::from_secs(20),
        answer_timeout: Duration::from_secs(20),
        bytes_max: 100_000,
        reach: Reach::Anywhere,
    }
}

async fn run(target: &HttpTarget, call: &Call) -> Execution {
    let execution = execute(target, call).await.unwrap_or_else(Execution::from);
    testing::assert_no_canary(&execution);
    execution
}

fn ask(mode: Mode, payload: &str) -> Call {
    call(mode, "application/json", payload.as_bytes())
}

const GET: &str = r#"{"method": "GET", "path": "/v1/orders"}"#;
const POST: &str = r#"{"method": "POST", "path": "/v1/refunds", "body": "{\"n\": 1.0}"}"#;
