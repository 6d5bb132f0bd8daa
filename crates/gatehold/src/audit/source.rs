//! A ledger as the audit crate reads it: leaves and rows from a store, tree heads, tiles and anchors from folders.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatehold_audit::{
    Base64, CalledCollector, DossierCollector, HandedCollector, Hex, LedgerAttachment, LedgerLeaf,
    Line, References, Report, RowClaim, Trusted, Verifier,
};
use gatehold_core::commit::Table;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::reconcile::{Called, Handed};
use gatehold_gate::ports::store::{RowQuery, Store, StoreFault, StoredLeaf};
use gatehold_ledger::{LogKey, SignedTreeHead, TileId, tiles_of};
use gatehold_store::derive::receipt;

use crate::config::Config;
use crate::exit::Failure;
use crate::serve::connect;

/// Leaves and rows read at once.
const PAGE: u32 = 200;
/// Time between two looks for a newer tree head, and how many looks.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: u32 = 12;
/// Bytes of a hash in a tile.
const HASH_BYTES: usize = 32;

/// A ledger and what it is compared with.
pub struct Source {
    store: Arc<dyn Store>,
    published: Option<PathBuf>,
    log_key: Option<LogKey>,
    /// Tree heads, anchors and tiles.
    pub references: References,
}

impl Source {
    /// Opens the configured ledger for reading.
    ///
    /// # Errors
    /// When the store or a folder cannot be read.
    pub async fn open(config: &Config) -> Result<Self, Failure> {
        let store = connect(&config.store, None).await.map_err(faulty)?;
        let mut references = References::default();
        if let Some(folder) = &config.published {
            published(folder, &mut references)?;
        }
        anchors(&config.anchors, &mut references)?;
        Ok(Self {
            store,
            published: config.published.clone(),
            log_key: None,
            references,
        })
    }

    /// Over a store that is open already.
    #[must_use]
    pub fn over(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            published: None,
            log_key: None,
            references: References::default(),
        }
    }

    /// Verifies everything.
    ///
    /// # Errors
    /// When the store does not answer. What is wrong with the ledger is in the report.
    pub async fn verify(&self, pinned_root: Option<Hash>) -> Result<Report, Failure> {
        let trusted = self.trusted(pinned_root);
        let mut verifier = self.verify_leaves(&trusted, |_leaf| {}).await?;
        self.rows(|row| {
            verifier.row(row);
            Ok(())
        })
        .await?;
        Ok(verifier.finish())
    }

    /// Verifies all leaves, and gathers what was handed out and what was executed. It is worth what the report is; rows of the database have no part in it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn verify_granted(
        &self,
        pinned_root: Option<Hash>,
    ) -> Result<(Report, Vec<Handed>, Vec<Called>), Failure> {
        let (mut handed, mut called) = (HandedCollector::default(), CalledCollector::default());
        let trusted = self.trusted(pinned_root);
        let verifier = self
            .verify_leaves(&trusted, |leaf| {
                handed.leaf(leaf);
                called.leaf(leaf);
            })
            .await?;
        Ok((verifier.finish(), handed.finish(), called.finish()))
    }

    fn trusted(&self, pinned_root: Option<Hash>) -> Trusted {
        Trusted {
            pinned_root,
            log_key: self.log_key.clone(),
        }
    }

    async fn verify_leaves<'a>(
        &'a self,
        trusted: &'a Trusted,
        mut each: impl FnMut(&LedgerLeaf),
    ) -> Result<Verifier<'a>, Failure> {
        let mut verifier = Verifier::new(&self.references, trusted);
        self.leaves(|leaf| {
            verifier.leaf(&leaf);
            each(&leaf);
            Ok(())
        })
        .await?;
        Ok(verifier)
    }

    /// Writes an export; gives the number of leaves.
    ///
    /// # Errors
    /// When the store does not answer or the file cannot be written.
    pub async fn export(&self, path: &Path) -> Result<u64, Failure> {
        let file = std::fs::File::create_new(path).map_err(|error| Failure::file(path, &error))?;
        let mut file = BufWriter::new(file);
        let mut put = |line: &Line| {
            let text = line
                .to_text()
                .map_err(|error| Failure::fault(error, "report this"))?;
            writeln!(file, "{}", text.trim_end()).map_err(|error| Failure::file(path, &error))
        };
        put(&Line::beginning())?;
        for note in &self.references.tree_heads {
            put(&Line::TreeHead(note.clone()))?;
        }
        for anchor in &self.references.anchors {
            put(&Line::Anchor(anchor.clone()))?;
        }
        let hashes: Vec<u8> = self
            .references
            .leaf_hashes
            .iter()
            .flat_map(|hash| hash.0)
            .collect();
        if !hashes.is_empty() {
            put(&Line::LeafHashes(Base64(hashes)))?;
        }
        let mut count = 0;
        self.leaves(|leaf| {
            count += 1;
            put(&Line::Leaf(Box::new(leaf)))
        })
        .await?;
        self.rows(|row| put(&Line::Row(row))).await?;
        file.flush().map_err(|error| Failure::file(path, &error))?;
        Ok(count)
    }

    /// The dossier of a request under a tree head that covers all there is now, and what is not under it, in leaves.
    ///
    /// # Errors
    /// When there is no such request or no tree head covers it.
    pub async fn dossier(&self, request: RequestId) -> Result<(Vec<u8>, u64), Failure> {
        let wanted = self.store.head().await.map_err(faulty)?.size;
        let head = self.tree_head(wanted).await?;
        let missing = wanted.saturating_sub(head.size());
        Ok((self.dossier_under(request, &head).await?, missing))
    }

    /// The receipt of one leaf, and the log's key that verifies it.
    ///
    /// # Errors
    /// When there is no such leaf or no tree head covers it.
    pub async fn receipt(&self, leaf: u64) -> Result<(String, LogKey), Failure> {
        let head = self.tree_head(leaf.saturating_add(1)).await?;
        let key = self.root_log_key().await?;
        let folder = self.published.as_deref().ok_or_else(unpublished)?;
        let receipt = receipt(self.store.as_ref(), folder, &key, leaf)
            .await
            .map_err(|fault| Failure::verification(fault, "run `gatehold audit verify`"))?;
        let receipt = receipt.ok_or_else(|| {
            Failure::usage(
                format!(
                    "leaf {leaf} is not under the tree head, which covers {}",
                    head.size()
                ),
                "name a leaf of the ledger; `gatehold audit explain` lists those of a request",
            )
        })?;
        Ok((receipt.to_string(), key))
    }

    /// The newest tree head. A running gate publishes one about once a second, so it is given a moment to cover `wanted`.
    async fn tree_head(&self, wanted: u64) -> Result<SignedTreeHead, Failure> {
        let folder = self.published.as_deref().ok_or_else(unpublished)?;
        let key = self.root_log_key().await?;
        let mut looks = tokio::time::interval(LOOK);
        let mut newest = None;
        for _ in 0..LOOKS {
            looks.tick().await;
            let mut references = References::default();
            published(folder, &mut references)?;
            let Some(note) = references.tree_heads.pop() else {
                continue;
            };
            let head = SignedTreeHead::verify(&note, &key)
                .map_err(|error| Failure::verification(error, "run `gatehold audit verify`"))?;
            let covers = head.size() >= wanted;
            newest = Some(head);
            if covers {
                break;
            }
        }
        newest.ok_or_else(unpublished)
    }

    /// The dossier of a request under this tree head.
    ///
    /// # Errors
    /// When there is no such request or the tree head does not cover it.
    pub async fn dossier_under(
        &self,
        request: RequestId,
        head: &SignedTreeHead,
    ) -> Result<Vec<u8>, Failure> {
        let mut collector = DossierCollector::new(request);
        let mut newer = DossierCollector::new(request);
        self.leaves(|leaf| {
            if leaf.index < head.size() {
                collector.leaf(&leaf);
            } else {
                newer.leaf(&leaf);
            }
            Ok(())
        })
        .await?;
        // A request that the tree head does not cover yet is not an unknown one.
        let unheard = collector.last().is_none() && newer.last().is_some();
        super::finish(if unheard { newer } else { collector }, head)
    }

    /// The log key that the root statement names.
    async fn root_log_key(&self) -> Result<LogKey, Failure> {
        if let Some(key) = &self.log_key {
            return Ok(key.clone());
        }
        let broken = || {
            Failure::verification(
                "leaf 0 is no root statement",
                "run `gatehold audit verify` on the ledger",
            )
        };
        let first = self.store.leaves(0, 1, true).await.map_err(faulty)?;
        let evidence = first
            .first()
            .and_then(|leaf| {
                leaf.attachments
                    .iter()
                    .find(|given| given.name == "evidence")
            })
            .and_then(|given| given.bytes.as_deref())
            .ok_or_else(broken)?;
        let evidence =
            gatehold_core::trust::Evidence::from_bytes(evidence).map_err(|_| broken())?;
        let gatehold_core::trust::Evidence::Root(root) = evidence else {
            return Err(broken());
        };
        let root = root.verify().map_err(|_| broken())?;
        LogKey::parse(&root.log_key).map_err(|_| broken())
    }

    /// Every leaf, in order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn leaves(
        &self,
        each: impl FnMut(LedgerLeaf) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.leaves_from(0, each).await
    }

    /// Every leaf from this one on, in order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn leaves_from(
        &self,
        first: u64,
        mut each: impl FnMut(LedgerLeaf) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut next = first;
        loop {
            let page = match self.store.leaves(next, PAGE, true).await {
                Ok(page) => page,
                Err(StoreFault::Damaged(_)) => self.until_damaged(next).await?,
                Err(fault) => return Err(faulty(fault)),
            };
            let Some(last) = page.last().map(|leaf| leaf.index) else {
                return Ok(());
            };
            for leaf in page {
                each(ledger_leaf(leaf))?;
            }
            next = last.saturating_add(1);
        }
    }

    /// The leaves before one that cannot even be read, or a failure that names it.
    async fn until_damaged(&self, first: u64) -> Result<Vec<StoredLeaf>, Failure> {
        let mut page = Vec::new();
        for next in first..first.saturating_add(u64::from(PAGE)) {
            match self.store.leaves(next, 1, true).await {
                Ok(leaf) => page.extend(leaf),
                Err(fault) if page.is_empty() => {
                    return Err(Failure::verification(
                        format!("leaf {next}: {fault}"),
                        "keep the database as it is, and restore the newest good copy elsewhere",
                    ));
                }
                Err(_) => break,
            }
        }
        Ok(page)
    }

    async fn rows(
        &self,
        mut each: impl FnMut(RowClaim) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for table in Table::ALL {
            let mut query = RowQuery {
                limit: PAGE,
                ..RowQuery::default()
            };
            loop {
                let page = self.store.rows(table, &query).await.map_err(faulty)?;
                query.after_leaf = page.last().map(|row| row.first_leaf);
                let full = u32::try_from(page.len()).is_ok_and(|rows| rows >= PAGE);
                for row in page {
                    each(RowClaim {
                        row: format!("{}/{}", row.key.table.name(), row.key.id),
                        version: row.version,
                        body: Base64(row.body),
                    })?;
                }
                if !full {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// A stored leaf as an auditor reads it.
#[must_use]
pub fn ledger_leaf(stored: StoredLeaf) -> LedgerLeaf {
    LedgerLeaf {
        index: stored.index,
        leaf: stored.leaf.to_vec(),
        time: stored.time,
        salt: stored.salt.to_vec(),
        record: stored.record,
        attachments: stored
            .attachments
            .into_iter()
            .map(|given| LedgerAttachment {
                name: given.name,
                salt: given.salt.map(|salt| Hex(salt.to_vec())),
                bytes: given.bytes.map(Base64),
                erased_by: given.erased_by,
            })
            .collect(),
    }
}

fn unpublished() -> Failure {
    Failure::usage(
        "no tree head is published",
        "set `ledger.published_folder` and let the gate run for a second",
    )
}

fn faulty(fault: StoreFault) -> Failure {
    match fault {
        StoreFault::Damaged(_) => Failure::verification(
            fault,
            "keep the database as it is for whoever looks into it, and verify the newest good copy",
        ),
        StoreFault::Unavailable(_) | StoreFault::OutcomeUnknown => {
            Failure::fault(fault, "repair the store, or verify a copy of it")
        }
    }
}

/// The tree head and the leaf hashes of its tiles. A missing tile ends the list: what follows is compared by roots.
fn published(folder: &Path, references: &mut References) -> Result<(), Failure> {
    let path = folder.join("tree-head");
    let Ok(note) = std::fs::read_to_string(&path) else {
        return Ok(());
    };
    // Only to know how many tiles to look for; the verifier checks the signature.
    let size = note
        .lines()
        .nth(1)
        .and_then(|line| line.parse().ok())
        .unwrap_or(0);
    for tile in tiles_of(size).filter(|tile| tile.level == 0) {
        let Some(bytes) = tile_bytes(folder, &tile) else {
            break;
        };
        let hashes = bytes.chunks_exact(HASH_BYTES);
        references
            .leaf_hashes
            .extend(hashes.filter_map(|hash| Some(gatehold_ledger::Hash(hash.try_into().ok()?))));
    }
    references.tree_heads.push(note);
    Ok(())
}

fn tile_bytes(folder: &Path, tile: &TileId) -> Option<Vec<u8>> {
    let bytes = std::fs::read(folder.join(tile.path())).ok()?;
    (bytes.len() == HASH_BYTES * usize::from(tile.width)).then_some(bytes)
}

fn anchors(folder: &Path, references: &mut References) -> Result<(), Failure> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry.map_err(|error| Failure::file(folder, &error))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "anchor")
        {
            let text =
                std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
            references.anchors.push(text);
        }
    }
    Ok(())
}
