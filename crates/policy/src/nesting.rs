//! How deep Cedar text may nest. Cedar reads, checks and forgets rules by recursion and looks at no stack while it does, and a
//! stack that overflows ends the whole process: so the text is measured before Cedar sees it.

/// Deepest nesting of brackets.
const BRACKETS_MAX: usize = 32;
/// Most characters of operators in one rule, opening brackets among them: a chain of operators is a deep tree too.
const OPERATORS_MAX: usize = 1_024;
/// As how many `&&`, `||` and each sign of arithmetic count: of these any number makes a chain, and one of 500 is more than
/// Cedar evaluates on the stack of a thread.
const CHAINED: usize = 4;
/// Most `if`, `when` and `unless` in one rule.
const BRANCHES_MAX: usize = 32;

/// What is too deep, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooDeep {
    /// Offset in the text.
    pub(crate) at: usize,
    pub(crate) what: What,
}

/// What of a text cannot be read safely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum What {
    #[error(
        "brackets stand more than {BRACKETS_MAX} deep in each other; split the rule into several with less in each"
    )]
    Brackets,
    #[error(
        "the rule has more than {OPERATORS_MAX} characters of operators and opening brackets (`&&`, `||` and arithmetic count as {CHAINED} each); split it into several rules"
    )]
    Operators,
    #[error(
        "the rule has more than {BRANCHES_MAX} `if`, `when` and `unless`; split it into several rules"
    )]
    Branches,
    #[error("this bracket closes none that is open; check which brackets belong together")]
    Unopened,
    #[error("a bracket is still open here; close it before the rule ends")]
    Unclosed,
}

/// Refuses text that Cedar could not read on a small stack. What it lets through need not be Cedar.
///
/// # Errors
/// The first place at which there is too much.
pub(crate) fn check(text: &str) -> Result<(), TooDeep> {
    let mut open: Vec<u8> = Vec::new();
    let (mut operators, mut branches) = (0_usize, 0_usize);
    for (at, token) in (Tokens { text, at: 0 }) {
        let refuse = |what| Err(TooDeep { at, what });
        match token {
            Token::Word("if" | "when" | "unless") => branches += 1,
            Token::Word(_) => {}
            Token::Byte(byte) => match byte {
                b'(' | b'[' | b'{' => {
                    operators += 1;
                    open.push(byte);
                }
                b')' | b']' | b'}' if open.pop() != Some(opener(byte)) => {
                    return refuse(What::Unopened);
                }
                // Brackets that stay open would let Cedar mend the text in another nesting than was counted here.
                b';' if !open.is_empty() => return refuse(What::Unclosed),
                b';' => (operators, branches) = (0, 0),
                b'.' | b'<' | b'>' | b'=' | b'!' => operators += 1,
                b'&' | b'|' => operators += CHAINED / 2,
                b'+' | b'-' | b'*' | b'/' | b'%' => operators += CHAINED,
                _ => {}
            },
        }
        if open.len() > BRACKETS_MAX {
            return refuse(What::Brackets);
        }
        if operators > OPERATORS_MAX {
            return refuse(What::Operators);
        }
        if branches > BRANCHES_MAX {
            return refuse(What::Branches);
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    Err(TooDeep {
        at: text.len(),
        what: What::Unclosed,
    })
}

const fn opener(closes: u8) -> u8 {
    match closes {
        b')' => b'(',
        b']' => b'[',
        _ => b'{',
    }
}

enum Token<'t> {
    Word(&'t str),
    Byte(u8),
}

/// Words and single bytes, without strings and comments, which both end where Cedar ends them.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Iterator for Tokens<'t> {
    type Item = (usize, Token<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        loop {
            let at = self.at;
            let byte = *bytes.get(at)?;
            let rest = bytes.get(at + 1..).unwrap_or_default();
            if byte == b'"' {
                self.at = at + 1 + string(rest);
            } else if byte == b'/' && rest.first() == Some(&b'/') {
                let line = rest.iter().take_while(|byte| !b"\n\r".contains(byte));
                self.at = at + 1 + line.count();
            } else if is_of_word(byte) {
                let length = 1 + rest.iter().take_while(|byte| is_of_word(**byte)).count();
                self.at = at + length;
                let word = self.text.get(at..self.at).unwrap_or_default();
                return Some((at, Token::Word(word)));
            } else {
                self.at = at + 1;
                return Some((at, Token::Byte(byte)));
            }
        }
    }
}

/// The length of a string's rest, with the quote that ends it.
fn string(rest: &[u8]) -> usize {
    let mut escaped = false;
    let inside = rest.iter().take_while(|byte| {
        let ends = **byte == b'"' && !escaped;
        escaped = **byte == b'\\' && !escaped;
        !ends
    });
    inside.count() + 1
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<What> {
        check(text).err().map(|deep| deep.what)
    }

    #[test]
    fn limits_are_exact_and_count_each_rule_alone() {
        let nested = |deep: usize| format!("{}1{}", "(".repeat(deep), ")".repeat(deep));
        assert_eq!(refused(&nested(32)), None);
        assert_eq!(refused(&nested(33)), Some(What::Brackets));
        assert_eq!(refused(&"!".repeat(1_024)), None);
        assert_eq!(refused(&"!".repeat(1_025)), Some(What::Operators));
        for chained in ["&&", "||", "+", "-", "*"] {
            assert_eq!(refused(&chained.repeat(256)), None);
            assert_eq!(refused(&chained.repeat(257)), Some(What::Operators));
        }
        let rule = "!".repeat(1_024) + ";";
        assert_eq!(refused(&rule.repeat(3)), None);
        assert_eq!(refused(&"[]".repeat(1_025)), Some(What::Operators));
        assert_eq!(refused(&"if a then b else ".repeat(32)), None);
        assert_eq!(
            refused(&"if a then b else ".repeat(33)),
            Some(What::Branches)
        );
        assert_eq!(refused(&"when{}".repeat(33)), Some(What::Branches));
        assert_eq!(refused(&"unless{}".repeat(33)), Some(What::Branches));
        assert_eq!(refused(&"iffy ".repeat(99)), None);
    }

    #[test]
    fn strings_and_comments_do_not_count_and_hide_nothing() {
        let many = "(".repeat(99);
        assert_eq!(refused(&format!("\"{many}\"")), None);
        assert_eq!(refused(&format!(r#""\"{many}""#)), None);
        assert_eq!(refused(&format!(r#""\\"{many}"#)), Some(What::Brackets));
        assert_eq!(refused(&format!("// \" {many}\n1")), None);
        assert_eq!(refused(&format!("// \" \n{many}")), Some(What::Brackets));
        assert_eq!(refused(&format!("// \" \r{many}")), Some(What::Brackets));
        assert_eq!(refused(&format!("\"//\"{many}")), Some(What::Brackets));
        assert_eq!(refused(&format!("é\"é{many}\"")), None);
    }

    #[test]
    fn brackets_belong_together() {
        assert_eq!(refused("(]"), Some(What::Unopened));
        assert_eq!(refused(")"), Some(What::Unopened));
        assert_eq!(refused("f( ;"), Some(What::Unclosed));
        assert_eq!(check("f({").unwrap_err().at, 3);
        assert_eq!(refused("f([{}], (1));"), None);
    }
}
