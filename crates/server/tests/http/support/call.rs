//! Raw HTTP/1.1 over a socket: what is written is what is sent, bad or not.

use gatehold_client::wire::Problem;
use gatehold_proof::{PublicUrl, RequestToSign, SigningKey, sign_request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{House, NOW};

impl House {
    /// A connection to it.
    pub async fn connect(&self) -> TcpStream {
        let address = self.url.strip_prefix("http://").unwrap();
        TcpStream::connect(address).await.unwrap()
    }
}

/// One request; everything about it can be wrong.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// Everything that comes until the other side closes.
    pub async fn read(mut stream: impl AsyncRead + Unpin) -> Self {
        let mut answer = Vec::new();
        let _closed = stream.read_to_end(&mut answer).await;
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer, only {answer:?}"));
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: answer[end + 4..].to_vec(),
        }
    }

    /// A header, of which there may be one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.head.split("\r\n").skip(1).filter_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        });
        let first = found.next();
        assert!(found.next().is_none(), "{name} twice: {}", self.head);
        first
    }

    /// The problem, checked for what every problem has.
    pub fn problem(&self) -> Problem {
        assert!(
            self.head
                .to_lowercase()
                .contains("content-type: application/problem+json"),
            "no problem: {} {}",
            self.head,
            String::from_utf8_lossy(&self.body)
        );
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert!(
            problem.kind.starts_with("urn:gatehold:problem:"),
            "{}",
            problem.kind
        );
        assert!(
            problem.next.ends_with('.') && !problem.title.is_empty(),
            "{problem:?}"
        );
        assert!(problem.request_id.is_some());
        problem
    }

    /// Status and the stable word of the problem.
    pub fn word(&self) -> (u16, String) {
        let kind = self.problem().kind;
        (self.status, kind.rsplit(':').next().unwrap().to_owned())
    }
}

impl Call {
    pub fn new(method: &str, target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Signs it as it stands, `ago` seconds before now.
    #[must_use]
    pub fn signed_at(self, house: &House, key: &SigningKey, url: &str, ago: i64) -> Self {
        let idempotency = self
            .headers
            .iter()
            .find(|(name, _)| name == "idempotency-key")
            .map(|(_, value)| String::from_utf8(value.clone()).unwrap());
        let signed = sign_request(
            key,
            &RequestToSign {
                method: &self.method,
                public_url: &PublicUrl::parse(url).unwrap(),
                request_target: &self.target,
                idempotency_key: idempotency.as_deref(),
                body: &self.body,
                created: u64::try_from(NOW / 1000 - ago).unwrap(),
                life_seconds: 30,
                nonce: &house.nonce(),
            },
        )
        .unwrap();
        let json = !self.body.is_empty();
        let call = self
            .header("content-digest", signed.content_digest)
            .header("signature-input", signed.signature_input)
            .header("signature", signed.signature);
        if json {
            call.header("content-type", "application/json")
        } else {
            call
        }
    }

    #[must_use]
    pub fn signed(self, house: &House, key: &SigningKey) -> Self {
        self.signed_at(house, key, &house.url, 0)
    }

    /// The same call for a router in this process.
    pub fn to_request(&self) -> axum::extract::Request {
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(&self.target);
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        request.body(self.body.clone().into()).unwrap()
    }

    /// Sends it and reads the answer to its end.
    pub async fn send(&self, house: &House) -> Answer {
        self.send_on(house.connect().await).await
    }

    /// The same over this connection.
    pub async fn send_on(&self, mut stream: TcpStream) -> Answer {
        // A server that refuses early may close before everything was sent; its answer still counts.
        let _sent = stream.write_all(&self.to_bytes()).await;
        Answer::read(stream).await
    }

    /// Head and body as they are sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!(
            "{} {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n",
            self.method, self.target
        )
        .into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", self.body.len()).as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
