//! What the bridge's notifications on the desktop say. Names from outside are safe to show here.

use std::time::Duration;

use crate::question::Signer;
use crate::safe_text::{isolate, make_safe};
use crate::texts::Texts;

/// A notification in the user's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its title.
    pub title: String,
    /// Its text, which may have several lines.
    pub text: String,
}

/// A login that has made signatures.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The origin of the site.
    pub site: &'a str,
    /// The subject of the certificate, or its label.
    pub certificate: &'a str,
    /// Which kind of thing `certificate` names.
    pub signer: Signer,
    /// How many signatures were made since the user entered the PIN.
    pub signatures: u32,
    /// After which time without a signature the login ends.
    pub idle: Duration,
    /// When the login ends at the latest.
    pub longest: Duration,
}

/// A port of the bridge that a program of another user holds.
#[derive(Clone, Copy, Debug)]
pub struct ForeignPort<'a> {
    /// The port.
    pub port: u16,
    /// The name of the user, or the user id.
    pub user: &'a str,
    /// The name of the program. `None` if the system does not tell it.
    pub program: Option<&'a str>,
    /// The port that the bridge uses instead.
    pub own: u16,
}

impl Login<'_> {
    /// Tells how many signatures the login has made.
    pub fn notification(&self, texts: &Texts) -> Notification {
        let site = isolate(&make_safe(self.site, MAX_SITE));
        let name = isolate(&make_safe(self.certificate, MAX_NAME));
        let named = match self.signer {
            Signer::Certificate => "login-certificate",
            Signer::Key => "login-key",
        };
        let ends = [
            ("idle", duration(texts, self.idle.min(self.longest)).into()),
            ("longest", duration(texts, self.longest).into()),
        ];
        let lines = [
            texts.with("login-signatures", &[("count", u64::from(self.signatures).into())]),
            texts.with(named, &[("name", name.into())]),
            texts.with("login-ends", &ends),
        ];
        let title = texts.with("login-title", &[("site", site.into())]);
        Notification { title, text: lines.join("\n") }
    }
}

impl ForeignPort<'_> {
    /// Tells that the bridge does not have this port.
    pub fn notification(&self, texts: &Texts) -> Notification {
        let program = self.program.map(|program| isolate(&make_safe(program, MAX_NAME)));
        let values = [
            ("port", self.port.to_string().into()),
            ("user", isolate(&make_safe(self.user, MAX_NAME)).into()),
            ("program", program.unwrap_or_else(|| texts.text("port-unknown-program")).into()),
            ("own", self.own.to_string().into()),
        ];
        let text = texts.with("port-text", &values);
        Notification { title: texts.text("port-title"), text }
    }
}

/// "30 min" or "45 s": abbreviations, which have one form in every sentence.
fn duration(texts: &Texts, time: Duration) -> String {
    let (id, count) = match time.as_secs() {
        seconds if seconds % 60 == 0 => ("duration-minutes", seconds / 60),
        seconds => ("duration-seconds", seconds),
    };
    texts.with(id, &[("count", count.into())])
}

const MAX_SITE: usize = 200;
const MAX_NAME: usize = 150;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::LANGUAGES;

    const LOGIN: Login<'_> = Login {
        site: "https://login.bank.example",
        certificate: "CN=Jane\u{202e} Doe",
        signer: Signer::Certificate,
        signatures: 2,
        idle: Duration::from_secs(45),
        longest: Duration::from_secs(30 * 60),
    };
    const PORT: ForeignPort<'_> =
        ForeignPort { port: 24911, user: "eve", program: Some("python3"), own: 24912 };

    fn visible(text: &str) -> String {
        text.replace(['\u{2068}', '\u{2069}'], "")
    }

    #[test]
    fn a_login_is_told_in_words() {
        let texts = Texts::new(LANGUAGES[0]);
        let Notification { title, text } = LOGIN.notification(&texts);
        assert_eq!(visible(&title), "https://login.bank.example can sign");
        assert_eq!(
            visible(&text),
            "2 signatures since the PIN was entered.\nCertificate: CN=Jane\u{fffd} Doe\n\
             The login ends after 45 s without a signature, and 30 min after the PIN."
        );
        let once = Login { signatures: 1, idle: Duration::MAX, ..LOGIN }.notification(&texts).text;
        assert!(once.starts_with("1 signature since"), "{once}");
        assert!(once.contains("after 30 min without"), "{once}");
        let key = Login { signer: Signer::Key, certificate: "EC P-256", ..LOGIN };
        let text = visible(&key.notification(&texts).text);
        assert!(text.contains("\nKey without a certificate: EC P-256\n"), "{text}");
    }

    #[test]
    fn every_language_tells_each_value() {
        for language in LANGUAGES {
            let texts = Texts::new(language);
            let login = LOGIN.notification(&texts);
            assert!(login.title.contains(LOGIN.site), "{}: {login:?}", language.code);
            for value in ["2", "CN=Jane", "45", "30"] {
                assert!(login.text.contains(value), "{}: {login:?}", language.code);
            }
            assert_eq!(login.text.lines().count(), 3, "{}: {login:?}", language.code);
            let port = PORT.notification(&texts);
            for value in ["24911", "eve", "python3", "24912"] {
                assert!(port.text.contains(value), "{}: {port:?}", language.code);
            }
            let unknown = ForeignPort { program: None, ..PORT }.notification(&texts);
            assert_ne!(unknown.text, port.text, "{}", language.code);
        }
    }

    #[test]
    fn polish_and_ukrainian_decline_the_signatures() {
        for (code, signatures, shown) in [
            ("pl", 1, "1 podpis od"),
            ("pl", 3, "3 podpisy od"),
            ("pl", 5, "5 podpisów od"),
            ("pl", 22, "22 podpisy od"),
            ("sk", 1, "1 podpis od"),
            ("sk", 4, "4 podpisy od"),
            ("sk", 5, "5 podpisov od"),
            ("uk", 21, "21 підпис після"),
            ("uk", 3, "3 підписи після"),
            ("uk", 11, "11 підписів після"),
        ] {
            let language = LANGUAGES.into_iter().find(|language| language.code == code);
            let texts = Texts::new(language.expect("a language"));
            let text = Login { signatures, ..LOGIN }.notification(&texts).text;
            assert!(text.starts_with(shown), "{code}: {text}");
        }
    }
}
