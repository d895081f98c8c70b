//! A configuration file as text, to tell on which line a key stands.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::file::ConfigFile;

/// The place of a configuration file, and its text.
#[derive(Clone, Debug)]
pub(super) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Reads and parses a file.
    pub(super) fn read(path: &Path) -> Result<(Self, ConfigFile), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(text, path)
    }

    /// Parses a text. `path` is for errors.
    pub(super) fn parse(text: String, path: &Path) -> Result<(Self, ConfigFile), ConfigError> {
        let file = ConfigFile::parse(&text, path)?;
        Ok((Self { path: path.to_owned(), text }, file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The line of a key at the top of the file; `None` if the file does not set it.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let (name, _) = table.get_ref().iter().find(|(name, _)| name.get_ref() == key)?;
        Some(self.line(name.span()))
    }

    /// The line of an element of an array at the top of the file, such as a `[[rules]]` table.
    pub(super) fn line_of_element(&self, key: &str, index: usize) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let (_, value) = table.get_ref().iter().find(|(name, _)| name.get_ref() == key)?;
        let DeValue::Array(elements) = value.get_ref() else { return None };
        Some(self.line(elements.get(index)?.span()))
    }

    /// How many elements an array at the top of the file has.
    pub(super) fn count_of(&self, key: &str) -> usize {
        let Ok(table) = DeTable::parse(&self.text) else { return 0 };
        let found = table.get_ref().iter().find(|(name, _)| name.get_ref() == key);
        match found.map(|(_, value)| value.get_ref()) {
            Some(DeValue::Array(elements)) => elements.len(),
            _ => 0,
        }
    }

    fn line(&self, span: Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        before.matches('\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tables_have_lines() {
        let text = "# first\nlisten = \"127.0.0.1:1\"\n\n[[rules]]\nask = \"each\"\n[[rules]]\n\
                    origin = \"https://a.example\"\nask = \"each\"\n";
        let (source, _) = Source::parse(text.to_owned(), Path::new("config.toml")).unwrap();
        assert_eq!(source.line_of("listen"), Some(2));
        assert_eq!(source.line_of("rules"), Some(4));
        assert_eq!(source.line_of("pin_entry"), None);
        let rules = [0, 1, 2].map(|index| source.line_of_element("rules", index));
        assert_eq!(rules, [Some(4), Some(6), None]);
        assert_eq!((source.count_of("rules"), source.count_of("modules")), (2, 0));
    }
}
