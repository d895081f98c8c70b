//! A short version of the load run of `make bench`. No request is lost, answered twice or
//! mixed up, although workers are killed, connections are cut, and limits are reached.

use std::time::Duration;

use pkcs11_bridge_tests::load::{self, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_or_answered_twice_or_mixed_up() {
    let disruption_interval = Duration::from_millis(500);
    let report = load::run(Plan { disruption_interval, ..Plan::of(Duration::from_secs(5)) }).await;
    println!("{report}");
    for (name, figure) in report.must_be_zero() {
        assert_eq!(figure, 0, "{name}:\n{report}");
    }
    // Each kind of disruption has happened, so the zeros are significant.
    for (name, count) in report.counters.disruptions.guaranteed() {
        assert!(count > 0, "{name}: none:\n{report}");
    }
    assert!(report.counters.verified_by_openssl > 0, "{report}");
}
