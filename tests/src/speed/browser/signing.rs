//! Signatures from a page: one after the other, and many in flight.

use super::tab::Tab;
use crate::speed::direct::Key;
use crate::speed::figures::Figure;
use crate::speed::page::sign_params;
use crate::speed::table::{Row, Target, Unit};
use crate::speed::testbed::Testbed;

#[derive(Default)]
struct Rounds {
    direct: Vec<f64>,
    check: Vec<f64>,
    echo: Vec<f64>,
    ours: Vec<f64>,
    p99: Vec<f64>,
    echo_rate: Vec<f64>,
    our_rate: Vec<f64>,
}

pub(super) async fn rows(tab: &Tab, testbed: &mut Testbed) -> Vec<Row> {
    let (bridge, echo) = (tab.bridge_port(), testbed.echo.address().port());
    tab.value(&format!("page.open({bridge}, {echo})")).await;
    let sign = format!("() => page.sign({})", sign_params(testbed.token.slot(), Key::P256));
    let times = |call: &str| format!("page.times({call}, {CALLS})");
    let rate = |call: &str| format!("page.rate({call}, 32, {RATE_MILLISECONDS})");
    // What runs often is compiled again, by the browser.
    tab.value(&times(&sign)).await;
    let mut all = Rounds::default();
    for _ in 0..ROUNDS {
        all.direct.push(testbed.direct.sign(Key::P256, CALLS).median());
        all.check.push(testbed.direct.check(Key::P256, CALLS).median());
        all.echo.push(tab.samples(&times("page.echo")).await.median());
        let ours = tab.samples(&times(&sign)).await;
        all.ours.push(ours.median());
        all.p99.push(ours.p99() / ours.median());
        all.echo_rate.push(tab.number(&rate("page.echo")).await);
        all.our_rate.push(tab.number(&rate(&sign)).await);
    }
    all.rows()
}

impl Rounds {
    fn rows(self) -> Vec<Row> {
        let (direct, check) = (Figure::of(self.direct), Figure::of(self.check));
        let echo = Figure::of(self.echo);
        let most = 1.6 * echo.median + direct.median + check.median;
        vec![
            Row::yardstick("JavaScript echo of 300 bytes", Unit::Micros, echo),
            Row::yardstick("check of a P-256 signature", Unit::Micros, check),
            Row::new("P-256, one by one", Unit::Micros, Figure::of(self.ours))
                .direct(direct)
                .target(Target::at_most(most, "1.6 × echo + direct + check")),
            Row::new("P-256, p99 by median", Unit::Times, Figure::of(self.p99)),
            Row::yardstick(
                "JavaScript echo, 32 in flight",
                Unit::PerSecond,
                Figure::of(self.echo_rate),
            ),
            Row::new("P-256, 32 in flight", Unit::PerSecond, Figure::of(self.our_rate))
                .target(Target::at_least(3500.0, "")),
        ]
    }
}

const ROUNDS: usize = 15;
const CALLS: usize = 400;
const RATE_MILLISECONDS: u32 = 400;
