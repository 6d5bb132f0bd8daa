//! Text with places for identifiers: `{claim.NAME}`, `{field.NAME}`, `{workload}`, `{target}`, `{resource}`.
//!
//! An identifier fills its place and nothing else: in a path it stays within its segment, in a query within its value, and
//! never reaches the host, which has no places.

use gatehold_core::context::TypedValue;
use gatehold_core::json::ident::hazard;
use gatehold_gate::ports::facts::Question;

use crate::scrub::percent_encoded;

/// Longest identifier in bytes.
const IDENTIFIER_BYTES_MAX: usize = 256;

/// Something whose value fills a place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Claim(String),
    Field(String),
    Workload,
    Target,
    Resource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// A text with places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    /// Reads one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .ok_or("a place has no end: write {claim.NAME}")?;
            if before.contains('}') {
                return Err("a place ends that did not begin".to_owned());
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Place(place(name)?));
            rest = after;
        }
        if rest.contains('}') {
            return Err("a place ends that did not begin".to_owned());
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The text with this in every place.
    pub(crate) fn everywhere(&self, word: &str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Place(_) => word,
        });
        parts.collect()
    }

    /// The text with its places filled as they are.
    pub(crate) fn plain(&self, question: &Question<'_>) -> Result<String, String> {
        self.filled(question, str::to_owned)
    }

    /// As a path: what fills a place is percent-encoded.
    pub(crate) fn path(&self, question: &Question<'_>) -> Result<String, String> {
        let path = self.filled(question, |value| percent_encoded(value.as_bytes()))?;
        // Servers differ in where a path that holds encoded separators or dots ends up.
        crate::http::path::check(&path)
            .map_err(|_| "an identifier cannot stand in a path".to_owned())?;
        Ok(path)
    }

    /// What fills the places, in order.
    pub(crate) fn identifiers(&self, question: &Question<'_>) -> Result<Vec<String>, String> {
        let places = self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Place(place) => Some(place.value(question)),
        });
        places.collect()
    }

    fn filled(
        &self,
        question: &Question<'_>,
        as_written: impl Fn(&str) -> String,
    ) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(place) => out.push_str(&as_written(&place.value(question)?)),
            }
        }
        Ok(out)
    }
}

fn place(name: &str) -> Result<Place, String> {
    Ok(match name.split_once('.') {
        None if name == "workload" => Place::Workload,
        None if name == "target" => Place::Target,
        None if name == "resource" => Place::Resource,
        Some(("claim", claim)) if !claim.is_empty() => Place::Claim(claim.to_owned()),
        Some(("field", field)) if !field.is_empty() => Place::Field(field.to_owned()),
        _ => {
            return Err(format!(
                "`{{{name}}}` is not one of {{claim.NAME}}, {{field.NAME}}, {{workload}}, {{target}}, {{resource}}"
            ));
        }
    })
}

impl Place {
    fn value(&self, question: &Question<'_>) -> Result<String, String> {
        let envelope = question.envelope;
        let value = match self {
            Self::Claim(name) => question
                .claims
                .0
                .get(name)
                .cloned()
                .ok_or_else(|| format!("the requester claims no `{name}`"))?,
            Self::Field(name) => match question.fields.get(name) {
                Some(TypedValue::Text(text)) => text.clone(),
                Some(TypedValue::Integer(number)) => number.to_string(),
                _ => return Err(format!("the payload has no readable `{name}`")),
            },
            Self::Workload => envelope.workload.to_string(),
            Self::Target => envelope.target.to_string(),
            Self::Resource => envelope.resource.to_string(),
        };
        let visible = value.chars().all(|c| hazard(c).is_none());
        if value.is_empty() || value.len() > IDENTIFIER_BYTES_MAX || !visible {
            let text = format!(
                "an identifier must have 1 to {IDENTIFIER_BYTES_MAX} bytes, all of them visible"
            );
            return Err(text);
        }
        Ok(value)
    }
}
