//! JSON in which every value is one that can be told again: an error that holds it has repeated a value.

use serde_json::Value;

/// Stands for a PIN, or for data to be signed.
pub(crate) const CANARY: &str = "4711471147";

/// The JSON with the canary in the place of each string and number. `None` where it is no JSON, or where a
/// name has the canary, because names may be repeated.
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
                // These tell what kind of message it is, and a method may be repeated.
                if !["jsonrpc", "method"].contains(&name.as_str()) {
                    replace(value)?;
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    Some(())
}
