//! The first call of an origin, which starts its worker: beside a process that does the same and nothing else.

use std::time::Instant;

use serde_json::json;

use super::direct;
use super::figures::{Figure, micros_since};
use super::page::Page;
use super::table::{Row, Target, Unit};
use super::testbed::{self, Testbed};
use crate::program::run;
use crate::token::MODULE;

pub(super) async fn rows(testbed: &Testbed) -> Vec<Row> {
    let origins: Vec<_> = (1..=ROUNDS).map(|n| format!("https://new-{n}.example")).collect();
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
    let cold = Figure::of(cold);
    let most = Target::at_most(3.0 * cold.median, "3 × a cold process");
    let ours = Row::new("slots, first call of an origin", Unit::Micros, Figure::of(ours));
    vec![ours.direct(cold).target(most)]
}

const ROUNDS: usize = 11;
