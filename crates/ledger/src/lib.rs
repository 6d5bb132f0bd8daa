#![doc = include_str!("../README.md")]

mod anchor;
mod attachment;
mod bundle;
mod consistency;
mod decimal;
mod frontier;
mod hash;
mod inclusion;
mod key;
mod leaf;
mod log;
mod note;
mod receipt;
mod tile;
mod tile_builder;
mod tile_set;
mod tree;
mod tree_head;

pub use anchor::{ANCHOR_BYTES_MAX, Anchor, AnchorParseError, AnchorViolation};
pub use attachment::{attachment_commitment, attachment_opens};
pub use bundle::{BundleError, ENTRY_BYTES_MAX, decode_bundle, encode_bundle};
pub use consistency::{prove_consistency, verify_consistency};
pub use frontier::{Frontier, FrontierError};
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use inclusion::{prove_inclusion, verify_inclusion};
pub use key::{KeyError, LogKey, LogSigner, ORIGIN_BYTES_MAX, Origin, OriginError};
pub use leaf::{LEAF_BYTES, Leaf, LeafError, Opening, RECORD_BYTES_MAX, Salt};
pub use log::{LogFault, LogVerifier, Reference, VerifiedLog, verify_log};
pub use note::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, NoteError, SignedNote};
pub use receipt::{RECEIPT_BYTES_MAX, Receipt, ReceiptError, VerifiedReceipt};
pub use tile::{TILE_WIDTH, TileId, TilePath, TilePathError, tiles_of};
pub use tile_builder::{Tile, TileBuilder};
pub use tile_set::{
    TileError, TileSet, tiles_for_consistency, tiles_for_inclusion, tiles_for_root,
};
pub use tree::{HashReader, Node, ProofError, TREE_SIZE_MAX, root_at};
pub use tree_head::{SignedTreeHead, TreeHead, TreeHeadError};
