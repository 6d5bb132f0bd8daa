//! A reviewer who signs with a passkey, and everything that is tried on what they signed: without their key, and with signatures
//! of their very authenticator that a page made it give for something else.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatehold_core::approved::Approved;
use gatehold_core::assurance::Assurance;
use gatehold_core::decide::{Command, Opened, SubmittedReview};
use gatehold_core::delegation::{Lending, Moment};
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::passkey::soft::{Ceremony, SoftPasskey, UP_UV};
use gatehold_core::passkey::{Assertion, PasskeyPublicKey, WebOrigin};
use gatehold_core::review::{REVIEW_TYPE, ReviewAct, ReviewContext, UnverifiedReview};
use gatehold_core::ssh::sshsig::sign_software;
use gatehold_core::trust::ENROL_NAMESPACE;
use gatehold_core::trust::change::{ConfigChange, HumanEnrol};
use gatehold_core::verdict::Evaluated;

use super::Signed;
use super::gate::deciding::answers;
use super::gate::{Gate, Who};
use super::share::Seed;

/// Where the review of the passkey stands among the reviews, and where the one of an SSH key does.
const OWN: usize = 1;
const OTHER: usize = 0;
/// Whose passkey it is. They have an SSH key as well.
pub const WHO: Who = Who::Dan;

/// The order of the group of P-256 (SP 800-186, section 3.2.1.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Every kind of mutation, so that none is left out by chance.
pub const KINDS: [&str; 18] = [
    "client data: type",
    "client data: challenge",
    "client data: origin",
    "client data: cross-origin",
    "client data: one member more",
    "client data: a member twice",
    "client data: bytes",
    "authenticator data: relying party",
    "authenticator data: flags",
    "authenticator data: counter",
    "authenticator data: bytes",
    "assertion: text",
    "assertion: other forms of its text",
    "assertion: signature bytes",
    "assertion: other forms of its signature",
    "assertion: the other s",
    "assertion: of another key or kind of key",
    "assertion: of another reviewer",
];

/// What must come of a mutation.
enum Must {
    /// Nothing is let out.
    Refuse,
    /// It is still this key's signature over these bytes.
    Stand,
    /// Whichever it is: what is let out is looked at.
    Either,
}

fn page() -> WebOrigin {
    WebOrigin::new("https://gate.acme.internal").unwrap()
}

/// Gives `WHO` a passkey beside their SSH key, and a seat.
pub fn enrolled(gate: &mut Gate) -> SoftPasskey {
    let passkey = SoftPasskey::new([77; 32], page());
    let consoles = ConfigChange {
        consoles: vec![page()],
    };
    gate.change("config.change", &canonical::to_bytes(&consoles).unwrap());
    gate.enrol(WHO);
    let (origin, key) = (gate.directory().origin, passkey.public_key().to_line());
    let message = HumanEnrol::possession_message(&origin, &WHO.id(), &key).unwrap();
    let challenge = PasskeyPublicKey::challenge(ENROL_NAMESPACE, &message);
    let enrol = HumanEnrol {
        human: WHO.id(),
        key,
        assurance: Assurance::Verified,
        possession: passkey.sign(&challenge).to_text().unwrap(),
        attestation: None,
        suspension: None,
    };
    gate.change("human.enrol", &canonical::to_bytes(&enrol).unwrap());
    gate.set_team(&[Who::Bob, Who::Cid, WHO]);
    passkey
}

/// Has them approve with it.
pub fn review(gate: &mut Gate, id: RequestId, passkey: &SoftPasskey, now: &Evaluated) {
    let nonce = "review-by-passkey".to_owned();
    let mut context = gate.context(id, WHO, ReviewAct::Approve, &nonce);
    let (record, _) = gate.request(id);
    let held = record.held.clone().unwrap();
    let directory = gate.directory();
    let moment = Moment {
        now: gate.time(),
        task: record.envelope.task,
    };
    let key = passkey.public_key().thumbprint();
    let lending = Lending::new(&directory, &held.requirement, &record.requester, moment);
    context.reviewer.key = key;
    context.reviewer.authority_hash = lending.authority(&WHO.id(), &key).unwrap().hash();
    let text = String::from_utf8(context.to_bytes().unwrap()).unwrap();
    let signature = passkey.sign(&challenge_of(&text)).to_text().unwrap();
    let submitted = SubmittedReview {
        review: UnverifiedReview::new(text, signature),
        answers: answers(),
        opened: Opened {
            review_nonce: nonce,
            view_hash: context.view_hash,
            claims_head: record.claims_head,
            view: b"view".to_vec(),
        },
    };
    gate.run(Some(id), Command::Review(Box::new(submitted)), Some(now))
        .unwrap();
}

fn challenge_of(context: &str) -> Hash {
    PasskeyPublicKey::challenge(REVIEW_TYPE, context.as_bytes())
}

fn written(challenge: &Hash) -> String {
    URL_SAFE_NO_PAD.encode(challenge.as_bytes())
}

/// An assertion in its three parts.
#[derive(Clone, PartialEq, Eq)]
struct Parts {
    data: Vec<u8>,
    client: Vec<u8>,
    signature: Vec<u8>,
}

impl Parts {
    fn of(assertion: &Assertion) -> Self {
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        Self {
            data: decoded(&assertion.authenticator_data),
            client: decoded(&assertion.client_data),
            signature: decoded(&assertion.signature),
        }
    }

    fn text(&self) -> String {
        Assertion::of(&self.data, &self.client, &self.signature)
            .to_text()
            .unwrap()
    }
}

/// One mutation of what the passkey signed; nothing when it changed nothing.
pub fn mutate(seed: &mut Seed, case: &Signed) -> Option<(&'static str, Option<Approved>)> {
    let mut row = case.row.clone();
    let honest = row.reviews[OWN].signature.clone();
    let kind = *seed.pick(&KINDS);
    let must = match kind {
        "assertion: of another reviewer" => {
            let (own, other) = (honest.clone(), row.reviews[OTHER].signature.clone());
            match seed.below(3) {
                0 => row.reviews[OWN].signature = other,
                1 => row.reviews[OTHER].signature = own,
                _ => {
                    row.reviews[OWN].signature = other;
                    row.reviews[OTHER].signature = own;
                }
            }
            Must::Refuse
        }
        "assertion: of another key or kind of key" => {
            // Every one of them over the right bytes.
            let at = *seed.pick(&[OWN, OTHER]);
            let context = row.reviews[at].context.clone();
            let stranger = SoftPasskey::new([78; 32], page());
            row.reviews[at].signature = match (at, seed.below(2)) {
                (OWN, 0) => sign_software(&WHO.seed(), REVIEW_TYPE, context.as_bytes()).unwrap(),
                (OWN, _) => stranger.sign(&challenge_of(&context)).to_text().unwrap(),
                (_, 0) => case
                    .passkey
                    .sign(&challenge_of(&context))
                    .to_text()
                    .unwrap(),
                _ => sign_software(&WHO.seed(), REVIEW_TYPE, context.as_bytes()).unwrap(),
            };
            Must::Refuse
        }
        _ => {
            let (text, must) = forged(seed, case, kind, &honest);
            if text == honest {
                return None;
            }
            row.reviews[OWN].signature = text;
            must
        }
    };
    let approved = case.attempt(&row, &case.action);
    let signature = &row.reviews[OWN].signature;
    match must {
        Must::Refuse => assert!(approved.is_none(), "{kind}: {signature}"),
        Must::Stand => assert!(approved.is_some(), "{kind}: {signature}"),
        Must::Either => {}
    }
    Some((kind, approved))
}

/// Another text in the place of the assertion.
fn forged(seed: &mut Seed, case: &Signed, kind: &str, honest: &str) -> (String, Must) {
    let mut parts = Parts::of(&Assertion::from_text(honest).unwrap());
    match kind {
        "assertion: text" => (seed.mutate_text(honest), Must::Refuse),
        "assertion: other forms of its text" => (other_text(seed, honest, &parts), Must::Refuse),
        "assertion: signature bytes" => {
            parts.signature = seed.mutate(&parts.signature);
            (parts.text(), Must::Refuse)
        }
        "assertion: other forms of its signature" => {
            parts.signature = other_der(seed, &parts.signature);
            (parts.text(), Must::Refuse)
        }
        "assertion: the other s" => {
            let (r, s) = scalars(&parts.signature);
            parts.signature = der(&r, &negated(&s));
            (parts.text(), Must::Stand)
        }
        _ if kind.starts_with("authenticator data") => authenticator_data(seed, case, kind, parts),
        _ => client_data(seed, case, kind, parts),
    }
}

/// Other client data: with the signature that there is, or signed by the authenticator as a page of somebody's had it sign.
fn client_data(seed: &mut Seed, case: &Signed, kind: &str, honest: Parts) -> (String, Must) {
    let context = &case.row.reviews[OWN].context;
    let right = written(&challenge_of(context));
    let json = |kind: &str, challenge: &str, origin: &str, cross: &str, more: &str| {
        let text = format!(
            r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{cross}{more}}}"#
        );
        text.into_bytes()
    };
    let (get, alone) = ("webauthn.get", r#","crossOrigin":false"#);
    let page = page();
    let mut must = Must::Refuse;
    let client = match kind {
        "client data: type" => {
            let kinds = [
                "webauthn.create",
                "payment.get",
                "webauthn.GET",
                "webauthn.get ",
                "",
            ];
            json(seed.pick::<&str>(&kinds), &right, page.as_str(), alone, "")
        }
        "client data: challenge" => {
            let other = other_challenge(seed, case, context, &right);
            json(get, &other, page.as_str(), alone, "")
        }
        "client data: origin" => {
            let origins = [
                "https://gate.acme.internal.evil.example",
                "http://gate.acme.internal",
                "https://gate.acme.internal:8443",
                "https://acme.internal",
                "https://gate.acme.internal/",
                "HTTPS://GATE.ACME.INTERNAL",
                "null",
                "",
            ];
            json(get, &right, seed.pick::<&str>(&origins), alone, "")
        }
        "client data: cross-origin" => {
            let framed = [
                r#","crossOrigin":true"#,
                r#","crossOrigin":"false""#,
                r#","crossOrigin":null"#,
                r#","crossOrigin":0"#,
                r#","crossOrigin":false,"topOrigin":"https://evil.example""#,
                r#","topOrigin":"https://gate.acme.internal""#,
            ];
            json(get, &right, page.as_str(), seed.pick::<&str>(&framed), "")
        }
        "client data: a member twice" => {
            let twice = [
                r#","type":"webauthn.get""#.to_owned(),
                r#","ty\u0070e":"webauthn.create""#.to_owned(),
                format!(r#","challenge":"{right}""#),
                format!(r#","chall\u0065nge":"{}""#, written(&Hash::of(b"other"))),
                format!(r#","origin":"{page}""#),
                r#","crossOrigin":false"#.to_owned(),
            ];
            json(
                get,
                &right,
                page.as_str(),
                alone,
                seed.pick::<String>(&twice),
            )
        }
        "client data: one member more" => {
            // Browsers add some at random. What the authenticator itself signed with one stands.
            let number = seed.next();
            let more = format!(r#","other_keys_can_be_added_here":"{number}""#);
            must = Must::Stand;
            json(get, &right, page.as_str(), alone, &more)
        }
        "client data: bytes" => {
            must = Must::Either;
            seed.mutate(&honest.client)
        }
        _ => panic!("{kind}"),
    };
    if seed.below(2) == 0 {
        // Nobody's key but what is there: whatever else is said is not what was signed.
        let same = client == honest.client;
        let text = Parts { client, ..honest }.text();
        return (text, if same { Must::Stand } else { Must::Refuse });
    }
    let ceremony = case.passkey.honest();
    let assertion = case.passkey.sign_client_data(&client, &ceremony);
    (assertion.to_text().unwrap(), must)
}

/// A challenge for anything but what was shown.
fn other_challenge(seed: &mut Seed, case: &Signed, context: &str, right: &str) -> String {
    let mut wider: ReviewContext = canonical::from_canonical_bytes(context.as_bytes()).unwrap();
    match seed.below(6) {
        0 => written(&challenge_of(&case.row.reviews[OTHER].context)),
        1 => written(&PasskeyPublicKey::challenge(
            ENROL_NAMESPACE,
            context.as_bytes(),
        )),
        2 => {
            wider.limits.uses += 1;
            written(&challenge_of(
                &String::from_utf8(wider.to_bytes().unwrap()).unwrap(),
            ))
        }
        3 => {
            wider.request = RequestId::from_bytes([200; 16]);
            written(&challenge_of(
                &String::from_utf8(wider.to_bytes().unwrap()).unwrap(),
            ))
        }
        4 => format!("{right}="),
        _ => written(&Hash::of(&seed.next().to_be_bytes())),
    }
}

/// Other authenticator data, with the signature that there is or signed by the authenticator itself.
fn authenticator_data(seed: &mut Seed, case: &Signed, kind: &str, honest: Parts) -> (String, Must) {
    let again = |ceremony: &Ceremony| {
        let assertion = case.passkey.sign_client_data(&honest.client, ceremony);
        assertion.to_text().unwrap()
    };
    let mut data = honest.data.clone();
    let signs = seed.below(2) == 0;
    match kind {
        "authenticator data: relying party" if signs => {
            let others = [
                "evil.example",
                "acme.internal",
                "gate.acme.internal:443",
                "",
            ];
            let relying_party = (*seed.pick(&others)).to_owned();
            let ceremony = Ceremony {
                relying_party,
                ..case.passkey.honest()
            };
            return (again(&ceremony), Must::Refuse);
        }
        "authenticator data: flags" if signs => {
            let flags = u8::try_from(seed.below(256)).unwrap();
            // Both of them, and nothing that is not a true statement about the key alone.
            let counts = flags & UP_UV == UP_UV && flags & !(UP_UV | 0x18) == 0;
            let ceremony = Ceremony {
                flags,
                ..case.passkey.honest()
            };
            let must = if counts { Must::Stand } else { Must::Refuse };
            return (again(&ceremony), must);
        }
        "authenticator data: relying party" => data[seed.below(32)] ^= 1 << seed.below(8),
        "authenticator data: flags" => data[32] ^= 1 << seed.below(8),
        "authenticator data: counter" => data[33 + seed.below(4)] ^= 1 << seed.below(8),
        _ => data = seed.mutate(&data),
    }
    (Parts { data, ..honest }.text(), Must::Refuse)
}

/// The same assertion written otherwise: only one text is its own.
fn other_text(seed: &mut Seed, honest: &str, parts: &Parts) -> String {
    let padded = STANDARD.encode(&parts.client);
    let plain = URL_SAFE_NO_PAD.encode(&parts.client);
    match seed.below(6) {
        0 => honest.replace("\":\"", "\": \""),
        1 => format!("{honest}\n"),
        2 => honest.replacen('{', r#"{"aaguid":"","#, 1),
        3 => honest.replace("\"signature\":", "\"signatur\\u0065\":"),
        4 => honest.replace(&plain, &format!("{padded}=")),
        _ => {
            // The members in another order.
            let data = URL_SAFE_NO_PAD.encode(&parts.data);
            let signature = URL_SAFE_NO_PAD.encode(&parts.signature);
            format!(
                r#"{{"clientDataJSON":"{plain}","authenticatorData":"{data}","signature":"{signature}"}}"#
            )
        }
    }
}

/// The numbers of a signature in DER, each in 32 bytes.
fn scalars(der: &[u8]) -> ([u8; 32], [u8; 32]) {
    let number = |at: usize| {
        let length = usize::from(der[at + 1]);
        let digits = &der[at + 2..at + 2 + length];
        let digits = &digits[digits.len().saturating_sub(32)..];
        let mut whole = [0; 32];
        whole[32 - digits.len()..].copy_from_slice(digits);
        (whole, at + 2 + length)
    };
    let (r, next) = number(2);
    (r, number(next).0)
}

/// A number as DER writes it.
fn integer(number: &[u8]) -> Vec<u8> {
    let first = number
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(number.len() - 1);
    let mut digits = number[first..].to_vec();
    if digits[0] & 0x80 != 0 {
        digits.insert(0, 0);
    }
    let mut out = vec![0x02, u8::try_from(digits.len()).unwrap()];
    out.extend(digits);
    out
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let body = [integer(r), integer(s)].concat();
    let mut out = vec![0x30, u8::try_from(body.len()).unwrap()];
    out.extend(body);
    out
}

/// `n - s`: as good a signature as `s`.
fn negated(s: &[u8; 32]) -> [u8; 32] {
    let mut out = [0; 32];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let left = i32::from(ORDER[at]) - i32::from(s[at]) - borrow;
        borrow = i32::from(left < 0);
        out[at] = u8::try_from(left.rem_euclid(256)).unwrap();
    }
    out
}

/// The same numbers in a form that DER does not have, or other numbers.
fn other_der(seed: &mut Seed, honest: &[u8]) -> Vec<u8> {
    let (r, s) = scalars(honest);
    let length = honest[1];
    match seed.below(7) {
        // A length in the long form.
        0 => [&[0x30, 0x81, length], &honest[2..]].concat(),
        // A zero more before a number.
        1 => {
            let padded = [&[0x02, honest[3] + 1, 0], &honest[4..]].concat();
            [&[0x30, length + 1], &padded[..]].concat()
        }
        2 => [honest, &[0]].concat(),
        3 => [r, s].concat(),
        4 => der(&s, &r),
        5 => der(&[0], &s),
        _ => der(&r, &ORDER),
    }
}
