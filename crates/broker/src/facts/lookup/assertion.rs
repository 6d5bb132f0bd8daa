//! What an answer must say: a member exists, equals a value, or names the resource of the action. An answer that has another
//! form than was expected says neither yes nor no.

use gatehold_core::ids::ResourceId;
use gatehold_core::json::payload::Json;
use gatehold_core::task::covers;
use gatehold_gate::ports::facts::Question;

use super::template::Template;

/// Most elements of a list that is searched.
const ELEMENTS_MAX: usize = 10_000;

/// One thing an answer must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assertion {
    /// RFC 6901.
    pub(crate) pointer: String,
    pub(crate) check: Check,
}

/// What is checked at the pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// It is there, and is not null.
    Exists,
    Text(Template),
    Integer(i64),
    Bool(bool),
    /// The resource itself, or a list that names it or a prefix of it.
    ContainsResource,
}

impl Assertion {
    /// Whether the answer says so; else why nobody can tell.
    pub(crate) fn holds(&self, answer: &Json, question: &Question<'_>) -> Result<bool, String> {
        let found = answer.pointer(&self.pointer);
        let other_form = || format!("the answer has another form at `{}`", self.pointer);
        let found = match (found, &self.check) {
            (found, Check::Exists) => {
                return Ok(!matches!(found, None | Some(Json::Null)));
            }
            (Some(found), _) => found,
            (None, _) => return Err(format!("the answer has no `{}`", self.pointer)),
        };
        match &self.check {
            Check::Exists => Ok(true),
            Check::Text(wanted) => {
                let wanted = wanted.plain(question)?;
                Ok(found.as_str().ok_or_else(other_form)? == wanted)
            }
            Check::Integer(wanted) => {
                let number = found.as_number().ok_or_else(other_form)?;
                Ok(number.decimal().to_i64() == Some(*wanted))
            }
            Check::Bool(wanted) => Ok(found.as_bool().ok_or_else(other_form)? == *wanted),
            Check::ContainsResource => {
                let one = std::slice::from_ref(found);
                let named = found.as_array().unwrap_or(one);
                if named.len() > ELEMENTS_MAX {
                    return Err(other_form());
                }
                let resource = &question.envelope.resource;
                let mut contains = false;
                for element in named {
                    contains |= names(element.as_str().ok_or_else(other_form)?, resource);
                }
                Ok(contains)
            }
        }
    }

    /// What is not so, in words of the configuration.
    pub(crate) fn refuted(&self) -> String {
        match &self.check {
            Check::Exists => format!("there is no `{}`", self.pointer),
            Check::ContainsResource => format!("`{}` does not name this resource", self.pointer),
            _ => format!("`{}` is another", self.pointer),
        }
    }
}

/// Whether a text names the resource, or a prefix of it that ends in a slash.
fn names(text: &str, resource: &ResourceId) -> bool {
    let named = text.parse::<ResourceId>();
    named.is_ok_and(|named| covers(&[named].into(), resource))
}
