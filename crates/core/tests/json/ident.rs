//! Identifiers and the table of hazards.

use gatehold_core::json::ident::{Hazard, IdentError, check_identifier, hazard};
use proptest::prelude::*;

#[test]
fn hazards_by_code_point() {
    let rows: &[(u32, Option<Hazard>)] = &[
        (0x00, Some(Hazard::Control)),
        (0x09, Some(Hazard::Control)),
        (0x0a, Some(Hazard::Control)),
        (0x1b, Some(Hazard::Control)),
        (0x7f, Some(Hazard::Control)),
        (0x9b, Some(Hazard::Control)),
        (0x20, None),
        (0x7e, None),
        (0xa0, Some(Hazard::Space)),
        (0xad, Some(Hazard::ZeroWidth)),
        (0xe9, None),
        (0x430, None),
        (0x61c, Some(Hazard::Bidi)),
        (0x200b, Some(Hazard::ZeroWidth)),
        (0x200d, Some(Hazard::ZeroWidth)),
        (0x200e, Some(Hazard::Bidi)),
        (0x200f, Some(Hazard::Bidi)),
        (0x2010, None),
        (0x2028, Some(Hazard::Separator)),
        (0x2029, Some(Hazard::Separator)),
        (0x202a, Some(Hazard::Bidi)),
        (0x202e, Some(Hazard::Bidi)),
        (0x202f, Some(Hazard::Space)),
        (0x2060, Some(Hazard::ZeroWidth)),
        (0x2066, Some(Hazard::Bidi)),
        (0x2069, Some(Hazard::Bidi)),
        (0x206f, Some(Hazard::ZeroWidth)),
        (0x3000, Some(Hazard::Space)),
        (0x3164, Some(Hazard::Space)),
        (0xe000, Some(Hazard::Private)),
        (0xfe0e, Some(Hazard::VariationSelector)),
        (0xfe0f, Some(Hazard::VariationSelector)),
        (0xfeff, Some(Hazard::ZeroWidth)),
        (0xfffd, None),
        (0xfffe, Some(Hazard::Private)),
        (0xffff, Some(Hazard::Private)),
        (0x1f600, None),
        (0x1ffff, Some(Hazard::Private)),
        (0xe0001, Some(Hazard::Tag)),
        (0xe007f, Some(Hazard::Tag)),
        (0xe0100, Some(Hazard::VariationSelector)),
        (0xe01ef, Some(Hazard::VariationSelector)),
        (0xe01f0, Some(Hazard::Tag)),
        (0x10ffff, Some(Hazard::Private)),
    ];
    for (code, wanted) in rows {
        assert_eq!(
            hazard(char::from_u32(*code).unwrap()),
            *wanted,
            "U+{code:04X}"
        );
    }
}

#[test]
fn identifiers() {
    for text in [
        "a",
        "db.write.temporary",
        "pg:prod-eu/orders",
        "Zoë Müller",
        "заказы",
        "a b",
    ] {
        assert_eq!(check_identifier(text, 64), Ok(()), "{text}");
    }
    assert_eq!(check_identifier("", 64), Err(IdentError::Empty));
    assert_eq!(
        check_identifier("abc", 2),
        Err(IdentError::TooLong { limit: 2 })
    );
    assert_eq!(
        check_identifier(" a", 64),
        Err(IdentError::OuterSpace { offset: 0 })
    );
    assert_eq!(
        check_identifier("a ", 64),
        Err(IdentError::OuterSpace { offset: 1 })
    );
    let error = check_identifier("or\u{202e}ders", 64).expect_err("bidi");
    assert_eq!(
        error.to_string(),
        "the identifier has a bidirectional control, U+202E, at byte 2; remove it"
    );
}

proptest! {
    #[test]
    fn what_passes_has_no_hazard(text in any::<String>()) {
        prop_assert_eq!(
            check_identifier(&text, 1 << 20).is_ok(),
            !text.is_empty() && text.trim_matches(' ') == text && !text.chars().any(|c| hazard(c).is_some())
        );
    }
}
