//! From a tool as it describes itself to a descriptor. Only its own name, description and input schema are looked at.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

/// A tool, as MCP describes one.
#[derive(Debug, Clone, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it says it does.
    pub description: String,
    /// JSON Schema of its arguments.
    #[serde(rename = "inputSchema")]
    pub input_schema: Value,
}

/// Words at the beginning of a name that promise to change nothing.
const READS: &[&str] = &["get", "read", "search", "list", "find", "show", "check"];
/// Words anywhere in a name that break such a promise.
const CHANGES: &[&str] = &[
    "send",
    "create",
    "delete",
    "update",
    "append",
    "share",
    "cancel",
    "schedule",
    "reschedule",
    "add",
    "set",
    "write",
    "pay",
    "transfer",
    "post",
    "remove",
    "invite",
    "reserve",
    "book",
];

impl Tool {
    /// Whether its name says that it only looks. When in doubt it changes something.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        let mut words = self.name.split('_');
        let begins = words.next().is_some_and(|word| READS.contains(&word));
        begins && !words.any(|word| CHANGES.contains(&word))
    }

    /// The id of its descriptor in a suite.
    #[must_use]
    pub fn descriptor_id(&self, suite: &str) -> String {
        format!("{}.{}", plain(suite), plain(&self.name))
    }

    /// The definition of its descriptor.
    #[must_use]
    pub fn descriptor(&self, suite: &str) -> String {
        let (effect, reversibility, downstream, recipients) = if self.only_reads() {
            ("read", "read_only", "{ declared = [] }", "\"nobody\"")
        } else {
            ("state_change", "irreversible", "\"unknown\"", "\"unknown\"")
        };
        let mut fields = String::new();
        for (name, type_) in self.fields() {
            let pointer = name.replace('~', "~0").replace('/', "~1");
            let _ = writeln!(
                fields,
                "  {{ name = \"{}\", pointer = {}, label = {}, type = {type_}, required = true }},",
                field_name(&name),
                quoted(&format!("/{pointer}")),
                quoted(&name),
            );
        }
        let title: String = self.description.chars().take(200).collect();
        format!(
            "id = \"{id}\"\nversion = 1\ntitle = {title}\neffects = [\"{effect}\"]\nreversibility = \"{reversibility}\"\n\
             media_types = [\"application/json\"]\npayload = \"json\"\nfields = [\n{fields}]\nquantity = \"one\"\n\
             recipients = {recipients}\nsensitivity = \"resource\"\nsentence = \"{{workload}} wants to use {name} on {{target}}\"\n\
             criteria = []\nrequires = []\ndownstream = {downstream}\ninfers = []\nfacts = []\ndry_run = \"none\"\n\
             revocation = \"none\"\nexecutor = {{ kind = \"http\", caps = [] }}\n",
            id = self.descriptor_id(suite),
            title = quoted(&one_line(&title)),
            name = plain(&self.name),
        )
    }

    /// The required arguments whose type a projection knows.
    fn fields(&self) -> Vec<(String, &'static str)> {
        let required = self.input_schema.get("required").and_then(Value::as_array);
        let names = required.into_iter().flatten().filter_map(Value::as_str);
        names
            .filter_map(|name| {
                let schema = self.input_schema.get("properties")?.get(name)?;
                Some((name.to_owned(), field_type(schema)?))
            })
            .collect()
    }
}

fn field_type(schema: &Value) -> Option<&'static str> {
    let of_text = |schema: &Value| schema.get("type").and_then(Value::as_str) == Some("string");
    match schema.get("type").and_then(Value::as_str)? {
        "string" => Some("\"string\""),
        "boolean" => Some("\"bool\""),
        "integer" => Some("\"integer\""),
        "number" => Some("{ decimal = { scale = 2 } }"),
        "array" if schema.get("items").is_some_and(of_text) => Some("\"string_list\""),
        _ => None,
    }
}

/// A name as descriptors spell them.
fn plain(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let kept = |c: char| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            c
        } else {
            '_'
        }
    };
    lower.chars().map(kept).collect()
}

/// Some names are taken by what stands in every envelope.
fn field_name(name: &str) -> String {
    let name = plain(name);
    match name.as_str() {
        "workload" | "target" | "resource" | "duration" | "quantity" => format!("{name}_given"),
        _ => name,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, schema: &str) -> Tool {
        Tool {
            name: name.to_owned(),
            description: "Says \"what\" it\ndoes.".to_owned(),
            input_schema: serde_json::from_str(schema).unwrap(),
        }
    }

    #[test]
    fn what_does_not_promise_to_read_changes_something() {
        for (name, reads) in [
            ("get_balance", true),
            ("search_files_by_filename", true),
            ("list_files", true),
            ("send_money", false),
            ("get_and_delete_email", false),
            ("frobnicate", false),
        ] {
            assert_eq!(tool(name, "{}").only_reads(), reads, "{name}");
        }
    }

    #[test]
    fn every_tool_becomes_a_sound_descriptor() {
        let schema = r#"{"properties": {
            "to": {"type": "array", "items": {"type": "string"}}, "amount": {"type": "number"},
            "target": {"type": "string"}, "when": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            "required": ["to", "amount", "target", "when"]}"#;
        for name in ["send_money", "get_x"] {
            let text = tool(name, schema).descriptor("banking");
            let descriptor = gatehold_core::descriptor::Descriptor::parse(&text);
            let descriptor = descriptor.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
            assert_eq!(descriptor.fields.len(), 3);
        }
    }
}
