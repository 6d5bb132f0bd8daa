//! There and back, and whatever somebody else wrote is not read.

use proptest::prelude::*;

use super::*;
use crate::ssh::sshsig::software_key;

fn list() -> Krl {
    let mut krl = Krl {
        version: 7,
        ..Krl::default()
    };
    for (seed, serial) in [(1, 3), (1, u64::MAX), (2, 3)] {
        krl.insert(&software_key(&[seed; 32]), serial);
    }
    krl
}

#[test]
fn a_list_is_read_as_it_was_written() {
    let (ours, other) = (software_key(&[1; 32]), software_key(&[3; 32]));
    let krl = list();
    let bytes = krl.to_bytes(1_000);
    assert_eq!(Krl::parse(&bytes), Ok(krl.clone()));
    assert_eq!(krl.count(), 3);
    assert!(krl.contains(&ours, 3) && !krl.contains(&ours, 4) && !krl.contains(&other, 3));
    let empty = Krl::default();
    assert_eq!(Krl::parse(&empty.to_bytes(0)), Ok(empty));
}

#[test]
fn c01_a_list_that_is_cut_or_goes_on_is_not_read() {
    let krl = list();
    let bytes = krl.to_bytes(1_000);
    // What is cut between two sections is a list of its own, that lacks some.
    let header = Krl::default().to_bytes(0).len();
    let last = krl.revoked.values().last().unwrap().len();
    let first = bytes.len() - section_bytes(last);
    for end in 0..bytes.len() {
        let cut = Krl::parse(bytes.get(..end).unwrap());
        assert_eq!(cut.is_ok(), [header, first].contains(&end), "{end}");
    }
    let longer = [&bytes[..], b"\0"].concat();
    assert!(Krl::parse(&longer).is_err());
    assert_eq!(Krl::parse(&vec![0; KRL_BYTES_MAX + 1]), Err(KrlError::Form));
}

/// One section with so many serial numbers.
fn section_bytes(serials: usize) -> usize {
    5 + 4 + software_key(&[1; 32]).to_wire().len() + 4 + 5 + 8 * serials
}

#[test]
fn what_somebody_else_wrote_is_not_read() {
    let key = software_key(&[1; 32]).to_wire();
    let made = |comment: &[u8], flags: u64, reserved: &[u8], kind: u8, body: &[u8]| {
        let mut writer = Writer::new();
        writer.raw(MAGIC).u32(FORMAT).raw(&[0; 16]);
        writer.raw(&flags.to_be_bytes()).string(reserved);
        writer.string(comment).byte(kind).string(body);
        Krl::parse(&writer.into_bytes())
    };
    let body = |authority: &[u8], reserved: &[u8], kind: u8, list: &[u8]| {
        let mut writer = Writer::new();
        writer
            .string(authority)
            .string(reserved)
            .byte(kind)
            .string(list);
        writer.into_bytes()
    };
    let serial = 9_u64.to_be_bytes();
    let good = body(&key, b"", SERIAL_LIST, &serial);
    assert!(made(b"gatehold", 0, b"", 1, &good).is_ok());
    for (comment, flags, reserved, kind) in [
        (&b""[..], 0, &b""[..], 1),
        (b"Gatehold", 0, b"", 1),
        (b"gatehold", 1, b"", 1),
        (b"gatehold", 0, b"x", 1),
        (b"gatehold", 0, b"", 2),
        (b"gatehold", 0, b"", 255),
    ] {
        let read = made(comment, flags, reserved, kind, &good);
        assert_eq!(read, Err(KrlError::Foreign));
    }
    for foreign in [
        body(b"", b"", SERIAL_LIST, &serial),
        body(&key, b"x", SERIAL_LIST, &serial),
        body(&key, b"", 0x21, &[serial, serial].concat()),
        body(&key, b"", 0x23, b"key id"),
        [&good[..], b"\x20\0\0\0\x08\0\0\0\0\0\0\0\x01"].concat(),
    ] {
        let read = made(b"gatehold", 0, b"", 1, &foreign);
        assert_eq!(read, Err(KrlError::Foreign));
    }
    for broken in [&b""[..], b"\0\0\0\0\0\0\x01", b"\0\0\0\0\0\0\0\x01\x02"] {
        let body = body(&key, b"", SERIAL_LIST, broken);
        assert_eq!(made(b"gatehold", 0, b"", 1, &body), Err(KrlError::Form));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_list_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Krl::parse(&[MAGIC, &FORMAT.to_be_bytes(), &bytes].concat());
    }

    #[test]
    fn any_list_is_read_as_it_was_written(
        serials in prop::collection::btree_set(any::<u64>(), 1..50), version in any::<u64>(), at in any::<u64>(),
    ) {
        let mut krl = Krl { version, ..Krl::default() };
        for serial in serials {
            krl.insert(&software_key(&[1; 32]), serial);
        }
        prop_assert_eq!(Krl::parse(&krl.to_bytes(at)), Ok(krl));
    }
}
