//! The playground's page, and the actions of a user on it.

use pkcs11_bridge_tests::browser::Browser;
use serde_json::json;

/// Shown while the page is connected.
pub const CONNECTED: &str = "#connection-status[data-phase=open]";

const SIGNATURE: &str = "#signature-panel:not([hidden]) #signature";
const VALID: &str = "#verify-result [data-outcome=valid]";

/// An open page.
pub struct PlaygroundPage {
    pub browser: Browser,
}

impl PlaygroundPage {
    /// Opens the page.
    pub async fn open(url: &str) -> Self {
        let browser = Browser::start().await;
        browser.open(url).await;
        Self { browser }
    }

    /// Waits until module, slot and certificates are shown, and chooses a slot and a certificate.
    pub async fn choose(&self, token: &str, certificate: &str) {
        self.browser.wait_for_shown(CONNECTED).await;
        self.browser.wait_for_shown("[data-testid=certificate-option]").await;
        self.browser.wait_for("!document.querySelector('[data-busy]')").await;
        self.click_card("slot-option", token).await;
        self.click_card("certificate-option", certificate).await;
        let chosen = format!(
            "document.querySelector('#summary-sign').textContent.includes({})",
            json!(certificate)
        );
        self.browser.wait_for(&chosen).await;
    }

    /// Clicks on the card with this title.
    async fn click_card(&self, kind: &str, title: &str) {
        let cards = format!("[...document.querySelectorAll('[data-testid={kind}]')]");
        let wanted =
            format!("(card) => card.querySelector('.card-title').textContent === {}", json!(title));
        let key = self.browser.wait_for(&format!("{cards}.find({wanted})?.dataset.key")).await;
        let selector = format!("[data-testid={kind}][data-key={key}]");
        self.browser.click(&selector).await;
    }

    /// Enters the PIN in the page and signs.
    pub async fn sign(&self, pin: &str) {
        self.browser.click("#pin-in-page").await;
        self.browser.fill("#pin", pin).await;
        self.browser.click("#sign-button").await;
    }

    /// The signature that the page shows, as soon as it differs from `before`.
    pub async fn signature(&self, before: &str) -> String {
        let shown = format!(
            "document.querySelector({})?.textContent.replace(/\\s/g, '')",
            json!(SIGNATURE)
        );
        let signature = self
            .browser
            .wait_for(&format!("({shown} || null) !== {} && {shown}", json!(before)))
            .await;
        signature.as_str().expect("a text").to_owned()
    }

    /// The text of the signing error, as soon as the page shows one with this status and code.
    pub async fn sign_error(&self, status: &str, code: &str) -> String {
        let error = format!("[data-testid=error][data-status='{status}'][data-code='{code}']");
        self.browser.wait_for_shown(&format!("#sign-error {error}")).await
    }

    /// Logs out and waits for the words that report the outcome.
    pub async fn log_out(&self, words: &str) {
        self.browser.click("#logout-button").await;
        let text = "document.querySelector('#logout-result').textContent";
        self.browser.wait_for(&format!("{text}.includes({})", json!(words))).await;
    }

    /// Whether a CSS selector finds a visible element.
    pub async fn is_shown(&self, selector: &str) -> bool {
        let element = format!("document.querySelector({})", json!(selector));
        self.browser.value_of(&format!("Boolean({element}?.checkVisibility())")).await == true
    }

    /// Verifies the last signature, which must be valid.
    pub async fn verify(&self) {
        self.browser.click("#verify-button").await;
        self.browser.wait_for_shown(VALID).await;
    }

    /// Asserts that no hidden error occurred, and that the page sent requests only to its own site.
    pub async fn assert_clean(&self, url: &str) {
        assert_eq!(self.browser.problems().await, json!([]));
        let loaded = "performance.getEntriesByType('resource').map((entry) => entry.name)";
        let loaded = self.browser.value_of(loaded).await;
        let loaded = loaded.as_array().expect("a list");
        assert!(!loaded.is_empty());
        for address in loaded {
            let address = address.as_str().expect("an address");
            assert!(address.starts_with(url), "the page asked for {address}");
        }
    }

    /// Asserts that the page shows its requests without these secrets.
    pub async fn assert_without(&self, secrets: &[&str]) {
        let page = self.browser.value_of("document.documentElement.outerHTML").await;
        let page = page.as_str().expect("a text");
        assert!(page.contains("signData"));
        for secret in secrets {
            assert!(!page.contains(secret), "a PIN stands in the page");
        }
    }
}
