//! Decodes a value of JavaScript with serde.
//!
//! serde-wasm-bindgen decodes values too. But its errors repeat a refused value, which may be a
//! PIN, and its code that writes numbers would be a fifteenth of this client.

use std::fmt;

use js_sys::{Array, Number};
use serde::de::value::SeqDeserializer;
use serde::de::{self, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use wasm_bindgen::prelude::*;

use crate::arguments;
use crate::object::is_absent;

/// The value. An object decodes as a struct only.
pub(crate) struct Value(pub(crate) JsValue);

/// Why a value was refused. Never holds the value.
#[derive(Debug)]
pub(crate) enum Problem {
    /// It has to be this.
    Expected(String),
    /// This field is missing.
    Missing(&'static str),
    /// The field is unknown. Lists the known ones.
    Unknown(String),
    /// Another problem.
    Other(String),
}

impl<'de> Deserializer<'de> for Value {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Self(value) = self;
        if let Some(text) = value.as_string() {
            visitor.visit_string(text)
        } else if Number::is_safe_integer(&value) {
            visitor.visit_i64(value.unchecked_into_f64() as i64)
        } else if let Some(number) = value.as_f64() {
            visitor.visit_f64(number)
        } else if let Some(truth) = value.as_bool() {
            visitor.visit_bool(truth)
        } else if value.is_bigint() {
            let number = u64::try_from(value);
            visitor.visit_u64(number.map_err(|_| Problem::Other("is out of range".to_owned()))?)
        } else if Array::is_array(&value) {
            let elements = value.unchecked_into::<Array>().into_iter();
            visitor.visit_seq(SeqDeserializer::new(elements.map(Value)))
        } else {
            // No visitor accepts any other value, so its type does not matter.
            visitor.visit_unit()
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if is_absent(&self.0) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// Decodes an enum from a name.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.0.as_string() {
            Some(name) => visitor.visit_enum(name.into_deserializer()),
            None => Err(Problem::Expected(one_of(names))),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        arguments::nested_object(&self.0, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, Problem> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Expected(expected.to_string())
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Expected(expected.to_string())
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::Expected(expected.to_string())
    }

    fn unknown_variant(_: &str, names: &'static [&'static str]) -> Self {
        Self::Expected(one_of(names))
    }

    fn unknown_field(_: &str, names: &'static [&'static str]) -> Self {
        Self::Unknown(one_of(names))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was refused")
    }
}

impl std::error::Error for Problem {}

/// Lists names for an error: "`a`", "`a` or `b`", "one of `a`, `b`, `c`".
pub(crate) fn one_of(names: &[&str]) -> String {
    let separator = if names.len() == 2 { "` or `" } else { "`, `" };
    let start = if names.len() > 2 { "one of `" } else { "`" };
    [start, &names.join(separator), "`"].concat()
}
