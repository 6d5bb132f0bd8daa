//! One section of the file, key by key, so that one mistake does not hide the next.

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use toml::{Table, Value};

/// What a section holds that can be used, and what is wrong with the rest, by key.
pub(super) fn read<T: DeserializeOwned>(table: Table) -> (Option<T>, Vec<(String, String)>) {
    let known = keys::<T>();
    let mut wrong = Vec::new();
    let mut good = Table::new();
    for (key, value) in table {
        if !known.contains(&key.as_str()) {
            let why = format!("there is no such key; known are {}", known.join(", "));
            wrong.push((key, why));
            continue;
        }
        let alone = Table::from_iter([(key.clone(), value.clone())]);
        match Value::Table(alone).try_into::<T>() {
            Ok(_) => {
                good.insert(key, value);
            }
            Err(error) => wrong.push((key, one_line(&error))),
        }
    }
    // Every key is optional to the parser; what must be there is checked where it is used.
    let read = Value::Table(good).try_into::<T>();
    let read = read
        .map_err(|error| wrong.push((String::new(), one_line(&error))))
        .ok();
    (read, wrong)
}

/// The keys that a section may have.
pub(super) fn keys<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // It ends with an error once it has told its fields.
    let _told = T::deserialize(Fields(&mut keys));
    keys
}

/// A message of the parser without its line breaks and pictures.
pub(super) fn one_line(error: &impl ToString) -> String {
    error
        .to_string()
        .split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty() && !is_picture(line))
        .collect::<Vec<_>>()
        .join("; ")
}

/// Whether it is a line of the file, or what points into one: `2 | foo`.
fn is_picture(line: &str) -> bool {
    let margin = line.split_once('|').map(|(margin, _)| margin.trim());
    margin.is_some_and(|margin| margin.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads nothing; remembers which fields it is asked for.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("only the fields are wanted"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(Self::Error::custom("only the fields are wanted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
