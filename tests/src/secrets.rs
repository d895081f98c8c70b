//! The secrets that the tests of this process have used: PINs, and data to be signed. The fixtures
//! register each secret when they send it. They look for all of them in everything that a bridge
//! writes: its output, its errors, its dialogs, its files.
//!
//! Secrets of less than eight bytes are left out, because they would be found by chance.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::token::{PIN, SO_PIN, WRONG_PIN};

/// Registers a PIN.
pub fn register(pin: &str) {
    registered().pins.add(forms_of_pin(pin));
}

/// Registers data to be signed.
pub fn register_data(data: impl AsRef<[u8]>) {
    registered().data.add(forms(data.as_ref()));
}

/// Registers the secrets in the parameters of a call: `pin`, and `data`, which may be a list.
pub fn register_params(params: &Value) {
    params["pin"].as_str().into_iter().for_each(register);
    let one = params["data"].as_str();
    let many = params["data"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for data in one.into_iter().chain(many) {
        // The bridge refuses data that is not base64. It must not echo that either.
        register_data(BASE64_STANDARD.decode(data).unwrap_or_else(|_| data.into()));
    }
}

/// Panics if a text contains a secret. The message names the place and the line.
#[track_caller]
pub fn assert_none_in(place: &str, text: &str) {
    let secrets = registered();
    let found = find("a PIN", &secrets.pins, text);
    let found = found.or_else(|| find("data to be signed", &secrets.data, text));
    drop(secrets);
    found.inspect(|found| panic!("{place} contains {found}"));
}

/// Panics if a text contains a PIN. It may contain data to be signed, which the user may see.
#[track_caller]
pub fn assert_no_pin_in(place: &str, text: &str) {
    let found = find("a PIN", &registered().pins, text);
    found.inspect(|found| panic!("{place} contains {found}"));
}

/// Panics if a file in a folder or its subfolders contains a secret.
#[track_caller]
pub fn assert_none_below(folder: &Path) {
    // A program may still run there and remove files after they are listed.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Ok(kind) = path.symlink_metadata() else { continue };
        if kind.is_dir() {
            assert_none_below(&path);
        } else if kind.is_file()
            && let Ok(content) = fs::read(&path)
        {
            assert_none_in(&path.display().to_string(), &String::from_utf8_lossy(&content));
        }
    }
}

struct Secrets {
    pins: Forms,
    data: Forms,
}

/// The texts to look for, by their first bytes. One pass over a text finds all of them.
#[derive(Default)]
struct Forms(HashMap<[u8; SHORTEST], BTreeSet<String>>);

impl Forms {
    fn add(&mut self, forms: impl IntoIterator<Item = String>) {
        for form in forms {
            let start = *form.as_bytes().first_chunk().expect("at least SHORTEST bytes");
            self.0.entry(start).or_default().insert(form);
        }
    }

    /// Finds the first of them in a text, with its position.
    fn find_in(&self, text: &str) -> Option<(&str, usize)> {
        let text = text.as_bytes();
        text.windows(SHORTEST).enumerate().find_map(|(at, start)| {
            let mut forms = self.0.get(start)?.iter();
            let form = forms.find(|form| text[at..].starts_with(form.as_bytes()))?;
            Some((form.as_str(), at))
        })
    }
}

static SECRETS: LazyLock<Mutex<Secrets>> = LazyLock::new(|| {
    let mut pins = Forms::default();
    pins.add([PIN, SO_PIN, WRONG_PIN].into_iter().flat_map(forms_of_pin));
    Mutex::new(Secrets { pins, data: Forms::default() })
});

fn registered() -> MutexGuard<'static, Secrets> {
    SECRETS.lock().expect("no holder panics")
}

/// The least length of a secret.
const SHORTEST: usize = 8;

/// How much of a secret is looked for in encoded forms. It is a multiple of three, so that the
/// base64 of this part is the start of the base64 of the whole.
const LONGEST: usize = 48;

fn forms_of_pin(pin: &str) -> Vec<String> {
    let mut forms = forms(pin.as_bytes());
    if pin.len() >= SHORTEST {
        forms.push(pin.to_owned());
    }
    forms
}

/// The usual encodings of bytes: base64, hexadecimal digits, and Rust's `Debug`.
fn forms(secret: &[u8]) -> Vec<String> {
    if secret.len() < SHORTEST {
        return Vec::new();
    }
    let start = &secret[..secret.len().min(LONGEST)];
    let numbers: Vec<_> = start.iter().map(u8::to_string).collect();
    vec![
        BASE64_STANDARD.encode(start).trim_end_matches('=').to_owned(),
        const_hex::encode(start),
        const_hex::encode_upper(start),
        numbers.join(", "),
    ]
}

/// Describes a secret in a text and its line, without the secret itself.
fn find(kind: &str, secrets: &Forms, text: &str) -> Option<String> {
    let (secret, at) = secrets.find_in(text)?;
    let number = text[..at].matches('\n').count() + 1;
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[line_start..].lines().next().unwrap_or_default().replace(secret, "•••");
    Some(format!("{kind}, in line {number}: {line:.1000}"))
}
