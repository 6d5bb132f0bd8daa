//! Looking at a held action and signing it. `shown` checks that what will be signed is what is shown; `recomputed`, `graded` and
//! `asked` that the gate's words about it, its tier and who asked follow from the pinned root, `change` what it changes of the gate. `page` prints it, `criteria` asks,
//! `approve` fills in the context, has it signed and hands it in.

pub mod approve;
pub mod asked;
pub mod change;
pub mod criteria;
pub mod graded;
pub mod page;
pub mod recomputed;
pub mod shown;
