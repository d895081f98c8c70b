//! An origin as a dialog shows it: which part of the host somebody registered, and what the user
//! has to know about the name and the connection.

use std::net::IpAddr;

use crate::safe_text::make_safe;

/// An origin in three parts. Only the owner of `domain` can make names that end with it, so a
/// dialog marks this part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownOrigin {
    /// The scheme and the labels below the registrable domain: `https://login.`
    pub before: String,
    /// The registrable domain (public suffix list), or the whole host if it has none.
    pub domain: String,
    /// The port with its colon, or nothing.
    pub after: String,
    /// Whether others on the network can read and change the page.
    pub insecure: bool,
    /// The host in Unicode, if the origin has it in punycode.
    pub unicode_host: Option<String>,
}

impl ShownOrigin {
    /// Splits the form of the `Origin` header. Any other text is shown whole, and marked whole.
    pub fn new(origin: &str) -> Self {
        let (scheme, authority) = match origin.split_once("://") {
            Some((scheme, authority)) => (format!("{scheme}://"), authority),
            None => (String::new(), origin),
        };
        let (host, port) = split_port(authority);
        let domain = registrable_domain(host);
        let subdomain = &host[..host.len() - domain.len()];
        Self {
            before: make_safe(&format!("{scheme}{subdomain}"), MAX_ORIGIN),
            domain: make_safe(domain, MAX_ORIGIN),
            after: make_safe(port, MAX_ORIGIN),
            insecure: scheme == "http://" && !is_loopback(host),
            unicode_host: unicode(host).map(|host| make_safe(&host, MAX_ORIGIN)),
        }
    }

    /// The whole origin.
    pub fn text(&self) -> String {
        let Self { before, domain, after, .. } = self;
        format!("{before}{domain}{after}")
    }
}

/// The port follows the last colon. The colons of an IPv6 address stand in brackets.
fn split_port(authority: &str) -> (&str, &str) {
    match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => authority.split_at(colon),
        _ => (authority, ""),
    }
}

fn registrable_domain(host: &str) -> &str {
    if address(host).is_some() {
        return host;
    }
    // A final dot names the same host (RFC 1034, section 3.1).
    psl::domain(host.as_bytes())
        .and_then(|domain| str::from_utf8(domain.as_bytes()).ok())
        .filter(|domain| host.ends_with(domain))
        .unwrap_or(host)
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_loopback(host: &str) -> bool {
    match address(host) {
        Some(address) => address.is_loopback(),
        None => {
            let name = host.strip_suffix('.').unwrap_or(host);
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

fn unicode(host: &str) -> Option<String> {
    let has_punycode = host.split('.').any(|label| label.starts_with("xn--"));
    // A label that cannot be decoded stays as it is.
    has_punycode.then(|| idna::domain_to_unicode(host).0)
}

/// A host name has at most 253 bytes (RFC 1035), so that no real origin is cut.
const MAX_ORIGIN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registrable_domain_is_marked() {
        for (origin, before, domain, after) in [
            ("https://app.example", "https://", "app.example", ""),
            ("https://login.bank.example:8443", "https://login.", "bank.example", ":8443"),
            ("https://shop.firm.co.uk", "https://shop.", "firm.co.uk", ""),
            ("https://bank.com.evil.test", "https://bank.com.", "evil.test", ""),
            // The list also knows where people register names below a private domain.
            ("https://a.user.github.io", "https://a.", "user.github.io", ""),
            ("https://a.xn--80akhbyknj4f.xn--p1ai", "https://a.", "xn--80akhbyknj4f.xn--p1ai", ""),
            ("http://localhost:3000", "http://", "localhost", ":3000"),
            ("http://192.168.0.1:80", "http://", "192.168.0.1", ":80"),
            ("https://[2001:db8::1]:444", "https://", "[2001:db8::1]", ":444"),
            ("https://[2001:db8::1]", "https://", "[2001:db8::1]", ""),
            ("https://com", "https://", "com", ""),
            ("https://app.example.", "https://", "app.example.", ""),
            ("chrome-extension://abcdef", "chrome-extension://", "abcdef", ""),
            ("null", "", "null", ""),
        ] {
            let shown = ShownOrigin::new(origin);
            let parts = [&*shown.before, &shown.domain, &shown.after];
            assert_eq!(parts, [before, domain, after], "{origin}");
            assert_eq!(shown.text(), origin);
        }
    }

    #[test]
    fn only_plain_http_beyond_this_computer_is_insecure() {
        for (origin, insecure) in [
            ("https://app.example", false),
            ("http://app.example", true),
            ("http://192.168.0.1", true),
            ("http://localhost.example", true),
            ("http://localhost:3000", false),
            ("http://app.localhost", false),
            ("http://127.1.2.3:80", false),
            ("http://[::1]:80", false),
            ("moz-extension://abcdef", false),
        ] {
            assert_eq!(ShownOrigin::new(origin).insecure, insecure, "{origin}");
        }
    }

    #[test]
    fn punycode_is_shown_in_both_forms() {
        let unicode = |origin| ShownOrigin::new(origin).unicode_host;
        assert_eq!(unicode("https://bank.example"), None);
        assert_eq!(unicode("https://xn--mnchen-3ya.example").as_deref(), Some("münchen.example"));
        // This label has the letter Cyrillic "а".
        assert_eq!(unicode("https://xn--pple-43d.com").as_deref(), Some("аpple.com"));
    }

    #[test]
    fn the_longest_origin_is_not_cut() {
        let label = "a".repeat(63);
        let origin = format!("https://{label}.{label}.{label}.{}:65535", "b".repeat(61));
        assert_eq!(ShownOrigin::new(&origin).text(), origin);
    }
}
