//! The `Host` header of a handshake. The bridge accepts only a loopback name with its own port.
//! This stops DNS rebinding: a page whose name resolves to 127.0.0.1 sends its own name in `Host`.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Whether `header` is a loopback name with the port that the bridge listens on.
pub fn is_loopback(header: &str, port: u16) -> bool {
    // These characters separate parts of a URL, so the parser would not treat them as the host.
    if header.contains(['@', '/', '\\', '?', '#']) || header.contains(char::is_whitespace) {
        return false;
    }
    let Ok(url) = Url::parse(&format!("http://{header}")) else {
        return false;
    };
    let named = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
        None => false,
    };
    named && url.port_or_known_default() == Some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_with_the_own_port_are_accepted() {
        for header in ["127.0.0.1:24911", "localhost:24911", "LOCALHOST:24911", "[::1]:24911"] {
            assert!(is_loopback(header, 24911), "{header}");
        }
        for header in [
            "",
            "127.0.0.1",
            "localhost",
            "localhost:24912",
            "127.0.0.1:80",
            "127.0.0.2:24911",
            "0.0.0.0:24911",
            "192.168.0.1:24911",
            "localhost.evil.test:24911",
            "evil.test:24911",
            "localhost.:24911",
            "evil@localhost:24911",
            "localhost:24911/x",
            "localhost:24911@evil.test",
            "[::]:24911",
            "[::ffff:127.0.0.1]:24911",
            "localhost :24911",
            "localhost:24911 evil.test",
        ] {
            assert!(!is_loopback(header, 24911), "{header}");
        }
        assert!(is_loopback("localhost", 80));
    }
}
