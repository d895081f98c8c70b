//! Where the playground is tried: a token, a bridge on it, and the page on a site of the test's own.

use pkcs11_bridge_tests::bridge::{Bridge, SOFTHSM, Setup};
use pkcs11_bridge_tests::pinentry::Pinentry;
use pkcs11_bridge_tests::site::{ReservedSite, Site};
use pkcs11_bridge_tests::test_module::TestModule;
use pkcs11_bridge_tests::token::{MODULE, TestToken};
use pkcs11_bridge_tests::{package, workspace};
use serde_json::json;

/// A bridge that asks by a scripted pinentry.
pub struct Testbed {
    pub bridge: Bridge,
    pub site: Site,
    _token: TestToken,
}

impl Testbed {
    /// With a user who has approved the page already.
    pub async fn approved(pinentry: &Pinentry, config: &str) -> Self {
        Self::new(pinentry, config, true).await
    }

    /// With a user who has not heard of the page.
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

/// A bridge on the module of the tests, which approves the page, and the page.
pub async fn on_test_module(module: &TestModule) -> (Bridge, Site) {
    let site = Site::reserve().await;
    let bridge = Setup::on_test_module(module).origin(&site.origin()).start();
    let site = serve(site, &bridge);
    (bridge, site)
}

/// Serves the page, which is told where the bridge is.
pub fn serve(site: ReservedSite, bridge: &Bridge) -> Site {
    let port = bridge.address().port();
    site.folder("/", &workspace().join("www"))
        .folder("/pkg/", &package::folder())
        .json("/bridge.json", &json!({ "ports": [port, port] }))
        .serve()
}
