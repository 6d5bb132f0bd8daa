//! Strings: from the opening quote to the closing one, unescaped.
//!
//! Unescaped text is always valid Unicode: half a surrogate pair is refused, never replaced.

use super::{Build, Problem, ScanError, Scanner};

impl<B: Build> Scanner<'_, B> {
    pub(super) fn string(&mut self) -> Result<String, ScanError> {
        let opened = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let plain = self.at;
            while matches!(self.peek(), Some(byte) if byte >= 0x20 && byte != b'"' && byte != b'\\')
            {
                self.at += 1;
            }
            text.push_str(self.text.get(plain..self.at).unwrap_or_default());
            if text.len() > self.limits.string_bytes {
                let problem = Problem::StringTooLong {
                    limit: self.limits.string_bytes,
                };
                return Err(ScanError {
                    offset: opened,
                    problem,
                });
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(byte) => {
                    return Err(self.error(Problem::RawControl {
                        code: u32::from(byte),
                    }));
                }
                None => {
                    return Err(self.error(Problem::UnexpectedEnd {
                        wanted: "a closing quote",
                    }));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, ScanError> {
        let begun = self.at;
        self.at += 1;
        let simple = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape(begun);
            }
            _ => {
                return Err(ScanError {
                    offset: begun,
                    problem: Problem::BadEscape,
                });
            }
        };
        self.at += 1;
        Ok(simple)
    }

    fn unicode_escape(&mut self, begun: usize) -> Result<char, ScanError> {
        let first = self.four_hex(begun)?;
        let lone = ScanError {
            offset: begun,
            problem: Problem::LoneSurrogate { code: first },
        };
        let pair = if (0xd800..0xdc00).contains(&first) {
            if !(self.take(b'\\') && self.take(b'u')) {
                return Err(lone);
            }
            vec![first, self.four_hex(begun)?]
        } else {
            vec![first]
        };
        match char::decode_utf16(pair).next() {
            Some(Ok(character)) => Ok(character),
            _ => Err(lone),
        }
    }

    fn four_hex(&mut self, begun: usize) -> Result<u16, ScanError> {
        let bad = ScanError {
            offset: begun,
            problem: Problem::BadEscape,
        };
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .ok_or_else(|| bad.clone())?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad);
        }
        self.at += 4;
        u16::from_str_radix(digits, 16).map_err(|_| bad)
    }
}
