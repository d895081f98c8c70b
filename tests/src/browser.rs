//! Headless Chromium with its own profile, driven through chromedriver.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::error::{WebDriverErrorInner, WebDriverResult};
use thirtyfour::prelude::ElementQueryable;
use thirtyfour::{By, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver, WebElement};

use crate::digest::from_base64;
use crate::processes;
use crate::program::Program;
use crate::workspace;

/// A browser. Dropping it ends the session, then the driver, and then deletes the profile.
pub struct Browser {
    driver: WebDriver,
    chromedriver: Program,
    _profile: TempDir,
}

impl Browser {
    /// Starts it with an empty page.
    pub async fn start() -> Self {
        let profile = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-browser-")
            .tempdir()
            .expect("a folder");
        let (chromedriver, port) = start_chromedriver(profile.path());
        let mut capabilities = DesiredCapabilities::chrome();
        let profile_flag = format!("--user-data-dir={}", profile.path().display());
        for flag in FLAGS.into_iter().chain([profile_flag.as_str()]) {
            capabilities.add_arg(flag).expect("a flag");
        }
        // The user's proxy must not get requests to this machine.
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(2 * PAGE_LIMIT)
            .build()
            .expect("an HTTP client");
        let driver = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities)
            .client(client)
            .connect()
            .await
            .expect("a headless Chromium");
        driver.set_page_load_timeout(PAGE_LIMIT).await.expect("a time limit");
        let script = json!({ "source": RECORD_PROBLEMS });
        let developer = driver.cdp();
        let added = developer.send_raw("Page.addScriptToEvaluateOnNewDocument", script).await;
        added.expect("a script for every page");
        Self { driver, chromedriver, _profile: profile }
    }

    /// Ends the browser without blocking the thread, which may also run the page's server.
    pub async fn quit(self) {
        self.driver.clone().quit().await.expect("the browser quits");
    }

    /// The WebDriver session.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// The renderer processes: one for the open page, and spare ones.
    pub fn renderers(&self) -> Vec<u32> {
        let mut all = processes::descendants(self.chromedriver.pid());
        // Renderers put their whole command line into one argument.
        all.retain(|process| process.arguments.iter().any(|it| it.contains("--type=renderer")));
        all.into_iter().map(|process| process.pid).collect()
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.driver.goto(url).await.expect("the page");
    }

    /// The value of a JavaScript expression, or `null` if it is undefined.
    pub async fn value_of(&self, expression: &str) -> Value {
        let script = format!("return ({expression}) ?? null");
        let value = self.driver.execute(script, Vec::new()).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}")).json().clone()
    }

    /// Waits until a JavaScript expression has a value other than null and false, and returns the
    /// value. Otherwise it panics with the text of the page and saves a picture of it.
    pub async fn wait_for(&self, expression: &str) -> Value {
        let start = Instant::now();
        loop {
            let value = self.value_of(expression).await;
            if value != Value::Null && value != false {
                return value;
            }
            if start.elapsed() > PAGE_LIMIT {
                self.screenshot("wait for an expression timed out").await;
                let text = self.value_of("document.body.innerText").await;
                panic!("`{expression}` stays {value}; the page shows: {text}");
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Clicks on the element of a CSS selector, as a user does.
    pub async fn click(&self, selector: &str) {
        self.act(selector, async |element| element.click().await).await;
    }

    /// Replaces the text in the field of a CSS selector.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.act(selector, async |field| {
            field.clear().await?;
            field.send_keys(text).await
        })
        .await;
    }

    /// Chooses a file in the field of a CSS selector.
    pub async fn choose_file(&self, selector: &str, file: &Path) {
        let file = file.to_str().expect("a path in UTF-8");
        self.act(selector, async |field| field.send_keys(file).await).await;
    }

    /// Acts on an element. As a user does, it tries again if the page has just replaced the
    /// element, or another element covers it.
    async fn act(&self, selector: &str, action: impl AsyncFn(WebElement) -> WebDriverResult<()>) {
        let start = Instant::now();
        loop {
            let done = async {
                let element = self.element(selector).await?;
                // The driver takes an element under the page's fixed bar for visible.
                element.scroll_into_view().await?;
                action(element).await
            };
            let Err(error) = done.await else { return };
            let may_retry = matches!(
                error.as_inner(),
                WebDriverErrorInner::StaleElementReference(_)
                    | WebDriverErrorInner::ElementClickIntercepted(_)
            );
            if !may_retry || start.elapsed() > PAGE_LIMIT {
                self.screenshot("action failed").await;
                panic!("{selector}: {error}");
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until the element of a CSS selector is visible, and returns its text.
    pub async fn wait_for_shown(&self, selector: &str) -> String {
        let element = format!("document.querySelector({})", json!(selector));
        self.wait_for(&format!("{element}?.checkVisibility() && [{element}.innerText]")).await[0]
            .as_str()
            .expect("a text")
            .to_owned()
    }

    /// The page's uncaught problems: exceptions, rejected promises, files that did not load, and
    /// violations of the page's security policy.
    pub async fn problems(&self) -> Value {
        self.value_of("window.uncaughtProblems").await
    }

    async fn element(&self, selector: &str) -> WebDriverResult<WebElement> {
        self.driver.query(By::Css(selector)).wait(PAGE_LIMIT, POLL_INTERVAL).first().await
    }

    /// Saves a picture of the whole page in `tests/artifacts`.
    pub async fn screenshot(&self, name: &str) {
        let folder = workspace().join("tests/artifacts");
        std::fs::create_dir_all(&folder).expect("a folder");
        // On a scrolled page the fixed bar would be in the middle of the picture.
        self.value_of("scrollTo({ top: 0, behavior: 'instant' })").await;
        let developer = self.driver.cdp();
        let sizes = developer.send_raw("Page.getLayoutMetrics", json!({})).await.expect("sizes");
        let size = &sizes["cssContentSize"];
        let clip = json!({
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1
        });
        let wanted = json!({ "captureBeyondViewport": true, "clip": clip });
        let picture =
            developer.send_raw("Page.captureScreenshot", wanted).await.expect("a picture");
        let png = from_base64(picture["data"].as_str().expect("base64"));
        std::fs::write(folder.join(name).with_extension("png"), png).expect("a file");
    }
}

/// Starts chromedriver on a free port. Chromedriver chooses a port that is free for IPv6, and exits
/// if another test uses the port for IPv4. In that case this starts it again. `temporary` is the
/// folder for its temporary files.
fn start_chromedriver(temporary: &Path) -> (Program, String) {
    let mut failures = String::new();
    for _ in 0..10 {
        let mut command = Command::new(chromedriver());
        // The browser leaves temporary files behind.
        isolate(&mut command).arg("--port=0").env("TMPDIR", temporary);
        let mut driver = Program::start(&mut command);
        match driver.find_line("started successfully on port ") {
            Ok(port) => return (driver, port.trim_end_matches('.').to_owned()),
            Err(failure) => failures = failure,
        }
    }
    panic!("{failures}");
}

/// Keeps the desktop, the language, the time zone and the proxy of the user out of a command that
/// starts a browser. The rest stays, because a browser from a snap needs the real home folder.
pub fn isolate(command: &mut Command) -> &mut Command {
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS"] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C.UTF-8").env("LANGUAGE", "en").env("TZ", "UTC");
    command.env("NO_PROXY", LOOPBACK).env("no_proxy", LOOPBACK)
}

const LOOPBACK: &str = "127.0.0.1,localhost,::1";

/// The driver that `CHROMEDRIVER` names, as for `wasm-pack`, or the installed one.
pub fn chromedriver() -> OsString {
    std::env::var_os("CHROMEDRIVER").unwrap_or_else(|| "/usr/bin/chromedriver".into())
}

/// How long a page may take to load on a machine that is busy with other tests.
pub const PAGE_LIMIT: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(50);

const RECORD_PROBLEMS: &str = r"{
    window.uncaughtProblems = [];
    const record = (text) => window.uncaughtProblems.push(String(text));
    const file = ({ target }) => `not loaded: ${target.src ?? target.href}`;
    addEventListener('error', (event) => record(event.message ?? file(event)), true);
    addEventListener('unhandledrejection', ({ reason }) => record(reason?.stack ?? reason));
    addEventListener('securitypolicyviolation', (event) =>
        record(`${event.violatedDirective} forbids ${event.blockedURI}`));
}";

/// The flags switch off everything that would contact other machines.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
];
