//! Looking at a held action and signing it. `shown` checks that what will be signed is what is shown, `page` prints it,
//! `criteria` asks, `sign` fills in the context and hands it in.

pub mod approve;
pub mod criteria;
pub mod page;
pub mod shown;
