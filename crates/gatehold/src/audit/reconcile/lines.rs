//! Lines of a file that somebody else wrote: of any length and any bytes, with an end or without one. No line is ever held that is
//! longer than the longest one that is read.

use std::io::{self, BufRead};

/// Longest line that is read, in bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// One line, without what ends it.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes; nothing where it is too long.
    pub bytes: Option<Vec<u8>>,
    /// Whether its end is in the file: the last line of a log may still be being written.
    pub ended: bool,
}

/// Reads line by line.
pub struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The next line, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Some(Vec::new());
        let mut began = false;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok(began.then(|| self.line(bytes, false)));
            }
            began = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = buffer
                .get(..end.unwrap_or(buffer.len()))
                .unwrap_or_default();
            bytes = bytes
                .filter(|held| held.len().saturating_add(part.len()) <= LINE_BYTES_MAX)
                .map(|mut held| {
                    held.extend_from_slice(part);
                    held
                });
            let used = part.len().saturating_add(usize::from(end.is_some()));
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(self.line(bytes, true)));
            }
        }
    }

    fn line(&mut self, bytes: Option<Vec<u8>>, ended: bool) -> Line {
        self.number = self.number.saturating_add(1);
        Line {
            number: self.number,
            bytes,
            ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read as _};

    use super::*;

    #[test]
    fn lines_of_any_length_are_told_apart_and_none_too_long_is_held() {
        let endless = io::repeat(b'x').take(3 * (1 << 20));
        let begin = &b"one\n\n"[..];
        let file = begin.chain(endless).chain(&b"\ntwo\r\n\xff\0end"[..]);
        let mut lines = Lines::new(BufReader::with_capacity(7, file));
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.number, line.bytes, line.ended));
        }
        let wanted = [
            (1, Some(b"one".to_vec()), true),
            (2, Some(Vec::new()), true),
            (3, None, true),
            (4, Some(b"two\r".to_vec()), true),
            (5, Some(b"\xff\0end".to_vec()), false),
        ];
        assert_eq!(all, wanted);
    }
}
