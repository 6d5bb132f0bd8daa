//! What a shell would put in place: where it begins, where it ends. It is passed over, never done.

use super::{Change, Lexer, Trouble, Word};

/// Longest list in braces that is looked at.
const BRACES_LENGTH_MAX: usize = 256;

impl Lexer<'_> {
    /// At a `$` or a backtick.
    pub(super) fn expansion(&mut self, word: &mut Word) {
        if self.rest.starts_with('`') {
            let length = self.until('`', 1);
            return self.replaced(word, length, Change::Command);
        }
        let next = self.rest.chars().nth(1);
        match next {
            Some('(') => {
                let length = 1 + self.parentheses(1);
                let change = if self.rest.starts_with("$((") {
                    Change::Arithmetic
                } else {
                    Change::Command
                };
                self.replaced(word, length, change);
            }
            Some('{') => {
                let length = self.until('}', 2);
                self.replaced(word, length, Change::Variable);
            }
            Some('\'' | '"') => {
                let quote = next.unwrap_or('"');
                let length = self.until(quote, 2);
                self.replaced(word, length, Change::Escapes);
            }
            Some(name) if name.is_ascii_alphabetic() || name == '_' => {
                let inside = self.rest.get(1..).unwrap_or("");
                let length = inside
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .unwrap_or(inside.len());
                self.replaced(word, 1 + length, Change::Variable);
            }
            Some(special) if special.is_ascii_digit() || "@*#?-$!".contains(special) => {
                self.replaced(word, 2, Change::Variable);
            }
            _ => {
                word.text.push('$');
                self.take(1);
            }
        }
    }

    pub(super) fn replaced(&mut self, word: &mut Word, length: usize, change: Change) {
        word.text
            .push_str(self.rest.get(..length).unwrap_or(self.rest));
        word.changes.insert(change);
        self.take(length);
    }

    /// Bytes up to and with the next `end` that no backslash escapes, from `from` on.
    fn until(&mut self, end: char, from: usize) -> usize {
        let mut escaped = false;
        for (at, character) in self.rest.char_indices().filter(|(at, _)| *at >= from) {
            if character == end && !escaped {
                return at + character.len_utf8();
            }
            escaped = character == '\\' && !escaped;
        }
        self.troubles.insert(Trouble::Unfinished("an expansion"));
        self.rest.len()
    }

    /// Bytes from an opening parenthesis at `from` to the one that closes it, quotes respected.
    pub(super) fn parentheses(&mut self, from: usize) -> usize {
        let inside = self.rest.get(from..).unwrap_or("");
        let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
        for (at, character) in inside.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' if quote != Some('\'') => escaped = true,
                _ if quote == Some(character) => quote = None,
                _ if quote.is_some() => {}
                '\'' | '"' => quote = Some(character),
                '(' => depth += 1,
                ')' if depth == 1 => return at + 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.troubles.insert(Trouble::Unfinished("an expansion"));
        inside.len()
    }

    /// `{a,b}` and `{1..9}`, which some shells repeat the word for.
    pub(super) fn is_list_in_braces(&self) -> bool {
        // Not looked for further than this, so that many open braces cost little; a longer list is taken for one.
        let head: String = self.rest.chars().take(BRACES_LENGTH_MAX).collect();
        let end = head.find(|c: char| c == '}' || c.is_whitespace());
        let Some(end) = end else {
            return head.chars().count() == BRACES_LENGTH_MAX;
        };
        let inside = head.get(..end).unwrap_or("");
        head.get(end..).is_some_and(|rest| rest.starts_with('}'))
            && (inside.contains(',') || inside.contains(".."))
    }
}
