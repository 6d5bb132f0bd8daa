pub fn check_identifier(t: &str, max: usize) -> Result<(), String> {
    if t.is_empty()
        || t.len() > max
        || t.trim() != t
        || t.chars()
            .any(|c| c.is_control() || matches!(c, '\u{200b}'..='\u{202e}'))
    {
        Err("bad".into())
    } else {
        Ok(())
    }
}
