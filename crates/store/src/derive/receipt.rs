//! The receipt of one leaf, from what is published and from the leaf's opening in the store.

use std::path::Path;

use gatehold_gate::ports::store::Store;
use gatehold_ledger::{
    Leaf, LogKey, Opening, Receipt, TileSet, prove_inclusion, tiles_for_inclusion,
};

use super::{PublishFault, files};

/// The receipt of leaf `index`; `None` as long as no published tree head covers it. It verifies, or it is not made.
///
/// # Errors
/// The directory or the store cannot be read, or they do not fit together.
pub async fn receipt(
    store: &dyn Store,
    directory: &Path,
    key: &LogKey,
    index: u64,
) -> Result<Option<Receipt>, PublishFault> {
    let head = files::tree_head(directory, key).await?;
    let Some(head) = head.filter(|head| head.size() > index) else {
        return Ok(None);
    };
    let Some(stored) = store
        .leaves(index, 1, false)
        .await?
        .pop()
        .filter(|leaf| leaf.index == index)
    else {
        return Ok(None);
    };
    let mut tiles = TileSet::new();
    for id in tiles_for_inclusion(index, head.size())? {
        let missing = || PublishFault::Missing(id.path());
        let bytes = files::read(directory, &id.path())
            .await?
            .ok_or_else(missing)?;
        tiles.insert(id, &bytes).map_err(|_| missing())?;
    }
    let proof = prove_inclusion(&tiles, index, head.size())?;
    let leaf = Leaf::from_bytes(&stored.leaf).map_err(|_| PublishFault::Opening(index))?;
    let opening = Opening {
        kind: leaf.kind,
        salt: stored.salt,
        record: stored.record,
    };
    Receipt::issue(opening, index, proof, &head)
        .map(Some)
        .map_err(|_| PublishFault::Opening(index))
}
