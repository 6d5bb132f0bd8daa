//! A secret inside a JSON body. The approved bytes hold a stand-in where it belongs, so whoever reviews them sees the place; that one
//! text is replaced when the call is made, and every other byte goes out as it was approved.

use gatehold_core::json::payload;
use gatehold_core::json::scan::Limits;
use zeroize::Zeroizing;

use crate::outcome::{Stop, code};

/// What stands in the approved body for the secret.
pub(crate) const STAND_IN: &str = "gatehold:secret";

fn unusable(pointer: &str) -> Stop {
    let text = format!(
        "the body must be JSON with \"{STAND_IN}\" at {pointer}, once and without escapes: the gate puts the secret there"
    );
    Stop::failed(code::PAYLOAD, text)
}

/// Where the stand-in begins in a body that has it at this pointer (RFC 6901) and nowhere else as a text of its own.
pub(super) fn place(body: &[u8], pointer: &str) -> Result<usize, Stop> {
    if !is_at(body, pointer, STAND_IN) {
        return Err(unusable(pointer));
    }
    let quoted = quoted(STAND_IN)?;
    let mut places = body
        .windows(quoted.len())
        .enumerate()
        .filter(|(_, part)| *part == quoted.as_slice());
    match (places.next(), places.next()) {
        (Some((at, _)), None) => Ok(at),
        _ => Err(unusable(pointer)),
    }
}

/// The body with the secret in that place.
pub(super) fn with_secret(
    body: &[u8],
    pointer: &str,
    secret: &str,
) -> Result<Zeroizing<Vec<u8>>, Stop> {
    let at = place(body, pointer)?;
    let (before, rest) = body.split_at_checked(at).ok_or_else(|| unusable(pointer))?;
    let after = rest.get(quoted(STAND_IN)?.len()..).unwrap_or_default();
    let mut whole = Zeroizing::new(Vec::with_capacity(body.len() + secret.len() * 2));
    whole.extend_from_slice(before);
    whole.extend_from_slice(&quoted(secret)?);
    whole.extend_from_slice(after);
    // One text was replaced; it has to be that of the pointer, however the others are written.
    if is_at(&whole, pointer, secret) {
        Ok(whole)
    } else {
        Err(unusable(pointer))
    }
}

fn is_at(body: &[u8], pointer: &str, text: &str) -> bool {
    let json = payload::parse(body, &Limits::PAYLOAD);
    json.is_ok_and(|json| json.pointer(pointer).and_then(payload::Json::as_str) == Some(text))
}

/// As JSON writes it.
fn quoted(text: &str) -> Result<Zeroizing<Vec<u8>>, Stop> {
    serde_json::to_vec(text)
        .map(Zeroizing::new)
        .map_err(|_| Stop::failed(code::PAYLOAD, "the body cannot be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "/auth/token";

    fn put(body: &str, secret: &str) -> Option<String> {
        let whole = with_secret(body.as_bytes(), AT, secret).ok()?;
        Some(String::from_utf8(whole.to_vec()).unwrap())
    }

    #[test]
    fn one_text_is_replaced_and_every_other_byte_stays() {
        let body =
            r#"{ "n":1.00, "auth" : {"token":"gatehold:secret"}, "note":"a gatehold:secret é" }"#;
        assert_eq!(
            put(body, "canary\"\\9b1d").unwrap(),
            body.replacen(r#""gatehold:secret""#, r#""canary\"\\9b1d""#, 1)
        );
        assert_eq!(
            place(body.as_bytes(), AT).ok(),
            body.find("\"gatehold:secret\"")
        );
    }

    #[test]
    fn it_is_put_nowhere_else() {
        for body in [
            "",
            "{}",
            "not json",
            r#"{"auth":{"token":"x"}}"#,
            r#"{"auth":{"token":" gatehold:secret"}}"#,
            r#"{"auth":{"token":["gatehold:secret"]}}"#,
            r#"{"auth":{"token":"a","token":"gatehold:secret"}}"#,
            // Twice, so nobody can tell which is meant.
            r#"{"auth":{"token":"gatehold:secret"},"note":"gatehold:secret"}"#,
            r#"{"auth":{"token":"gatehold:secret"},"gatehold:secret":1}"#,
            // Written so that the only plain one is another.
            r#"{"auth":{"token":"gatehold\u003asecret"},"note":"gatehold:secret"}"#,
            r#"{"auth":{"token":"gatehold\u003asecret"},"note":"x\"gatehold:secret"}"#,
            r#"{"auth":{"token":"gatehold\u003asecret"}}"#,
            r#"{"auth":{"token":"gatehold:secret"},"note":"x\"gatehold:secret"}"#,
        ] {
            assert_eq!(put(body, "canary-9b1d"), None, "{body}");
        }
    }
}
