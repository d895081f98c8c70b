//! The program that start files name.

use std::path::{Path, PathBuf};

use super::InstallError;

/// The path of this program, which start files can hold between double quotes.
pub(super) struct InstalledProgram(PathBuf);

impl InstalledProgram {
    pub(super) fn this() -> Result<Self, InstallError> {
        Self::at(std::env::current_exe().map_err(InstallError::Program)?)
    }

    fn at(path: PathBuf) -> Result<Self, InstallError> {
        // Each of these means something in a unit of systemd, a desktop file or a command line.
        let is_special = |c: char| c.is_control() || "\"'`$%\\<>&".contains(c);
        let is_special = |c: char| is_special(c) && !(cfg!(windows) && "\\'&%$".contains(c));
        match path.to_str() {
            Some(text) if path.is_absolute() && !text.contains(is_special) => Ok(Self(path)),
            _ => Err(InstallError::ProgramPath(path)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A file that names the program of a package, with this program instead.
    #[cfg(any(target_os = "linux", all(test, unix)))]
    pub(super) fn in_file(&self, text: &str) -> String {
        text.replace(PACKAGED, &format!("\"{}\"", self.0.display()))
    }

    /// As [`Self::in_file`], for a property list.
    #[cfg(any(target_os = "macos", all(test, unix)))]
    pub(super) fn in_plist(&self, text: &str) -> String {
        text.replace(PACKAGED, &self.0.display().to_string())
    }

    /// Whether a package has put this program and a file that starts it in place.
    #[cfg(target_os = "linux")]
    pub(super) fn is_started_by(&self, file: &Path) -> bool {
        self.0 == Path::new(PACKAGED)
            && std::fs::read_to_string(file).is_ok_and(|text| text.contains(PACKAGED))
    }
}

/// Where packages install the program.
#[cfg(not(windows))]
const PACKAGED: &str = "/usr/bin/pkcs11-bridge";

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_would_mean_something_else_in_a_start_file_is_refused() {
        for path in ["/home/ada/bin/pkcs11-bridge", "/opt/My Tools/pkcs11-bridge", "/opt/ü/b"] {
            let program = InstalledProgram::at(path.into()).unwrap();
            let line = program.in_file("Exec=/usr/bin/pkcs11-bridge start");
            assert_eq!(line, format!("Exec=\"{path}\" start"));
            let agent = program.in_plist(include_str!("../../desktop/launch-agent.plist"));
            assert!(agent.contains(&format!("<string>{path}</string>")), "{agent}");
        }
        for path in
            ["bridge", "/a\"b", "/a\nb", "/$HOME/b", "/a%u", "/a`b`", "/a\\b", "/a'b", "/a&b", "/<"]
        {
            assert!(InstalledProgram::at(path.into()).is_err(), "{path}");
        }
    }
}
