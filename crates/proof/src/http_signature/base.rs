//! The signature base (RFC 9421, section 2.5): one line per covered component, then the parameters. Written into one
//! buffer; no value may hold a line feed, which every caller has checked.

/// The values of the covered components, in the profile's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Components<'a> {
    pub method: &'a str,
    /// Scheme, authority and prefix; the second half is the raw path and query.
    pub target_uri: (&'a str, &'a str),
    pub content_digest: &'a str,
    pub idempotency_key: Option<&'a str>,
}

impl Components<'_> {
    pub fn signature_base(&self, params: &str) -> String {
        let (origin, target) = self.target_uri;
        let key = self.idempotency_key.map_or(0, |key| key.len() + 32);
        let mut base = String::with_capacity(
            128 + self.method.len() + origin.len() + target.len() + 64 + key + params.len(),
        );
        line(&mut base, "@method", &[self.method]);
        line(&mut base, "@target-uri", &[origin, target]);
        line(&mut base, "content-digest", &[self.content_digest]);
        if let Some(key) = self.idempotency_key {
            line(&mut base, "idempotency-key", &[key]);
        }
        finish(&mut base, params);
        base
    }
}

pub(super) fn line(base: &mut String, name: &str, value: &[&str]) {
    base.push('"');
    base.push_str(name);
    base.push_str("\": ");
    for part in value {
        base.push_str(part);
    }
    base.push('\n');
}

pub(super) fn finish(base: &mut String, params: &str) {
    base.push_str("\"@signature-params\": ");
    base.push_str(params);
}

/// The components and the parameters of a base that was stored. Refuses whatever [`Components::signature_base`] would not
/// have written.
pub(super) fn split(base: &str) -> Option<(Components<'_>, &str)> {
    let (method, rest) = base.strip_prefix("\"@method\": ")?.split_once('\n')?;
    let (target_uri, rest) = rest.strip_prefix("\"@target-uri\": ")?.split_once('\n')?;
    let (content_digest, rest) = rest
        .strip_prefix("\"content-digest\": ")?
        .split_once('\n')?;
    let (idempotency_key, rest) = match rest.strip_prefix("\"idempotency-key\": ") {
        Some(rest) => rest.split_once('\n').map(|(key, rest)| (Some(key), rest))?,
        None => (None, rest),
    };
    let params = rest.strip_prefix("\"@signature-params\": ")?;
    Some((
        Components {
            method,
            target_uri: (target_uri, ""),
            content_digest,
            idempotency_key,
        },
        params,
    ))
}
