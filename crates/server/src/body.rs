//! The body of a call, within its bounds of size and time.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Why a body was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    TooLarge,
    Broken,
    TooSlow,
}

/// The whole body.
///
/// Of one that is too long, as much again is read and thrown away: a sender who is still sending reads the answer, and not a connection
/// that broke off. One that says beforehand that it is longer still is refused before a byte of it is read (RFC 9110 §10.1.1).
pub(crate) async fn whole(body: Body, bytes_max: usize, within: Duration) -> Result<Bytes, Unread> {
    let twice = u64::try_from(bytes_max.saturating_mul(2)).unwrap_or(u64::MAX);
    if body.size_hint().lower() > twice {
        return Err(Unread::TooLarge);
    }
    tokio::time::timeout(within, read(body, bytes_max))
        .await
        .unwrap_or(Err(Unread::TooSlow))
}

async fn read(mut body: Body, bytes_max: usize) -> Result<Bytes, Unread> {
    match Limited::new(&mut body, bytes_max).collect().await {
        Ok(read) => return Ok(read.to_bytes()),
        Err(error) if !error.is::<LengthLimitError>() => return Err(Unread::Broken),
        Err(_too_long) => {}
    }
    let mut left = bytes_max;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(less) = left.checked_sub(length) else {
            break;
        };
        left = less;
    }
    Err(Unread::TooLarge)
}
