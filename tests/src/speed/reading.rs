//! Calls that only read, on a token with three certificates, and the first call of an origin.

use std::time::Instant;

use serde_json::json;

use super::direct::{self, Direct};
use super::page::{Page, Request};
use super::statistics::{Samples, Summary, micros_since};
use super::table::{Row, Target, Unit};
use super::testbed::{self, Testbed};
use crate::program::run;
use crate::token::MODULE;

pub(super) async fn rows(testbed: &mut Testbed) -> Vec<Row> {
    testbed.direct.set_certificates(3);
    let slot = json!({ "slot_id": testbed.token.slot() });
    let mut rows = Vec::new();
    for (name, request, direct) in [
        ("slots", Request::new("slots", &json!({})), Direct::slots as fn(&mut _, _) -> Samples),
        ("token", Request::new("token", &slot), Direct::token),
        ("certificates, 3 of them", Request::new("certificates", &slot), Direct::certificates),
    ] {
        rows.push(row(testbed, name, &request, direct).await);
    }
    rows
}

async fn row(
    testbed: &mut Testbed,
    name: &str,
    request: &Request,
    read: fn(&mut Direct, usize) -> Samples,
) -> Row {
    let (mut ours, mut direct, mut echo) = (Vec::new(), Vec::new(), Vec::new());
    let mut p11_kit = Vec::new();
    for _ in 0..ROUNDS {
        direct.push(read(&mut testbed.direct, CALLS).median());
        echo.push(testbed.echo_page.calls(&Request::echo(), CALLS).await.median());
        ours.push(testbed.page.calls(request, CALLS).await.median());
        p11_kit.push(read(&mut testbed.p11_kit, CALLS / 4).median());
    }
    let (direct, echo) = (Summary::of(direct), Summary::of(echo));
    let most = Target::at_most(direct.median + 2.5 * echo.median, "direct + 2.5 × echo");
    let row = Row::new(name, Unit::Micros, Summary::of(ours));
    row.direct(direct).p11_kit(Summary::of(p11_kit)).target(most)
}

/// The first call of an origin, which starts a worker. The reference is a process that loads the
/// module, makes the same call and ends.
pub(super) async fn first_call_rows(testbed: &Testbed) -> Vec<Row> {
    let origins: Vec<_> =
        (1..=FIRST_CALL_ROUNDS).map(|n| format!("https://new-{n}.example")).collect();
    let setup = testbed::setup(&testbed.token);
    let bridge = origins.iter().fold(setup, |setup, origin| setup.origin(origin)).start();
    let softhsm = [("SOFTHSM2_CONF", testbed.token.configuration())];
    let (mut ours, mut cold) = (Vec::new(), Vec::new());
    for origin in &origins {
        let mut page = Page::open(bridge.address(), origin).await;
        let start = Instant::now();
        page.call("slots", json!({})).await;
        ours.push(micros_since(start));
        let start = Instant::now();
        run(&mut direct::cold(MODULE, &softhsm));
        cold.push(micros_since(start));
    }
    let cold = Summary::of(cold);
    let most = Target::at_most(3.0 * cold.median, "3 × a cold process");
    let ours = Row::new("slots, first call of an origin", Unit::Micros, Summary::of(ours));
    vec![ours.direct(cold).target(most)]
}

const ROUNDS: usize = 25;
const CALLS: usize = 100;
const FIRST_CALL_ROUNDS: usize = 11;
