//! What others see of the ledger: signed tree heads, tiles and entry bundles in a directory (C2SP tlog-tiles).
//!
//! Derived: everything here can be thrown away and made again from the leaves, by any one process. Only a tree head that
//! extends every earlier one is signed; a store that says otherwise is refused, loudly.

mod cadence;
mod files;
mod receipt;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use gatehold_core::commit::LeafBytes;
use gatehold_gate::ports::store::{Store, StoreFault};
use gatehold_ledger::{
    BundleError, Frontier, Hash, LogSigner, ProofError, SignedTreeHead, TILE_WIDTH, Tile,
    TileBuilder, TileId, TileSet, TreeHeadError, encode_bundle, leaf_hash, root_at,
};

pub use self::cadence::Cadence;
pub use self::receipt::receipt;
use crate::page::LIMIT_MAX;

/// Publishes one ledger into one directory. Call [`Publisher::publish`] whenever a [`Cadence`] says so, on a task of its own.
pub struct Publisher {
    directory: PathBuf,
    signer: LogSigner,
    /// Held as long as this value lives: two publishers would overwrite each other's tree heads.
    _lock: File,
    progress: Option<Progress>,
}

/// How far the directory is, in memory.
struct Progress {
    builder: TileBuilder,
    /// Entries of the open tile of level 0.
    entries: Vec<LeafBytes>,
    signed: Option<SignedTreeHead>,
}

impl Publisher {
    /// Uses a directory, and creates it when there is none.
    ///
    /// # Errors
    /// It cannot be written, or another process publishes there.
    pub fn open(directory: impl Into<PathBuf>, signer: LogSigner) -> Result<Self, PublishFault> {
        let directory = directory.into();
        std::fs::create_dir_all(&directory).map_err(|error| files::fault(&directory, error))?;
        let path = directory.join(".lock");
        let lock = File::create(&path).map_err(|error| files::fault(&path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PublishFault::Busy(directory)),
            Err(TryLockError::Error(error)) => return Err(files::fault(&path, error)),
        }
        Ok(Self {
            directory,
            signer,
            _lock: lock,
            progress: None,
        })
    }

    /// Brings the directory up to the store's head and returns the tree head that stands there then.
    ///
    /// # Errors
    /// The store does not answer, its leaves do not lead to its head or to the last tree head signed, or the directory
    /// cannot be written. Nothing new is signed then.
    pub async fn publish(&mut self, store: &dyn Store) -> Result<SignedTreeHead, PublishFault> {
        let head = store.head().await?;
        let frontier = Frontier::from_bytes(&head.frontier)
            .map_err(|error| StoreFault::Damaged(error.to_string()))?;
        let mut progress = match self.progress.take() {
            Some(progress) => progress,
            None => self.resume(store, frontier.size()).await?,
        };
        progress.not_behind(frontier.size())?;
        self.extend(store, &mut progress, frontier.size()).await?;
        if progress.root()? != frontier.root() {
            return Err(PublishFault::HeadDiffers(frontier.size()));
        }
        let signed = match progress.signed.take() {
            Some(signed) if signed.size() == frontier.size() => signed,
            _ => self.sign(&progress, &frontier).await?,
        };
        progress.signed = Some(signed.clone());
        self.progress = Some(progress);
        Ok(signed)
    }

    /// Continues where the directory ends if that can be proven, else begins with the first leaf.
    async fn resume(&self, store: &dyn Store, store_size: u64) -> Result<Progress, PublishFault> {
        let signed = files::tree_head(&self.directory, &self.signer.log_key()).await?;
        let from_nothing = Progress {
            builder: TileBuilder::new(),
            entries: Vec::new(),
            signed: signed.clone(),
        };
        from_nothing.not_behind(store_size)?;
        let Some(signed) = signed else {
            return Ok(from_nothing);
        };
        let mut stored = TileSet::new();
        for id in TileBuilder::needed_to_resume(signed.size()) {
            if let Some(bytes) = files::read(&self.directory, &id.path()).await? {
                // A tile of another length is as good as none: the resume below fails.
                let _ = stored.insert(id, &bytes);
            }
        }
        let Ok(builder) = TileBuilder::resume(signed.size(), signed.root(), &stored) else {
            return Ok(from_nothing);
        };
        let mut progress = Progress {
            builder,
            entries: Vec::new(),
            signed: Some(signed),
        };
        let size = progress.builder.size();
        let mut next = size - size % u64::from(TILE_WIDTH);
        while next < size {
            for (index, leaf) in leaves(store, next).await? {
                if index < size {
                    progress.entries.push(leaf);
                }
                next = index + 1;
            }
        }
        Ok(progress)
    }

    /// Adds the leaves up to `size`, and writes the tiles and bundles they fill.
    async fn extend(
        &self,
        store: &dyn Store,
        progress: &mut Progress,
        size: u64,
    ) -> Result<(), PublishFault> {
        while progress.builder.size() < size {
            for (index, leaf) in leaves(store, progress.builder.size()).await? {
                if index >= size {
                    break;
                }
                progress.entries.push(leaf);
                for tile in progress.builder.push(leaf_hash(&leaf))? {
                    self.write_full(&tile, &mut progress.entries).await?;
                }
                progress.compare()?;
            }
        }
        Ok(())
    }

    async fn write_full(
        &self,
        tile: &Tile,
        entries: &mut Vec<LeafBytes>,
    ) -> Result<(), PublishFault> {
        files::write(&self.directory, &tile.id.path(), &tile.to_bytes()).await?;
        files::remove_partials(&self.directory, &tile.id.path()).await;
        if tile.id.level == 0 {
            let path = tile.id.entries_path();
            files::write(&self.directory, &path, &encode_bundle(entries)?).await?;
            files::remove_partials(&self.directory, &path).await;
            entries.clear();
        }
        Ok(())
    }

    /// Writes what a verifier of this head needs, then the head.
    async fn sign(
        &self,
        progress: &Progress,
        frontier: &Frontier,
    ) -> Result<SignedTreeHead, PublishFault> {
        let tiles = progress.builder.partial_tiles();
        for tile in tiles.iter().filter(|tile| tile.id.width > 0) {
            files::write(&self.directory, &tile.id.path(), &tile.to_bytes()).await?;
        }
        let bundle = TileId::of(0, frontier.size() / u64::from(TILE_WIDTH), frontier.size());
        if let Some(id) = bundle {
            let path = id.entries_path();
            files::write(&self.directory, &path, &encode_bundle(&progress.entries)?).await?;
        }
        let signed = SignedTreeHead::sign(frontier.size(), frontier.root(), &self.signer)?;
        files::write(
            &self.directory,
            files::TREE_HEAD,
            signed.to_string().as_bytes(),
        )
        .await?;
        Ok(signed)
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Progress {
    /// The root of everything so far.
    fn root(&self) -> Result<Hash, PublishFault> {
        let mut tiles = TileSet::new();
        for tile in self.builder.partial_tiles() {
            let _ = tiles.insert(tile.id, &tile.to_bytes());
        }
        Ok(root_at(&tiles, self.builder.size())?)
    }

    // INVARIANT(tree-heads-consistent): the next head is never shorter than one signed before, and every root signed
    // before is met on the way to it.
    fn not_behind(&self, store: u64) -> Result<(), PublishFault> {
        match self.signed.as_ref().map(SignedTreeHead::size) {
            Some(signed) if signed > store => Err(PublishFault::Behind { signed, store }),
            _ => Ok(()),
        }
    }

    /// Begun anew, the leaves must pass through the head that was signed last.
    fn compare(&self) -> Result<(), PublishFault> {
        let signed = self
            .signed
            .as_ref()
            .filter(|signed| signed.size() == self.builder.size());
        match signed {
            Some(signed) if self.root()? != signed.root() => Err(PublishFault::Fork(signed.size())),
            _ => Ok(()),
        }
    }
}

/// The next leaves with their indexes, at least one and without a gap.
async fn leaves(store: &dyn Store, first: u64) -> Result<Vec<(u64, LeafBytes)>, PublishFault> {
    let leaves = store.records(first, LIMIT_MAX).await?;
    let in_order = (first..)
        .zip(&leaves)
        .all(|(index, leaf)| leaf.index == index);
    if leaves.is_empty() || !in_order {
        return Err(StoreFault::Damaged(format!("leaf {first} or one after it is missing")).into());
    }
    Ok(leaves
        .into_iter()
        .map(|leaf| (leaf.index, leaf.leaf))
        .collect())
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishFault {
    /// Another process has the directory.
    #[error("another process publishes into {}; leave it to that one", .0.display())]
    Busy(PathBuf),
    /// The directory or a file in it.
    #[error("{}: {error}; make the directory writable", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A longer ledger has been signed before.
    #[error(
        "a tree head over {signed} leaves was signed and the store has {store}: leaves are missing; restore the newer \
         database, or after an honest restore run `gatehold ledger rejoin` and start a new directory"
    )]
    Behind {
        /// Leaves signed for.
        signed: u64,
        /// Leaves there are.
        store: u64,
    },
    /// The leaves lead to another root than the one signed before.
    #[error(
        "the first {0} leaves are not those that were signed before: the history was changed; keep both and verify the ledger"
    )]
    Fork(u64),
    /// The leaves do not lead to the root in the head row.
    #[error(
        "the {0} leaves in the store do not lead to the root of its head: a leaf was changed; verify the ledger"
    )]
    HeadDiffers(u64),
    /// The tree head in the directory is not ours.
    #[error("the tree head in the directory: {0}")]
    TreeHead(#[from] TreeHeadError),
    /// A proof cannot be made.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A bundle cannot be made.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A tile that the published tree head needs.
    #[error("tile {0} is missing or cut; publish into an empty directory")]
    Missing(String),
    /// A leaf in the store does not open to the one that was published.
    #[error(
        "leaf {0} does not open to the one that was published: a record was changed; verify the ledger"
    )]
    Opening(u64),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreFault),
}
