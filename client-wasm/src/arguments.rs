//! Decodes the arguments of the page into the typed parameters of the protocol. An error names the
//! argument and says what it has to be. It never repeats a value, which may be a PIN.

use js_sys::{Array, Function};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use wasm_bindgen::prelude::*;

use crate::object::is_absent;
use crate::value::{Problem, Value, one_of};

/// Decodes an object with one field for each parameter, such as that of `signData`. `name` is the
/// name of the whole object in errors.
pub(crate) fn object<T: DeserializeOwned>(name: &str, value: &JsValue) -> Result<T, ErrorObject> {
    let mut fields = Fields::of(name, value)?;
    T::deserialize(&mut fields).map_err(|problem| bad_argument(&fields.name, problem))
}

/// The fields of an object of options, in the order of `names`. Missing fields are `undefined`. The
/// object may be missing too.
pub(crate) fn fields<const N: usize>(
    name: &str,
    value: &JsValue,
    names: [&'static str; N],
) -> Result<[JsValue; N], ErrorObject> {
    let mut values = [const { JsValue::UNDEFINED }; N];
    if is_absent(value) {
        return Ok(values);
    }
    let mut fields = Fields::of(name, value)?;
    fields.sort(&names, &mut values)?;
    Ok(values)
}

/// Decodes a single argument.
pub(crate) fn alone<T: DeserializeOwned>(name: &str, value: JsValue) -> Result<T, ErrorObject> {
    T::deserialize(Value(value)).map_err(|problem| bad_argument(name, problem))
}

/// Decodes an object that is a field of another one, such as the `document` of `signData`.
pub(crate) fn nested_object<'de, V: Visitor<'de>>(
    value: &JsValue,
    visitor: V,
) -> Result<V::Value, Problem> {
    let wrong = |_| Problem::Expected("an object whose fields can be read".to_owned());
    let mut fields = Fields::of("", value).map_err(wrong)?;
    visitor.visit_map(&mut fields).map_err(|problem| {
        let name = shortened(&fields.name);
        Problem::Other(match problem {
            Problem::Expected(what) => {
                format!("has a field `{name}` that has to be {}", in_javascript(&what))
            }
            Problem::Missing(field) => format!("has no field `{field}`"),
            Problem::Unknown(known) => {
                format!("has an unknown field `{name}`; expected {known}")
            }
            Problem::Other(what) => format!("has a field `{name}` that {what}"),
        })
    })
}

/// A function of the page, or `None` if it is missing.
pub(crate) fn function(name: &str, value: JsValue) -> Result<Option<Function>, Failure> {
    if is_absent(&value) {
        return Ok(None);
    }
    let function = value.dyn_into();
    function.map(Some).map_err(|_| Failure::bad_argument(name, "has to be a function."))
}

fn bad_argument(name: &str, problem: Problem) -> ErrorObject {
    let name = shortened(name);
    let message = match problem {
        Problem::Expected(what) => format!("`{name}` has to be {}.", in_javascript(&what)),
        Problem::Missing(field) => format!("missing field `{field}`."),
        Problem::Unknown(fields) => format!("unknown field `{name}`; expected {fields}."),
        Problem::Other(what) => format!("`{name}` {what}."),
    };
    Failure::new(ErrorCode::BadArgument, message).into()
}

/// Rewords what serde expects for a page.
fn in_javascript(expected: &str) -> &str {
    match expected {
        "u16" | "u32" | "u64" => "a whole number in its range",
        "a sequence" => "an array",
        other => other,
    }
}

/// The name of a field for an error: escaped, and cut if it is long.
fn shortened(name: &str) -> String {
    const MAX_CHARS: usize = 64;
    let mut short: String = name.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_CHARS).is_some() {
        short.push('…');
    }
    short
}

/// All fields of an object, so that the client notices a misspelt one.
struct Fields {
    entries: Array,
    at: u32,
    /// The field that is being decoded, for the error.
    name: String,
}

impl<'de> Deserializer<'de> for &mut Fields {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de> MapAccess<'de> for &mut Fields {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        if self.at == self.entries.length() {
            return Ok(None);
        }
        self.name = self.key();
        seed.deserialize(self.name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let value = self.entry(1);
        self.at += 1;
        seed.deserialize(Value(value))
    }
}

impl Fields {
    fn of(name: &str, value: &JsValue) -> Result<Self, Failure> {
        if !value.is_object() || Array::is_array(value) {
            return Err(Failure::bad_argument(name, "has to be an object."));
        }
        // A getter of the page may throw.
        let entries = entries(value)
            .map_err(|_| Failure::bad_argument(name, "has a field that cannot be read."))?;
        Ok(Self { entries, at: 0, name: String::new() })
    }

    /// Puts each value at the position of its name.
    fn sort(&mut self, names: &[&'static str], values: &mut [JsValue]) -> Result<(), ErrorObject> {
        while self.at < self.entries.length() {
            let key = self.key();
            let Some(place) = names.iter().position(|name| *name == key) else {
                return Err(bad_argument(&key, Problem::Unknown(one_of(names))));
            };
            values[place] = self.entry(1);
            self.at += 1;
        }
        Ok(())
    }

    fn key(&self) -> String {
        self.entry(0).as_string().unwrap_or_default()
    }

    fn entry(&self, side: u32) -> JsValue {
        self.entries.get(self.at).unchecked_into::<Array>().get(side)
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Object)]
    fn entries(object: &JsValue) -> Result<Array, JsValue>;
}
