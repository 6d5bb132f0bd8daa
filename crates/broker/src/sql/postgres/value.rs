//! Values of PostgreSQL's binary format, written out exactly. A type that is not here is refused before anything runs.

mod moment;
mod numeric;

use bytes::BytesMut;
use tokio_postgres::types::{Format as Wire, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::super::Param;
use crate::table::Cell;

type AnyError = Box<dyn core::error::Error + Sync + Send>;

/// A value as it came.
pub(super) struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, AnyError> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A parameter in text form: the server reads it as the type the statement gives it, so no digit is lost on the way.
#[derive(Debug)]
pub(super) struct Text(Option<String>);

impl Text {
    pub(super) fn of(param: &Param) -> Self {
        Self(match param {
            Param::Null => None,
            Param::Bool(value) => Some(value.to_string()),
            Param::Number(lexeme) => Some(lexeme.as_str().to_owned()),
            Param::Text(text) => Some(text.clone()),
        })
    }
}

impl ToSql for Text {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, AnyError> {
        match &self.0 {
            None => Ok(IsNull::Yes),
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Wire {
        Wire::Text
    }

    to_sql_checked!();
}

/// How a column's bytes are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    Bool,
    /// Big-endian two's complement, of whatever width came.
    Integer,
    /// Unsigned 32 bits.
    Oid,
    Float4,
    Float8,
    Text,
    /// Text behind a version byte.
    Jsonb,
    Bytes,
    Uuid,
    Numeric,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Array(Box<Format>),
}

impl Format {
    /// `None` when the type has no form here.
    pub(super) fn of(type_: &Type) -> Option<Self> {
        match type_.kind() {
            Kind::Array(inner) => {
                return Self::of(inner).map(|inner| Self::Array(Box::new(inner)));
            }
            Kind::Domain(inner) => return Self::of(inner),
            Kind::Enum(_) => return Some(Self::Text),
            _ => {}
        }
        Some(match *type_ {
            Type::BOOL => Self::Bool,
            Type::INT2 | Type::INT4 | Type::INT8 => Self::Integer,
            Type::OID | Type::XID => Self::Oid,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            // VOID is the result of a function that returns nothing: empty text.
            Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::UNKNOWN
            | Type::JSON
            | Type::XML
            | Type::VOID => Self::Text,
            Type::JSONB => Self::Jsonb,
            Type::BYTEA => Self::Bytes,
            Type::UUID => Self::Uuid,
            Type::NUMERIC => Self::Numeric,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::TimestampTz,
            _ => return None,
        })
    }

    /// `None` when the bytes are not of this format: the server lies or is broken.
    pub(super) fn cell(&self, raw: Option<Raw<'_>>) -> Option<Cell> {
        let Some(Raw(bytes)) = raw else {
            return Some(Cell::Null);
        };
        Some(match self {
            Self::Bool => match bytes {
                [0] => Cell::Bool(false),
                [1] => Cell::Bool(true),
                _ => return None,
            },
            Self::Integer => Cell::integer(integer(bytes)?),
            Self::Oid => Cell::integer(i64::from(u32::from_be_bytes(bytes.try_into().ok()?))),
            // Through its own shortest text: widened first, 0.1 would print as 0.10000000149011612.
            Self::Float4 => {
                let value = f32::from_be_bytes(bytes.try_into().ok()?);
                Cell::real(value.to_string().parse().ok()?)
            }
            Self::Float8 => Cell::real(f64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Text => text(bytes)?,
            Self::Jsonb => text(bytes.strip_prefix(&[1])?)?,
            Self::Bytes => Cell::Bytes(bytes.to_vec()),
            Self::Uuid => Cell::Text(uuid(bytes)?),
            Self::Numeric => Cell::Text(numeric::text(bytes)?),
            Self::Date => Cell::Text(moment::date(i32::from_be_bytes(bytes.try_into().ok()?))),
            Self::Time => Cell::Text(moment::time(integer(bytes)?)),
            Self::Timestamp => Cell::Text(moment::timestamp(integer(bytes)?, "")),
            Self::TimestampTz => Cell::Text(moment::timestamp(integer(bytes)?, "Z")),
            Self::Array(inner) => array(bytes, inner)?,
        })
    }
}

fn integer(bytes: &[u8]) -> Option<i64> {
    match *bytes {
        [a, b] => Some(i64::from(i16::from_be_bytes([a, b]))),
        [a, b, c, d] => Some(i64::from(i32::from_be_bytes([a, b, c, d]))),
        _ => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
    }
}

fn text(bytes: &[u8]) -> Option<Cell> {
    String::from_utf8(bytes.to_vec()).ok().map(Cell::Text)
}

fn uuid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let mut out = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push_str(&format!("{byte:02x}"));
    }
    Some(out)
}

/// Reads big-endian numbers from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }
}

/// One dimension only: nested lists have no form that every reader agrees on.
fn array(bytes: &[u8], inner: &Format) -> Option<Cell> {
    let mut reader = Reader(bytes);
    let dimensions = reader.i32()?;
    let (_nulls, _type) = (reader.i32()?, reader.i32()?);
    if dimensions == 0 {
        return Some(Cell::List(Vec::new()));
    }
    if dimensions != 1 {
        return None;
    }
    let (count, _lower_bound) = (reader.i32()?, reader.i32()?);
    let mut cells = Vec::new();
    for _ in 0..count {
        let raw = match reader.i32()? {
            -1 => None,
            length => Some(Raw(reader.take(usize::try_from(length).ok()?)?)),
        };
        cells.push(inner.cell(raw)?);
    }
    Some(Cell::List(cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_of_their_type_are_no_value() {
        let endless = [
            0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1,
        ];
        let cases: [(Format, &[u8]); 6] = [
            (Format::Bool, &[2]),
            (Format::Integer, &[1, 2, 3]),
            (Format::Text, &[0xff]),
            (Format::Jsonb, b"\x02{}"),
            (Format::Uuid, &[0; 15]),
            (Format::Array(Box::new(Format::Bool)), &endless),
        ];
        for (format, bytes) in cases {
            assert_eq!(format.cell(Some(Raw(bytes))), None, "{format:?}");
        }
    }
}
