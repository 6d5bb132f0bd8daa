//! Payments: how much of which currency, who receives it on which account, and whether that is somebody else than before.
//!
//! Amounts are digits and a place of the point, never binary fractions.

mod currencies;

use gatehold_core::json::lexeme::Lexeme;
use gatehold_core::json::payload::Json;
use gatehold_core::wording::grouped;

use crate::display::{Block, Flag, Line, Run, RunKind};
use crate::document;
use crate::findings::Findings;
use crate::input::{RenderInput, Shape};

/// An IBAN has at least and at most so many characters.
const IBAN_LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// What a payload says of a payment; nothing when its descriptor names no amount, payee or account.
pub(crate) fn block(
    whole: &Json,
    input: &RenderInput<'_>,
    findings: &mut Findings,
) -> Option<Block> {
    let of = |shape: Shape| -> Vec<&Json> {
        let members = input
            .described
            .iter()
            .filter(|member| member.shape == shape);
        members
            .filter_map(|member| whole.pointer(member.pointer))
            .collect()
    };
    let told = |shape: Shape| input.described.iter().any(|member| member.shape == shape);
    let mut lines = Vec::new();
    if told(Shape::Amount) || told(Shape::MinorAmount) {
        let digits = currency(&of(Shape::Currency), &mut lines, findings);
        for (shape, amount) in [
            (Shape::Amount, of(Shape::Amount)),
            (Shape::MinorAmount, of(Shape::MinorAmount)),
        ] {
            for amount in amount {
                lines.push(said(
                    amount,
                    shape == Shape::MinorAmount,
                    digits.as_ref(),
                    findings,
                ));
            }
        }
    }
    let (payees, accounts) = (of(Shape::Payee), of(Shape::Account));
    for payee in &payees {
        let text = text(payee, findings);
        lines.extend(shown("payee", text, findings));
    }
    for account in &accounts {
        lines.extend(checked(text(account, findings), findings));
    }
    let payee = changed(
        "payee",
        &payees,
        &of(Shape::PayeeBefore),
        &mut lines,
        findings,
    );
    let account = changed(
        "account",
        &accounts,
        &of(Shape::AccountBefore),
        &mut lines,
        findings,
    );
    if account && !payee && !of(Shape::PayeeBefore).is_empty() {
        findings.note_text(Flag::PayeeChanged, "the same name with another account");
    }
    document::block("Payment", lines)
}

/// The digits behind the point that the currency has; nothing when nobody can tell.
fn currency(
    found: &[&Json],
    lines: &mut Vec<Line>,
    findings: &mut Findings,
) -> Option<(u32, String)> {
    let code = match found {
        [code] => code.as_str().map(str::to_ascii_uppercase),
        _ => None,
    };
    let known = code.and_then(|code| Some((currencies::digits(&code)?, code)));
    if known.is_none() {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "no one currency that ISO 4217 knows");
        let said = "the currency is not known, so the amount says nothing";
        lines.push(Line::of(RunKind::Warning, said));
    }
    known
}

/// `amount: 12,500.00 EUR (tens of thousands)`
fn said(
    amount: &Json,
    minor: bool,
    currency: Option<&(u32, String)>,
    findings: &mut Findings,
) -> Line {
    let Some((digits, code)) = currency else {
        return Line::labelled("amount", vec![Run::new(RunKind::Warning, "not known")]);
    };
    let lexeme = match amount {
        Json::Number(lexeme) => Some(lexeme.clone()),
        Json::String(text) => Lexeme::new(text).ok(),
        _ => None,
    };
    let digits = *digits;
    let scale = if minor { 0 } else { digits };
    let Some(units) = lexeme.and_then(|lexeme| lexeme.decimal().to_scaled(scale)) else {
        findings.raise(Flag::Uninspectable);
        let why = format!("an amount that is no number of {code} in its smallest unit");
        findings.note_text(Flag::Malformed, why);
        return Line::labelled(
            "amount",
            vec![Run::new(RunKind::Warning, "not a sum of money")],
        );
    };
    let one = 10_u64.saturating_pow(digits);
    let (whole, part) = (units.unsigned_abs() / one, units.unsigned_abs() % one);
    let sign = if units < 0 { "-" } else { "" };
    let whole_said = grouped(i64::try_from(whole).unwrap_or(i64::MAX));
    let width = usize::try_from(digits).unwrap_or(0);
    let part = if digits == 0 {
        String::new()
    } else {
        format!(".{part:0width$}")
    };
    let said = format!("{sign}{whole_said}{part} {code}");
    if units <= 0 {
        findings.note_text(Flag::OddAmount, format!("{said}: nothing, or less"));
    }
    let size = magnitude(whole).map_or_else(String::new, |size| format!(" ({size})"));
    Line::labelled(
        "amount",
        vec![Run::new(RunKind::Text, format!("{said}{size}"))],
    )
}

fn magnitude(whole: u64) -> Option<&'static str> {
    Some(match whole {
        0..=999 => return None,
        1_000..=9_999 => "thousands",
        10_000..=99_999 => "tens of thousands",
        100_000..=999_999 => "hundreds of thousands",
        1_000_000..=9_999_999 => "millions",
        10_000_000..=99_999_999 => "tens of millions",
        100_000_000..=999_999_999 => "hundreds of millions",
        _ => "billions or more",
    })
}

fn text<'a>(value: &'a Json, findings: &mut Findings) -> &'a str {
    value.as_str().unwrap_or_else(|| {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "a payee or an account that is no text");
        ""
    })
}

fn shown(label: &str, text: &str, findings: &mut Findings) -> Vec<Line> {
    document::labelled(label, text, findings)
}

/// An account with what its check digits say.
fn checked(account: &str, findings: &mut Findings) -> Vec<Line> {
    let mut lines = shown("account", account, findings);
    let (kind, said) = match fits(account) {
        Some(true) => (RunKind::Text, "  IBAN, check digits fit"),
        Some(false) => {
            let runs = document::short(account, findings);
            findings.note(Flag::AccountCheck, runs);
            (RunKind::Warning, "  IBAN, check digits do not fit")
        }
        None => (RunKind::Text, "  no IBAN, not checked"),
    };
    if let Some(last) = lines.last_mut() {
        last.runs.push(Run::new(kind, said));
    }
    lines
}

/// An account as banks compare it.
fn plain(account: &str) -> String {
    let spaces = |character: &char| !matches!(character, ' ' | '-');
    account
        .chars()
        .filter(spaces)
        .collect::<String>()
        .to_ascii_uppercase()
}

/// ISO 13616: two letters, two check digits, then letters and digits; the number that they make is 1 modulo 97. Nothing
/// for what has another form.
fn fits(account: &str) -> Option<bool> {
    let account = plain(account);
    let bytes = account.as_bytes();
    let (country, rest) = bytes.split_at_checked(2)?;
    let (check, _) = rest.split_at_checked(2)?;
    let is_iban = IBAN_LENGTHS.contains(&bytes.len())
        && country.iter().all(u8::is_ascii_uppercase)
        && check.iter().all(u8::is_ascii_digit)
        && bytes.iter().all(u8::is_ascii_alphanumeric);
    if !is_iban {
        return None;
    }
    let (head, tail) = bytes.split_at_checked(4)?;
    let mut left = 0_u32;
    for byte in tail.iter().chain(head) {
        let value = char::from(*byte).to_digit(36)?;
        left = if value < 10 {
            left * 10 + value
        } else {
            left * 100 + value
        } % 97;
    }
    Some(left == 1)
}

/// Whether something stands in place of another, and says so.
fn changed(
    what: &str,
    now: &[&Json],
    before: &[&Json],
    lines: &mut Vec<Line>,
    findings: &mut Findings,
) -> bool {
    let ([now], [before]) = (now, before) else {
        return false;
    };
    let (now, before) = (now.as_str().unwrap_or(""), before.as_str().unwrap_or(""));
    let same = if what == "account" {
        plain(now) == plain(before)
    } else {
        now == before
    };
    if same {
        let said = format!("{what}: as before");
        lines.push(Line::of(RunKind::Text, said));
        return false;
    }
    let mut note = vec![Run::new(RunKind::Text, format!("{what} "))];
    note.extend(document::short(now, findings));
    note.push(Run::new(RunKind::Text, " in place of "));
    note.extend(document::short(before, findings));
    findings.note(Flag::PayeeChanged, note);
    let mut more = findings.again(|findings| shown(&format!("{what} before"), before, findings));
    if let Some(last) = more.last_mut() {
        last.runs.push(Run::new(RunKind::Warning, "  changed"));
    }
    lines.extend(more);
    true
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn check_digits_of_ibans() {
        for good in [
            "DE89 3704 0044 0532 0130 00",
            "gb29nwbk60161331926819",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            assert_eq!(fits(good), Some(true), "{good}");
        }
        assert_eq!(fits("DE89370400440532013001"), Some(false));
        assert_eq!(fits("DE98370400440532013000"), Some(false));
        for other in [
            "",
            "DE",
            "12345678901234567",
            "DE89\u{415}704004405320130",
            "DEXX370400440532013000",
        ] {
            assert_eq!(fits(other), None, "{other}");
        }
    }
}
