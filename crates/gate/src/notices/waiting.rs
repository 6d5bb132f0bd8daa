//! A message that some channel has not taken yet, and how it stands with each.

use gatehold_core::time::Timestamp;

use super::message::Message;
use super::schedule::{Stand, pause_seconds};

/// Why a notice is tried no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It is too old to be worth telling.
    Stale,
    /// More wait than are kept.
    Full,
    /// The request has moved on, and there is nothing to tell.
    Past,
}

impl Why {
    /// For the log.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Stale => "it is a day old",
            Self::Full => "too many wait",
            Self::Past => "there is nothing to tell any more",
        }
    }
}

/// A message, until every channel took its notice or it was given up.
pub(super) struct Waiting {
    /// What it says.
    pub(super) message: Message,
    /// How it stands with each channel, in their order.
    pub(super) stands: Vec<Stand>,
    /// How often its request could not be read.
    unread: u32,
    /// Not looked at before this time.
    at: Timestamp,
}

impl Waiting {
    /// Not tried with any of so many channels.
    pub(super) fn new(message: Message, channels: usize) -> Self {
        Self {
            stands: vec![Stand::new(message.at); channels],
            unread: 0,
            at: message.at,
            message,
        }
    }

    /// Whether no channel waits for it.
    pub(super) fn is_over(&self) -> bool {
        self.stands.iter().all(|stand| stand.is_over())
    }

    /// The channels with which it is to be tried now.
    pub(super) fn due(&self, now: Timestamp) -> Vec<usize> {
        let stands = self.stands.iter().enumerate();
        stands
            .filter(|(_, stand)| self.at <= now && stand.is_due(now))
            .map(|(channel, _)| channel)
            .collect()
    }

    /// Its request could not be read now.
    pub(super) fn look_later(&mut self, now: Timestamp) {
        self.unread = self.unread.saturating_add(1);
        self.at = now.plus_seconds(pause_seconds(self.unread));
    }

    /// Tries it no more where it is not on its way, and gives the channels that miss it: none misses what has nothing to tell any
    /// more, unless it failed before.
    pub(super) fn give_up(&mut self, why: Why) -> Vec<usize> {
        let mut missed = Vec::new();
        for (channel, stand) in self.stands.iter_mut().enumerate() {
            let Stand::Waits { failed, .. } = *stand else {
                continue;
            };
            *stand = Stand::Over;
            if why != Why::Past || failed > 0 {
                missed.push(channel);
            }
        }
        missed
    }
}
