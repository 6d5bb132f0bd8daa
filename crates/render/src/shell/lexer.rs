//! Text for a POSIX shell into words, operators, redirections and here-documents, by the rules of quoting.
//!
//! It expands nothing: where a shell would put something else in place, the word says so.

mod expansion;

use std::collections::BTreeSet;

/// What a shell would replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    Variable,
    Command,
    Arithmetic,
    FileNames,
    Home,
    Braces,
    Escapes,
}

impl Change {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Change::Variable => "a variable",
            Change::Command => "the output of a command",
            Change::Arithmetic => "the result of a calculation",
            Change::FileNames => "names of files that match",
            Change::Home => "a home folder",
            Change::Braces => "a list in braces",
            Change::Escapes => "escapes that only some shells know",
        }
    }
}

/// A word as a command would receive it, were it not for its changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) changes: BTreeSet<Change>,
    /// Whether any of it was quoted: a quoted word is no keyword and no delimiter that expands.
    pub(super) quoted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// Between commands.
    Operator(&'static str),
    LineEnd,
    /// The next word is where to.
    Redirect {
        descriptor: String,
        operator: &'static str,
    },
    HereDocument {
        body: String,
        changes: BTreeSet<Change>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    Comment,
    Unfinished(&'static str),
}

pub(super) fn lex(text: &str) -> (Vec<Token>, BTreeSet<Trouble>) {
    let mut lexer = Lexer {
        rest: text,
        tokens: Vec::new(),
        waiting: Vec::new(),
        troubles: BTreeSet::new(),
    };
    lexer.run();
    (lexer.tokens, lexer.troubles)
}

/// Longest first.
const REDIRECTS: [&str; 12] = [
    "<<<", "<<-", "&>>", "<<", "<&", "<>", ">>", ">&", ">|", "&>", "<", ">",
];
const OPERATORS: [&str; 10] = ["&&", "||", ";;", ";&", "|&", "|", "&", ";", "(", ")"];

struct Lexer<'a> {
    rest: &'a str,
    tokens: Vec<Token>,
    /// Here-documents whose lines follow the line that names them.
    waiting: Vec<Waiting>,
    troubles: BTreeSet<Trouble>,
}

struct Waiting {
    /// Its token, to be filled.
    token: usize,
    delimiter: Word,
    without_tabs: bool,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(first) = self.rest.chars().next() {
            match first {
                ' ' | '\t' => self.take(1),
                '\n' => {
                    self.take(1);
                    self.here_documents();
                    self.tokens.push(Token::LineEnd);
                }
                '#' => {
                    self.troubles.insert(Trouble::Comment);
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.take(end);
                }
                '\\' if self.rest.starts_with("\\\n") => self.take(2),
                _ => self.token(),
            }
        }
        self.here_documents();
    }

    fn token(&mut self) {
        let digits = self.rest.len()
            - self
                .rest
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .len();
        let behind = self.rest.get(digits..).unwrap_or("");
        let substitution = behind.starts_with("<(") || behind.starts_with(">(");
        let redirect = REDIRECTS
            .iter()
            .find(|operator| behind.starts_with(**operator))
            .filter(|operator| !(substitution || digits > 0 && operator.starts_with('&')));
        if let Some(operator) = redirect {
            let descriptor = self.rest.get(..digits).unwrap_or("").to_owned();
            self.take(digits + operator.len());
            self.redirect(descriptor, operator);
            return;
        }
        let operator = OPERATORS
            .iter()
            .find(|operator| self.rest.starts_with(**operator));
        if let Some(operator) = operator {
            self.take(operator.len());
            self.tokens.push(Token::Operator(operator));
            return;
        }
        let word = self.word();
        self.tokens.push(Token::Word(word));
    }

    fn redirect(&mut self, descriptor: String, operator: &'static str) {
        if matches!(operator, "<<" | "<<-") {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            let delimiter = self.word();
            self.waiting.push(Waiting {
                token: self.tokens.len(),
                delimiter,
                without_tabs: operator == "<<-",
            });
            self.tokens.push(Token::HereDocument {
                body: String::new(),
                changes: BTreeSet::new(),
            });
            return;
        }
        self.tokens.push(Token::Redirect {
            descriptor,
            operator,
        });
    }

    /// The lines of every here-document that was named on the line before.
    fn here_documents(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            let mut body = String::new();
            let mut found = false;
            while !self.rest.is_empty() {
                let line = self.rest.split('\n').next().unwrap_or("");
                self.take(line.len() + 1);
                let shown = if waiting.without_tabs {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if shown == waiting.delimiter.text {
                    found = true;
                    break;
                }
                body.push_str(shown);
                body.push('\n');
            }
            if !found {
                self.troubles.insert(Trouble::Unfinished("a here-document"));
            }
            let mut changes = BTreeSet::new();
            if !waiting.delimiter.quoted {
                let mut inside = Lexer {
                    rest: &body,
                    tokens: Vec::new(),
                    waiting: Vec::new(),
                    troubles: BTreeSet::new(),
                };
                changes = inside.double_quoted(None).changes;
            }
            if let Some(token) = self.tokens.get_mut(waiting.token) {
                *token = Token::HereDocument { body, changes };
            }
        }
    }

    fn word(&mut self) -> Word {
        let mut word = Word::default();
        let mut start = true;
        while let Some(first) = self.rest.chars().next() {
            match first {
                '<' | '>' if self.rest.get(1..2) == Some("(") && start => {
                    let length = 1 + self.parentheses(1);
                    self.replaced(&mut word, length, Change::Command);
                }
                ' ' | '\t' | '\n' | '|' | '&' | ';' | '(' | ')' | '<' | '>' => break,
                '\'' => self.single_quoted(&mut word),
                '"' => {
                    self.take(1);
                    let inside = self.double_quoted(Some('"'));
                    word.text.push_str(&inside.text);
                    word.changes.extend(inside.changes);
                    word.quoted = true;
                }
                '\\' => self.escaped(&mut word),
                '$' | '`' => self.expansion(&mut word),
                _ => {
                    match first {
                        '*' | '?' | '[' => word.changes.extend([Change::FileNames]),
                        '~' if start || word.text.ends_with(['=', ':']) => {
                            word.changes.extend([Change::Home]);
                        }
                        '{' if self.is_list_in_braces() => word.changes.extend([Change::Braces]),
                        _ => {}
                    }
                    word.text.push(first);
                    self.take(first.len_utf8());
                }
            }
            start = false;
        }
        word
    }

    fn single_quoted(&mut self, word: &mut Word) {
        self.take(1);
        let end = self.rest.find('\'').unwrap_or_else(|| {
            self.troubles.insert(Trouble::Unfinished("a quoted text"));
            self.rest.len()
        });
        word.text.push_str(self.rest.get(..end).unwrap_or(""));
        word.quoted = true;
        self.take(end + 1);
    }

    fn escaped(&mut self, word: &mut Word) {
        self.take(1);
        match self.rest.chars().next() {
            Some('\n') => self.take(1),
            Some(character) => {
                word.text.push(character);
                word.quoted = true;
                self.take(character.len_utf8());
            }
            None => {
                self.troubles
                    .insert(Trouble::Unfinished("a backslash at the end"));
            }
        }
    }

    /// To the end quote, or to the end of a here-document.
    fn double_quoted(&mut self, quote: Option<char>) -> Word {
        let mut word = Word::default();
        loop {
            let Some(first) = self.rest.chars().next() else {
                if quote.is_some() {
                    self.troubles.insert(Trouble::Unfinished("a quoted text"));
                }
                return word;
            };
            match first {
                _ if Some(first) == quote => {
                    self.take(1);
                    return word;
                }
                '\\' if self
                    .rest
                    .get(1..2)
                    .is_some_and(|next| "$`\"\\".contains(next)) =>
                {
                    word.text.push_str(self.rest.get(1..2).unwrap_or(""));
                    self.take(2);
                }
                '\\' if self.rest.starts_with("\\\n") => self.take(2),
                '$' | '`' => self.expansion(&mut word),
                _ => {
                    word.text.push(first);
                    self.take(first.len_utf8());
                }
            }
        }
    }

    fn take(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or("");
    }
}
