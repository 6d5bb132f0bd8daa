//! What the target said: its status decides how the call ended, its body is cut at the cap and cleared of secrets, and of
//! its headers only the media type is kept.

use std::time::Duration;

use http::header::{self, HeaderMap};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::send::Sent;
use crate::outcome::{Ending, Execution, code};
use crate::scrub::Scrubber;

/// Receives an answer whose head has come. It never fails: the status has already said how the call ended.
pub(super) async fn receive(
    sent: Sent,
    limit: Duration,
    bytes_max: usize,
    scrubber: &Scrubber,
    harmless: bool,
) -> Execution {
    let status = sent.response.status().as_u16();
    let (ending, mut code) = judge(status, harmless);
    let media_type = media_type(sent.response.headers(), scrubber);
    let readable = is_identity(sent.response.headers());
    let (mut body, mut truncated) = (Vec::new(), true);
    if readable {
        // What a secret may reach across the cut is read too, and cut off after it was found.
        let wanted = bytes_max.saturating_add(scrubber.reach());
        let mut incoming = sent.response.into_body();
        let ended = tokio::time::timeout(limit, collect(&mut incoming, wanted, &mut body)).await;
        let whole = matches!(ended, Ok(Some(_)));
        truncated = !matches!(ended, Ok(Some(End::Whole)));
        if !whole {
            body = scrubber.trim_end(body);
        }
        let (clean, found) = scrubber.scrub(body);
        body = clean;
        truncated |= body.len() > bytes_max;
        body.truncate(bytes_max);
        if ending == Ending::Completed {
            code = match (found, whole) {
                (true, _) => code::REDACTED,
                (false, false) => code::BODY_LOST,
                (false, true) => code,
            };
        }
    } else if ending == Ending::Completed {
        code = code::BODY_LOST;
    }
    Execution {
        ending,
        code,
        quantity: None,
        status: Some(status),
        media_type,
        body,
        truncated,
    }
}

/// How a body ended, when it did not break off.
enum End {
    Whole,
    Cut,
}

/// Fills `body` up to `wanted` bytes. `None` when the connection broke.
async fn collect(incoming: &mut Incoming, wanted: usize, body: &mut Vec<u8>) -> Option<End> {
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        let room = wanted.saturating_sub(body.len());
        body.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            return Some(End::Cut);
        }
    }
    Some(End::Whole)
}

/// Success is done. 4xx says that the target did not act. Whatever else a target says to a change leaves it open.
fn judge(status: u16, harmless: bool) -> (Ending, &'static str) {
    let open = if harmless {
        Ending::Failed
    } else {
        Ending::Unknown
    };
    match status {
        200..=299 => (Ending::Completed, code::OK),
        304 if harmless => (Ending::Completed, code::OK),
        // These two ask for the same request elsewhere, so it was not done here.
        307 | 308 => (Ending::Failed, code::REDIRECT),
        300..=399 => (open, code::REDIRECT),
        412 => (Ending::Failed, code::PRECONDITION),
        400..=499 => (Ending::Failed, code::REFUSED),
        _ => (open, code::TARGET_ERROR),
    }
}

/// A compressed body cannot be searched for secrets, and was not asked for.
fn is_identity(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn media_type(headers: &HeaderMap, scrubber: &Scrubber) -> String {
    let said = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .filter(|text| text.len() <= 128 && !text.is_empty())
        .filter(|text| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/+-.;= \"_".contains(&byte))
        });
    let said = said.unwrap_or("application/octet-stream").to_owned();
    scrubber.scrub_text(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_no_says_that_nothing_was_done() {
        for (status, harmless, ending) in [
            (200, false, Ending::Completed),
            (204, false, Ending::Completed),
            (302, false, Ending::Unknown),
            (303, false, Ending::Unknown),
            (307, false, Ending::Failed),
            (304, true, Ending::Completed),
            (302, true, Ending::Failed),
            (400, false, Ending::Failed),
            (409, false, Ending::Failed),
            (412, false, Ending::Failed),
            (429, false, Ending::Failed),
            (500, false, Ending::Unknown),
            (503, false, Ending::Unknown),
            (500, true, Ending::Failed),
            (101, false, Ending::Unknown),
            (999, false, Ending::Unknown),
        ] {
            assert_eq!(judge(status, harmless).0, ending, "{status} {harmless}");
        }
    }
}
