//! What became of notices at each channel, by the operator's name for it: the configuration says which there are.

use gatehold_gate::Beat;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Counters of every channel.
#[derive(Debug, Default)]
pub(super) struct Notices {
    delivered: Family<ChannelLabel, Counter>,
    failed: Family<ChannelLabel, Counter>,
    given_up: Family<ChannelLabel, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabel {
    channel: String,
}

impl Notices {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "notices_delivered",
            "Notices that a channel took",
            self.delivered.clone(),
        );
        registry.register(
            "notices_failed",
            "Tries to deliver a notice that failed; most are made again",
            self.failed.clone(),
        );
        registry.register(
            "notices_given_up",
            "Notices that a channel never took and that are tried no more",
            self.given_up.clone(),
        );
    }

    /// Adds what a beat did. A channel that did nothing yet is there with zeros.
    pub fn take(&self, beat: &Beat) {
        for (name, done) in &beat.channels {
            let label = ChannelLabel {
                channel: name.clone(),
            };
            self.delivered.get_or_create(&label).inc_by(done.delivered);
            self.failed.get_or_create(&label).inc_by(done.failed);
            self.given_up.get_or_create(&label).inc_by(done.given_up);
        }
    }
}
