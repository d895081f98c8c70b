//! The testbed of the playground: a token, a bridge on it, and the page on a site of the test.

use pkcs11_bridge_tests::bridge::{Bridge, SOFTHSM, Setup};
use pkcs11_bridge_tests::pinentry::Pinentry;
use pkcs11_bridge_tests::site::{ReservedSite, Site};
use pkcs11_bridge_tests::test_module::TestModule;
use pkcs11_bridge_tests::token::{MODULE, TestToken};
use pkcs11_bridge_tests::{package, workspace};
use serde_json::json;

/// A bridge that asks through a scripted pinentry.
pub struct Testbed {
    pub bridge: Bridge,
    pub site: Site,
    _token: TestToken,
}

impl Testbed {
    /// The user has already approved the page.
    pub async fn approved(pinentry: &Pinentry, config: &str) -> Self {
        Self::new(pinentry, config, true).await
    }

    /// The user has not decided about the page yet.
    pub async fn unknown(pinentry: &Pinentry) -> Self {
        Self::new(pinentry, "", false).await
    }

    async fn new(pinentry: &Pinentry, config: &str, approved: bool) -> Self {
        let token = TestToken::new();
        let site = Site::reserve().await;
        let mut setup = Setup::new().config(config).token(&token).module(SOFTHSM, MODULE);
        if approved {
            setup = setup.origin(&site.origin());
        }
        let bridge = setup.pinentry(pinentry).start();
        let site = serve(site, &bridge);
        Self { bridge, site, _token: token }
    }

    /// The address of the page.
    pub fn url(&self) -> String {
        self.site.url("/")
    }

    /// The origin of the page.
    pub fn origin(&self) -> String {
        self.site.url("")
    }
}

/// A bridge with the test module, which allows the page, and the page.
pub async fn on_test_module(module: &TestModule) -> (Bridge, Site) {
    let site = Site::reserve().await;
    let bridge = Setup::on_test_module(module).origin(&site.origin()).start();
    let site = serve(site, &bridge);
    (bridge, site)
}

/// Serves the page and tells it the port of the bridge.
pub fn serve(site: ReservedSite, bridge: &Bridge) -> Site {
    let port = bridge.address().port();
    site.folder("/", &workspace().join("www"))
        .folder("/pkg/", &package::folder())
        .json("/bridge.json", &json!({ "ports": [port, port] }))
        .serve()
}
