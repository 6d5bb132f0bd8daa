//! Development only: what proves the product, and no part of it.

pub mod conformance;
pub mod postgres_server;
