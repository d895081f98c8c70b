//! The identity key of the bridge: who gets the proof, how the file is kept, and ports of the
//! bridge that programs of other users hold.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use pkcs11_bridge_protocol::PORTS;
use pkcs11_bridge_protocol::identity::{NONCE_LEN, Nonce, signed_message};
use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::desktop_bus::{DesktopBus, Notice};
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::ports;
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::program::{Home, STOP_LIMIT, run};
use rustix::process::geteuid;
use serde_json::{Value, json};

const NONCE: [u8; NONCE_LEN] = [0xa5; NONCE_LEN];

/// The user `nobody`.
const NOBODY: u32 = 65534;

fn key_file(home: &Home) -> PathBuf {
    home.path().join("state/pkcs11-bridge/identity-key.p8")
}

fn fingerprint(home: &Home) -> String {
    run(home.command().arg("key")).trim().to_owned()
}

/// The fingerprint of the key that the bridge proves to a page of [`ORIGIN`].
async fn proved(bridge: &Bridge) -> String {
    let mut page = bridge.connect().await;
    let hello = page.result("hello", json!({ "nonce": base64(&NONCE) })).await;
    let of = |name: &str| from_base64(hello["identity"][name].as_str().expect("a proof"));
    let (public_key, signature) = (of("public_key"), of("signature"));
    // The key ends with the 65 bytes of the point.
    let point = &public_key[public_key.len() - 65..];
    let port = bridge.address().port();
    let verifies = |nonce, port, origin| {
        let message = signed_message(&Nonce(nonce), port, origin);
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(&message, &signature).is_ok()
    };
    assert!(verifies(NONCE, port, ORIGIN));
    assert!(!verifies([0; NONCE_LEN], port, ORIGIN));
    assert!(!verifies(NONCE, port ^ 1, ORIGIN));
    assert!(!verifies(NONCE, port, "https://other.example"));
    const_hex::encode(digest("sha256", &public_key))
}

#[tokio::test]
async fn the_bridge_proves_the_key_that_the_command_shows() {
    let mut bridge = Setup::new().origin(ORIGIN).start();
    let key = proved(&bridge).await;
    assert_eq!(fingerprint(bridge.home()), key);
    let json: Value =
        serde_json::from_str(&run(bridge.home().command().args(["key", "--json"]))).expect("JSON");
    assert_eq!(json["fingerprint"], key);
    let public_key = from_base64(json["public_key"].as_str().expect("a key"));
    assert_eq!(const_hex::encode(digest("sha256", &public_key)), key);
    let file = key_file(bridge.home());
    assert_eq!(json["file"], file.to_str().expect("a path in UTF-8"));
    let mode = fs::metadata(file).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    bridge.stop();
    bridge.start_on_same_port();
    assert_eq!(proved(&bridge).await, key);
}

#[test]
fn the_command_makes_the_key() {
    let home = Home::new();
    let key = fingerprint(&home);
    assert!(key.len() == 64 && key.bytes().all(|digit| digit.is_ascii_hexdigit()), "{key}");
    assert_eq!(fingerprint(&home), key);
    fs::remove_file(key_file(&home)).expect("the key");
    assert_ne!(fingerprint(&home), key);
}

#[tokio::test]
async fn an_origin_that_is_not_approved_gets_no_key_and_causes_no_question() {
    let bridge = Setup::new().origin(ORIGIN).start();
    for origin in ["https://stranger.example", "null"] {
        let mut page = bridge.connect_as(origin).await;
        let params = json!({ "nonce": base64(&NONCE), "ask_user": false });
        let outcome = page.call("hello", params).await;
        assert_error(origin, &outcome, (401, "500"), &[]);
        assert!(!format!("{outcome:?}").contains("identity"), "{outcome:?}");
    }
    assert!(bridge.dialogs().is_empty());
    assert!(!bridge.log().contains("cannot ask the user"), "{}", bridge.log());
    let mut page = bridge.connect().await;
    let hello = page.result("hello", json!({ "ask_user": false })).await;
    assert_eq!(hello["identity"], Value::Null, "without a nonce there is no proof");
}

#[test]
fn a_key_that_others_can_read_or_replace_stops_the_start() {
    const FILE: &str = "identity-key.p8";
    for (path, mode, problem) in [
        (FILE, 0o640, "identity-key.p8 can be read by other users"),
        (FILE, 0o620, "identity-key.p8 can be written by other users"),
        ("", 0o770, "pkcs11-bridge can be written by other users"),
    ] {
        let setup = Setup::new();
        fingerprint(setup.home());
        let path = key_file(setup.home()).with_file_name(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file");
        let finished = setup.run_to_end();
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        for words in [problem, "run chmod", "delete"] {
            assert!(finished.stderr.contains(words), "no `{words}` in: {}", finished.stderr);
        }
    }
}

/// A program that listens on a port. Dropping it ends the program.
struct Listener(Child);

impl Listener {
    fn start(port: u16, user: u32) -> Self {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-nocert", "-accept", &format!("127.0.0.1:{port}")]);
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").uid(user).gid(user);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let listener = Self(command.spawn().expect("openssl"));
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!(wait_until(Duration::from_secs(20), listens), "openssl does not listen");
        listener
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_user_holds_is_reported() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can start a program of another user");
        return;
    }
    let _nobody_else = ports::reserve_default_range();
    let [first, second, third, ..] = ports::free_in_default_range()[..] else {
        eprintln!("skipped: other programs use the ports {PORTS:?}");
        return;
    };
    let _other = Listener::start(first, NOBODY);
    let _own = Listener::start(second, geteuid().as_raw());
    let bus = DesktopBus::start();
    let bridge = bus.with(Setup::new().origin(ORIGIN).listen(None)).start();
    assert_eq!(bridge.address().port(), third);
    let hello = bridge.connect().await.result("hello", json!({})).await;
    assert_eq!(hello["skipped_ports"], json!([{ "port": first }]));
    let log = bridge.log();
    for words in ["a program of another user holds a port", "user nobody, program openssl"] {
        assert!(log.contains(words), "no `{words}` in: {log}");
    }
    assert!(wait_until(STOP_LIMIT, || !bus.notices().is_empty()), "nothing on the desktop");
    let [Notice::Shown { title, body, .. }] = &bus.notices()[..] else {
        panic!("{:?}", bus.notices())
    };
    assert!(title.contains("Another user's program"), "{title}");
    // Names stand between marks that keep their direction of writing.
    let body = body.replace(['\u{2068}', '\u{2069}'], "");
    for words in [format!("port {first} "), format!("port {third}."), "user nobody".to_owned()] {
        assert!(body.contains(&words), "no `{words}` in: {body}");
    }
    let free = Setup::new().origin(ORIGIN).start();
    let hello = free.connect().await.result("hello", json!({})).await;
    assert_eq!(hello.get("skipped_ports"), None);
}
