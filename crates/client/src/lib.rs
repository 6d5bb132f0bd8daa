//! The HTTP API as types, and a client for it: for the command line, the gateway, and other people's programs.
//!
//! `wire` says what travels and how large it may be; both sides run the same `check`. `Client` signs every call through a
//! [`RequestSigner`] that its owner supplies (a key never lives in this crate), follows no redirect, bounds every answer,
//! and never repeats a call by itself. Time and random bytes come from the caller's [`Ambient`].
//!
//! Bytes that are signed or hashed travel as base64 of exactly those bytes, never as JSON that somebody would write anew.

mod http_client;
pub mod wire;

pub use http_client::{
    Ambient, AmbientError, Client, ClientConfig, ClientError, IdempotencyKey, LeasesWanted,
    RequestSigner, SignatureHeaders, SignerError, Submission, ToSign, TrustRoots,
    install_cryptography,
};
