//! Whether a form comes from one of our own pages. A browser says so itself (`Sec-Fetch-Site`); one that does not must name
//! our origin. Whoever says neither is refused: nothing is taken for ours by silence.

use http::HeaderMap;
use http::header::ORIGIN;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Whether these headers are those of a form on a page of this origin.
pub(crate) fn is_ours(headers: &HeaderMap, origin: &str) -> bool {
    let (Ok(site), Ok(from)) = (one(headers, SEC_FETCH_SITE), one(headers, ORIGIN.as_str())) else {
        return false;
    };
    match (site, from) {
        // Without a referrer a browser calls the origin of a form `null`; where it comes from it says in the other header.
        (Some(site), None | Some("null")) => site == "same-origin",
        (Some(site), Some(from)) => site == "same-origin" && from == origin,
        (None, Some(from)) => from == origin,
        (None, None) => false,
    }
}

/// The value of a header that may stand there once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(());
    }
    first
        .map(|value| value.to_str().map_err(|_| ()))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_post() {
        const OURS: &str = "https://gate.example";
        let check = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            is_ours(&headers, OURS)
        };
        for good in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "same-origin"), ("origin", OURS)],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("origin", OURS)],
        ] {
            assert!(check(good), "{good:?}");
        }
        for bad in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://gate.example.evil.example")],
            &[("origin", "http://gate.example")],
            &[("origin", "https://gate.example:8443")],
            &[("sec-fetch-site", "same-site"), ("origin", OURS)],
            &[("sec-fetch-site", "cross-site"), ("origin", OURS)],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "")],
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://evil.example"),
            ],
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("origin", OURS), ("origin", OURS)],
        ] {
            assert!(!check(bad), "{bad:?}");
        }
    }
}
