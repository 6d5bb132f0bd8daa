//! Callers that take their time: a head or a body that does not come, or comes a byte at a time, is answered or cut within
//! the listener's limits, and everybody else is served meanwhile.

use std::time::Duration;

use gatehold_server::listen::ListenLimits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::House;
use crate::support::call::{Answer, Call};

/// Slow callers at once.
const SLOW: usize = 30;

/// A gate with little patience, and room for a few more callers than the slow ones.
async fn impatient() -> House {
    let limits = ListenLimits {
        connections_max: SLOW + 2,
        head_timeout: Duration::from_millis(400),
        ..ListenLimits::default()
    };
    House::open_within(limits, Some(Duration::from_millis(400))).await
}

/// A whole call of a quick caller is answered.
async fn others_are_served(house: &House) {
    let body = r#"{"purpose":"repair"}"#;
    let call = Call::new("POST", "/v1/tasks", body).header("idempotency-key", house.nonce());
    let answer = call.signed(house, &house.workload).send(house).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A signed call of the workload with a large body.
fn large(house: &House) -> Vec<u8> {
    let body = format!(r#"{{"purpose":"{}"}}"#, "a".repeat(4_000));
    let call = Call::new("POST", "/v1/tasks", body).header("idempotency-key", house.nonce());
    call.signed(house, &house.workload).to_bytes()
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_and_its_connection_closed() {
    let house = impatient().await;
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let call = large(&house);
        let mut stream = house.connect().await;
        stream.write_all(&call[..call.len() - 1_000]).await.unwrap();
        slow.push(stream);
    }
    others_are_served(&house).await;
    for stream in slow {
        // To the end of the stream: it was closed from the other side.
        let answer = Answer::read(stream).await;
        assert_eq!(answer.word(), (408, "too_slow".to_owned()));
    }
    others_are_served(&house).await;
}

#[tokio::test]
async fn a_body_that_comes_a_byte_at_a_time_has_no_more_time_than_others() {
    let house = impatient().await;
    let call = large(&house);
    let (mut answers, mut sends) = house.connect().await.into_split();
    let (quick, slow) = call.split_at(call.len() - 4_000);
    sends.write_all(quick).await.unwrap();
    let drip = async {
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        for byte in slow {
            pace.tick().await;
            if sends.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
        panic!("it took all of it");
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = drip => {}
        _closed = answers.read_to_end(&mut answer) => {}
    }
    // What was not read any more is answered by a reset, which may overtake the answer.
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    others_are_served(&house).await;
}

#[tokio::test]
async fn a_stranger_is_refused_before_any_of_the_body_is_waited_for() {
    // Nobody's patience is part of this: the listener's is the usual one.
    let house = House::open().await;
    let mut stream = house.connect().await;
    let head =
        "POST /v1/tasks HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(stream).await.status, 401);
}

#[tokio::test]
async fn heads_that_do_not_come_lose_their_connections_and_nobody_else_does() {
    let house = impatient().await;
    let beginnings: [&[u8]; 3] = [
        b"",
        b"GET /v1/gate HTT",
        b"GET /v1/gate HTTP/1.1\r\nhost: x\r\nx: ",
    ];
    let mut slow: Vec<TcpStream> = Vec::new();
    for number in 0..SLOW {
        let mut stream = house.connect().await;
        stream
            .write_all(beginnings[number % beginnings.len()])
            .await
            .unwrap();
        slow.push(stream);
    }
    others_are_served(&house).await;
    for mut stream in slow {
        let mut answer = Vec::new();
        let _closed = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
    }
    others_are_served(&house).await;
}
