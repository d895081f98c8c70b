//! A page of an allowed origin, with a bridge of its own on the token of all.

use serde_json::{Value, json};
use thirtyfour::WebDriver;

use crate::bridge::Bridge;
use crate::browser::Browser;
use crate::site::Site;
use crate::speed::figures::Samples;
use crate::speed::page::Page;
use crate::speed::testbed::{self, Testbed};
use crate::{package, workspace};

pub(super) struct Tab {
    browser: Browser,
    site: Site,
    bridge: Bridge,
    /// Keeps the worker of the origin and its login while the page is loaded anew.
    _same_origin: Page,
}

impl Tab {
    pub(super) async fn open(testbed: &Testbed) -> Self {
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
        // Only then is the page's clock fine enough.
        assert_eq!(tab.value("crossOriginIsolated").await, json!(true));
        tab
    }

    /// Loads the page, or loads it anew.
    pub(super) async fn load(&self) {
        self.browser.open(&self.site.url("/")).await;
    }

    pub(super) async fn close(self) {
        self.browser.quit().await;
    }

    pub(super) fn bridge_port(&self) -> u16 {
        self.bridge.address().port()
    }

    pub(super) fn driver(&self) -> &WebDriver {
        self.browser.driver()
    }

    pub(super) fn renderers(&self) -> Vec<u32> {
        self.browser.renderers()
    }

    /// What a JavaScript expression comes to; a promise is waited for.
    pub(super) async fn value(&self, expression: &str) -> Value {
        self.browser.value_of(expression).await
    }

    pub(super) async fn number(&self, expression: &str) -> f64 {
        self.value(expression).await.as_f64().expect("a number")
    }

    pub(super) async fn samples(&self, expression: &str) -> Samples {
        Samples::of_json(&self.value(expression).await)
    }
}
