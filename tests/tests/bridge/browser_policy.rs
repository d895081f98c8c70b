//! `pkcs11-bridge policy`: the policies by which browsers let sites reach this computer.

use std::fs;
use std::process::Stdio;

use pkcs11_bridge_tests::program::{Finished, Home, Program, tool};
use serde_json::{Value, json};

const SITES: [&str; 2] = ["https://app.example", "https://sign.example:8443"];

fn policy(home: &Home, arguments: &[&str]) -> Finished {
    let mut command = home.command();
    Program::start(command.arg("policy").args(arguments)).run_to_end()
}

/// The policy for [`SITES`].
fn of_sites(browser: &str, format: &str) -> String {
    let sites = SITES.map(|site| format!("--origin={site}"));
    let finished = policy(&Home::new(), &[browser, "--format", format, &sites[0], &sites[1]]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished.stdout
}

#[test]
fn each_browser_has_a_policy_in_json() {
    let lists = json!({
        "LoopbackNetworkAllowedForUrls": SITES,
        "LocalNetworkAccessAllowedForUrls": SITES,
    });
    let hosts = ["app.example", "sign.example"];
    let firefox = json!({ "policies": { "LocalNetworkAccess": { "SkipDomains": hosts } } });
    for (browser, expected) in [("chrome", &lists), ("edge", &lists), ("firefox", &firefox)] {
        let found: Value = serde_json::from_str(&of_sites(browser, "json")).expect("JSON");
        assert_eq!(&found, expected, "{browser}");
    }
}

#[test]
fn each_browser_has_a_registry_file() {
    for (browser, key, names, sites) in [
        (
            "chrome",
            r"Google\Chrome",
            &["LoopbackNetworkAllowedForUrls", "LocalNetworkAccessAllowedForUrls"][..],
            SITES,
        ),
        (
            "edge",
            r"Microsoft\Edge",
            &["LoopbackNetworkAllowedForUrls", "LocalNetworkAccessAllowedForUrls"],
            SITES,
        ),
        (
            "firefox",
            r"Mozilla\Firefox",
            &[r"LocalNetworkAccess\SkipDomains"],
            ["app.example", "sign.example"],
        ),
    ] {
        let mut expected = vec!["Windows Registry Editor Version 5.00".to_owned()];
        for name in names {
            let [first, second] = sites;
            expected.extend([
                String::new(),
                format!(r"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\{key}\{name}]"),
                format!("\"1\"=\"{first}\""),
                format!("\"2\"=\"{second}\""),
            ]);
        }
        let home = Home::new();
        let mut command = home.command();
        command.args(["policy", browser, "--format=reg"]);
        command.args(SITES.map(|site| format!("--origin={site}")));
        let output = command.stdin(Stdio::null()).output().expect("the program");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(text, expected.join("\r\n") + "\r\n", "{browser}");
    }
}

#[test]
fn each_browser_has_a_property_list() {
    let home = Home::new();
    let file = home.temporary().join("policy.plist");
    for browser in ["chrome", "edge", "firefox"] {
        fs::write(&file, of_sites(browser, "plist")).expect("a file");
        let mut python = tool("python3");
        python.arg("-c").arg(
            "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))",
        );
        let Ok(output) = python.arg(&file).output() else {
            eprintln!("skipped: python3 is not installed");
            return;
        };
        let found: Value = serde_json::from_slice(&output.stdout).expect("a property list");
        let mut expected: Value = serde_json::from_str(&of_sites(browser, "json")).expect("JSON");
        if browser == "firefox" {
            expected = expected["policies"].take();
            expected["EnterprisePoliciesEnabled"] = json!(true);
        }
        assert_eq!(found, expected, "{browser}");
    }
}

#[test]
fn without_a_choice_the_configured_and_approved_sites_are_listed() {
    let home = Home::new();
    let finished = policy(&home, &["chrome"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("name sites with --origin"), "{}", finished.stderr);

    let folder = home.path().join("config/pkcs11-bridge");
    fs::create_dir_all(&folder).expect("a folder");
    let config = "allow_origins = [\"https://configured.example\", \"https://blocked.example\"]\n\
                  block_origins = [\"https://forbidden.example\"]\n";
    fs::write(folder.join("config.toml"), config).expect("a file");
    let origins = |arguments: &[&str]| {
        let mut command = home.command();
        let finished = Program::start(command.arg("origins").args(arguments)).run_to_end();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    };
    origins(&["allow", "https://approved.example"]);
    origins(&["block", "https://blocked.example"]);
    let found: Value = serde_json::from_str(&policy(&home, &["edge"]).stdout).expect("JSON");
    let expected = ["https://approved.example", "https://configured.example"];
    assert_eq!(found["LoopbackNetworkAllowedForUrls"], json!(expected));
}
