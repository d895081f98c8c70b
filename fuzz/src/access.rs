//! Decoders of the bridge's access rules: origins, hosts, the opening handshake, the state file.

use pkcs11_bridge::access::approvals::state_file;
use pkcs11_bridge::access::host;
use pkcs11_bridge::access::origin::{Origin, OriginError, RequestOrigin};
use pkcs11_bridge::server::handshake;
use pkcs11_bridge::signing::pin::tries;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response};

use crate::{Decoded, utf8};

/// The opening handshake of a connection: an HTTP request.
pub(crate) fn handshake(bytes: &[u8]) -> Decoded {
    let (_, request) = Request::try_parse(bytes)
        .map_err(|error| error.to_string())?
        .ok_or("the request has no end")?;
    create_response(&request).map_err(|error| error.to_string())?;
    let origin =
        handshake::check(request.headers(), PORT).map_err(|refusal| refusal.to_string())?;
    if let RequestOrigin::Tuple(origin) = origin {
        is_canonical(&origin);
    }
    Ok(())
}

/// An origin as a user writes it, and the headers `Origin` and `Host`.
pub(crate) fn origin(bytes: &[u8]) -> Decoded {
    let text = utf8(bytes)?;
    // Many spellings name this computer. The check of a host has no other promise to test here.
    host::is_loopback(text, PORT);
    let header = RequestOrigin::from_header(text);
    let origin: Origin = text.parse().map_err(|error: OriginError| {
        assert!(header.is_err() || header == Ok(RequestOrigin::Opaque));
        error.to_string()
    })?;
    is_canonical(&origin);
    Ok(())
}

fn is_canonical(origin: &Origin) {
    let written = origin.as_str();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:/[]".contains(&b);
    assert!(written.bytes().all(plain), "the origin has a character that can deceive");
    assert!(written.parse().as_ref() == Ok(origin));
    assert!(RequestOrigin::from_header(written) == Ok(RequestOrigin::Tuple(origin.clone())));
}

/// The state file with the user's approvals and blocks.
pub(crate) fn state_file(bytes: &[u8]) -> Decoded {
    let remembered = state_file::parse(utf8(bytes)?).map_err(|error| error.to_string())?;
    let mut written = Vec::new();
    state_file::write_text(&mut written, &remembered).expect("decoded approvals can be written");
    let again = state_file::parse(utf8(&written)?).expect("written approvals can be read");
    assert!(again == remembered);
    Ok(())
}

/// The file with the tries of PINs.
pub(crate) fn pin_tries(bytes: &[u8]) -> Decoded {
    let taken = tries::parse(utf8(bytes)?).map_err(|error| error.to_string())?;
    let mut written = Vec::new();
    tries::write_text(&mut written, &taken).expect("decoded counts can be written");
    let again = tries::parse(utf8(&written)?).expect("written counts can be read");
    assert!(again == taken);
    Ok(())
}

/// The first port of the bridge.
const PORT: u16 = *pkcs11_bridge_protocol::PORTS.start();
