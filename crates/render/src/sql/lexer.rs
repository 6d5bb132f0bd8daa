//! SQL text into words, names, literals and symbols; comments, and every place where databases would split differently.

use gatehold_core::json::ident;

/// A piece of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A bare word: keyword or name.
    Word(&'a str),
    /// A quoted name, with its quotes.
    Name(&'a str),
    /// A string literal.
    Text,
    /// A number.
    Number,
    /// Anything else.
    Symbol(char),
}

impl Token<'_> {
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// What a reader should know about how the text splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Comment,
    Ambiguous(&'static str),
    Unfinished(&'static str),
}

pub(super) fn lex(sql: &str) -> (Vec<Token<'_>>, Vec<Trouble>) {
    let mut lexer = Lexer {
        rest: sql,
        troubles: Vec::new(),
    };
    let mut tokens = Vec::new();
    let mut glued = false;
    while let Some(first) = lexer.rest.chars().next() {
        let before = tokens.last().filter(|_| glued);
        let token = lexer.token(first, before);
        glued = token.is_some();
        tokens.extend(token);
    }
    (tokens, lexer.troubles)
}

/// What stands between the semicolons that end something, each without the space around it; nothing of what holds no token.
pub(super) fn pieces(sql: &str) -> (Vec<&str>, Vec<Trouble>) {
    let (mut lexer, mut pieces) = (
        Lexer {
            rest: sql,
            troubles: Vec::new(),
        },
        Vec::new(),
    );
    let (mut from, mut holds, mut before) = (0, false, None);
    loop {
        let here = sql.len() - lexer.rest.len();
        let first = lexer.rest.chars().next();
        let token = first.and_then(|first| lexer.token(first, before.as_ref()));
        let ends = first.is_none() || token == Some(Token::Symbol(';'));
        if ends {
            let piece = sql.get(from..here).unwrap_or_default().trim();
            pieces.extend(holds.then_some(piece));
            (from, holds) = (sql.len() - lexer.rest.len(), false);
        } else {
            holds |= token.is_some();
        }
        if first.is_none() {
            return (pieces, lexer.troubles);
        }
        before = token;
    }
}

struct Lexer<'a> {
    rest: &'a str,
    troubles: Vec<Trouble>,
}

impl<'a> Lexer<'a> {
    /// `before` is the token that ends where this one begins.
    fn token(&mut self, first: char, before: Option<&Token<'a>>) -> Option<Token<'a>> {
        if self.rest.starts_with("--") {
            return self.line_comment();
        }
        if self.rest.starts_with("/*") {
            return self.block_comment();
        }
        match first {
            '#' => self.trouble(Trouble::Ambiguous(
                "# begins a comment in some databases and is an operator in others",
            )),
            '\\' => self.trouble(Trouble::Ambiguous(
                "a backslash outside quotes: psql runs commands, even programs, by it",
            )),
            '&' if (self.rest.starts_with("&'") || self.rest.starts_with("&\""))
                && before.is_some_and(|word| word.is("U")) =>
            {
                self.trouble(Trouble::Ambiguous(
                    "U& in front of quotes: PostgreSQL reads characters by number there",
                ));
            }
            '\'' => {
                return self
                    .quoted('\'', before.is_some_and(|word| word.is("E")))
                    .map(|_| Token::Text);
            }
            '"' => return self.quoted('"', false).map(Token::Name),
            '`' => return self.quoted('`', false).map(Token::Name),
            '$' => {
                if let Some(token) = self.dollar_quoted() {
                    return Some(token);
                }
            }
            _ => {}
        }
        if first.is_ascii_digit() {
            self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
            return Some(Token::Number);
        }
        if is_word(first) {
            let word = self.take_while(|c| is_word(c) || c == '$');
            if word.chars().any(|c| ident::hazard(c).is_some()) {
                self.trouble(Trouble::Ambiguous(
                    "an invisible character or odd space outside quotes: part of a name in some databases",
                ));
            }
            return Some(Token::Word(word));
        }
        self.take(first.len_utf8());
        (!first.is_ascii_whitespace()).then_some(Token::Symbol(first))
    }

    fn line_comment(&mut self) -> Option<Token<'a>> {
        self.trouble(Trouble::Comment);
        let behind = self.rest.chars().nth(2);
        if behind.is_some_and(|c| !c.is_ascii_whitespace()) {
            self.trouble(Trouble::Ambiguous(
                "-- without a space behind it is no comment in MySQL",
            ));
        }
        let comment = self.take_while(|c| c != '\n');
        let inside = comment.strip_suffix('\r').unwrap_or(comment);
        if inside.contains('\r') {
            self.trouble(Trouble::Ambiguous(
                "a carriage return ends a comment in some databases",
            ));
        }
        None
    }

    fn block_comment(&mut self) -> Option<Token<'a>> {
        self.trouble(Trouble::Comment);
        if self.rest.starts_with("/*!") || self.rest.starts_with("/*M!") {
            self.trouble(Trouble::Ambiguous(
                "/*! … */ is executed by MySQL and MariaDB",
            ));
        }
        self.take(2);
        match (self.rest.find("*/"), self.rest.find("/*")) {
            (None, _) => {
                self.trouble(Trouble::Unfinished("a comment"));
                self.rest = "";
            }
            (Some(end), inner) => {
                if inner.is_some_and(|inner| inner < end) {
                    self.trouble(Trouble::Ambiguous(
                        "comments nest in PostgreSQL and not in MySQL",
                    ));
                }
                self.take(end + 2);
            }
        }
        None
    }

    /// From one quote to the next that is not doubled; the quotes are part of what is returned.
    fn quoted(&mut self, quote: char, escapes: bool) -> Option<&'a str> {
        let whole = self.rest;
        self.take(1);
        let mut backslashes = 0;
        while let Some(character) = self.rest.chars().next() {
            self.take(character.len_utf8());
            let escaped = backslashes % 2 == 1;
            backslashes = if character == '\\' {
                backslashes + 1
            } else {
                0
            };
            if character != quote || (escaped && escapes) {
                continue;
            }
            if escaped {
                self.trouble(Trouble::Ambiguous(
                    "a backslash before a quote: databases disagree where the text ends",
                ));
            }
            if self.rest.starts_with(quote) {
                self.take(1);
                continue;
            }
            return whole.get(..whole.len() - self.rest.len());
        }
        self.trouble(Trouble::Unfinished("a quoted text"));
        None
    }

    /// `$tag$ … $tag$`, PostgreSQL's program text.
    fn dollar_quoted(&mut self) -> Option<Token<'a>> {
        let tag_length = self.rest.get(1..)?.find('$')?;
        let tag = self.rest.get(..tag_length + 2)?;
        let name = tag.trim_matches('$');
        if !name.chars().all(is_word) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.trouble(Trouble::Ambiguous(
            "dollar-quoted text, known to PostgreSQL only, often a program",
        ));
        self.take(tag.len());
        match self.rest.find(tag) {
            Some(end) => self.take(end + tag.len()),
            None => {
                self.trouble(Trouble::Unfinished("a dollar-quoted text"));
                self.rest = "";
            }
        }
        Some(Token::Text)
    }

    fn take(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or("");
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let taken = self.rest.get(..length).unwrap_or("");
        self.take(length);
        taken
    }

    fn trouble(&mut self, trouble: Trouble) {
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}
