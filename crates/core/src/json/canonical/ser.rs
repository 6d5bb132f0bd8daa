//! Typed values into canonical ones. The shapes are those of `serde_json`; what it would round or guess is refused.

use serde::ser::{self, Serialize};

use super::{CanonicalError, Int, Object, Value};
use crate::json::scan::DEPTH_HARD_MAX;

impl ser::Error for CanonicalError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        CanonicalError::Shape(message.to_string())
    }
}

/// Carries the depth reached so far, so that nothing is written that could not be read back.
#[derive(Clone, Copy)]
pub(super) struct Serializer {
    depth: usize,
}

impl Serializer {
    pub(super) fn new() -> Self {
        Self { depth: 0 }
    }

    fn deeper(self) -> Result<Self, CanonicalError> {
        if self.depth >= DEPTH_HARD_MAX {
            return Err(CanonicalError::TooDeep(DEPTH_HARD_MAX));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

type Made = Result<Value, CanonicalError>;

fn int(number: impl Into<i128>) -> Made {
    let number = number.into();
    let small = i64::try_from(number).map_err(|_| CanonicalError::IntegerTooLarge(number))?;
    Ok(Value::Int(Int::try_from(small)?))
}

fn single(name: &str, value: Value) -> Made {
    Ok(Value::Object(Object(vec![(name.to_owned(), value)])))
}

impl ser::Serializer for Serializer {
    type Ok = Value;
    type Error = CanonicalError;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    fn serialize_bool(self, value: bool) -> Made {
        Ok(Value::Bool(value))
    }
    fn serialize_i8(self, value: i8) -> Made {
        int(value)
    }
    fn serialize_i16(self, value: i16) -> Made {
        int(value)
    }
    fn serialize_i32(self, value: i32) -> Made {
        int(value)
    }
    fn serialize_i64(self, value: i64) -> Made {
        int(value)
    }
    fn serialize_i128(self, value: i128) -> Made {
        int(value)
    }
    fn serialize_u8(self, value: u8) -> Made {
        int(value)
    }
    fn serialize_u16(self, value: u16) -> Made {
        int(value)
    }
    fn serialize_u32(self, value: u32) -> Made {
        int(value)
    }
    fn serialize_u64(self, value: u64) -> Made {
        int(value)
    }
    fn serialize_u128(self, value: u128) -> Made {
        int(i128::try_from(value).map_err(|_| CanonicalError::IntegerTooLarge(i128::MAX))?)
    }
    fn serialize_f32(self, _: f32) -> Made {
        Err(CanonicalError::Float)
    }
    fn serialize_f64(self, _: f64) -> Made {
        Err(CanonicalError::Float)
    }
    fn serialize_char(self, value: char) -> Made {
        Ok(Value::String(value.to_string()))
    }
    fn serialize_str(self, value: &str) -> Made {
        Ok(Value::String(value.to_owned()))
    }
    fn serialize_bytes(self, _: &[u8]) -> Made {
        Err(CanonicalError::Bytes)
    }
    fn serialize_none(self) -> Made {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Made {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Made {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Made {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Made {
        Ok(Value::String(variant.to_owned()))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Made {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Made {
        single(variant, value.serialize(self.deeper()?)?)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, CanonicalError> {
        Elements::new(self, None)
    }
    fn serialize_tuple(self, _: usize) -> Result<Elements, CanonicalError> {
        Elements::new(self, None)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements, CanonicalError> {
        Elements::new(self, None)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements, CanonicalError> {
        Elements::new(self, Some(variant))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Members, CanonicalError> {
        Members::new(self, None)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members, CanonicalError> {
        Members::new(self, None)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members, CanonicalError> {
        Members::new(self, Some(variant))
    }
}

/// An array under way; of a variant when it is named.
pub(super) struct Elements {
    inner: Serializer,
    variant: Option<&'static str>,
    elements: Vec<Value>,
}

impl Elements {
    fn new(outer: Serializer, variant: Option<&'static str>) -> Result<Self, CanonicalError> {
        let inner = if variant.is_some() {
            outer.deeper()?.deeper()?
        } else {
            outer.deeper()?
        };
        Ok(Self {
            inner,
            variant,
            elements: Vec::new(),
        })
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.elements.push(value.serialize(self.inner)?);
        Ok(())
    }

    fn finish(self) -> Made {
        let array = Value::Array(self.elements);
        match self.variant {
            None => Ok(array),
            Some(name) => single(name, array),
        }
    }
}

/// An object under way; of a variant when it is named.
pub(super) struct Members {
    inner: Serializer,
    variant: Option<&'static str>,
    name: Option<String>,
    members: Vec<(String, Value)>,
}

impl Members {
    fn new(outer: Serializer, variant: Option<&'static str>) -> Result<Self, CanonicalError> {
        let inner = if variant.is_some() {
            outer.deeper()?.deeper()?
        } else {
            outer.deeper()?
        };
        Ok(Self {
            inner,
            variant,
            name: None,
            members: Vec::new(),
        })
    }

    fn push<T: Serialize + ?Sized>(
        &mut self,
        name: String,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.members.push((name, value.serialize(self.inner)?));
        Ok(())
    }

    fn finish(self) -> Made {
        let object = Value::Object(Object::from_members(self.members)?);
        match self.variant {
            None => Ok(object),
            Some(name) => single(name, object),
        }
    }
}

macro_rules! elements {
    ($($trait:ident :: $method:ident),*) => {$(
        impl ser::$trait for Elements {
            type Ok = Value;
            type Error = CanonicalError;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
                self.push(value)
            }
            fn end(self) -> Made {
                self.finish()
            }
        }
    )*};
}

elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! members {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Members {
            type Ok = Value;
            type Error = CanonicalError;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), CanonicalError> {
                self.push(name.to_owned(), value)
            }
            fn end(self) -> Made {
                self.finish()
            }
        }
    )*};
}

members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Members {
    type Ok = Value;
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CanonicalError> {
        // A key may be anything whose own form is text: strings, identifiers, plain enum variants.
        match key.serialize(self.inner)? {
            Value::String(name) => {
                self.name = Some(name);
                Ok(())
            }
            _ => Err(CanonicalError::KeyNotText),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        let name = self.name.take().ok_or(CanonicalError::KeyNotText)?;
        self.push(name, value)
    }

    fn end(self) -> Made {
        self.finish()
    }
}
