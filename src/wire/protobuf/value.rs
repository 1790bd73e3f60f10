//! [`Value`]: a message of protobuf as serde sees an object of JSON, so that the trimmed structs read either.
//!
//! What a struct does not name is passed over by its length. Fields of one list stand together in what
//! Kubernetes writes; where they do not, the struct finds the field twice and says so.

use std::fmt;

use jiff::Timestamp;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::fields::{Fields, Malformed, Wire, last};
use super::messages::{Holds, Message};

/// Why a message cannot be decoded.
#[derive(Debug)]
pub(super) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl From<Malformed> for Error {
    fn from(why: Malformed) -> Self {
        Self(why.to_owned())
    }
}

/// A value that is neither a list nor a map.
pub(super) struct Value<'de> {
    holds: Holds,
    wire: Wire<'de>,
}

impl<'de> Value<'de> {
    /// A message.
    pub(super) fn new(message: &'static Message, bytes: &'de [u8]) -> Self {
        Self { holds: Holds::Of(message), wire: Wire::Bytes(bytes) }
    }

    /// A time that is not set is a message without fields.
    fn is_none(&self) -> bool {
        matches!((self.holds, self.wire), (Holds::Time, Wire::Bytes([])))
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.holds {
            Holds::Text => visitor.visit_borrowed_str(self.wire.text()?),
            Holds::Int => visitor.visit_i64(self.wire.integer()?),
            Holds::Bool => visitor.visit_bool(self.wire.integer()? != 0),
            Holds::Quantity => {
                let text = last(self.wire.bytes()?, 1)?.map_or(Ok(""), Wire::text)?;
                visitor.visit_borrowed_str(text)
            }
            Holds::Time if self.is_none() => visitor.visit_unit(),
            Holds::Time => {
                let seconds = last(self.wire.bytes()?, 1)?.map_or(Ok(0), Wire::integer)?;
                let time = Timestamp::from_second(seconds).map_err(|_| "a time is out of range")?;
                visitor.visit_string(time.to_string())
            }
            Holds::Of(message) => visitor.visit_map(Entries::new(message, self.wire.bytes()?)),
            Holds::Inlined(_) | Holds::List(_) | Holds::Map(_) => {
                Err(Error::from("a list in a list"))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_none() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// The fields of a message, each under its name.
struct Entries<'de> {
    message: &'static Message,
    fields: Fields<'de>,
    /// What follows the message that is being read, where that is a part of another.
    outer: Option<(&'static Message, Fields<'de>)>,
    next: Option<(u64, Holds, Wire<'de>)>,
}

impl<'de> Entries<'de> {
    fn new(message: &'static Message, bytes: &'de [u8]) -> Self {
        Self { message, fields: Fields(bytes), outer: None, next: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        loop {
            let Some((number, wire)) = self.fields.next()? else {
                let Some(outer) = self.outer.take() else { return Ok(None) };
                (self.message, self.fields) = outer;
                continue;
            };
            let Some(field) = self.message.field(number) else { continue };
            if let Holds::Inlined(inner) = field.holds {
                let around = std::mem::replace(&mut self.fields, Fields(wire.bytes()?));
                self.outer = Some((self.message, around));
                self.message = inner;
                continue;
            }
            self.next = Some((number, field.holds, wire));
            return seed.deserialize(BorrowedStrDeserializer::new(field.name)).map(Some);
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (number, holds, wire) = self.next.take().ok_or("a value without its name")?;
        let (Holds::List(inner) | Holds::Map(inner)) = holds else {
            return seed.deserialize(Value { holds, wire });
        };
        let several = Several {
            fields: &mut self.fields,
            number,
            holds: *inner,
            next: Some(wire),
            value: None,
        };
        match holds {
            Holds::Map(_) => seed.deserialize(MapOf(several)),
            _ => seed.deserialize(ListOf(several)),
        }
    }
}

/// Fields of one number that stand together.
struct Several<'a, 'de> {
    fields: &'a mut Fields<'de>,
    number: u64,
    holds: Holds,
    /// The first one, until it is taken.
    next: Option<Wire<'de>>,
    /// The value of the entry of a map whose key was given last.
    value: Option<Wire<'de>>,
}

impl<'de> Several<'_, 'de> {
    fn take(&mut self) -> Result<Option<Wire<'de>>, Malformed> {
        match self.next.take() {
            Some(first) => Ok(Some(first)),
            None => self.fields.next_of(self.number),
        }
    }
}

struct ListOf<'a, 'de>(Several<'a, 'de>);

struct MapOf<'a, 'de>(Several<'a, 'de>);

/// Makes a deserializer of several fields, each of which it hands over with this method of the visitor.
macro_rules! several {
    ($type:ident, $visit:ident) => {
        impl<'de> Deserializer<'de> for $type<'_, 'de> {
            type Error = Error;

            fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                visitor.$visit(self)
            }

            fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                visitor.visit_some(self)
            }

            // Those that follow are met again, and ignored again.
            fn deserialize_ignored_any<V: Visitor<'de>>(
                self,
                visitor: V,
            ) -> Result<V::Value, Error> {
                visitor.visit_unit()
            }

            forward_to_deserialize_any! {
                bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
                unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
            }
        }
    };
}

several!(ListOf, visit_seq);
several!(MapOf, visit_map);

impl<'de> SeqAccess<'de> for ListOf<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(wire) = self.0.take()? else { return Ok(None) };
        seed.deserialize(Value { holds: self.0.holds, wire }).map(Some)
    }
}

impl<'de> MapAccess<'de> for MapOf<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(entry) = self.0.take()? else { return Ok(None) };
        let (mut key, mut value) = ("", Wire::Bytes(&[]));
        let mut fields = Fields(entry.bytes()?);
        while let Some((number, wire)) = fields.next()? {
            match number {
                1 => key = wire.text()?,
                2 => value = wire,
                _ => {}
            }
        }
        self.0.value = Some(value);
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let wire = self.0.value.take().ok_or("a value without its key")?;
        seed.deserialize(Value { holds: self.0.holds, wire })
    }
}
