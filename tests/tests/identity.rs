//! Programs that pretend to be the bridge, and the real client in a real browser. A page sends them
//! neither a PIN nor a hash, and takes no signature of theirs.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use pkcs11_bridge_tests::bridge::{Bridge, SOFTHSM, Setup};
use pkcs11_bridge_tests::browser::Browser;
use pkcs11_bridge_tests::false_bridge::{FORGED_AUTHENTICATIONS, FalseBridge, Pretence};
use pkcs11_bridge_tests::package;
use pkcs11_bridge_tests::params::{sign_data, without};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::program::run;
use pkcs11_bridge_tests::site::Site;
use pkcs11_bridge_tests::token::{KeyType, MODULE, TestToken};
use serde_json::{Value, json};

/// A page with the client, and its bridge. The port before the bridge's is free.
struct Testbed {
    browser: Browser,
    site: Site,
    bridge: Bridge,
    token: TestToken,
}

impl Testbed {
    async fn new() -> Self {
        Self::with(|setup, origin| setup.origin(origin)).await
    }

    async fn with(settings: impl FnOnce(Setup, &str) -> Setup) -> Self {
        let token = TestToken::new();
        let site = Site::reserve().await;
        let setup = Setup::new().token(&token).module(SOFTHSM, MODULE);
        let setup = settings(setup, &site.origin());
        let address = format!("127.0.0.1:{}", two_ports());
        let bridge = setup.listen(Some(&address)).start();
        let site = site.folder("/pkg/", &package::folder()).json("/", &json!({})).serve();
        let testbed = Self { browser: Browser::start().await, site, bridge, token };
        testbed.load().await;
        testbed
    }

    /// Opens the page, or opens it again.
    async fn load(&self) {
        self.browser.open(&self.site.url("/")).await;
    }

    fn port(&self) -> u16 {
        self.bridge.address().port()
    }

    /// The free port before the bridge's.
    fn first(&self) -> u16 {
        self.port() - 1
    }

    async fn false_bridge(&self, pretence: Pretence) -> FalseBridge {
        FalseBridge::start_on(self.first(), pretence).await
    }

    /// Connects to these ports. Returns `true`, or the error as "status/code description".
    async fn connect(&self, options: &Value) -> Value {
        let connect = format!("window.client = await client.connect({options}); return true;");
        self.run(&connect).await
    }

    /// Signs on the connection of the page, with the PIN.
    async fn sign(&self) -> Value {
        let params = sign_data(&self.token, KeyType::P256.id(), "sha256");
        let sign = format!("await window.client.pkcs11().signData({params}); return true;");
        self.run(&sign).await
    }

    async fn run(&self, statements: &str) -> Value {
        let run = format!(
            "(async () => {{ try {{ const client = await import('/pkg/index.js'); {statements} }} \
             catch (error) {{ \
             return `${{error.status}}/${{error.code}} ${{error.description ?? error.stack}}`; }} \
             }})()"
        );
        self.browser.value_of(&run).await
    }

    /// Lets the page know the key of its bridge.
    async fn get_to_know(&self) {
        let port = self.port();
        assert_eq!(self.connect(&json!({ "ports": [port, port] })).await, true);
        assert_eq!(self.sign().await, true);
        // The client does not wait until the browser has stored the key.
        let known = "indexedDB.databases().then((all) => all.length === 1)";
        self.browser.wait_for(known).await;
        self.load().await;
    }

    /// The fingerprint that the command line shows.
    fn fingerprint(&self) -> String {
        run(self.bridge.home().command().arg("key")).trim().to_owned()
    }
}

/// Lets the client believe that the bridge answered on another port last.
const FORGET_PORT: &str = "
    const opening = indexedDB.open('pkcs11-bridge-client');
    const done = (request) => new Promise((resolve) => { request.onsuccess = resolve; });
    await done(opening);
    const store = opening.result.transaction('bridge', 'readwrite').objectStore('bridge');
    const known = store.get('known');
    await done(known);
    await done(store.put({ ...known.result, port: 1 }, 'known'));
    opening.result.close();
    return true;";

/// The second of two free ports side by side.
fn two_ports() -> u16 {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = first.local_addr().expect("its address").port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port + 1;
        }
    }
    panic!("no two free ports side by side");
}

#[track_caller]
fn assert_fails(outcome: &Value, start: &str) {
    let text = outcome.as_str().unwrap_or_default();
    assert!(text.starts_with(start), "expected {start}, got {outcome}");
}

/// Nothing but the question for the key.
#[track_caller]
fn assert_only_asked(program: &FalseBridge) {
    let methods = program.methods();
    assert!(!methods.is_empty() && methods.iter().all(|method| method == "hello"), "{methods:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_finds_the_bridge_it_knows_behind_programs_that_pretend_to_be_it() {
    let testbed = Testbed::new().await;
    testbed.get_to_know().await;
    let (first, port) = (testbed.first(), testbed.port());
    let bridge = testbed.bridge.address();
    for pretence in [
        Pretence::NoKey,
        Pretence::Relay(bridge),
        Pretence::LateRelay(bridge),
        Pretence::OwnKey,
        Pretence::Silent,
    ] {
        let program = testbed.false_bridge(pretence).await;
        // The bridge has moved: the page has seen it on another port last.
        assert_eq!(testbed.run(FORGET_PORT).await, true);
        let outcome = testbed.connect(&json!({ "ports": [first, port] })).await;
        assert_eq!(outcome, true, "{pretence:?}");
        assert_eq!(testbed.sign().await, true, "{pretence:?}");
        // The bridge may have answered before the page asked the other program.
        let methods = program.methods();
        assert!(methods.iter().all(|method| method == "hello"), "{pretence:?}: {methods:?}");
        testbed.load().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_finds_the_bridge_of_its_own_user() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can start a bridge of another user");
        return;
    }
    let mut testbed = Testbed::new().await;
    let [first, port] =
        [testbed.first(), testbed.port()].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let setup = Setup::new().origin(&testbed.site.url("")).user(NOBODY);
    let mut other = setup.listen(Some(&first.to_string())).start();
    let options = json!({ "ports": [first.port(), port.port()] });
    // On first contact, only the own bridge answers.
    assert_eq!(testbed.connect(&options).await, true);
    assert_eq!(testbed.sign().await, true);
    let known = "indexedDB.databases().then((all) => all.length === 1)";
    testbed.browser.wait_for(known).await;
    testbed.load().await;
    // The users have logged in in another order.
    other.stop();
    testbed.bridge.stop();
    testbed.bridge.start_on(first);
    other.start_on(port);
    assert_eq!(testbed.connect(&options).await, true);
    assert_eq!(testbed.sign().await, true);
    testbed.load().await;
    // Without a bridge of the own user, the page finds none.
    testbed.bridge.stop();
    assert_fails(&testbed.connect(&options).await, "500/999");
    other.expect_log("another user of this computer");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_first_contact_only_one_program_may_answer() {
    let testbed = Testbed::new().await;
    let (first, port) = (testbed.first(), testbed.port());
    let bridge = testbed.bridge.address();
    for pretence in [Pretence::NoKey, Pretence::Relay(bridge), Pretence::OwnKey] {
        let program = testbed.false_bridge(pretence).await;
        let outcome = testbed.connect(&json!({ "ports": [first, port] })).await;
        assert_fails(&outcome, "409/806");
        let ports = format!("{first}, {port}");
        assert!(outcome.as_str().unwrap().contains(&ports), "{outcome}");
        assert_only_asked(&program);
    }
    // The administrator can say which is right.
    let _program = testbed.false_bridge(Pretence::OwnKey).await;
    let key = testbed.fingerprint();
    let options = json!({ "ports": [first, port], "bridgeKey": key });
    assert_eq!(testbed.connect(&options).await, true);
    assert_eq!(testbed.browser.value_of("window.client.bridgeKey").await, key);
    assert_eq!(testbed.sign().await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_without_the_known_key_gets_no_call() {
    let testbed = Testbed::new().await;
    testbed.get_to_know().await;
    let bridge = testbed.bridge.address();
    for (pretence, error) in [
        (Pretence::NoKey, "409/805"),
        (Pretence::Relay(bridge), "409/805"),
        (Pretence::OwnKey, "409/804"),
        (Pretence::Silent, "409/805"),
    ] {
        let program = FalseBridge::start(pretence).await;
        let ports = [program.port(), program.port()];
        let outcome = testbed.connect(&json!({ "ports": ports })).await;
        assert_fails(&outcome, error);
        assert_only_asked(&program);
    }
    // It says that the user has to approve the page, and passes the nonce on then.
    let program = FalseBridge::start(Pretence::LateRelay(bridge)).await;
    let ports = [program.port(), program.port()];
    assert_eq!(testbed.connect(&json!({ "ports": ports })).await, true);
    assert_fails(&testbed.sign().await, "409/805");
    assert_fails(&testbed.sign().await, "409/805");
    assert_only_asked(&program);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_program_without_a_key_gets_no_call() {
    let testbed = Testbed::new().await;
    for pretence in [Pretence::NoKey, Pretence::Relay(testbed.bridge.address())] {
        let program = FalseBridge::start(pretence).await;
        let ports = [program.port(), program.port()];
        assert_fails(&testbed.connect(&json!({ "ports": ports })).await, "409/805");
        assert_only_asked(&program);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_can_accept_a_new_key() {
    let testbed = Testbed::new().await;
    testbed.get_to_know().await;
    let program = FalseBridge::start(Pretence::OwnKey).await;
    let ports = [program.port(), program.port()];
    let changed = testbed.connect(&json!({ "ports": ports })).await;
    assert_fails(&changed, "409/804");
    assert!(changed.as_str().unwrap().contains(&testbed.fingerprint()), "{changed}");
    let key = changed.as_str().unwrap().split_once("the key ").unwrap().1[..64].to_owned();

    let pinned = json!({ "ports": ports, "bridgeKey": [key.to_uppercase()] });
    assert_eq!(testbed.connect(&pinned).await, true);
    testbed.browser.wait_for("window.client.bridgeKey").await;
    testbed.load().await;
    let own = json!({ "ports": [testbed.port(), testbed.port()] });
    assert_fails(&testbed.connect(&own).await, "409/804");
    assert_eq!(testbed.run("await client.forgetBridgeKey(); return true;").await, true);
    assert_eq!(testbed.connect(&own).await, true);
    let wrong = json!({ "ports": own["ports"], "bridgeKey": "0".repeat(64) });
    assert_fails(&testbed.connect(&wrong).await, "409/804");
    for bad in [json!("01"), json!([]), json!(7), json!(["0".repeat(63) + "g"])] {
        let options = json!({ "ports": own["ports"], "bridgeKey": bad });
        assert_fails(&testbed.connect(&options).await, "400/801");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_takes_the_port_of_a_stopped_bridge_gets_no_call() {
    let mut testbed = Testbed::new().await;
    let (bridge, port) = (testbed.bridge.address(), testbed.port());
    assert_eq!(testbed.connect(&json!({ "ports": [port, port] })).await, true);
    assert_eq!(testbed.sign().await, true);
    testbed.bridge.stop();
    let program = FalseBridge::start_on(bridge.port(), Pretence::OwnKey).await;
    assert_fails(&testbed.sign().await, "409/804");
    assert_only_asked(&program);
    drop(program);
    testbed.bridge.start_on_same_port();
    assert_eq!(testbed.sign().await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_proves_its_key_only_after_approval() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::with(|setup, _| setup.pinentry(&pinentry)).await;
    let ports = [testbed.port(), testbed.port()];
    assert_eq!(testbed.connect(&json!({ "ports": ports })).await, true);
    assert_eq!(testbed.browser.value_of("window.client.bridgeKey").await, Value::Null);
    pinentry.assert_dialogs(0);

    pinentry.answer(Answer::deny());
    assert_fails(&testbed.sign().await, "401/500");
    assert_eq!(testbed.browser.value_of("window.client.bridgeKey").await, Value::Null);
    let allow = ["origins", "allow", &testbed.site.url("")];
    run(testbed.bridge.home().command().args(allow));
    assert_eq!(testbed.sign().await, true);
    let key = testbed.browser.value_of("window.client.bridgeKey").await;
    assert_eq!(key, testbed.fingerprint());
    pinentry.assert_dialogs(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_signature_does_not_reach_the_page() {
    let testbed = Testbed::new().await;
    let program = FalseBridge::start(Pretence::Forger(testbed.bridge.address())).await;
    let ports = [program.port(), program.port()];
    assert_eq!(testbed.connect(&json!({ "ports": ports })).await, true);
    let outcome = testbed.sign().await;
    assert_fails(&outcome, "500/900");
    assert!(outcome.as_str().unwrap().contains("signature"), "{outcome}");
    let params = sign_data(&testbed.token, KeyType::P256.id(), "sha256");
    let batch = format!(
        "const {{ data }} = await window.client.pkcs11().signDataBatch({}); \
         return data.map((item) => item.error?.code ?? 'signed').join();",
        batch_of_two(&params)
    );
    assert_eq!(testbed.run(&batch).await, "900,signed");
    assert_eq!(testbed.connect(&json!({ "ports": ports, "verify": false })).await, true);
    assert_eq!(testbed.sign().await, true, "the page did not want the check");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_authentication_does_not_reach_the_page() {
    let testbed = Testbed::new().await;
    let port = testbed.port();
    let params = sign_data(&testbed.token, KeyType::P256.id(), "sha256");
    let authenticate = format!(
        "const {{ slot_id, cert_id }} = {params}; const challenge = btoa('0123456789abcdef'); \
         await window.client.pkcs11().authenticate({{ slot_id, cert_id, challenge }}); return true;"
    );
    assert_eq!(testbed.connect(&json!({ "ports": [port, port] })).await, true);
    assert_eq!(testbed.sign().await, true, "the login");
    assert_eq!(testbed.run(&authenticate).await, true);

    testbed.run("await client.forgetBridgeKey(); return true;").await;
    let program = FalseBridge::start(Pretence::Forger(testbed.bridge.address())).await;
    let ports = [program.port(), program.port()];
    assert_eq!(testbed.connect(&json!({ "ports": ports })).await, true);
    for number in 1..=FORGED_AUTHENTICATIONS {
        let outcome = testbed.run(&authenticate).await;
        assert_fails(&outcome, "500/900");
        assert!(outcome.as_str().unwrap().contains("signature"), "{number}: {outcome}");
    }
    assert_eq!(testbed.connect(&json!({ "ports": ports, "verify": false })).await, true);
    assert_eq!(testbed.run(&authenticate).await, true, "the page did not want the check");
}

fn batch_of_two(params: &Value) -> Value {
    let mut batch = without(params, "data");
    batch["data"] = json!([params["data"], params["data"]]);
    batch
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_without_a_bridge_are_reported_at_once() {
    let testbed = Testbed::new().await;
    let first = testbed.first();
    let refused = [1, 9];
    for ports in [[first, first], refused] {
        assert_fails(&testbed.connect(&json!({ "ports": ports })).await, "500/999");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_bridge_is_found_again() {
    let mut testbed = Testbed::new().await;
    testbed.get_to_know().await;
    for first in [testbed.first(), testbed.port()] {
        let options = json!({ "ports": [first, testbed.port()] });
        assert_eq!(testbed.connect(&options).await, true);
        testbed.bridge.stop();
        assert_fails(&testbed.connect(&options).await, "500/999");
        for _ in 0..3 {
            let outcome = testbed.run("await window.client.hello(); return true;").await;
            assert_fails(&outcome, "500/999");
        }
        testbed.bridge.start_on_same_port();
        let outcome = testbed.run("await window.client.hello(); return true;").await;
        assert_eq!(outcome, true);
    }
}

/// Pages that came over http have no WebCrypto.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_web_crypto_knows_its_bridge_too() {
    let testbed = Testbed::new().await;
    testbed.get_to_know().await;
    let hide = "Object.defineProperty(crypto, 'subtle', { value: undefined }) && true";
    testbed.browser.value_of(hide).await;
    assert_eq!(testbed.browser.value_of("crypto.subtle").await, Value::Null);
    let port = testbed.port();
    assert_eq!(testbed.connect(&json!({ "ports": [port, port] })).await, true);
    assert_eq!(testbed.browser.value_of("window.client.bridgeKey").await, testbed.fingerprint());
    let program = FalseBridge::start(Pretence::Relay(testbed.bridge.address())).await;
    let ports = [program.port(), program.port()];
    assert_fails(&testbed.connect(&json!({ "ports": ports })).await, "409/805");
    assert_only_asked(&program);
}
