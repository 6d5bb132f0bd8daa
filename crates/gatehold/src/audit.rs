//! `gatehold audit verify|reconcile|export|issue|receipt|dossier|explain`: what a ledger proves, to anyone. All checking is done by the audit
//! crate; this reads stores, folders and files for it.

mod reconcile;
pub mod source;

use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gatehold_audit::{
    CalledCollector, DossierCollector, Export, ExportItem, HandedCollector, LedgerLeaf, Report,
    Trusted, Verifier, verify_dossier, verify_receipt,
};
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::reconcile::{Called, Handed};
use gatehold_ledger::{LogKey, SignedTreeHead};

use self::source::Source;
use serde_json::json;

use crate::config::{Config, looked_at};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Style, counted_as};

/// `gatehold audit …`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Verify a whole ledger: from the gate's own store, or from an export.
    Verify(Verify),
    /// Compare a target's own log with what was handed out: who was there without a grant.
    Reconcile(reconcile::Reconcile),
    /// Write a ledger into one file that anyone can verify.
    Export {
        /// Whose.
        #[command(flatten)]
        ledger: Ledger,
        /// Where to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Write the receipt of one leaf into a file that anyone can verify with the log's key.
    Issue {
        /// Which leaf, by its index.
        leaf: u64,
        /// Whose ledger.
        #[command(flatten)]
        ledger: Ledger,
        /// Where to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify the receipt of one leaf with nothing but the log's key.
    Receipt {
        /// The receipt.
        file: PathBuf,
        /// The log's key line, as the root statement names it.
        #[arg(long, value_parser = log_key)]
        log_key: LogKey,
    },
    /// Collect everything about one request into one file that proves itself.
    Dossier {
        /// Which request.
        id: RequestId,
        /// Whose ledger.
        #[command(flatten)]
        ledger: Ledger,
        /// Where to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify a dossier and say in a few lines who, what and why.
    Explain {
        /// The dossier.
        file: PathBuf,
        /// The hash of the root statement, from somewhere else than the dossier.
        #[arg(long)]
        root: Option<Hash>,
    },
}

/// Whose ledger.
#[derive(Debug, Args)]
pub struct Ledger {
    /// The gate's configuration; without it gatehold.toml here, or that of a running `gatehold dev`.
    #[arg(short, long, env = "GATEHOLD_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
}

/// Arguments of `gatehold audit verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold audit verify\n  gatehold audit verify --export ledger.export --root sha256:..."
)]
pub struct Verify {
    /// Whose ledger.
    #[command(flatten)]
    pub ledger: Ledger,
    /// An export instead of a store.
    #[arg(long, conflicts_with = "config")]
    pub export: Option<PathBuf>,
    /// The hash of the root statement; without it the one the configuration pins.
    #[arg(long)]
    pub root: Option<Hash>,
    /// A tree head that you kept, as a file; it finds what a replaced machine would hide.
    #[arg(long)]
    pub tree_head: Vec<PathBuf>,
}

/// Runs one of them.
///
/// # Errors
/// When a file or the store cannot be read.
pub async fn run(ctx: &Ctx, audit: &Audit) -> Result<Exit, Failure> {
    match audit {
        Audit::Verify(verify) => self::verify(ctx, verify).await,
        Audit::Reconcile(args) => reconcile::run(ctx, args).await,
        Audit::Export { ledger, out } => {
            let leaves = Source::open(&config(ctx, ledger)?)
                .await?
                .export(out)
                .await?;
            let out = out.display().to_string();
            ctx.print(&json!({ "wrote": out, "leaves": leaves }), || {
                format!("wrote {} to {out}\n", counted_as(leaves, "leaf", "leaves"))
            })?;
            Ok(Exit::Done)
        }
        Audit::Receipt { file, log_key } => {
            let text =
                std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
            let report = verify_receipt(&text, log_key)
                .map_err(|error| Failure::verification(error, "do not rely on this receipt"))?;
            ctx.print(&report, || report.to_string())?;
            Ok(Exit::Done)
        }
        Audit::Issue { leaf, ledger, out } => {
            let source = Source::open(&config(ctx, ledger)?).await?;
            let (receipt, key) = source.receipt(*leaf).await?;
            std::fs::write(out, receipt).map_err(|error| Failure::file(out, &error))?;
            let next = format!("gatehold audit receipt {} --log-key '{key}'", out.display());
            ctx.wrote(out, &next)?;
            Ok(Exit::Done)
        }
        Audit::Dossier { id, ledger, out } => {
            let source = Source::open(&config(ctx, ledger)?).await?;
            let (bytes, missing) = source.dossier(*id).await?;
            std::fs::write(out, bytes).map_err(|error| Failure::file(out, &error))?;
            if missing > 0 {
                ctx.say(&format!(
                    "note: no tree head covers the last {missing} leaves yet; what they say is not in it\n"
                ));
            }
            ctx.wrote(out, &format!("gatehold audit explain {}", out.display()))?;
            Ok(Exit::Done)
        }
        Audit::Explain { file, root } => explain(ctx, file, *root),
    }
}

async fn verify(ctx: &Ctx, verify: &Verify) -> Result<Exit, Failure> {
    let report = match &verify.export {
        Some(file) => verify_export(file, verify)?,
        None => {
            let config = config(ctx, &verify.ledger)?;
            let mut source = Source::open(&config).await?;
            add_tree_heads(&mut source.references.tree_heads, &verify.tree_head)?;
            source.verify(verify.root.or(config.root)).await?
        }
    };
    ctx.print(&report, || quiet(&report.to_string()))?;
    let sound = report.is_sound();
    let (style, word) = if sound {
        (Style::Green, "verified")
    } else {
        (Style::Red, "NOT VERIFIED")
    };
    eprintln!("{}", ctx.errors.paint(style, word));
    Ok(if sound {
        Exit::Done
    } else {
        Exit::Verification
    })
}

fn verify_export(file: &Path, verify: &Verify) -> Result<Report, Failure> {
    read_export(file, verify.root, &verify.tree_head, |_leaf| {})
}

/// What an export says was handed out and executed. It is worth what the report is.
fn granted_in_export(
    file: &Path,
    root: Option<Hash>,
) -> Result<(Report, Vec<Handed>, Vec<Called>), Failure> {
    let (mut handed, mut called) = (HandedCollector::default(), CalledCollector::default());
    let report = read_export(file, root, &[], |leaf| {
        handed.leaf(leaf);
        called.leaf(leaf);
    })?;
    Ok((report, handed.finish(), called.finish()))
}

fn read_export(
    file: &Path,
    pinned_root: Option<Hash>,
    tree_heads: &[PathBuf],
    mut each: impl FnMut(&LedgerLeaf),
) -> Result<Report, Failure> {
    let wrong = |error: gatehold_audit::ExportError| {
        Failure::verification(error, "ask for the export again")
    };
    let reader = std::fs::File::open(file).map_err(|error| Failure::file(file, &error))?;
    let mut export = Export::open(BufReader::new(reader)).map_err(wrong)?;
    let mut references = export.references().clone();
    add_tree_heads(&mut references.tree_heads, tree_heads)?;
    let trusted = Trusted {
        pinned_root,
        log_key: None,
    };
    let mut verifier = Verifier::new(&references, &trusted);
    while let Some(item) = export.next_item().map_err(wrong)? {
        match item {
            ExportItem::Leaf(leaf) => {
                verifier.leaf(&leaf);
                each(&leaf);
            }
            ExportItem::Row(row) => verifier.row(row),
        }
    }
    Ok(verifier.finish())
}

fn add_tree_heads(heads: &mut Vec<String>, files: &[PathBuf]) -> Result<(), Failure> {
    for file in files {
        heads.push(std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?);
    }
    Ok(())
}

fn explain(ctx: &Ctx, file: &PathBuf, root: Option<Hash>) -> Result<Exit, Failure> {
    let bytes = std::fs::read(file).map_err(|error| Failure::file(file, &error))?;
    let trusted = Trusted {
        pinned_root: root,
        log_key: None,
    };
    let report = verify_dossier(&bytes, &trusted)
        .map_err(|error| Failure::verification(error, "ask for the dossier again"))?;
    ctx.print(&report, || quiet(&report.explain()))?;
    if !report.is_sound() {
        eprintln!("{}", ctx.errors.paint(Style::Red, "NOT VERIFIED"));
    }
    Ok(if report.is_sound() {
        Exit::Done
    } else {
        Exit::Verification
    })
}

/// Reports quote what stands in a ledger; line by line nothing of it reaches the terminal as more than text.
fn quiet(text: &str) -> String {
    text.lines()
        .map(|line| crate::screen::plain(line) + "\n")
        .collect()
}

fn log_key(text: &str) -> Result<LogKey, String> {
    LogKey::parse(text).map_err(|error| error.to_string())
}

/// The configuration of a ledger.
///
/// # Errors
/// When there is none, or it is not whole.
pub fn config(ctx: &Ctx, ledger: &Ledger) -> Result<Config, Failure> {
    Config::require(&looked_at(ctx, ledger.config.as_deref()))
}

/// A dossier of everything a collector has seen.
///
/// # Errors
/// When the tree head does not cover the request, or there is none.
pub fn finish(collector: DossierCollector, head: &SignedTreeHead) -> Result<Vec<u8>, Failure> {
    let dossier = collector.finish(head).map_err(|error| {
        Failure::usage(error, "check the id; a tree head follows within a second")
    })?;
    dossier
        .to_bytes()
        .map_err(|error| Failure::fault(error, "report this"))
}
