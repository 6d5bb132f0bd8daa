use super::*;
use serde::de::DeserializeOwned;

fn refused<T: WireRequest + std::fmt::Debug>(json: &str) {
    assert!(
        read_request::<T>(json.as_bytes()).is_err(),
        "accepted {json}"
    );
}

/// Every request: its example is read, survives the round trip, and refuses an unknown, a repeated and a missing member,
/// an array in its place, and anything after it.
fn strict<T: WireRequest + PartialEq + std::fmt::Debug>(example: &str) {
    let request: T = read_request(example.as_bytes()).unwrap();
    let again = serde_json::to_vec(&request).unwrap();
    assert_eq!(read_request::<T>(&again).unwrap(), request);
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(example).unwrap();
    for (name, value) in &members {
        refused::<T>(&example.replacen('{', &format!("{{\"{name}\":{value},"), 1));
        refused::<T>(&example.replacen(&format!("\"{name}\""), &format!("\"{name}x\""), 1));
    }
    let values: Vec<_> = members.values().collect();
    refused::<T>(&serde_json::to_string(&values).unwrap());
    refused::<T>(&format!("{example}{example}"));
    refused::<T>("null");
    refused::<T>("");
}

#[test]
fn every_request_is_read_strictly() {
    strict::<TaskRequest>(
        r#"{"purpose":"fix","on_behalf_of":"a@b","boundary":{"descriptors":["d"],"targets":[],"resources":["r/"],"steps":3,"not_after":9}}"#,
    );
    strict::<SubmitRequest>(
        r#"{"envelope":"e30=","payload":"","claims":{"reason":"x","evidence":["y"],"prompt_source":"claimed","more":{"a":"b"}}}"#,
    );
    strict::<AnswerRequest>(r#"{"text":"because"}"#);
    strict::<ReviewRequest>(
        r#"{"context":"e30=","signature":"sig","answers":{"scope":"yes"},"justification":"","salt":"ab"}"#,
    );
    strict::<LoginRequest>(r#"{"statement":"e30=","signature":"sig"}"#);
    strict::<ChangeRequest>(
        r#"{"envelope":"e30=","payload":"","claims":{"reason":"x"},"nonce":"ab","signature":"sig"}"#,
    );
    strict::<KeyRevocationRequest>(
        r#"{"statement":"e30=","signatures":[{"human":"a@b","key":"k","signature":"s"}]}"#,
    );
    strict::<DelegationRequest>(
        r#"{"statement":"e30=","signature":"s","reason":"holiday","salt":"ab"}"#,
    );
    strict::<DelegationEndRequest>(
        r#"{"statement":"e30=","signatures":[{"human":"a@b","key":"k","signature":"s"}]}"#,
    );
    strict::<CorrectionRequest>(
        r#"{"statement":"e30=","signature":"s","text":"it was another one","salt":"ab"}"#,
    );
    strict::<BreakGlassRequest>(
        r#"{"statement":"e30=","signatures":[{"human":"a@b","key":"k","signature":"s"}],"answers":{"scope":"yes"},"justification":"why","salt":"ab"}"#,
    );
    strict::<PostReviewRequest>(
        r#"{"statement":"e30=","signature":"s","text":"it was right","salt":"ab"}"#,
    );
    strict::<ActRequest>(r#"{"act":"deny","reason":"too_broad","text":"no"}"#);
    strict::<StopRequest>(r#"{"scope":"workload","name":"w","reason":"odd"}"#);
}

#[test]
fn nested_objects_are_strict_too() {
    for json in [
        r#"{"envelope":"e30=","payload":"","claims":{"reason":"x","reason":"y"}}"#,
        r#"{"envelope":"e30=","payload":"","claims":{"why":"x"}}"#,
        r#"{"envelope":"e30=","payload":"","claims":{"more":{"a":"1","a":"2"}}}"#,
        r#"{"envelope":"e30=","payload":"","claims":{"more":{"a":1}}}"#,
        r#"{"envelope":"e30=","payload":"","claims":{"prompt_source":"trusted"}}"#,
        r#"{"envelope":"e30","payload":""}"#,
        r#"{"envelope":"e31=","payload":""}"#,
        r#"{"envelope":"e3 0=","payload":""}"#,
        r#"{"envelope":[123,125],"payload":""}"#,
        r#"{"envelope":"","payload":""}"#,
    ] {
        refused::<SubmitRequest>(json);
    }
    refused::<ReviewRequest>(
        r#"{"context":"e30=","signature":"s","salt":"ab","answers":{"a":"1","a":"2"}}"#,
    );
    assert!(
        serde_json::from_str::<Limits>(
            r#"{"ttl_seconds":1,"uses":1,"caps":{"a":1,"a":2},"not_before":0,"not_after":1}"#
        )
        .is_err()
    );
}

#[test]
fn every_bound_is_held() {
    let long = |bytes: usize| "x".repeat(bytes + 1);
    let submit = |change: fn(&mut Claims, String), bytes: usize| {
        let mut request = SubmitRequest {
            envelope: b"{}".to_vec().into(),
            payload: Base64Bytes::default(),
            claims: Claims::default(),
        };
        change(&mut request.claims, "x".repeat(bytes));
        assert!(request.check().is_ok(), "{bytes} bytes");
        change(&mut request.claims, long(bytes));
        assert!(request.check().is_err(), "{bytes} bytes and one");
    };
    submit(|c, text| c.reason = Some(text), TEXT_BYTES_MAX);
    submit(|c, text| c.prompt = Some(text), PROMPT_BYTES_MAX);
    submit(
        |c, text| c.model_recommendation = Some(text),
        TEXT_BYTES_MAX,
    );
    submit(|c, text| c.ticket = Some(text), bounds::NAME_BYTES_MAX);
    submit(|c, text| c.rollback_plan = Some(text), TEXT_BYTES_MAX);
    submit(|c, text| c.tests = Some(text), TEXT_BYTES_MAX);
    submit(|c, text| c.evidence = vec![text], TEXT_BYTES_MAX);
    submit(
        |c, text| c.more = [("a".to_owned(), text)].into(),
        TEXT_BYTES_MAX,
    );
    submit(
        |c, text| c.more = [(text, String::new())].into(),
        bounds::NAME_BYTES_MAX,
    );

    let sized = |envelope: usize, payload: usize| SubmitRequest {
        envelope: vec![b'{'; envelope].into(),
        payload: vec![0; payload].into(),
        claims: Claims::default(),
    };
    assert!(
        sized(bounds::ENVELOPE_BYTES_MAX, bounds::PAYLOAD_BYTES_MAX)
            .check()
            .is_ok()
    );
    assert!(sized(bounds::ENVELOPE_BYTES_MAX + 1, 0).check().is_err());
    assert!(sized(1, bounds::PAYLOAD_BYTES_MAX + 1).check().is_err());
    let mut many = sized(1, 0);
    many.claims.evidence = vec!["x".into(); bounds::ITEMS_MAX + 1];
    assert!(many.check().is_err());
    many.claims.evidence = vec![" ".into()];
    assert!(many.check().is_err(), "evidence that says nothing");
    // The largest allowed request fits the body limit as it travels.
    let largest = SubmitRequest {
        claims: Claims {
            prompt: Some("x".repeat(PROMPT_BYTES_MAX)),
            ..Claims::default()
        },
        ..sized(bounds::ENVELOPE_BYTES_MAX, bounds::PAYLOAD_BYTES_MAX)
    };
    let body = serde_json::to_vec(&largest).unwrap();
    assert_eq!(read_request::<SubmitRequest>(&body).unwrap(), largest);
    assert_eq!(
        read_request::<SubmitRequest>(&vec![b' '; REQUEST_BODY_BYTES_MAX + 1]),
        Err(ReadError::TooLarge)
    );
}

#[test]
fn members_must_fit_each_other() {
    for json in [
        r#"{"act":"deny"}"#,
        r#"{"act":"deny","reason":"other"}"#,
        r#"{"act":"ask"}"#,
        r#"{"act":"ask","text":" "}"#,
        r#"{"act":"claim","reason":"too_broad"}"#,
        r#"{"act":"approve","text":"x"}"#,
    ] {
        refused::<ActRequest>(json);
    }
    for json in [
        r#"{"scope":"all","name":"w","reason":"x"}"#,
        r#"{"scope":"workload","reason":"x"}"#,
        r#"{"scope":"all","reason":" "}"#,
    ] {
        refused::<StopRequest>(json);
    }
    assert!(read_request::<StopRequest>(br#"{"scope":"all","reason":"x"}"#).is_ok());
    assert!(read_request::<ActRequest>(br#"{"act":"claim"}"#).is_ok());
    refused::<AnswerRequest>(r#"{"text":" "}"#);
    refused::<TaskRequest>(r#"{"purpose":"fix","boundary":{"descriptors":["d"]}}"#);
}

#[test]
fn answers_tolerate_what_is_new() {
    fn reads<T: DeserializeOwned>(json: &str) -> T {
        serde_json::from_str(json).unwrap()
    }
    let problem: Problem =
        reads(r#"{"type":"t","title":"T","status":418,"code":"teapot","new":1}"#);
    assert_eq!(problem.code, ProblemCode::Other);
    let task: Task = reads(r#"{"task":"tsk_1","new":1}"#);
    assert_eq!(task.task, "tsk_1");
    let held: Held = reads(
        r#"{"request":"req_1","digest":"d","tier":"red","reasons":[],"trace":{"rules":[],"bundle":"b","input":"i"},"words":["a","b","c","d"],"checkpoints":[],"decide_by":1,"spend_by":2,"location":"/v1/requests/req_1","new":{}}"#,
    );
    assert_eq!(held.words[3], "d");
    assert!(serde_json::from_str::<Held>(r#"{"request":"req_1"}"#).is_err());
}

#[test]
fn debug_shows_no_payload() {
    assert_eq!(
        format!("{:?}", Base64Bytes(b"secret".to_vec())),
        "Base64Bytes(6 bytes)"
    );
}

proptest::proptest! {
    #[test]
    fn bytes_survive(bytes: Vec<u8>) {
        let json = serde_json::to_string(&Base64Bytes(bytes.clone())).unwrap();
        proptest::prop_assert_eq!(serde_json::from_str::<Base64Bytes>(&json).unwrap().0, bytes);
    }

    #[test]
    fn reading_never_panics(body: Vec<u8>) {
        let _ = read_request::<SubmitRequest>(&body);
        let _ = read_request::<ActRequest>(&body);
    }
}
