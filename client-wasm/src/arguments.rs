//! What a page passes in, decoded into the typed parameters of the protocol. An error names the
//! argument and says what is expected there; it never repeats a value, which may be a PIN.

use js_sys::{Array, Function, Object};
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure, Row};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use wasm_bindgen::prelude::*;

/// Decodes an object with one field for each parameter, such as that of `signData`. `name` is what
/// the object is called where it stands itself for a missing or mistyped argument.
pub(crate) fn object<T: DeserializeOwned>(name: &str, value: &JsValue) -> Result<T, ErrorObject> {
    let mut fields = Fields::of(name, value)?;
    T::deserialize(&mut fields).map_err(|error| bad_argument(&fields.name, &error))
}

/// Decodes an argument that stands alone.
pub(crate) fn alone<T: DeserializeOwned>(name: &str, value: JsValue) -> Result<T, ErrorObject> {
    T::deserialize(serde_wasm_bindgen::Deserializer::from(value))
        .map_err(|error| bad_argument(name, &error))
}

/// A function of the page's, or `None` where it was left out.
pub(crate) fn function(name: &str, value: JsValue) -> Result<Option<Function>, Failure> {
    if is_absent(&value) {
        return Ok(None);
    }
    let function = value.dyn_into();
    function.map(Some).map_err(|_| Failure::bad_argument(name, "has to be a function."))
}

/// Whether an argument was left out. Pages also write `null` for that.
pub(crate) fn is_absent(value: &JsValue) -> bool {
    value.is_undefined() || value.is_null()
}

fn bad_argument(path: &str, error: &serde_wasm_bindgen::Error) -> ErrorObject {
    let text = error.to_string();
    // What starts otherwise was thrown by the browser, over a value that is not what it looks like.
    let detail = text.strip_prefix("Error: ").unwrap_or("is of the wrong type");
    let detail = if detail.contains("BigInt outside") { "is out of range" } else { detail };
    let path = shortened(path);
    let message = if detail.starts_with("missing field") {
        format!("{detail}.")
    } else if let Some(rest) = detail.strip_prefix("unknown field `") {
        let expected = rest.split_once("`, expected ").map_or("no field", |(_, expected)| expected);
        format!("unknown field `{path}`; expected {expected}.")
    } else if let Some((_, expected)) = detail.rsplit_once(", expected ") {
        format!("`{path}` has to be {}.", in_javascript(expected))
    } else {
        format!("`{path}` {detail}.")
    };
    Failure::new(Row::BadArgument, message).into()
}

/// What serde expects, in words for a page.
fn in_javascript(expected: &str) -> &str {
    match expected {
        "u16" | "u32" => "a whole number in its range",
        other => other,
    }
}

/// The name of a field as it may stand in an error: escaped, and cut where it is long.
fn shortened(name: &str) -> String {
    const MAX_CHARS: usize = 64;
    let mut short: String = name.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_CHARS).is_some() {
        short.push('…');
    }
    short
}

/// The fields of an object, all of them: serde-wasm-bindgen looks only for those that a struct
/// has, so that a misspelt one would go unnoticed.
struct Fields {
    entries: Array,
    at: u32,
    /// The field that is being decoded, for the error.
    name: String,
}

impl<'de> Deserializer<'de> for &mut Fields {
    type Error = serde_wasm_bindgen::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de> MapAccess<'de> for &mut Fields {
    type Error = serde_wasm_bindgen::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        if self.at == self.entries.length() {
            return Ok(None);
        }
        self.name = self.entry(0).as_string().unwrap_or_default();
        seed.deserialize(self.name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        let value = self.entry(1);
        self.at += 1;
        seed.deserialize(serde_wasm_bindgen::Deserializer::from(value))
    }
}

impl Fields {
    fn of(name: &str, value: &JsValue) -> Result<Self, Failure> {
        if !value.is_object() || Array::is_array(value) {
            return Err(Failure::bad_argument(name, "has to be an object."));
        }
        // A getter of the page's own may throw, which serde-wasm-bindgen does not expect.
        let fields = assign(&Object::new(), value)
            .map_err(|_| Failure::bad_argument(name, "has a field that cannot be read."))?;
        Ok(Self { entries: Object::entries(&fields), at: 0, name: String::new() })
    }

    fn entry(&self, side: u32) -> JsValue {
        self.entries.get(self.at).unchecked_into::<Array>().get(side)
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Object)]
    fn assign(target: &Object, source: &JsValue) -> Result<Object, JsValue>;
}
