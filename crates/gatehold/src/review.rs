//! Looking at a held action and signing it. `shown` checks that what will be signed is what is shown, `recomputed` that the gate's
//! words about it follow from the pinned root, `page` prints it, `criteria` asks, `sign` fills in the context and hands it in.

pub mod approve;
pub mod criteria;
pub mod page;
pub mod recomputed;
pub mod shown;
