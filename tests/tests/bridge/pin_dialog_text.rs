//! The text of the PIN dialog: the origin, the key, and the data to sign. No
//! certificate and no label can deceive the user or break the dialog.

use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, with};
use pkcs11_bridge_tests::pinentry::{Answer, Dialog, Kind, Pinentry};
use pkcs11_bridge_tests::program::{run, tool};
use pkcs11_bridge_tests::token::{KeyType, LABEL, MODULE, PIN, TestToken};
use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};
use serde_json::json;

use super::certificate_object;
use super::pin_dialog::DialogFixture;

/// The data to sign, and its hash in hexadecimal digits, which the dialog shows in groups.
#[track_caller]
fn to_sign(dialog: &Dialog) -> (String, String) {
    let text = dialog.row("To sign");
    let is_group = |word: &&str| word.len() == 8 && word.bytes().all(|c| c.is_ascii_hexdigit());
    let (digits, words): (Vec<&str>, Vec<&str>) = text.split(' ').partition(is_group);
    (words.join(" "), digits.concat())
}

#[tokio::test]
async fn the_dialog_shows_the_origin_the_key_and_the_data() {
    let fixture = DialogFixture::new("");
    fixture.pinentry.answer(Answer::pin(PIN));
    let mut page = fixture.bridge.connect().await;
    let params = with(&fixture.without_pin, "signature_format", "der");
    let signature = page.result("signData", params).await;
    let hash = digest("sha256", MESSAGE);
    let certificate = fixture.token.certified_key(KeyType::P256).certificate();
    let signature = from_base64(signature.as_str().unwrap());
    assert!(openssl::verifies(&certificate, "sha256", &hash, &signature));

    let dialog = &fixture.pinentry.assert_dialogs(1)[0];
    assert_eq!(dialog.kind, Kind::Pin);
    let title = Some("PIN needed – pkcs11-bridge");
    assert_eq!((dialog.title(), dialog.prompt()), (title, Some("PIN:")));
    assert_eq!(dialog.buttons(), [Some("Sign"), None, Some("Cancel")]);
    assert_eq!(dialog.row("Site"), ORIGIN);
    assert_eq!(dialog.row("Token"), LABEL);
    assert_eq!(dialog.row("Certificate"), "CN=P-256, O=pkcs11-bridge, C=BE");
    assert_eq!(to_sign(dialog), ("SHA-256 hash".to_owned(), const_hex::encode(hash)));
}

#[tokio::test]
async fn the_dialog_names_the_hash_and_shows_length_and_hash_of_a_message() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    let sha256_of_message = const_hex::encode(digest("sha256", MESSAGE));
    for (key, algorithm, data, text) in [
        (KeyType::Rsa2048, "sha1", digest("sha1", MESSAGE), "SHA-1 hash"),
        (KeyType::P384, "ES384", digest("sha384", MESSAGE), "SHA-384 hash"),
        (KeyType::Rsa3072, "PS512", digest("sha512", MESSAGE), "SHA-512 hash"),
        (
            KeyType::Ed25519,
            "EdDSA",
            MESSAGE.to_vec(),
            "Message of 22 bytes, with this SHA-256 hash",
        ),
    ] {
        fixture.pinentry.answer(Answer::pin(PIN));
        let params = with(&fixture.without_pin, "cert_id", key.id());
        let params = with(&params, "algorithm_reference", algorithm);
        page.result("signData", with(&params, "data", base64(&data))).await;
        assert_eq!(page.result("logout", json!({})).await, true);
        let dialog = fixture.pinentry.dialogs().pop().unwrap();
        let shown = if key == KeyType::Ed25519 {
            sha256_of_message.clone()
        } else {
            const_hex::encode(data)
        };
        assert_eq!(to_sign(&dialog), (text.to_owned(), shown));
        assert!(dialog.row("Certificate").contains(key.name()), "{dialog:#?}");
    }
    fixture.pinentry.assert_dialogs(4);
}

#[tokio::test]
async fn the_document_is_shown_as_the_claim_of_the_page() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    let document = json!({ "name": "Contract\u{202e}fdp.exe", "size": 184_320 });
    page.result("signData", with(&fixture.without_pin, "document", document)).await;
    page.result("logout", json!({})).await;
    let shown = fixture.pinentry.assert_dialogs(1)[0].row("Document");
    assert!(shown.starts_with("Contract\u{fffd}fdp.exe (184 kB)"), "{shown}");
    assert!(shown.contains("The site says so"), "{shown}");

    fixture.pinentry.answer(Answer::pin(PIN));
    let data = fixture.without_pin["data"].clone();
    let batch = with(&fixture.without_pin, "data", json!([data, data]));
    let documents = json!([{ "name": "Offer.pdf" }, { "name": "Plan.pdf", "size": 10 }]);
    page.result("signDataBatch", with(&batch, "documents", documents)).await;
    let shown = fixture.pinentry.assert_dialogs(2)[1].row("Documents");
    assert!(shown.contains("Offer.pdf, Plan.pdf (10 bytes)"), "{shown}");
    let short = with(&batch, "documents", json!([null]));
    let outcome = page.call("signDataBatch", short).await;
    assert_error("one document", &outcome, (400, "801"), &["`documents`", "one element for each"]);
}

/// Puts a certificate with this common name on a token, and its key.
fn put_common_name(token: &TestToken, common_name: &str) {
    let issued = token.generate_key(KeyType::P256, "strange");
    let key = std::fs::read(issued.private_key().with_extension("der")).unwrap();
    let key = KeyPair::try_from(key).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let issuer = Issuer::new(CertificateParams::default(), &key);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    token.write_private_key(&issued, Some("0b"));
    certificate_object::write(token, "0b", certificate.der());
}

/// Characters that deceive the user or break a dialog that does not escape them.
const DECEPTIVE: &str =
    "A\0B\x07\x1b[31mC\r\n\nToken: D\u{202e}E\u{2066}F\u{200f}G%0AH%00%25<b>I</b>&amp;\\J\u{200b}";

#[tokio::test]
async fn a_subject_of_4_kb_cannot_deceive_the_user() {
    let fixture = DialogFixture::new("");
    put_common_name(&fixture.token, &format!("start {} end", DECEPTIVE.repeat(50)));
    fixture.pinentry.answer(Answer::pin(PIN));
    let mut page = fixture.bridge.connect().await;
    page.result("signData", with(&fixture.without_pin, "cert_id", "0b")).await;

    // The fixture fails the test if a line is too long for a pinentry or is not UTF-8.
    let dialog = &fixture.pinentry.assert_dialogs(1)[0];
    assert_harmless(dialog);
    let shown = dialog.row("Certificate");
    assert!(shown.starts_with("CN=start A") && shown.ends_with(" end"), "{shown}");
    assert!(shown.contains('…') && shown.chars().count() < 300, "{shown}");
    // The lines below the subject are still there.
    assert_eq!(dialog.row("Token"), LABEL);
    let hash = const_hex::encode(digest("sha256", MESSAGE));
    assert_eq!(to_sign(dialog), ("SHA-256 hash".to_owned(), hash));
}

#[track_caller]
fn assert_harmless(dialog: &Dialog) {
    let text = dialog.description();
    for c in text.chars().filter(|c| *c != '\n') {
        assert!(!c.is_control(), "{:#x} in {text:?}", u32::from(c));
        let moves = matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}' | '\u{2067}'
        );
        assert!(!moves && !matches!(c, '<' | '>'), "{:#x} in {text:?}", u32::from(c));
    }
    assert_eq!(text.matches("\nToken: ").count(), 1, "{text:?}");
}

#[tokio::test]
async fn a_token_label_cannot_deceive_the_user() {
    let token = TestToken::new();
    let label = "<b>5%0A\u{202e}x\u{7}\nOK: y\u{200f}</b>";
    let slot = token.add_token(label).to_string();
    let issued = token.generate_key(KeyType::P256, "labelled");
    for (file, class) in [(issued.private_key(), "privkey"), (issued.certificate_der(), "cert")] {
        run(tool("pkcs11-tool")
            .env("SOFTHSM2_CONF", token.configuration())
            .args(["--module", MODULE, "--slot", &slot, "--login", "--pin", PIN, "--id", "0c"])
            .args(["--type", class, "--write-object"])
            .arg(file));
    }
    let pinentry = Pinentry::new();
    let bridge = Setup::on(&token).pinentry(&pinentry).start();
    pinentry.answer(Answer::pin(PIN));
    let params = with(&DialogFixture::new("").without_pin, "slot_id", slot);
    bridge.connect().await.result("signData", with(&params, "cert_id", "0c")).await;
    let dialog = &pinentry.assert_dialogs(1)[0];
    assert_harmless(dialog);
    assert!(dialog.row("Token").starts_with("‹b›5%0A�x��OK: y�‹/b›"), "{dialog:#?}");
}
