//! Replaces every value in JSON by a canary. An error that contains the canary repeats a value.

use serde_json::Value;

/// Stands for a PIN, or for data to be signed.
pub(crate) const CANARY: &str = "4711471147";

/// Replaces each string and number in the JSON by the canary. Returns `None` if the input is not
/// JSON, or if a name contains the canary, because errors may repeat names.
pub(crate) fn plant(json: &[u8]) -> Option<Vec<u8>> {
    let mut value = serde_json::from_slice(json).ok()?;
    replace(&mut value)?;
    serde_json::to_vec(&value).ok()
}

fn replace(value: &mut Value) -> Option<()> {
    match value {
        Value::String(_) => *value = CANARY.into(),
        Value::Number(_) => *value = CANARY.parse::<u64>().ok()?.into(),
        Value::Array(elements) => elements.iter_mut().try_for_each(replace)?,
        Value::Object(fields) => {
            for (name, value) in fields {
                if name.contains(CANARY) {
                    return None;
                }
                // These two decide how the message is decoded, and errors may repeat a method.
                if !["jsonrpc", "method"].contains(&name.as_str()) {
                    replace(value)?;
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    Some(())
}
