//! The sentences of the dialogs, in the user's language. They stand in `texts/`, one Fluent file
//! for each language (<https://projectfluent.org>).

use std::borrow::Cow;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};

use crate::question::Date;

/// A language of the dialogs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language {
    /// The code of the language (ISO 639-1).
    pub code: &'static str,
    source: &'static str,
}

/// All languages. The first is used if the user's own is not among them.
pub const LANGUAGES: [Language; 12] = [
    Language { code: "en", source: include_str!("../texts/en.ftl") },
    Language { code: "de", source: include_str!("../texts/de.ftl") },
    Language { code: "fr", source: include_str!("../texts/fr.ftl") },
    Language { code: "nl", source: include_str!("../texts/nl.ftl") },
    Language { code: "es", source: include_str!("../texts/es.ftl") },
    Language { code: "it", source: include_str!("../texts/it.ftl") },
    Language { code: "pt", source: include_str!("../texts/pt.ftl") },
    Language { code: "pl", source: include_str!("../texts/pl.ftl") },
    Language { code: "et", source: include_str!("../texts/et.ftl") },
    Language { code: "sk", source: include_str!("../texts/sk.ftl") },
    Language { code: "tr", source: include_str!("../texts/tr.ftl") },
    Language { code: "uk", source: include_str!("../texts/uk.ftl") },
];

#[cfg(all(test, feature = "window"))]
impl Language {
    /// All letters of the file.
    pub(crate) fn letters(self) -> std::collections::BTreeSet<char> {
        self.source.chars().filter(|c| !c.is_control()).collect()
    }
}

/// The texts of one language.
pub struct Texts {
    bundle: FluentBundle<FluentResource>,
}

/// The values of a text, by name.
pub(crate) type Values<'a> = &'a [(&'static str, Value<'a>)];

/// A value in a text.
pub(crate) enum Value<'a> {
    Number(u64),
    Text(Cow<'a, str>),
}

impl Texts {
    /// The texts in the language of the system.
    pub fn of_system() -> Self {
        Self::new(preferred(system_locales()))
    }

    /// The texts in a language.
    pub fn new(language: Language) -> Self {
        let locale = language.code.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new(vec![locale]);
        // `isolate` marks names from outside. Numbers need no marks, which some terminals show.
        bundle.set_use_isolating(false);
        // A file with a mistake still has its other texts. Tests allow no mistake.
        let resource = match FluentResource::try_new(language.source.to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        bundle.add_resource_overriding(resource);
        Self { bundle }
    }

    /// The text without values.
    pub(crate) fn text(&self, id: &'static str) -> String {
        self.with(id, &[])
    }

    /// The text with these values.
    pub(crate) fn with(&self, id: &'static str, values: Values<'_>) -> String {
        let mut args = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            let value = match value {
                Value::Number(number) => FluentValue::from(*number),
                Value::Text(text) => FluentValue::from(text.as_ref()),
            };
            args.set(*name, value);
        }
        let pattern = self.bundle.get_message(id).and_then(|message| message.value());
        let mut errors = Vec::new();
        let text = pattern.map(|pattern| {
            self.bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned()
        });
        debug_assert!(text.is_some() && errors.is_empty(), "{id}: {errors:?}");
        text.unwrap_or_else(|| id.to_owned())
    }

    pub(crate) fn date(&self, date: Date) -> String {
        let Date { year, month, day } = date;
        self.with(
            "date",
            &[
                ("year", year.to_string().into()),
                ("month", u64::from(month).into()),
                ("day", u64::from(day).into()),
            ],
        )
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value<'_> {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

/// The first language that is among ours. A region or script does not matter.
fn preferred(locales: impl IntoIterator<Item = String>) -> Language {
    let language = |locale: String| {
        let code = locale.split(['-', '_', '.', '@']).next()?.to_ascii_lowercase();
        LANGUAGES.into_iter().find(|language| language.code == code)
    };
    locales.into_iter().find_map(language).unwrap_or(LANGUAGES[0])
}

/// The user's locales, the preferred one first. Unix programs ignore `LANGUAGE` in the locale `C`
/// (GNU gettext manual, section 2.3.3).
fn system_locales() -> Vec<String> {
    let named = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(named);
    match locale {
        Some(locale) if cfg!(unix) && (locale == "C" || locale == "POSIX") => Vec::new(),
        _ => sys_locale::get_locales().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

    use super::*;

    /// The ids of a language, each with the variables of its text.
    fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        let resource =
            fluent_syntax::parser::parse(language.source).unwrap_or_else(|(_, errors)| {
                panic!("{}: {errors:?}", language.code);
            });
        let mut messages = BTreeMap::new();
        for entry in resource.body {
            let Entry::Message(message) = entry else { continue };
            let mut variables = BTreeSet::new();
            collect(&message.value.expect("a text"), &mut variables);
            let id = message.id.name.to_owned();
            assert!(messages.insert(id, variables).is_none(), "{} twice", message.id.name);
        }
        messages
    }

    fn collect(pattern: &Pattern<&str>, variables: &mut BTreeSet<String>) {
        for element in &pattern.elements {
            let PatternElement::Placeable { expression } = element else { continue };
            match expression {
                Expression::Inline(inline) => collect_inline(inline, variables),
                Expression::Select { selector, variants } => {
                    collect_inline(selector, variables);
                    for variant in variants {
                        collect(&variant.value, variables);
                    }
                }
            }
        }
    }

    fn collect_inline(inline: &InlineExpression<&str>, variables: &mut BTreeSet<String>) {
        let InlineExpression::VariableReference { id } = inline else {
            panic!("only variables are used");
        };
        variables.insert(id.name.to_owned());
    }

    #[test]
    fn every_language_has_every_text_with_the_same_variables() {
        let english = messages(LANGUAGES[0]);
        for language in LANGUAGES {
            assert_eq!(messages(language), english, "{}", language.code);
        }
    }

    /// All source files of this crate.
    fn code(folder: &Path) -> String {
        let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file"));
        files
            .map(|file| match file.path() {
                folder if folder.is_dir() => code(&folder),
                file => std::fs::read_to_string(file).expect("a text"),
            })
            .collect()
    }

    #[test]
    fn the_code_uses_every_text() {
        let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        for id in messages(LANGUAGES[0]).into_keys() {
            assert!(code.contains(&format!("\"{id}\"")), "nothing uses {id}");
        }
    }

    #[test]
    fn the_language_is_the_first_that_is_known() {
        for (locales, code) in [
            (&["de-DE"][..], "de"),
            (&["pt-BR"], "pt"),
            (&["uk_UA.UTF-8"], "uk"),
            (&["ca", "es-ES", "fr"], "es"),
            (&["ja-JP"], "en"),
            (&["C"], "en"),
            (&[], "en"),
        ] {
            let locales = locales.iter().map(|locale| (*locale).to_owned());
            assert_eq!(preferred(locales.clone()).code, code, "{locales:?}");
        }
    }

    #[test]
    fn dates_read_as_the_language_writes_them() {
        let date = Date { year: 2026, month: 12, day: 26 };
        let shown = LANGUAGES.map(|language| Texts::new(language).date(date));
        assert_eq!(
            shown,
            [
                "December 26, 2026",
                "26. Dezember 2026",
                "26 décembre 2026",
                "26 december 2026",
                "26 de diciembre de 2026",
                "26 dicembre 2026",
                "26 de dezembro de 2026",
                "26 grudnia 2026",
                "26. detsembrini 2026",
                "26. decembra 2026",
                "26 Aralık 2026",
                "26 грудня 2026 р.",
            ]
        );
    }
}
