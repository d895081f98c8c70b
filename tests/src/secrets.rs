//! The secrets that the tests of this process have used: PINs, and data to be signed. The fixtures
//! register each one where it is sent, and search for all of them wherever a bridge writes something:
//! its two streams, its errors, its dialogs, its files.
//!
//! One of less than eight bytes is not searched for: it would be found by chance.

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

/// Registers what the parameters of a call hold: `pin`, and `data`, which may be a list.
pub fn register_params(params: &Value) {
    params["pin"].as_str().into_iter().for_each(register);
    let one = params["data"].as_str();
    let many = params["data"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for data in one.into_iter().chain(many) {
        // What is no base64 is refused, and not to be echoed either.
        register_data(BASE64_STANDARD.decode(data).unwrap_or_else(|_| data.into()));
    }
}

/// Panics where a text holds a secret, and says in which line of which place.
#[track_caller]
pub fn assert_none_in(place: &str, text: &str) {
    let secrets = registered();
    let found = find("a PIN", &secrets.pins, text);
    let found = found.or_else(|| find("data to be signed", &secrets.data, text));
    drop(secrets);
    found.inspect(|found| panic!("{place} holds {found}"));
}

/// Panics where a text holds a PIN. Data to be signed may be shown to the user.
#[track_caller]
pub fn assert_no_pin_in(place: &str, text: &str) {
    let found = find("a PIN", &registered().pins, text);
    found.inspect(|found| panic!("{place} holds {found}"));
}

/// Panics where a file of a folder, or of a folder in it, holds a secret.
#[track_caller]
pub fn assert_none_below(folder: &Path) {
    // What runs there still may remove what has just been listed.
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

/// Texts by their first bytes, so that where they are searched for is gone through once, however many
/// they are.
#[derive(Default)]
struct Forms(HashMap<[u8; SHORTEST], BTreeSet<String>>);

impl Forms {
    fn add(&mut self, forms: impl IntoIterator<Item = String>) {
        for form in forms {
            let start = *form.as_bytes().first_chunk().expect("none is shorter");
            self.0.entry(start).or_default().insert(form);
        }
    }

    /// The first of them in a text, and where it stands there.
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
    SECRETS.lock().expect("nobody panics with it")
}

const SHORTEST: usize = 8;

/// As much of a secret as is searched for in other forms than its own; a multiple of three, so that
/// it ends in base64 where the secret goes on.
const LONGEST: usize = 48;

fn forms_of_pin(pin: &str) -> Vec<String> {
    let mut forms = forms(pin.as_bytes());
    if pin.len() >= SHORTEST {
        forms.push(pin.to_owned());
    }
    forms
}

/// The forms in which bytes are usually written: base64, hexadecimal digits, Rust's `Debug`.
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

/// What was found and where, without the secret itself.
fn find(kind: &str, secrets: &Forms, text: &str) -> Option<String> {
    let (secret, at) = secrets.find_in(text)?;
    let number = text[..at].matches('\n').count() + 1;
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[line_start..].lines().next().unwrap_or_default().replace(secret, "•••");
    Some(format!("{kind}, in line {number}: {line:.1000}"))
}
