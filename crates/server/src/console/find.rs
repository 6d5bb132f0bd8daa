//! `/find`: a request by its id, or by how its id begins. It looks among what is held and the newest requests, in three queries
//! of the store, and says of each what any list says.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_core::ids::RequestId;
use gatehold_core::request::RequestRecord;
use gatehold_core::time::Timestamp;
use serde::Deserialize;

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::said::{Mark, Moment, Quiet, asker, counted, moment, quiet, state};
use crate::app::App;

/// Longest text that is looked for.
const BYTES_MAX: usize = 64;
/// Fewest digits of the beginning of an id.
const DIGITS_MIN: usize = 4;

/// What is looked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sought {
    q: String,
}

#[derive(Template)]
#[template(path = "find.html")]
struct Found {
    frame: Frame,
    heading: String,
    q: String,
    lines: Vec<Line>,
}

struct Line {
    id: String,
    state: Mark,
    sentence: Quiet,
    requester: Option<Quiet>,
    resource: Quiet,
    asked: Moment,
}

/// `GET /find`. One that is found is shown at once.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    query: Result<Query<Sought>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(Sought { q }) = query.map_err(|_| PageError::Form)?;
    if q.len() > BYTES_MAX {
        return Err(PageError::Form);
    }
    if let Ok(id) = q.trim().parse::<RequestId>() {
        return Ok(Redirect::to(&format!("/requests/{id}")).into_response());
    }
    let visitor = &signed_in.visitor;
    let Some(beginning) = beginning(&q) else {
        let heading =
            format!("An id is req_ and hexadecimal digits, at least {DIGITS_MIN} of them");
        return shown(Frame::of(&app, visitor, "find"), heading, &[], visitor.now);
    };
    let records = app.gate().beginning_with(&beginning).await?;
    if let [one] = records.as_slice() {
        return Ok(Redirect::to(&format!("/requests/{}", one.id)).into_response());
    }
    let heading = match records.len() {
        0 => format!("Nothing of what is held or new begins with {beginning}"),
        number => format!("{} begin with {beginning}", counted(number, "request")),
    };
    let frame = Frame::of(&app, visitor, "find");
    shown(frame, heading, &records, visitor.now)
}

/// How an id begins, if that is what it can be: the digits alone are taken too.
fn beginning(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.strip_prefix("req_").unwrap_or(text);
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let fits = digits.len() >= DIGITS_MIN && digits.bytes().all(is_hex);
    fits.then(|| format!("req_{digits}"))
}

fn shown(
    frame: Frame,
    heading: String,
    records: &[RequestRecord],
    now: Timestamp,
) -> Result<Response, PageError> {
    html(&Found {
        frame,
        heading,
        q: String::new(),
        lines: records.iter().map(|record| line(record, now)).collect(),
    })
}

fn line(record: &RequestRecord, now: Timestamp) -> Line {
    Line {
        id: record.id.to_string(),
        state: state(record.state),
        sentence: quiet(&record.sentence),
        requester: asker(&record.requester.name(), &record.sentence),
        resource: quiet(record.envelope.resource.as_str()),
        asked: moment(record.submitted_at, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_begins_with_hexadecimal_digits() {
        for good in ["req_0199", "0199ab", " req_0199abcd "] {
            assert!(beginning(good).unwrap().starts_with("req_0199"), "{good}");
        }
        for bad in [
            "",
            "req_",
            "req_019",
            "REQ_0199",
            "0199AB",
            "req_0199%",
            "../..",
            "<b>a</b>",
        ] {
            assert_eq!(beginning(bad), None, "{bad}");
        }
    }
}
