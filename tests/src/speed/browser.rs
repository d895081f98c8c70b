//! The client in a page of headless Chromium: its signatures and their checks, its start, and its
//! `hash`.

mod hashing;

use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use super::direct::Key;
use super::page::{Page, sign_params};
use super::statistics::{Samples, Summary};
use super::table::{Row, Target, Unit};
use super::testbed::{self, Testbed};
use crate::bridge::Bridge;
use crate::browser::Browser;
use crate::program::run;
use crate::site::Site;
use crate::token::{KeyType, PIN};
use crate::{package, workspace};

/// The rows of each section, under its heading.
pub(super) async fn sections(testbed: &mut Testbed) -> Vec<(&'static str, Vec<Row>)> {
    let tab = Tab::open(testbed).await;
    let sections = vec![
        ("From a page in headless Chromium", signing_rows(&tab, testbed).await),
        ("Loading the client", loading_rows(&tab).await),
        ("hash() of a Blob of 256 MB", hashing::rows(&tab).await),
    ];
    tab.browser.quit().await;
    sections
}

/// A page of an allowed origin, with a bridge of its own on the testbed's token.
struct Tab {
    browser: Browser,
    site: Site,
    bridge: Bridge,
    /// Keeps the origin's worker and login while the page loads again.
    _same_origin: Page,
}

impl Tab {
    async fn open(testbed: &Testbed) -> Self {
        let site = Site::reserve().await;
        let origin = site.origin();
        let bridge = testbed::setup(&testbed.token).origin(&origin).start();
        let mut same_origin = Page::open(bridge.address(), &origin).await;
        same_origin.log_in(testbed.token.slot()).await;
        let site = site
            .folder("/", &workspace().join("tests/src/speed/browser/page"))
            .folder("/pkg/", &package::folder())
            .isolated()
            .serve();
        let tab = Self { browser: Browser::start().await, site, bridge, _same_origin: same_origin };
        tab.load().await;
        // Only an isolated page has a clock that is fine enough.
        assert_eq!(tab.value("crossOriginIsolated").await, json!(true));
        tab
    }

    /// Loads the page, or loads it again.
    async fn load(&self) {
        self.browser.open(&self.site.url("/")).await;
    }

    fn bridge_port(&self) -> u16 {
        self.bridge.address().port()
    }

    /// The value of a JavaScript expression. If it is a promise, this waits for it.
    async fn value(&self, expression: &str) -> Value {
        self.browser.value_of(expression).await
    }

    async fn number(&self, expression: &str) -> f64 {
        self.value(expression).await.as_f64().expect("a number")
    }

    async fn samples(&self, expression: &str) -> Samples {
        Samples::from_json(&self.value(expression).await)
    }
}

/// One value for each round.
#[derive(Default)]
struct Rounds {
    direct: Vec<f64>,
    check: Vec<f64>,
    echo: Vec<f64>,
    ours: Vec<f64>,
    p99: Vec<f64>,
    checked: Vec<f64>,
    echo_rate: Vec<f64>,
    our_rate: Vec<f64>,
    checked_rate: Vec<f64>,
}

/// Signatures from the page, one after the other and many in flight.
async fn signing_rows(tab: &Tab, testbed: &mut Testbed) -> Vec<Row> {
    let (bridge, echo) = (tab.bridge_port(), testbed.echo_server.address().port());
    tab.value(&format!("page.open({bridge}, {echo})")).await;
    let params = sign_params(testbed.token.slot(), Key::P256);
    let sign = format!("() => page.sign({params})");
    let checked = format!("() => page.signAndCheck({params})");
    let times = |call: &str| format!("page.times({call}, {CALLS})");
    let rate = |call: &str| format!("page.rate({call}, 32, {RATE_MILLISECONDS})");
    // The browser optimizes code that runs often.
    tab.value(&times(&sign)).await;
    tab.value(&times(&checked)).await;
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        rounds.direct.push(testbed.direct.sign(Key::P256, CALLS).median());
        rounds.check.push(testbed.direct.check(Key::P256, CALLS).median());
        rounds.echo.push(tab.samples(&times("page.echo")).await.median());
        let ours = tab.samples(&times(&sign)).await;
        rounds.ours.push(ours.median());
        rounds.p99.push(ours.p99() / ours.median());
        rounds.checked.push(tab.samples(&times(&checked)).await.median());
        rounds.echo_rate.push(tab.number(&rate("page.echo")).await);
        rounds.our_rate.push(tab.number(&rate(&sign)).await);
        rounds.checked_rate.push(tab.number(&rate(&checked)).await);
    }
    let (direct, check) = (Summary::of(rounds.direct), Summary::of(rounds.check));
    let (echo, echo_rate) = (Summary::of(rounds.echo), Summary::of(rounds.echo_rate));
    let most = 1.6 * echo.median + direct.median + check.median;
    let mut rows = vec![
        Row::reference("JavaScript echo of 300 bytes", Unit::Micros, echo),
        Row::reference("check of a P-256 signature", Unit::Micros, check),
        Row::new("P-256, one by one", Unit::Micros, Summary::of(rounds.ours))
            .direct(direct)
            .target(Target::at_most(most, "1.6 × echo + direct + check")),
        Row::new("P-256, p99 by median", Unit::Ratio, Summary::of(rounds.p99)),
        Row::reference("JavaScript echo, 32 in flight", Unit::PerSecond, echo_rate),
        Row::new("P-256, 32 in flight", Unit::PerSecond, Summary::of(rounds.our_rate))
            .target(Target::at_least(3500.0, "")),
        Row::new("P-256, checked in the page", Unit::Micros, Summary::of(rounds.checked)),
        Row::new("the same, 32 in flight", Unit::PerSecond, Summary::of(rounds.checked_rate)),
    ];
    rows.extend(check_rows(tab, testbed.token.slot()).await);
    rows
}

/// The check of a signature in the page, without the bridge.
async fn check_rows(tab: &Tab, slot: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, key_type) in [
        ("check in the page, P-256", KeyType::P256),
        ("check in the page, P-384", KeyType::P384),
        ("check in the page, P-521", KeyType::P521),
        ("check in the page, RSA-2048", KeyType::Rsa2048),
        ("check in the page, RSA-3072", KeyType::Rsa3072),
    ] {
        let mut params = sign_params(slot, Key::P256);
        params["cert_id"] = json!(key_type.id());
        // A new certificate needs a login.
        params["pin"] = json!(PIN);
        let samples = tab.samples(&format!("page.checkTimes({params}, {CALLS})")).await;
        rows.push(Row::new(name, Unit::Micros, Summary::of([samples.median()])));
    }
    rows
}

/// The size of the client, and the time until the first reply.
async fn loading_rows(tab: &Tab) -> Vec<Row> {
    let (mut empty_cache, mut cached) = (Vec::new(), Vec::new());
    for _ in 0..LOADING_ROUNDS {
        let developer = tab.browser.driver().cdp();
        let cleared = developer.send_raw("Network.clearBrowserCache", json!({})).await;
        cleared.expect("an empty cache");
        empty_cache.push(first_reply(tab).await);
        cached.push(first_reply(tab).await);
    }
    let size = Size::of_package();
    let kilobytes = |bytes| Summary::of([f64::from(bytes) / 1e3]);
    let most = Target::at_most(f64::from(size.max_gzip) / 1e3, "the limit in pkg/size.js");
    let (empty_cache, cached) = (Summary::of(empty_cache), Summary::of(cached));
    vec![
        Row::new("WebAssembly", Unit::Kilobytes, kilobytes(size.wasm)),
        Row::new("WebAssembly, gzip", Unit::Kilobytes, kilobytes(size.gzip)).target(most),
        Row::new("WebAssembly, brotli", Unit::Kilobytes, kilobytes(size.brotli)),
        Row::new("the verifier's, gzip", Unit::Kilobytes, kilobytes(size.verifier.gzip)),
        Row::new("import to first reply, empty cache", Unit::Micros, empty_cache),
        Row::new("import to first reply, visited before", Unit::Micros, cached),
    ]
}

async fn first_reply(tab: &Tab) -> f64 {
    tab.load().await;
    tab.number(&format!("page.firstReply({})", tab.bridge_port())).await
}

/// The size of the WebAssembly and its limit, in bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Size {
    wasm: u32,
    gzip: u32,
    brotli: u32,
    max_gzip: u32,
    verifier: VerifierSize,
}

/// The size of the WebAssembly that checks signatures, in bytes.
#[derive(Deserialize)]
struct VerifierSize {
    gzip: u32,
}

impl Size {
    fn of_package() -> Self {
        let folder = package::folder();
        let size = run(Command::new("node").arg(folder.join("size.js")).arg("--json"));
        serde_json::from_str(&size).expect("sizes in JSON")
    }
}

const ROUNDS: usize = 15;
const CALLS: usize = 400;
const RATE_MILLISECONDS: u32 = 400;
const LOADING_ROUNDS: usize = 7;
