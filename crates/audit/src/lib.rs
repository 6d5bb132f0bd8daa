#![doc = include_str!("../README.md")]

mod called;
mod dossier;
mod export;
mod finding;
mod fold;
mod handed;
mod leaf;
mod opened;
mod receipt;
mod report;
mod verify;

pub use called::CalledCollector;
pub use dossier::{
    ActionShown, BrokenGlass, CheckpointShown, DOSSIER_BYTES_MAX, Dossier, DossierCollector,
    DossierError, DossierReport, LookShown, NOT_SHOWN, PolicyShown, ProvenLeaf, RequesterShown,
    ReviewShown, Root, Step, verify_dossier,
};
pub use export::{Export, ExportError, ExportItem, Line, RowClaim};
pub use finding::{Code, Finding, Gap};
pub use fold::{CorrectionShown, GlassShown, Link};
pub use handed::HandedCollector;
pub use leaf::{Base64, Hex, LedgerAttachment, LedgerLeaf};
pub use opened::kind_of;
pub use receipt::{ReceiptIssueError, ReceiptReport, issue_receipt, verify_receipt};
pub use report::{Counts, Report};
pub use verify::{References, Trusted, Verifier, verify_ledger};
