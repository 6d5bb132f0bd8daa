//! What the gate acts on in a story: real SQLite files and a real HTTP service, both of which can be asked afterwards what
//! happened to them, past the gate.

mod database;
mod web;

pub use database::DatabaseFile;
pub use web::WebService;
