//! The load run of `make bench`, short: nothing is lost, doubled or mixed up while workers are killed, connections
//! cut off, and limits run into.

use std::time::Duration;

use pkcs11_bridge_tests::load::{self, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_answered_twice_or_with_anothers_answer() {
    let disruption_interval = Duration::from_millis(500);
    let report = load::run(Plan { disruption_interval, ..Plan::of(Duration::from_secs(5)) }).await;
    println!("{report}");
    for (name, figure) in report.must_be_zero() {
        assert_eq!(figure, 0, "{name}:\n{report}");
    }
    // Each kind of thing has happened, so that the zeros say something.
    for (name, count) in report.figures.disruptions.certain() {
        assert!(count > 0, "{name}: none:\n{report}");
    }
    assert!(report.figures.confirmed_by_openssl > 0, "{report}");
}
