//! What a beat of the dispatcher did, for whoever counts.

use std::collections::BTreeMap;

/// What was done since the last beat, and what waits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beat {
    /// What became of notices, by the channel's name.
    pub channels: BTreeMap<String, ChannelBeat>,
    /// Messages of which a channel has not taken the notice yet; none where another process delivers.
    pub waiting: u64,
    /// How long the oldest of them has waited.
    pub oldest_seconds: u64,
    /// Notices that a channel has not taken yet, by its name.
    pub undelivered: BTreeMap<String, u64>,
    /// Why the last try in vain was in vain, by the channel's name: for operators alone.
    pub failures: BTreeMap<String, String>,
    /// Whether this process delivers, and not another one.
    pub delivers: bool,
}

/// What became of notices at one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelBeat {
    /// Taken.
    pub delivered: u64,
    /// Tries in vain.
    pub failed: u64,
    /// Not tried any more.
    pub given_up: u64,
}
