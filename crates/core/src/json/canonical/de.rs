//! Canonical values into typed ones. Floats are refused even where an integer would convert.

use serde::de::value::{MapDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{
    self, Deserializer, EnumAccess, IntoDeserializer, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{CanonicalError, Object, Value};

impl de::Error for CanonicalError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        CanonicalError::Shape(message.to_string())
    }
}

impl<'de> IntoDeserializer<'de, CanonicalError> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = CanonicalError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CanonicalError> {
        match self {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Int(number) => visitor.visit_i64(number.get()),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(elements) => {
                let mut sequence = SeqDeserializer::new(elements.into_iter());
                let made = visitor.visit_seq(&mut sequence)?;
                sequence.end()?;
                Ok(made)
            }
            Value::Object(Object(members)) => {
                let mut map = MapDeserializer::new(members.into_iter());
                let made = visitor.visit_map(&mut map)?;
                map.end()?;
                Ok(made)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CanonicalError> {
        match self {
            Value::Null => visitor.visit_none(),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, CanonicalError> {
        visitor.visit_newtype_struct(self)
    }

    /// An array of fields would be a second spelling of a struct; serde alone would take it.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CanonicalError> {
        match self {
            object @ Value::Object(_) => object.deserialize_any(visitor),
            other => Err(de::Error::invalid_type(unexpected(&other), &"an object")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CanonicalError> {
        match self {
            Value::String(variant) => visitor.visit_enum(Variant {
                variant,
                content: None,
            }),
            Value::Object(Object(members)) => {
                let mut members = members.into_iter();
                match (members.next(), members.next()) {
                    (Some((variant, content)), None) => visitor.visit_enum(Variant {
                        variant,
                        content: Some(content),
                    }),
                    _ => Err(de::Error::invalid_value(
                        Unexpected::Map,
                        &"an object with one member",
                    )),
                }
            }
            other => Err(de::Error::invalid_type(
                unexpected(&other),
                &"a string or an object with one member",
            )),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CanonicalError> {
        Err(CanonicalError::Float)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CanonicalError> {
        Err(CanonicalError::Float)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Variant {
    variant: String,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = CanonicalError;
    type Variant = Content;

    fn variant_seed<S: de::DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Content), CanonicalError> {
        let name: StringDeserializer<CanonicalError> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, Content(self.content)))
    }
}

struct Content(Option<Value>);

impl Content {
    fn present(self) -> Result<Value, CanonicalError> {
        self.0.ok_or_else(|| {
            de::Error::invalid_type(Unexpected::UnitVariant, &"a variant with content")
        })
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = CanonicalError;

    fn unit_variant(self) -> Result<(), CanonicalError> {
        // {"Unit": null} would be a second spelling of "Unit".
        match self.0 {
            None => Ok(()),
            Some(_) => Err(de::Error::invalid_type(Unexpected::Map, &"a plain string")),
        }
    }

    fn newtype_variant_seed<S: de::DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, CanonicalError> {
        seed.deserialize(self.present()?)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, CanonicalError> {
        match self.present()? {
            array @ Value::Array(_) => array.deserialize_any(visitor),
            other => Err(de::Error::invalid_type(unexpected(&other), &"an array")),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CanonicalError> {
        match self.present()? {
            object @ Value::Object(_) => object.deserialize_any(visitor),
            other => Err(de::Error::invalid_type(unexpected(&other), &"an object")),
        }
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Int(number) => Unexpected::Signed(number.get()),
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}
