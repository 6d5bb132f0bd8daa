//! Randomness and ids, as a port, so that a simulation owns every bit of it.

use gatehold_core::time::Timestamp;

/// Where random bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// 32 bytes that nobody can guess and that were never returned before.
    fn bytes(&self) -> [u8; 32];

    /// A `UUIDv7` (RFC 9562) at this time.
    fn uuid_v7(&self, now: Timestamp) -> [u8; 16] {
        let millis = u64::try_from(now.millis()).unwrap_or(0).to_be_bytes();
        let random = self.bytes();
        let mut uuid = [0; 16];
        for (slot, byte) in uuid
            .iter_mut()
            .zip(millis.iter().skip(2).chain(random.iter()))
        {
            *slot = *byte;
        }
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut uuid;
        *version = *version & 0x0f | 0x70;
        *variant = *variant & 0x3f | 0x80;
        uuid
    }
}
