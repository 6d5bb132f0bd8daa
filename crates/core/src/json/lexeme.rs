//! Numbers as they were written, and their exact decimal value.
//!
//! Never a float: 9007199254740993 stays what it is, and 1e2, 100 and 100.0 have one value. Work and memory are bounded
//! by the length of the text, never by the size of the exponent.

use std::cmp::Ordering;
use std::fmt;

use super::scan::Problem;

/// Exponents with more significant digits than this are refused, so that they compare exactly in 64 bits.
const EXPONENT_DIGITS_MAX: usize = 18;

/// A JSON number exactly as written. `==` compares the text; [`Lexeme::decimal`] the value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lexeme(String);

impl Lexeme {
    /// Accepts the number grammar of RFC 8259 and nothing around it.
    ///
    /// # Errors
    /// `BadNumber`, or `ExponentTooLong` beyond 18 digits.
    pub fn new(text: &str) -> Result<Self, Problem> {
        if number_length(text.as_bytes())? != text.len() {
            return Err(Problem::BadNumber);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The exact value.
    #[must_use]
    pub fn decimal(&self) -> Decimal {
        Decimal::of(&self.0)
    }

    /// Whether two spellings mean the same number: 1e2 = 100 = 100.0, and -0 = 0.
    #[must_use]
    pub fn same_value(&self, other: &Self) -> bool {
        self.decimal() == other.decimal()
    }
}

impl fmt::Display for Lexeme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An exact decimal: sign, digits, and the power of ten of the last digit. One form per value, so `==` is equality of
/// numbers and `<` their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// ASCII digits without leading or trailing zeros; empty is zero.
    digits: String,
    /// Power of ten of the last digit; 0 for zero.
    exponent: i64,
}

impl Decimal {
    /// The value as an integer, if it is one and fits. 1.0 and 1e3 are integers, 1.5 is not.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        self.to_scaled(0)
    }

    /// The value times 10^`fraction_digits`, if that is an integer and fits: 12.5 with 2 is 1250, with 0 nothing.
    #[must_use]
    pub fn to_scaled(&self, fraction_digits: u32) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let power = self.exponent.checked_add(i64::from(fraction_digits))?;
        // 19 digits are enough for i64, so anything longer is refused before it is computed.
        let length = i64::try_from(self.digits.len()).ok()?.checked_add(power)?;
        if power < 0 || length > 19 {
            return None;
        }
        let digits: i128 = self.digits.parse().ok()?;
        let magnitude = digits.checked_mul(10_i128.checked_pow(u32::try_from(power).ok()?)?)?;
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    /// Whether the value is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// `text` is a checked lexeme.
    fn of(text: &str) -> Self {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, written) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: String = [whole, fraction].concat();
        let fraction_length = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        let kept = digits.trim_end_matches('0').len();
        let dropped = i64::try_from(digits.len() - kept).unwrap_or(i64::MAX);
        digits.truncate(kept);
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Self {
                negative: false,
                digits,
                exponent: 0,
            };
        }
        // At most 18 digits and two text lengths: far from overflow.
        let exponent = exponent_value(written)
            .saturating_sub(fraction_length)
            .saturating_add(dropped);
        Self {
            negative,
            digits,
            exponent,
        }
    }

    /// Power of ten of the first digit, plus one.
    fn magnitude(&self) -> i64 {
        self.exponent
            .saturating_add(i64::try_from(self.digits.len()).unwrap_or(i64::MAX))
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.sign().cmp(&other.sign());
        if signs != Ordering::Equal || self.sign() == 0 {
            return signs;
        }
        // Same first power: digits compare as text, because neither side has trailing zeros.
        let sizes = self
            .magnitude()
            .cmp(&other.magnitude())
            .then_with(|| self.digits.cmp(&other.digits));
        if self.negative {
            sizes.reverse()
        } else {
            sizes
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Length of the number at the start of `bytes`.
pub(super) fn number_length(bytes: &[u8]) -> Result<usize, Problem> {
    let digit_at = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let digits_from = |mut at: usize| {
        while digit_at(at) {
            at += 1;
        }
        at
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    if !digit_at(at) || (bytes.get(at) == Some(&b'0') && digit_at(at + 1)) {
        return Err(Problem::BadNumber);
    }
    at = digits_from(at);
    if bytes.get(at) == Some(&b'.') {
        if !digit_at(at + 1) {
            return Err(Problem::BadNumber);
        }
        at = digits_from(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let begun = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if !digit_at(begun) {
            return Err(Problem::BadNumber);
        }
        at = digits_from(begun);
        let digits = bytes.get(begun..at).unwrap_or_default();
        if digits.iter().skip_while(|digit| **digit == b'0').count() > EXPONENT_DIGITS_MAX {
            return Err(Problem::ExponentTooLong);
        }
    }
    Ok(at)
}

fn exponent_value(written: &str) -> i64 {
    let (negative, digits) = match written.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, written.strip_prefix('+').unwrap_or(written)),
    };
    // Checked by number_length: at most 18 significant digits; leading zeros do not overflow.
    let value: i64 = digits.parse().unwrap_or(0);
    if negative { -value } else { value }
}
