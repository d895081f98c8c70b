//! Web origins (RFC 6454; URL standard, section "Origin"). The bridge parses an origin and compares
//! scheme, host and port. It refuses headers that are not in the form that browsers send.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// An origin that the user can approve, in the form of the `Origin` header: lower case, punycode,
/// no default port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct Origin(String);

/// Why a text is not an origin. The messages continue a sentence that begins with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    #[error("is not an origin; write it as the browser sends it, such as https://app.example")]
    NotAnOrigin,
    #[error("has more than a scheme, a host and a port; remove the rest")]
    HasMore,
    #[error("has a wildcard; list each origin instead")]
    Wildcard,
    #[error("has a scheme that pages do not have; use http, https or that of a browser extension")]
    Scheme,
}

/// The `Origin` header of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RequestOrigin {
    /// An origin that can be compared.
    Tuple(Origin),
    /// `null`, the origin of sandboxed frames, files and `data:` URLs. Unrelated pages share it, so
    /// the user cannot approve it.
    Opaque,
}

impl Origin {
    /// The origin of `pkcs11-bridge doctor`. No page can have it: its scheme is not in [`SCHEMES`].
    pub(crate) fn of_doctor() -> Self {
        Self("pkcs11-bridge://doctor".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Parses an origin as people write it. Corrects upper case, a default port and a final slash.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError::NotAnOrigin)?;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(OriginError::Scheme);
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || !matches!(url.path(), "" | "/")
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(OriginError::HasMore);
        }
        let host = match url.host().ok_or(OriginError::NotAnOrigin)? {
            Host::Domain(name) if name.contains('*') => return Err(OriginError::Wildcard),
            // A URL allows more characters than a host name has. They could deceive the user in a
            // dialog. They could also run a command, because the user copies the origin to a
            // terminal.
            Host::Domain(name) if name.is_empty() || !name.bytes().all(is_host_name_byte) => {
                return Err(OriginError::NotAnOrigin);
            }
            host => host.to_string(),
        };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self(format!("{}://{host}{port}", url.scheme())))
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error| format!("`{text}` {error}"))
    }
}

impl RequestOrigin {
    /// Parses the header. A browser sends an origin in one form only. Any other form comes from
    /// another program, so the bridge refuses it instead of correcting it.
    pub fn from_header(header: &str) -> Result<Self, OriginError> {
        if header == "null" {
            return Ok(Self::Opaque);
        }
        let origin: Origin = header.parse()?;
        if origin.0 == header { Ok(Self::Tuple(origin)) } else { Err(OriginError::NotAnOrigin) }
    }
}

impl fmt::Display for RequestOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tuple(origin) => origin.fmt(f),
            Self::Opaque => f.write_str("null"),
        }
    }
}

/// Whether calls of an origin may reach a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Approval {
    /// The user or the administrator has approved the origin.
    Approved,
    /// The origin is not approved.
    NotApproved,
}

/// The origins that the command line and the configuration allow and forbid.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedOrigins {
    allowed: BTreeSet<Origin>,
    forbidden: BTreeSet<Origin>,
    others: OtherOrigins,
}

/// Whether the user decides about origins that the configuration does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OtherOrigins {
    /// The bridge asks the user.
    #[default]
    AskUser,
    Forbidden,
}

impl AllowedOrigins {
    pub(crate) fn approval(&self, origin: &RequestOrigin) -> Approval {
        match origin {
            RequestOrigin::Tuple(origin) if self.contains(origin) => Approval::Approved,
            _ => Approval::NotApproved,
        }
    }

    /// Forbids these origins, even if they are allowed elsewhere.
    pub(crate) fn without(
        self,
        forbidden: impl IntoIterator<Item = Origin>,
        others: OtherOrigins,
    ) -> Self {
        let forbidden: BTreeSet<_> = forbidden.into_iter().collect();
        let allowed = self.allowed.into_iter().filter(|origin| !forbidden.contains(origin));
        Self { allowed: allowed.collect(), forbidden, others }
    }

    pub(crate) fn contains(&self, origin: &Origin) -> bool {
        self.allowed.contains(origin)
    }

    /// Whether no decision of the user counts for this origin.
    pub(crate) fn forbids(&self, origin: &Origin) -> bool {
        self.forbidden.contains(origin)
            || self.others == OtherOrigins::Forbidden && !self.contains(origin)
    }

    /// The origins that are allowed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.allowed.iter()
    }

    /// The origins that are forbidden by name.
    pub(crate) fn forbidden(&self) -> impl Iterator<Item = &Origin> {
        self.forbidden.iter()
    }

    pub(crate) fn others(&self) -> OtherOrigins {
        self.others
    }

    pub(crate) fn len(&self) -> usize {
        self.allowed.len()
    }
}

impl FromIterator<Origin> for AllowedOrigins {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        Self { allowed: origins.into_iter().collect(), ..Self::default() }
    }
}

fn is_host_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')
}

const SCHEMES: [&str; 5] =
    ["https", "http", "chrome-extension", "moz-extension", "safari-web-extension"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_origin_is_never_allowed() {
        let origin = |host: &str| -> Origin { format!("https://{host}.example").parse().unwrap() };
        for (allowed, forbidden, others, is_allowed, is_forbidden) in [
            (false, false, OtherOrigins::AskUser, false, false),
            (false, false, OtherOrigins::Forbidden, false, true),
            (false, true, OtherOrigins::AskUser, false, true),
            (false, true, OtherOrigins::Forbidden, false, true),
            (true, false, OtherOrigins::AskUser, true, false),
            (true, false, OtherOrigins::Forbidden, true, false),
            (true, true, OtherOrigins::AskUser, false, true),
            (true, true, OtherOrigins::Forbidden, false, true),
        ] {
            let named = |is_named: bool| is_named.then(|| origin("a"));
            let origins: AllowedOrigins = named(allowed).into_iter().collect();
            let origins = origins.without(named(forbidden), others);
            let found = (origins.contains(&origin("a")), origins.forbids(&origin("a")));
            assert_eq!(found, (is_allowed, is_forbidden), "{allowed} {forbidden} {others:?}");
        }
    }

    fn approval(header: &str) -> Option<Approval> {
        let allowed: AllowedOrigins = ["https://app.example", "http://localhost:8080"]
            .into_iter()
            .map(|origin| origin.parse().unwrap())
            .collect();
        RequestOrigin::from_header(header).ok().map(|origin| allowed.approval(&origin))
    }

    #[test]
    fn approval_needs_the_same_scheme_host_and_port() {
        for header in ["https://app.example", "http://localhost:8080"] {
            assert_eq!(approval(header), Some(Approval::Approved), "{header}");
        }
        for header in [
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.",
            "https://app.example.evil.test",
            "https://evil-app.example",
            "https://app.example-evil.test",
            "https://sub.app.example",
            "https://example",
            "https://app.examp1e",
            "https://xn--pp-dja.example",
            "http://localhost",
            "http://localhost:80801",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "chrome-extension://app.example",
            "null",
        ] {
            assert_ne!(approval(header), Some(Approval::Approved), "{header}");
        }
    }

    #[test]
    fn headers_that_browsers_do_not_send_are_malformed() {
        for header in [
            "",
            " ",
            "app.example",
            "//app.example",
            "https://",
            "https:app.example",
            "HTTPS://app.example",
            "https://APP.example",
            "https://app.example/",
            "https://app.example/path",
            "https://app.example?",
            "https://app.example#",
            "https://app.example:443",
            "https://app.example ",
            "https://user@app.example",
            "https://app.example, https://app.example",
            "https://app.example https://other.example",
            "https://äpp.example",
            "https://app.example%00",
            "https://a;reboot;.evil.test",
            "https://$(id).test",
            "https://bank.example,ok=yes.evil.test",
            "https://bank.example~.evil.test",
            "moz-extension://%20%0a",
            "moz-extension://A-b",
            "NULL",
            "file://",
            "data:text/html,x",
            "ws://app.example",
        ] {
            assert_eq!(approval(header), None, "{header}");
        }
    }

    #[test]
    fn typed_origins_are_normalised() {
        for (text, origin) in [
            ("HTTPS://App.Example", "https://app.example"),
            ("https://app.example/", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("https://äpp.example", "https://xn--pp-uia.example"),
            ("http://[::1]:80", "http://[::1]"),
            ("moz-extension://a-b-c", "moz-extension://a-b-c"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), origin);
        }
        for (text, error) in [
            ("app.example", OriginError::NotAnOrigin),
            ("https://*.example", OriginError::Wildcard),
            ("*", OriginError::NotAnOrigin),
            ("null", OriginError::NotAnOrigin),
            ("https://app.example/login", OriginError::HasMore),
            ("ftp://app.example", OriginError::Scheme),
            ("file:///page.html", OriginError::Scheme),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(error), "{text}");
        }
    }
}
