//! The documents agree with the repository: every link and every path that they name exists,
//! `ARCHITECTURE.md` names every room of the code, and a table that stands twice is the same twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use pkcs11_bridge_protocol::algorithm::Algorithm;
use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::conformance::FAMILIES;
use pkcs11_bridge_tests::program::tool;
use pkcs11_bridge_tests::workspace;
use roxmltree::Document;

/// The documents for people who read the repository.
const DOCUMENTS: [&str; 14] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "RELEASING.md",
    "SECURITY.md",
    "docs",
    "examples/README.md",
    "examples/html/README.md",
    "examples/login/README.md",
    "examples/node-websocket/README.md",
    "examples/vite/README.md",
    "pkg/README.md",
    "third-party/README.md",
];

/// The folders that a path in a document may start from, beside the root and the document's own.
const SOURCES: [&str; 5] =
    ["bridge/src", "certificate/src", "client-wasm/src", "protocol/src", "dialog/src"];

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = read(&document);
        for link in links(&text) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => document.clone(),
                path => normal(&document.with_file_name(path)),
            };
            let leads = target.exists()
                && (heading.is_empty() || headings(&read(&target)).contains(&heading.to_owned()));
            if !leads {
                broken.push(format!("{}: {link}", shown(&document)));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn every_path_in_a_document_exists() {
    let mut missing = Vec::new();
    // The package's README names files of the package that a user installs.
    for document in documents().into_iter().filter(|path| !path.ends_with("pkg/README.md")) {
        let text = read(&document);
        for path in code_spans(&text).into_iter().filter(|span| is_path(span)) {
            let mut starts = vec![workspace(), document.with_file_name("")];
            starts.extend(SOURCES.map(|source| workspace().join(source)));
            if !starts.iter().any(|start| start.join(path).exists()) {
                missing.push(format!("{}: {path}", shown(&document)));
            }
        }
    }
    assert!(missing.is_empty(), "missing paths:\n{}", missing.join("\n"));
}

#[test]
fn the_module_map_names_every_room() {
    let map = read(&workspace().join("ARCHITECTURE.md"));
    let spans = code_spans(&map);
    let mut missing = Vec::new();
    for source in SOURCES {
        for entry in fs::read_dir(workspace().join(source)).expect("a folder") {
            let entry = entry.expect("an entry of the folder");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            // `server.rs` and `server/` are one room.
            let folder = format!("{}/", name.trim_end_matches(".rs"));
            if !spans.iter().any(|span| *span == name || *span == folder) {
                missing.push(format!("{source}/{name}"));
            }
        }
    }
    missing.sort_unstable();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name:\n{}", missing.join("\n"));
}

#[test]
fn the_npm_package_has_the_version_of_the_workspace() {
    for file in ["pkg/package.json", "pkg/package-lock.json"] {
        let json: serde_json::Value = serde_json::from_str(&read(&workspace().join(file))).unwrap();
        assert_eq!(json["version"], env!("CARGO_PKG_VERSION"), "{file}");
    }
}

#[test]
fn the_readme_of_the_npm_package_repeats_tables_exactly() {
    let readme = read(&workspace().join("pkg/README.md"));
    for (document, header) in [
        ("docs/algorithms.md", "| `algorithm_reference` | RSA key "),
        ("docs/browsers.md", "| browser "),
    ] {
        let document = read(&workspace().join(document));
        assert!(!table(&document, header).is_empty(), "no table {header}");
        assert_eq!(table(&readme, header), table(&document, header));
    }
}

#[test]
fn the_document_of_algorithms_names_each_of_them() {
    let document = read(&workspace().join("docs/algorithms.md"));
    let spans = code_spans(&document);
    for name in Algorithm::NAMES {
        assert!(spans.contains(&name), "{name}");
    }
}

#[test]
fn the_bridge_accepts_the_example_of_a_configuration() {
    let document = read(&workspace().join("docs/configuration.md"));
    let (_, example) = document.split_once("```toml\n").expect("an example");
    let (example, _) = example.split_once("```").expect("the end of the example");
    drop(Setup::new().config(example).start());
}

#[test]
fn the_document_of_modules_names_each_that_is_tested() {
    let document = read(&workspace().join("docs/modules.md"));
    let rows = table(&document, "| module | version ");
    let lock = read(&workspace().join("tests/kryoptic/Cargo.lock"));
    for family in FAMILIES {
        let name = format!("| `{}` | ", family.name());
        let row = rows.iter().find_map(|row| row.strip_prefix(&name));
        let row = row.unwrap_or_else(|| panic!("no row begins with {name}"));
        let (version, _) = row.split_once(" | ").expect("a version");
        if family.name() == "kryoptic" {
            assert!(lock.contains(&format!("\"kryoptic-lib\"\nversion = {:?}", &version[..5])));
        } else if let Some(installed) = debian_12_version(family.packages()[0]) {
            assert_eq!(version, installed, "{name}");
        }
    }
}

/// The version of an installed package, without what Debian adds. `None` on another system.
fn debian_12_version(package: &str) -> Option<String> {
    if !fs::read_to_string("/etc/debian_version").ok()?.starts_with("12.") {
        return None;
    }
    let mut command = tool("dpkg-query");
    let output = command.args(["--show", "--showformat", "${Version}", package]).output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    let upstream = version.split_once(':').map_or(version.as_str(), |(_, version)| version);
    let upstream = upstream.split(['-', '+']).next()?;
    (!upstream.is_empty()).then(|| upstream.to_owned())
}

#[test]
fn the_bridge_accepts_each_example_of_a_module() {
    let document = read(&workspace().join("docs/modules.md"));
    for example in document.split("```toml\n").skip(1) {
        let (example, _) = example.split_once("```").expect("the end of the example");
        drop(Setup::new().config(example).start());
    }
}

/// The keys at the top of the example of a configuration file.
fn documented_keys() -> BTreeSet<String> {
    let document = read(&workspace().join("docs/configuration.md"));
    let (_, example) = document.split_once("```toml\n").expect("an example");
    let (example, _) = example.split_once("```").expect("the end of the example");
    let (keys, _) = example.split_once("\n[[").expect("tables");
    let keys = keys.lines().filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()));
    keys.chain(["modules", "rules"].map(str::to_owned)).collect()
}

#[test]
fn the_group_policy_has_every_key_of_the_configuration() {
    let folder = workspace().join("packaging/windows");
    let [policies, texts] =
        ["pkcs11-bridge.admx", "en-US/pkcs11-bridge.adml"].map(|name| read(&folder.join(name)));
    let [policies, texts] = [&policies, &texts].map(|text| Document::parse(text).expect("XML"));
    let with_tag = |document: &Document<'_>, tag: &str, attribute: &str| -> BTreeSet<String> {
        let nodes = document.descendants().filter(|node| node.has_tag_name((NAMESPACE, tag)));
        nodes.filter_map(|node| node.attribute(attribute)).map(str::to_owned).collect()
    };
    assert_eq!(with_tag(&policies, "policy", "name"), documented_keys());
    // Each reference leads to a text or to the controls of a dialog.
    let strings = with_tag(&texts, "string", "id");
    let presentations = with_tag(&texts, "presentation", "id");
    let mut references = 0;
    for attribute in policies.descendants().flat_map(|node| node.attributes()) {
        let value = attribute.value();
        let name = |start: &str| value.strip_prefix(start)?.strip_suffix(')');
        if let Some(name) = name("$(string.") {
            assert!(strings.contains(name), "no text {name}");
            references += 1;
        } else if let Some(name) = name("$(presentation.") {
            assert!(presentations.contains(name), "no presentation {name}");
            references += 1;
        }
    }
    assert!(references > 40, "{references}");
    // A value and a list have the name of the key.
    const KEY: &str = r"Software\Policies\pkcs11-bridge";
    for policy in policies.descendants().filter(|node| node.has_tag_name((NAMESPACE, "policy"))) {
        let name = policy.attribute("name").expect("a name");
        assert_eq!(policy.attribute("key"), Some(KEY));
        let places = policy.descendants().filter_map(|node| {
            let list = || node.attribute("key")?.strip_prefix(KEY)?.strip_prefix('\\');
            node.attribute("valueName").or_else(list)
        });
        assert_eq!(places.collect::<Vec<_>>(), [name]);
    }
}

const NAMESPACE: &str = "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions";

/// The lines of the table that begins with that header.
fn table<'a>(document: &'a str, header: &str) -> Vec<&'a str> {
    let lines = document.lines().skip_while(|line| !line.starts_with(header));
    lines.take_while(|line| line.starts_with('|')).collect()
}

/// The documents, those of a folder one by one.
fn documents() -> Vec<PathBuf> {
    let mut documents = Vec::new();
    for name in DOCUMENTS {
        let path = workspace().join(name);
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            let files = entries.map(|entry| entry.expect("an entry of the folder").path());
            documents.extend(files.filter(|file| file.extension().is_some_and(|ext| ext == "md")));
        } else {
            documents.push(path);
        }
    }
    documents
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(document: &Path) -> String {
    document.strip_prefix(workspace()).unwrap_or(document).display().to_string()
}

/// The path without `.` and `..`, so that it does not depend on folders that do not exist.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            component => normal.push(component),
        }
    }
    normal
}

/// The targets of the links that stay in the repository: `[text](target)` and `[name]: target`.
fn links(text: &str) -> Vec<&str> {
    let inline = prose(text)
        .flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    let defined = prose(text)
        .filter(|line| line.starts_with('['))
        .filter_map(|line| Some(line.split_once("]: ")?.1));
    inline.chain(defined).filter(|target| !target.contains("://")).collect()
}

/// What stands between backticks on one line.
fn code_spans(text: &str) -> Vec<&str> {
    prose(text).flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The lines outside of blocks of code. A block is fenced, or indented after an empty line.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let (mut fenced, mut indented, mut after_empty) = (false, false, true);
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        indented = line.starts_with("    ") && (indented || after_empty);
        after_empty = line.is_empty();
        !fenced && !fence && !indented
    })
}

/// Whether a span of code names a file or a folder of the repository, as `bridge/src/` and `lib.rs`
/// do. Absolute paths, those of the user's home, and patterns do not.
fn is_path(span: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let starts = span.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
    let file = EXTENSIONS.iter().any(|extension| span.ends_with(extension)) && span.contains('/');
    starts && span.chars().all(plain) && (file || span.ends_with('/') || span.ends_with(".rs"))
}

/// The anchors that GitHub gives to the headings.
fn headings(text: &str) -> Vec<String> {
    prose(text)
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            title.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

const EXTENSIONS: [&str; 9] =
    [".html", ".js", ".json", ".md", ".rs", ".sh", ".toml", ".ts", ".yml"];
