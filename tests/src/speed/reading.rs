//! Calls that only read, on a token with three certificates.

use serde_json::json;

use super::direct::Direct;
use super::figures::{Figure, Samples};
use super::page::Request;
use super::table::{Row, Target, Unit};
use super::testbed::Testbed;

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
    let (direct, echo) = (Figure::of(direct), Figure::of(echo));
    let most = Target::at_most(direct.median + 2.5 * echo.median, "direct + 2.5 × echo");
    let row = Row::new(name, Unit::Micros, Figure::of(ours));
    row.direct(direct).p11_kit(Figure::of(p11_kit)).target(most)
}

const ROUNDS: usize = 25;
const CALLS: usize = 100;
