//! The files that pages use: in the program itself, each with a strong tag of its bytes.

use std::sync::LazyLock;

use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use gatehold_core::hash::Hash;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderName, HeaderValue, StatusCode};

use super::frame::{Kept, PageError};
use super::packed::{gzip, takes_gzip};

/// Shows notifications. No page lies below its address, so it is in no page's way.
const WORKER: &str = "worker.js";

/// Digits of a hash in a tag: enough to tell any two files apart, and sent with each of them.
const TAG: usize = 32;

/// Name, media type and bytes of everything under `/static/`.
pub(super) const FILES: &[(&str, &str, &[u8])] = &[
    (
        "console.css",
        "text/css; charset=utf-8",
        include_bytes!("../../static/console.css"),
    ),
    (
        "keys.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/keys.js"),
    ),
    (
        "live.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/live.js"),
    ),
    (
        "console.md",
        "text/plain; charset=utf-8",
        include_bytes!("../../../../docs/reference/console.md"),
    ),
    (
        "bytes.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/bytes.js"),
    ),
    (
        "authenticator.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/authenticator.js"),
    ),
    (
        "claims.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/claims.js"),
    ),
    (
        "clock.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/clock.js"),
    ),
    (
        "fact.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/fact.js"),
    ),
    (
        "later.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/later.js"),
    ),
    (
        "panel.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/panel.js"),
    ),
    (
        "reading.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/reading.js"),
    ),
    (
        "reason.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/reason.js"),
    ),
    (
        "walk.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/walk.js"),
    ),
    (
        "sign.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/sign.js"),
    ),
    (
        "help.html",
        "text/html; charset=utf-8",
        include_bytes!("../../static/help.html"),
    ),
    (
        "remind.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/remind.js"),
    ),
    (
        "select.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/select.js"),
    ),
    (
        "select.css",
        "text/css; charset=utf-8",
        include_bytes!("../../static/select.css"),
    ),
    (
        "passkeys.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/passkeys.js"),
    ),
    (
        "record.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/record.js"),
    ),
    (
        "confirm.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/confirm.js"),
    ),
    (
        "overview.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/overview.js"),
    ),
    (
        "home.css",
        "text/css; charset=utf-8",
        include_bytes!("../../static/home.css"),
    ),
    (
        "request.css",
        "text/css; charset=utf-8",
        include_bytes!("../../static/request.css"),
    ),
    (
        "record.css",
        "text/css; charset=utf-8",
        include_bytes!("../../static/record.css"),
    ),
    (
        "notify.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/notify.js"),
    ),
    (
        WORKER,
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/worker.js"),
    ),
    (
        "console.webmanifest",
        "application/manifest+json",
        include_bytes!("../../static/console.webmanifest"),
    ),
    (
        "words.txt",
        "text/plain; charset=utf-8",
        gatehold_core::words::LIST.as_bytes(),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_bytes!("../../static/icon.svg"),
    ),
];

/// The same in their order, packed.
static PACKED: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| FILES.iter().map(|(.., bytes)| gzip(bytes)).collect());

/// `GET /static/{name}`.
pub(super) async fn file(
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, PageError> {
    let mut each = FILES.iter().zip(PACKED.iter());
    let found = each.find(|((known, ..), _)| *known == name);
    let ((_, media_type, bytes), packed) = found.ok_or(PageError::Nothing)?;
    let packs = takes_gzip(request.headers());
    // Two forms of one file are two things to keep.
    let form = if packs { "-gzip" } else { "" };
    let hash = Hash::of(bytes).hex();
    let tag = format!("\"{}{form}\"", hash.get(..TAG).unwrap_or(&hash));
    let value = HeaderValue::from_str(&tag).map_err(|_| PageError::Fault("a tag is no header"))?;
    let headers: [(HeaderName, HeaderValue); 4] = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (ETAG, value),
        // Asked again each time, so that page and file are of one version.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (VARY, HeaderValue::from_static("accept-encoding")),
    ];
    let known = request.headers().get_all(IF_NONE_MATCH).iter();
    let mut known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    if known.any(|known| known == tag) {
        let mut unchanged = (StatusCode::NOT_MODIFIED, headers).into_response();
        unchanged.extensions_mut().insert(Kept::File);
        return Ok(unchanged);
    }
    let mut response = if packs {
        let gzip = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        (headers, gzip, packed.as_slice()).into_response()
    } else {
        (headers, *bytes).into_response()
    };
    let kept = if name == WORKER {
        Kept::Worker
    } else {
        Kept::File
    };
    response.extensions_mut().insert(kept);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use gatehold_core::action::Envelope;
    use gatehold_core::hash::Hash;
    use gatehold_core::ids::HumanId;
    use gatehold_core::json::canonical;
    use gatehold_core::limits::Limits;
    use gatehold_core::reason::{self, CHARACTERS_MAX, LETTERS_MIN};
    use gatehold_core::requester::{Initiator, Requester, SubmittingPoint};
    use gatehold_core::task::StepLabels;
    use gatehold_core::time::Timestamp;
    use gatehold_core::view::SoFar;
    use gatehold_core::wording::FactChallenge;
    use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};

    /// What a requester says a model thinks is folded by the page's own module as by the page.
    #[test]
    fn the_module_folds_what_a_model_thinks_as_the_page_does() {
        let claims = include_str!("../../static/claims.js");
        let named = format!(
            "const MODEL = \"{}\";",
            gatehold_core::decide::MODEL_RECOMMENDATION
        );
        assert!(claims.contains(&named), "{named}");
        let said = format!("fold(\"{}\", model)", super::super::request::OF_A_MODEL);
        assert!(claims.contains(&said), "{said}");
    }

    /// What a page's own module shows by its number is what the core calls a hazard: each character, no more and no less.
    #[test]
    fn the_module_shows_by_number_what_the_core_does() {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for character in '\0'..=char::MAX {
            if gatehold_core::json::ident::hazard(character).is_none() {
                continue;
            }
            let number = u32::from(character);
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        let class: String = ranges
            .iter()
            .map(|(first, last)| match first == last {
                true => format!("\\u{{{first:x}}}"),
                false => format!("\\u{{{first:x}}}-\\u{{{last:x}}}"),
            })
            .collect();
        let panel = include_str!("../../static/panel.js");
        assert!(
            panel.contains(&format!("export const HAZARD = /[{class}]/u;")),
            "write {class} into static/panel.js"
        );
    }

    /// Who asks and what a task did, in the words of the core, with every part that may stand there.
    fn in_words() -> Vec<String> {
        let human = |name: &str| HumanId::new("issuer", name).unwrap();
        let initiated = |attested| Initiator {
            human: human("initiator"),
            attested,
        };
        let workload = |initiator| Requester::Workload {
            id: "workload".parse().unwrap(),
            kind: WorkloadKind::AiAgent,
            key: Hash::of(b""),
            owner: human("owner"),
            backup: human("backup"),
            custodians: BTreeSet::new(),
            proposer: human("proposer"),
            assurance: WorkloadAssurance::Pop,
            point: Some(SubmittingPoint {
                id: "point".parse().unwrap(),
                owner: human("owner"),
                proposer: human("proposer"),
            }),
            initiator,
            delegators: BTreeSet::new(),
            drafters: BTreeSet::new(),
        };
        let human = Requester::Human {
            human: human("human"),
            key: Hash::of(b""),
            beneficiaries: [human("beneficiary")].into(),
        };
        let all = StepLabels {
            sensitive: true,
            untrusted: true,
            external: true,
        };
        let so_far = SoFar {
            steps: 2,
            labels: all,
            crosses_systems: true,
            latest: ["same", "same"].map(str::to_owned).to_vec(),
        };
        let initiators = [None, Some(initiated(true)), Some(initiated(false))];
        let mut lines: Vec<String> = initiators
            .into_iter()
            .flat_map(|initiator| workload(initiator).in_words())
            .collect();
        lines.extend(human.in_words());
        lines.extend(so_far.in_words());
        lines
    }

    /// The page's own module says them in the same words.
    #[test]
    fn the_module_says_what_the_core_says() {
        let panel = include_str!("../../static/panel.js");
        let mut parts = 0;
        for line in in_words() {
            // Everything but names, numbers and how they are set apart.
            let mut rest = line.clone();
            for name in [
                "workload",
                "initiator@issuer",
                "owner@issuer",
                "backup@issuer",
                "human@issuer",
                "beneficiary@issuer",
                "point ",
                "same",
                "2 ",
                "on behalf of ",
                "(",
                ")",
                ",",
                ":",
            ] {
                rest = rest.replace(name, "|");
            }
            for part in rest
                .split('|')
                .map(str::trim)
                .filter(|part| !part.is_empty())
            {
                assert!(
                    panel.contains(part),
                    "`{part}` of `{line}` is not in panel.js"
                );
                parts += 1;
            }
        }
        assert!(parts > 15, "{parts}");
        for one in [
            WorkloadAssurance::Local,
            WorkloadAssurance::Pop,
            WorkloadAssurance::Attested,
        ] {
            let said = format!("{one}: \"{}\"", one.in_words());
            assert!(panel.contains(&said), "{said}");
        }
        for kind in WorkloadKind::ALL {
            let said = format!("{kind}: \"{}\"", kind.in_words());
            assert!(panel.contains(&said), "{said}");
        }
    }

    /// Whoever denies several at once gives one of the same reasons.
    #[test]
    fn the_selection_has_the_reasons_of_the_page() {
        let module = include_str!("../../static/select.js");
        for (code, words) in super::super::review::REASONS {
            assert!(
                module.contains(&format!("[\"{code}\", \"{words}\"]")),
                "{code}"
            );
        }
        assert!(!module.contains("approve"));
    }

    /// The page refuses a reason in the words of the core, by its numbers.
    #[test]
    fn the_module_says_of_a_reason_what_the_core_does() {
        let module = include_str!("../../static/reason.js");
        let long = "y".repeat(CHARACTERS_MAX + 1);
        for text in ["", "\u{200b}", "ok", &long, "\u{1b}"] {
            let said = reason::check(text, true).unwrap_err().to_string();
            let said = said
                .replace("U+001B", "U+${number}")
                .replace("than 3 ", "than ${LETTERS_MIN} ");
            assert!(module.contains(&said), "`{said}` is not in reason.js");
        }
        for (name, number) in [
            ("LETTERS_MIN", LETTERS_MIN),
            ("CHARACTERS_MAX", CHARACTERS_MAX),
        ] {
            let line = format!("const {name} = {number};");
            assert!(module.contains(&line), "`{line}` is not in reason.js");
        }
    }

    /// The page asks what the core asks.
    #[test]
    fn the_module_asks_the_question_of_the_core() {
        let hash = Hash::of(b"").to_string();
        let envelope = format!(
            r#"{{"caps":{{}},"descriptor":{{"hash":"{hash}","id":"sql.write"}},"duration_seconds":60,"payload":{{"media_type":"application/sql","sha256":"{hash}","size":0}},"precondition":null,"resource":"shop/orders","target":"sql:shop","task":null,"workload":"bot"}}"#
        );
        let envelope: Envelope = canonical::from_bytes(envelope.as_bytes()).unwrap();
        let limits = Limits {
            ttl_seconds: 60,
            uses: 1,
            caps: [("rows".to_owned(), 7)].into(),
            not_before: Timestamp::from_millis(0),
            not_after: Timestamp::from_millis(1),
        };
        let module = include_str!("../../static/fact.js");
        let every = FactChallenge::all(&limits, &envelope);
        assert_eq!(every.len(), 3);
        let mut rest = module;
        for fact in every {
            for part in [fact.id, fact.question] {
                let part = part.replace("rows", "${cap}");
                let found = rest.split_once(&part);
                rest = found.unwrap_or_else(|| panic!("`{part}` is not next")).1;
            }
        }
    }

    const SHEET: &str = include_str!("../../static/console.css");

    /// The colours of one scheme, by name.
    fn tokens(block: &str) -> BTreeMap<String, [f64; 3]> {
        let lines = block.lines().filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
            let value = value.trim_end_matches(';');
            let part = |at: usize| {
                let byte = u8::from_str_radix(value.get(at..at + 2)?, 16).ok()?;
                let part = f64::from(byte) / 255.0;
                Some(if part <= 0.04045 {
                    part / 12.92
                } else {
                    ((part + 0.055) / 1.055).powf(2.4)
                })
            };
            Some((name.to_owned(), [part(0)?, part(2)?, part(4)?]))
        });
        lines.collect()
    }

    /// WCAG 2.2, relative luminance.
    fn luminance([red, green, blue]: [f64; 3]) -> f64 {
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    #[test]
    fn text_is_readable_in_both_schemes() {
        let (light, rest) = SHEET
            .split_once("@media (prefers-color-scheme: dark)")
            .unwrap();
        let (dark, _) = rest.split_once("\n}\n").unwrap();
        for (scheme, block) in [("light", light), ("dark", dark)] {
            let tokens = tokens(block);
            assert!(tokens.len() >= 20, "{scheme}: {tokens:?}");
            let grounds = ["ground", "paper", "sunk"];
            let mut pairs: Vec<(String, String)> = Vec::new();
            for ink in ["ink", "dim", "link", "red"] {
                pairs.extend(grounds.map(|ground| (ink.to_owned(), ground.to_owned())));
            }
            for hue in ["red", "amber", "green", "blue", "violet"] {
                pairs.push((hue.to_owned(), format!("{hue}-ground")));
            }
            for ink in ["ink", "dim", "red"] {
                pairs.push((ink.to_owned(), "red-ground".to_owned()));
            }
            pairs.push(("ink".to_owned(), "blue-ground".to_owned()));
            pairs.push(("on-accent".to_owned(), "accent".to_owned()));
            for (ink, ground) in pairs {
                let (one, other) = (luminance(tokens[&ink]), luminance(tokens[&ground]));
                let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
                assert!(
                    contrast >= 4.5,
                    "{scheme}: {ink} on {ground}: {contrast:.2}"
                );
            }
        }
    }
}
