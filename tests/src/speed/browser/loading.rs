//! How much travels before a page has the client, and how long a page waits for its first reply.

use std::process::Command;

use serde::Deserialize;
use serde_json::json;

use super::tab::Tab;
use crate::package;
use crate::program::run;
use crate::speed::figures::Figure;
use crate::speed::table::{Row, Target, Unit};

pub(super) async fn rows(tab: &Tab) -> Vec<Row> {
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let cleared = tab.driver().cdp().send_raw("Network.clearBrowserCache", json!({})).await;
        cleared.expect("an empty cache");
        first.push(first_reply(tab).await);
        again.push(first_reply(tab).await);
    }
    let size = Size::of_package();
    let kilobytes = |bytes| Figure::of([f64::from(bytes) / 1e3]);
    let most = Target::at_most(f64::from(size.max_gzip) / 1e3, "the limit in pkg/size.js");
    vec![
        Row::new("WebAssembly", Unit::Kilobytes, kilobytes(size.wasm)),
        Row::new("WebAssembly, gzip", Unit::Kilobytes, kilobytes(size.gzip)).target(most),
        Row::new("WebAssembly, brotli", Unit::Kilobytes, kilobytes(size.brotli)),
        Row::new("import to first reply, empty cache", Unit::Micros, Figure::of(first)),
        Row::new("import to first reply, visited before", Unit::Micros, Figure::of(again)),
    ]
}

/// On a page that has only just been loaded.
async fn first_reply(tab: &Tab) -> f64 {
    tab.load().await;
    tab.number(&format!("page.firstReply({})", tab.bridge_port())).await
}

/// What the WebAssembly takes, and what it may take, in bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Size {
    wasm: u32,
    gzip: u32,
    brotli: u32,
    max_gzip: u32,
}

impl Size {
    fn of_package() -> Self {
        let folder = package::folder();
        let size = run(Command::new("node").arg(folder.join("size.js")).arg("--json"));
        serde_json::from_str(&size).expect("sizes")
    }
}

const ROUNDS: usize = 7;
