//! The group policy of Windows: values of `Software\Policies\pkcs11-bridge` with the names of the
//! keys in `config.toml`. Only administrators can write there. All keys that it sets are locked.
//!
//! A list is a key with numbered values. An element of `modules` is `NAME=PATH`, and an element of
//! `rules` is an inline table of TOML.

use std::path::Path;

use super::ConfigError;
use super::file::{ConfigFile, Key};
use super::source::Source;

/// A value of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PolicyValue {
    Number(u32),
    Text(String),
    List(Vec<String>),
}

/// The policy of the computer, and then that of the user.
#[cfg(windows)]
pub(super) fn read() -> Result<Vec<(Source, ConfigFile)>, ConfigError> {
    use windows_registry::{CURRENT_USER, LOCAL_MACHINE};

    let hives = [(LOCAL_MACHINE, "HKEY_LOCAL_MACHINE"), (CURRENT_USER, "HKEY_CURRENT_USER")];
    let mut layers = Vec::new();
    for (hive, name) in hives {
        if let Ok(key) = hive.open(KEY) {
            layers.push(layer(&values(&key), Path::new(&format!("{name}\\{KEY}")))?);
        }
    }
    Ok(layers)
}

/// The values of the key, and its keys with numbered values.
#[cfg(windows)]
fn values(key: &windows_registry::Key) -> Vec<(String, PolicyValue)> {
    let mut found = Vec::new();
    for (name, value) in key.values().into_iter().flatten() {
        let value = match (u32::try_from(value.clone()), String::try_from(value)) {
            (Ok(number), _) => PolicyValue::Number(number),
            (Err(_), Ok(text)) => PolicyValue::Text(text),
            (Err(_), Err(_)) => PolicyValue::Text(String::new()),
        };
        found.push((name, value));
    }
    for name in key.keys().into_iter().flatten() {
        let Ok(list) = key.open(&name) else { continue };
        let mut elements: Vec<(u32, String)> = list
            .values()
            .into_iter()
            .flatten()
            .filter_map(|(number, value)| Some((number.parse().ok()?, value.try_into().ok()?)))
            .collect();
        elements.sort();
        let elements = elements.into_iter().map(|(_, element)| element).collect();
        found.push((name, PolicyValue::List(elements)));
    }
    found
}

/// The policy as a configuration file, with all its keys locked.
fn layer(
    values: &[(String, PolicyValue)],
    path: &Path,
) -> Result<(Source, ConfigFile), ConfigError> {
    let lines: Vec<_> = values.iter().map(|(name, value)| line(name, value)).collect();
    let (source, mut file) = Source::parse(lines.join("\n"), path)?;
    file.locked =
        Key::ALL.into_iter().filter(|key| source.line_of(key.as_str()).is_some()).collect();
    Ok((source, file))
}

/// A line of TOML.
fn line(name: &str, value: &PolicyValue) -> String {
    let is_switch = ["detect_modules", "detect_nss_databases", "only_configured_origins"];
    let value = match value {
        PolicyValue::Number(0) if is_switch.contains(&name) => "false".to_owned(),
        PolicyValue::Number(_) if is_switch.contains(&name) => "true".to_owned(),
        PolicyValue::Number(number) => number.to_string(),
        PolicyValue::Text(text) => quoted(text),
        PolicyValue::List(elements) => {
            let elements = elements.iter().map(|element| match name {
                "rules" => element.clone(),
                "modules" => {
                    let (name, path) = element.split_once('=').unwrap_or((element, ""));
                    format!("{{ name = {}, path = {} }}", quoted(name), quoted(path))
                }
                _ => quoted(element),
            });
            format!("[{}]", elements.collect::<Vec<_>>().join(", "))
        }
    };
    format!("{} = {value}", quoted(name))
}

/// A string of JSON is one of TOML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(windows)]
const KEY: &str = r"Software\Policies\pkcs11-bridge";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> PolicyValue {
        PolicyValue::Text(text.to_owned())
    }

    fn list(elements: &[&str]) -> PolicyValue {
        PolicyValue::List(elements.iter().map(|&element| element.to_owned()).collect())
    }

    fn parse(values: &[(&str, PolicyValue)]) -> Result<(Source, ConfigFile), ConfigError> {
        let values: Vec<_> =
            values.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        layer(&values, Path::new("HKEY_LOCAL_MACHINE"))
    }

    #[test]
    fn each_kind_of_value_is_read_and_locked() {
        let rule = r#"{ origin = "https://a.example", ask = "each" }"#;
        let (_, file) = parse(&[
            ("pin_entry", text("native")),
            ("approval_days", PolicyValue::Number(3)),
            ("detect_modules", PolicyValue::Number(0)),
            ("only_configured_origins", PolicyValue::Number(1)),
            ("allow_origins", list(&["https://a.example", "https://b.example"])),
            ("modules", list(&[r"card=C:\Program Files\Card\card=11.dll"])),
            ("rules", list(&[rule])),
        ])
        .unwrap();
        let expected: ConfigFile = toml::from_str(&format!(
            r#"
            locked = ["allow_origins", "only_configured_origins", "detect_modules",
                      "approval_days", "pin_entry", "modules", "rules"]
            pin_entry = "native"
            approval_days = 3
            detect_modules = false
            only_configured_origins = true
            allow_origins = ["https://a.example", "https://b.example"]
            modules = [{{ name = "card", path = 'C:\Program Files\Card\card=11.dll' }}]
            rules = [{rule}]
            "#
        ))
        .unwrap();
        assert_eq!(format!("{file:?}"), format!("{expected:?}"));
    }

    #[test]
    fn a_wrong_value_is_told_with_its_name_and_place() {
        for (name, value) in [
            ("pin_entri", text("native")),
            ("pin_entry", text("\"native\"\nlocked = []")),
            ("approval_days", text("3")),
            ("allow_origins", list(&["a.example"])),
            ("modules", list(&["card"])),
            ("rules", list(&["ask"])),
        ] {
            let error = parse(&[(name, value)]).map(drop);
            let error = match error {
                Ok(()) => {
                    assert_eq!(name, "modules", "{name}");
                    continue;
                }
                Err(error) => error.to_string(),
            };
            assert!(error.contains("HKEY_LOCAL_MACHINE") && error.contains(name), "{error}");
        }
    }
}
