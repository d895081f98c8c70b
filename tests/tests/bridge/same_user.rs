//! A program of another user of the computer. It can claim any origin, and the bridge refuses it.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::program::run;
use pkcs11_bridge_tests::token::TestToken;
use rustix::process::geteuid;
use serde_json::json;

/// The user `nobody`.
pub const NOBODY: u32 = 65534;

/// The bridge's response to a valid handshake from a program of this user.
pub fn response_to(user: u32, address: SocketAddr, origin: &str) -> String {
    let request = format!(
        "GET / HTTP/1.1\\r\\nHost: {address}\\r\\nOrigin: {origin}\\r\\nConnection: Upgrade\\r\\n\
         Upgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\
         Sec-WebSocket-Protocol: pkcs11-bridge.v1\\r\\n\\r\\n"
    );
    // Reads up to the blank line, and then the rest. A WebSocket stays open.
    let script = format!(
        "exec 3<>/dev/tcp/{}/{} && printf '{request}' >&3 && \
         while IFS= read -r -t 20 line <&3; do \
         echo \"$line\"; [ \"$line\" = $'\\r' ] && break; done; \
         timeout 0.5 cat <&3; true",
        address.ip(),
        address.port(),
    );
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
    shell.stdin(Stdio::null());
    if user != geteuid().as_raw() {
        shell.uid(user).gid(user);
    }
    run(&mut shell)
}

/// Only root can start a program of another user.
pub fn can_be_another_user() -> bool {
    let root = geteuid().is_root();
    if !root {
        eprintln!("skipped: only root can start a program of another user");
    }
    root
}

#[track_caller]
fn assert_refused_by_user(bridge: &Bridge) {
    let address = bridge.address();
    let own = response_to(geteuid().as_raw(), address, ORIGIN);
    assert!(own.starts_with("HTTP/1.1 101 "), "{address}: {own}");
    for origin in [ORIGIN, "https://stranger.example", "null"] {
        let other = response_to(NOBODY, address, origin);
        assert!(other.starts_with("HTTP/1.1 403 "), "{address} {origin}: {other}");
        assert!(other.contains("another user of this computer"), "{address} {origin}: {other}");
    }
    bridge.expect_log("another user of this computer");
}

#[tokio::test]
async fn a_program_of_another_user_is_refused_at_the_handshake() {
    if !can_be_another_user() {
        return;
    }
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    page.result("slots", json!({})).await;
    assert_refused_by_user(&bridge);
    page.result("slots", json!({})).await;
}

#[tokio::test]
async fn a_program_of_another_user_is_refused_over_ipv6() {
    if !can_be_another_user() {
        return;
    }
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let bridge = Setup::new().origin(ORIGIN).listen(Some("[::1]:0")).start();
    assert_refused_by_user(&bridge);
}
