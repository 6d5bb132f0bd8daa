//! How deep TOML may nest. Its own limit counts brackets and the parts of a key each alone, so that keys of many parts in many
//! brackets make a tree whose dropping overflows a stack, and that ends the whole process.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// Deepest nesting of brackets.
const BRACKETS_MAX: usize = 16;
/// Most parts of a dotted key.
const PARTS_MAX: usize = 8;

/// Where a document nests too deep, and what to do; nothing for one that may be read.
pub(crate) fn too_deep(text: &str) -> Option<(usize, String)> {
    use TokenKind as T;
    let mut open: Vec<TokenKind> = Vec::new();
    let mut dots = 0_usize;
    for token in Source::new(text).lex() {
        let kind = token.kind();
        match kind {
            T::Dot => dots += 1,
            T::LeftSquareBracket | T::LeftCurlyBracket => open.push(kind),
            // One that closes something else closes nothing: to count too much is safe, and it is no TOML anyway.
            T::RightSquareBracket if open.last() == Some(&T::LeftSquareBracket) => drop(open.pop()),
            T::RightCurlyBracket if open.last() == Some(&T::LeftCurlyBracket) => drop(open.pop()),
            _ => {}
        }
        if matches!(
            kind,
            T::Equals
                | T::Comma
                | T::Newline
                | T::LeftSquareBracket
                | T::LeftCurlyBracket
                | T::RightSquareBracket
                | T::RightCurlyBracket
        ) {
            dots = 0;
        }
        let at = token.span().start();
        if open.len() > BRACKETS_MAX {
            let what = format!(
                "brackets stand more than {BRACKETS_MAX} deep in each other; write it flatter"
            );
            return Some((at, what));
        }
        if dots >= PARTS_MAX {
            let what = format!("a key has more than {PARTS_MAX} parts; write it flatter");
            return Some((at, what));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<usize> {
        too_deep(text).map(|(at, _)| at)
    }

    #[test]
    fn brackets_and_keys_have_limits_and_text_has_none() {
        let nested = |deep: usize| format!("x = {}{}", "[".repeat(deep), "]".repeat(deep));
        assert_eq!(at(&nested(16)), None);
        assert_eq!(at(&nested(17)), Some(20));
        let key = |parts: usize| vec!["a"; parts].join(".");
        assert_eq!(at(&format!("{} = 1\n{0} = 1.5", key(8))), None);
        assert_eq!(at(&format!("{} = 1", key(9))), Some(15));
        assert_eq!(at(&format!("[{}]", key(9))), Some(16));
        assert_eq!(at(&format!("x = {{ {} = 1 }}", key(9))), Some(21));
        assert_eq!(at(&format!("\"{}\" = '{0}' # {0}", key(99))), None);
        assert_eq!(at(&format!("x = \"\"\"\n{}\n\"\"\"", "[".repeat(99))), None);
        assert_eq!(at(&"[[a]]\n".repeat(99)), None);
        assert_eq!(at(&"x = [}\n".repeat(17)), Some(16 * 7 + 4));
    }
}
