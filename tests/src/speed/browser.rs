//! The client in a page of headless Chromium: its signatures beside what a WebSocket costs a page that
//! only echoes, how soon it is there, and its hash beside the same hash in a native program.

mod hashing;
mod loading;
mod native_hash;
mod signing;
mod tab;

use super::table::Row;
use super::testbed::Testbed;
use tab::Tab;

/// All of it, under headings.
pub(super) async fn parts(testbed: &mut Testbed) -> Vec<(&'static str, Vec<Row>)> {
    super::begin("in headless Chromium");
    let tab = Tab::open(testbed).await;
    let parts = vec![
        ("From a page in headless Chromium", signing::rows(&tab, testbed).await),
        ("Loading the client", loading::rows(&tab).await),
        ("hash() of a Blob of 256 MB", hashing::rows(&tab).await),
    ];
    tab.close().await;
    parts
}
