//! The npm package on a server: Node verifies logins that real keys made through the real bridge.

use std::path::PathBuf;

use pkcs11_bridge_tests::authority::{Authority, CA, LOGIN, P256};
use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::digest::{base64, from_base64};
use pkcs11_bridge_tests::package::PackedPackage;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::program::{run, tool};
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken, Usage, fingerprint_id};
use pkcs11_bridge_tests::workspace;
use serde_json::{Value, json};

const CHALLENGE: [u8; 32] = [0xc5; 32];

/// A token whose keys have certificates of authorities, and a page that logs in with them.
struct Logins {
    token: TestToken,
    pinentry: Pinentry,
    certificates: Vec<(String, Value)>,
}

impl Logins {
    fn new() -> Self {
        Self { token: TestToken::new(), pinentry: Pinentry::new(), certificates: Vec::new() }
    }

    /// Writes a certificate to the token, under the id of its key. `name` names the login.
    fn add(&mut self, name: &str, key_type: KeyType, certificate: PathBuf) {
        let der = std::fs::read(&certificate).unwrap();
        self.token.write_certificate_file(certificate, name, key_type.id());
        self.certificates.push((name.to_owned(), json!(fingerprint_id(&der))));
    }

    /// Logs in with each certificate. Returns the responses by their names.
    async fn make(self) -> Value {
        let bridge = Setup::on(&self.token).pinentry(&self.pinentry).start();
        let mut page = bridge.connect().await;
        let mut responses = json!({});
        for (name, cert_id) in self.certificates {
            self.pinentry.answer(Answer::pin(PIN));
            let challenge = base64(&CHALLENGE);
            let slot_id = self.token.slot();
            let params = json!({ "slot_id": slot_id, "cert_id": cert_id, "challenge": challenge });
            responses[name] = page.result("authenticate", params).await;
        }
        responses
    }
}

/// Lets Node verify the cases. Returns the outcome of each.
fn verify(cases: &[Value]) -> Vec<Value> {
    let (folder, package) = (tempfile::tempdir().unwrap(), PackedPackage::new());
    let modules = folder.path().join("node_modules");
    std::fs::create_dir(&modules).unwrap();
    std::os::unix::fs::symlink(package.folder(), modules.join("pkcs11-bridge-client")).unwrap();
    std::fs::write(folder.path().join("package.json"), r#"{"type":"module"}"#).unwrap();
    let program = folder.path().join("verify.js");
    std::fs::copy(workspace().join("tests/server/verify.js"), &program).unwrap();
    let file = folder.path().join("cases.json");
    std::fs::write(&file, json!(cases).to_string()).unwrap();
    let output: Value = serde_json::from_str(&run(tool("node").arg(program).arg(file))).unwrap();
    assert_eq!(output["challenges"], 1000, "every challenge is another one");
    output["outcomes"].as_array().unwrap().clone()
}

/// The options of `verifyAuthentication` for a login that is right.
fn options(response: &Value, trusted: &[&Authority], intermediates: &[&Authority]) -> Value {
    let pem = |authorities: &[&Authority]| {
        authorities.iter().map(|authority| authority.pem()).collect::<Vec<_>>()
    };
    json!({
        "response": response,
        "challenge": base64(&CHALLENGE),
        "origin": ORIGIN,
        "trustedIssuers": pem(trusted),
        "intermediates": pem(intermediates),
    })
}

/// A copy with one option or one field of the response changed.
fn with(options: &Value, pointer: &str, value: impl Into<Value>) -> Value {
    let mut options = options.clone();
    match options.pointer_mut(pointer) {
        Some(place) => *place = value.into(),
        None => options[pointer.trim_start_matches('/')] = value.into(),
    }
    options
}

fn without(options: &Value, name: &str) -> Value {
    let mut options = options.clone();
    options.as_object_mut().unwrap().remove(name).unwrap();
    options
}

/// Base64 with one bit of one byte changed.
fn damaged(text: &Value, at: usize) -> String {
    let mut bytes = from_base64(text.as_str().unwrap());
    let at = at % bytes.len();
    bytes[at] ^= 1;
    base64(&bytes)
}

#[tokio::test]
async fn logins_of_every_kind_of_key_are_verified_and_forged_ones_refused() {
    let rsa_2048 = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let root = Authority::root("Root", rsa_2048);
    let middle = root.intermediate("Middle", CA);
    let stranger = Authority::root("Root", P256);
    let mut logins = Logins::new();
    let keys = [
        (KeyType::Rsa2048, "PS256"),
        (KeyType::P256, "ES256"),
        (KeyType::P384, "ES384"),
        (KeyType::P521, "ES512"),
        (KeyType::Ed25519, "EdDSA"),
    ];
    for (key_type, _) in keys {
        let key = logins.token.certified_key(key_type);
        let certificate = middle.issue(&key, key_type.name(), LOGIN);
        logins.add(key_type.name(), key_type, certificate);
    }
    let id = KeyType::Rsa1024.id();
    let weak = logins.token.add_key(Usage::Signing, KeyType::Rsa1024, "weak", id);
    logins.add("weak", KeyType::Rsa1024, middle.issue(&weak, "weak", LOGIN));
    let responses = logins.make().await;

    let mut cases = vec![options(&responses["weak"], &[&root], &[&middle])];
    let mut expected = vec![("RSA-1024".to_owned(), "weak_key")];
    for (key_type, algorithm) in keys {
        let good = options(&responses[key_type.name()], &[&root], &[&middle]);
        let signature = &good["response"]["signature"];
        let other = if key_type == KeyType::P256 { KeyType::P384 } else { KeyType::P256 };
        let others = responses[other.name()]["certificate"].clone();
        for (change, case, outcome) in [
            ("nothing", good.clone(), algorithm),
            ("a partial chain", options(&good["response"], &[&middle], &[]), algorithm),
            ("origin", with(&good, "/origin", "https://app.example.org"), "wrong_signature"),
            ("port", with(&good, "/origin", "https://app.example:8443"), "wrong_signature"),
            ("challenge", with(&good, "/challenge", base64(&[7; 32])), "wrong_signature"),
            ("length", with(&good, "/challenge", base64(&[0xc5; 33])), "wrong_signature"),
            (
                "signature",
                with(&good, "/response/signature", damaged(signature, 40)),
                "wrong_signature",
            ),
            ("no signature", with(&good, "/response/signature", ""), "wrong_signature"),
            (
                "certificate of another key",
                with(&good, "/response/certificate", others),
                "unsupported_algorithm",
            ),
            ("issuer", options(&good["response"], &[&stranger], &[&middle]), "untrusted"),
            ("no intermediate", options(&good["response"], &[&root], &[]), "untrusted"),
            ("later", with(&good, "/at", "2199-01-01T00:00:00Z"), "expired"),
            ("earlier", with(&good, "/at", "2000-01-01T00:00:00Z"), "not_yet_valid"),
        ] {
            cases.push(case);
            expected.push((format!("{key_type:?}, {change}"), outcome));
        }
    }
    for ((what, expected), outcome) in expected.iter().zip(verify(&cases)) {
        let found = outcome.get("code").unwrap_or(&outcome["algorithm"]);
        assert_eq!(found, expected, "{what}: {outcome}");
        if what.ends_with("nothing") {
            let issuers =
                ["CN=Middle,O=pkcs11-bridge,C=BE", "CN=Root,O=pkcs11-bridge,C=BE"].as_slice();
            assert_eq!(outcome["issuers"], json!(issuers), "{what}");
        }
    }
}

#[tokio::test]
async fn only_certificates_for_logins_by_trusted_authorities_are_accepted() {
    let p384 = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
    let ed25519 = &["-algorithm", "ED25519"];
    let root = Authority::root("Root", p384);
    let rsa = Authority::root("RSA", &["-algorithm", "RSA"]);
    let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
    let stranger = Authority::root("Stranger", P256);
    let modern = Authority::root("Modern", ed25519);
    let narrow = root.intermediate("Narrow", &format!("{CA}\nextendedKeyUsage=emailProtection"));
    let fitting = root.intermediate("Fitting", &format!("{CA}\nextendedKeyUsage=clientAuth"));
    let no_ca = root.intermediate("No CA", "keyUsage=critical,keyCertSign");
    let no_issuer =
        root.intermediate("No issuer", "basicConstraints=critical,CA:TRUE\nkeyUsage=cRLSign");
    let last = root.intermediate("Last", &CA.replace("CA:TRUE", "CA:TRUE,pathlen:0"));
    let below_last = last.intermediate("Below", CA);
    let constrained = root
        .intermediate("Constrained", &format!("{CA}\nnameConstraints=permitted;email:example.org"));
    let mut logins = Logins::new();
    let key = logins.token.certified_key(KeyType::P256);
    let certificates = [
        ("root", root.issue(&key, "root", LOGIN)),
        ("modern", modern.issue_with(&key, "modern", LOGIN, &[])),
        ("without usages", root.issue(&key, "without usages", "subjectKeyIdentifier=hash")),
        (
            "names",
            root.issue(
                &key,
                "Zoë Ångström",
                &format!(
                    "{LOGIN}\nsubjectAltName=email:zoe@example.org,\
                     otherName:1.3.6.1.4.1.311.20.2.3;UTF8:zoe@corp.example"
                ),
            ),
        ),
        ("any usage", root.issue(&key, "any usage", "extendedKeyUsage=anyExtendedKeyUsage")),
        ("email", root.issue(&key, "email", "extendedKeyUsage=emailProtection")),
        ("unknown", root.issue(&key, "unknown", "1.2.3.4=critical,DER:0500")),
        ("sha1", root.issue_with(&key, "sha1", LOGIN, &["-sha1"])),
        ("pss", rsa.issue_with(&key, "pss", LOGIN, &[&["-sha512"], &pss[..]].concat())),
        ("pkcs1", rsa.issue_with(&key, "pkcs1", LOGIN, &["-sha384"])),
        ("of a stranger", stranger.issue(&key, "of a stranger", LOGIN)),
        ("narrow", narrow.issue(&key, "narrow", LOGIN)),
        ("fitting", fitting.issue(&key, "fitting", LOGIN)),
        ("no CA", no_ca.issue(&key, "no CA", LOGIN)),
        ("no issuer", no_issuer.issue(&key, "no issuer", LOGIN)),
        ("last", last.issue(&key, "last", LOGIN)),
        ("below last", below_last.issue(&key, "below last", LOGIN)),
        ("constrained", constrained.issue(&key, "constrained", LOGIN)),
    ];
    for (name, certificate) in certificates {
        logins.add(name, KeyType::P256, certificate);
    }
    let responses = logins.make().await;

    let intermediates = [&narrow, &fitting, &no_ca, &no_issuer, &last, &below_last, &constrained];
    let of = |name: &str| options(&responses[name], &[&root, &modern, &rsa], &intermediates);
    let by_fingerprint = |name: &str, trusted: String| {
        let case = without(&without(&of(name), "trustedIssuers"), "intermediates");
        with(&case, "/trusted", trusted)
    };
    let fingerprint_of =
        |name: &str| fingerprint_id(&from_base64(responses[name]["certificate"].as_str().unwrap()));
    let cases = [
        (of("root"), "ES256"),
        (of("modern"), "ES256"),
        (of("without usages"), "ES256"),
        (of("names"), "ES256"),
        (of("any usage"), "ES256"),
        (of("email"), "wrong_purpose"),
        (with(&of("email"), "/extendedKeyUsage", Value::Null), "ES256"),
        (with(&of("email"), "/extendedKeyUsage", json!(["1.3.6.1.5.5.7.3.4"])), "ES256"),
        (of("unknown"), "certificate"),
        (of("sha1"), "unsupported_algorithm"),
        (of("pss"), "ES256"),
        (of("pkcs1"), "ES256"),
        (of("of a stranger"), "untrusted"),
        (of("narrow"), "untrusted"),
        (of("fitting"), "ES256"),
        (of("no CA"), "untrusted"),
        (of("no issuer"), "untrusted"),
        (of("last"), "ES256"),
        (of("below last"), "untrusted"),
        (of("constrained"), "untrusted"),
        (by_fingerprint("root", fingerprint_of("root")), "ES256"),
        (by_fingerprint("root", fingerprint_of("modern")), "rejected"),
        (with(&of("root"), "/trusted", fingerprint_of("root")), "ES256"),
        (with(&of("root"), "/trusted", fingerprint_of("modern")), "rejected"),
        (with(&of("of a stranger"), "/trusted", fingerprint_of("of a stranger")), "untrusted"),
        (with(&by_fingerprint("email", fingerprint_of("email")), "/at", "2199-01-01"), "expired"),
        (by_fingerprint("email", fingerprint_of("email")), "wrong_purpose"),
        // The options of the server itself are wrong.
        (without(&without(&of("root"), "trustedIssuers"), "intermediates"), "TypeError"),
        (with(&of("root"), "/trustedIssuers", json!(["no certificate"])), "TypeError"),
        (with(&of("root"), "/origin", "https://app.example/"), "TypeError"),
        (with(&of("root"), "/origin", "https://App.example"), "TypeError"),
        (with(&of("root"), "/origin", "https://app.example:443"), "TypeError"),
        (with(&of("root"), "/challenge", base64(&[1; 15])), "TypeError"),
        (with(&of("root"), "/challenge", Value::Null), "TypeError"),
        (with(&of("root"), "/at", "not a time"), "TypeError"),
        // The response comes from the page, and can be anything.
        (with(&of("root"), "/response", Value::Null), "malformed_response"),
        (with(&of("root"), "/response", json!([1, 2])), "malformed_response"),
        (with(&of("root"), "/response/format", "v2"), "malformed_response"),
        (with(&of("root"), "/response/signature", json!({})), "malformed_response"),
        (with(&of("root"), "/response/certificate", "AQI="), "certificate"),
        (with(&of("root"), "/response/algorithm", "ES384"), "unsupported_algorithm"),
        (with(&of("root"), "/response/algorithm", "none"), "unsupported_algorithm"),
        (with(&of("root"), "/response/algorithm", "__proto__"), "unsupported_algorithm"),
    ];
    let (cases, expected): (Vec<Value>, Vec<&str>) = cases.into_iter().unzip();
    for ((outcome, expected), case) in verify(&cases).into_iter().zip(expected).zip(cases) {
        let found = outcome.get("code").unwrap_or(&outcome["algorithm"]);
        assert_eq!(found, expected, "{outcome}: {case}");
    }
}
