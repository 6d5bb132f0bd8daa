//! The one place that writes a name or a text into a statement, for what PostgreSQL does not take as a parameter (threat C6).
//!
//! The server is told that its client speaks UTF-8, so a quote is a quote in every byte that is looked at here.

/// A name, exactly as it stands in the catalogue.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text. In the form whose reading does not depend on `standard_conforming_strings`.
pub(crate) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_text_end_where_they_end() {
        assert_eq!(
            identifier(r#"a"; DROP ROLE x; --"#),
            r#""a""; DROP ROLE x; --""#
        );
        assert_eq!(identifier("a\\"), "\"a\\\"");
        assert_eq!(
            literal(r"a\'; DROP ROLE x; --"),
            r"E'a\\''; DROP ROLE x; --'"
        );
    }
}
