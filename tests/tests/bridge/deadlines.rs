//! Modules that hang: the call fails at its deadline, other calls of the worker get one
//! reply each, and the worker process ends.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule};
use serde_json::json;

use super::fault_fixture::{FAILED, FaultFixture, OVERDUE, origin};

const HANGS_AFTER_5_S: &str = "read_deadline_seconds = 5\nhang_deadline_seconds = 5";

const HANGS: [Fault; 2] = [Fault::Hang, Fault::Spin];

async fn replies<const N: usize>(page: &mut Socket, ids: [u64; N]) -> [Outcome; N] {
    let mut outcomes = HashMap::new();
    for _ in ids {
        let (id, outcome) = page.reply().await;
        let id = id.as_u64().unwrap();
        assert!(ids.contains(&id), "a reply to {id}");
        assert!(outcomes.insert(id, outcome).is_none(), "a second reply to {id}");
    }
    ids.map(|id| outcomes.remove(&id).unwrap())
}

fn assert_gone(fixture: &FaultFixture, pid: u32) {
    assert!(wait_until(Duration::from_secs(20), || !is_running(pid)), "{pid} goes on");
    let workers = fixture.bridge.workers();
    assert!(workers.iter().all(|worker| worker.pid != pid), "{workers:?}");
}

#[test]
fn deadlines_are_whole_seconds_from_one_to_a_day() {
    let keys = [
        "read_deadline_seconds",
        "hang_deadline_seconds",
        "sign_deadline_seconds",
        "worker_idle_seconds",
    ];
    for key in keys {
        for value in ["0", "86401", "-1", "1.5", "\"1\""] {
            let finished = Setup::new().config(&format!("{key} = {value}\n")).run_to_end();
            assert_eq!(finished.code, Some(2), "{key} = {value}: {}", finished.stderr);
            assert!(finished.stderr.contains(key), "{key} = {value}: {}", finished.stderr);
        }
        Setup::new().config(&format!("{key} = 86400\n")).start();
    }
}

#[tokio::test]
async fn a_read_that_hangs_fails_at_its_deadline() {
    let fixture = FaultFixture::configured(HANGS_AFTER_5_S);
    for (number, fault) in (1..).zip(HANGS) {
        let what = format!("{fault:?}");
        let mut page = fixture.bridge.connect().await;
        fixture.assert_works(&mut page).await;
        let worker = fixture.module.calls_of("C_GetInfo").last().unwrap().pid;
        let rule = fixture.module.add(Rule::on("C_GetTokenInfo").next(1).fault(fault));
        let held = fixture.module.add(Rule::on("C_GetInfo").held());
        let work = async {
            let start = Instant::now();
            let hanging = page.request("token", fixture.slot()).await;
            // Later calls have deadlines of their own.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let other = page.request("info", json!({})).await;
            let [hanging, other] = replies(&mut page, [hanging, other]).await;
            assert_error(&what, &hanging, OVERDUE, &[NAME, "token", "5 s"]);
            assert_error(&what, &other, FAILED, &[NAME]);
            assert!(start.elapsed() >= Duration::from_secs(5));
        };
        let (_, served) = fixture.while_healthy_module_works(work).await;
        assert!(served > 2, "{served}");
        fixture.module.wait_until_blocked("C_GetTokenInfo", number);
        assert_gone(&fixture, worker);
        rule.remove();
        held.remove();
        fixture.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn a_signature_that_hangs_fails_at_its_later_deadline() {
    let fixture = FaultFixture::configured("read_deadline_seconds = 5\nsign_deadline_seconds = 8");
    for fault in HANGS {
        let what = format!("{fault:?}");
        let mut page = fixture.bridge.connect().await;
        fixture.assert_works(&mut page).await;
        let worker = fixture.module.calls_of("C_GetInfo").last().unwrap().pid;
        let rule = fixture.module.add(Rule::on("C_Sign").next(1).fault(fault));
        let work = async {
            let start = Instant::now();
            let id = page.request("signData", fixture.signing()).await;
            // Calls that only read go on in parallel.
            let mut other = fixture.bridge.connect().await;
            while start.elapsed() < Duration::from_secs(6) {
                other.result("token", fixture.slot()).await;
            }
            let [outcome] = replies(&mut page, [id]).await;
            assert_error(&what, &outcome, OVERDUE, &[NAME, "signData", "8 s"]);
            assert!(start.elapsed() >= Duration::from_secs(8));
            other.close().await;
        };
        fixture.while_healthy_module_works(work).await;
        assert_gone(&fixture, worker);
        rule.remove();
        fixture.assert_works(&mut page).await;
        page.close().await;
    }
}

/// A user enters the PIN at the reader, and the module blocks other calls meanwhile.
#[tokio::test]
async fn a_read_blocked_by_a_signature_keeps_its_full_deadline() {
    let fixture = FaultFixture::configured("read_deadline_seconds = 4\nsign_deadline_seconds = 60");
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let worker = fixture.module.calls_of("C_GetInfo").last().unwrap().pid;
    let signing = fixture.module.add(Rule::on("C_Sign").next(1).held());
    let reading = fixture.module.add(Rule::on("C_GetInfo").next(1).held());
    let signed = page.request("signData", fixture.signing()).await;
    fixture.module.wait_until_blocked("C_Sign", 1);
    let mut other = fixture.bridge.connect().await;
    other.request("info", json!({})).await;
    fixture.module.wait_until_blocked("C_GetInfo", 1);
    tokio::time::sleep(Duration::from_secs(6)).await;
    signing.release();
    let [outcome] = replies(&mut page, [signed]).await;
    outcome.expect("the signature");
    // A call that arrives now must not be counted as late.
    page.result("token", fixture.slot()).await;
    reading.release();
    other.reply().await.1.expect("the read");
    assert!(is_running(worker), "the worker was ended");
}

/// Signatures made in the meantime do not extend the deadline of a read that hangs.
#[tokio::test]
async fn a_read_that_hangs_fails_despite_parallel_signatures() {
    let fixture = FaultFixture::configured(
        "read_deadline_seconds = 1\nhang_deadline_seconds = 1\nsign_deadline_seconds = 4",
    );
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let hangs = fixture.module.add(Rule::on("C_GetInfo").next(1).fault(Fault::Hang));
    fixture.module.add(Rule::on("C_Sign").sleep(Duration::from_millis(500)));
    let mut reading = fixture.bridge.connect().await;
    reading.request("info", json!({})).await;
    fixture.module.wait_until_blocked("C_GetInfo", 1);
    let (abandon_call, signing) = (reading.reply(), async {
        // The signatures overlap, so one of them is always in flight.
        let mut second = fixture.bridge.connect().await;
        page.request("signData", fixture.signing()).await;
        for _ in 0..60 {
            second.request("signData", fixture.signing()).await;
            if page.reply().await.1.is_err() {
                return;
            }
            page.request("signData", fixture.signing()).await;
            if second.reply().await.1.is_err() {
                return;
            }
        }
        panic!("it goes on beside the read that hangs");
    });
    let ((_, outcome), ()) = tokio::join!(abandon_call, signing);
    assert_error("the read", &outcome, OVERDUE, &[NAME, "info", "1 s"]);
    hangs.remove();
}

#[tokio::test]
async fn a_batch_that_hangs_is_answered_with_each_outcome() {
    let fixture = FaultFixture::configured("sign_deadline_seconds = 6");
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let hash = fixture.signing()["data"].clone();
    let batch = with(&fixture.signing(), "data", vec![hash; 40]);
    let rule = fixture.module.add(Rule::on("C_Sign").nth(10).fault(Fault::Hang));
    let (result, _) =
        fixture.while_healthy_module_works(page.result("signDataBatch", batch.clone())).await;
    rule.remove();
    let items = result.as_array().unwrap();
    assert_eq!(items.len(), 40);
    let mut overdue = 0;
    for item in items {
        if item.get("signature").is_none() {
            let status = item["error"]["data"]["status"].as_u64().unwrap();
            assert!([408, 412, 500].contains(&status), "{item}");
            overdue += u32::from(status == 408);
        }
    }
    assert_eq!(overdue, 1, "{result}");
    assert!(items.iter().filter(|item| item.get("signature").is_some()).count() >= 9, "{result}");
    let again = page.result("signDataBatch", batch).await;
    assert!(
        again.as_array().unwrap().iter().all(|item| item.get("signature").is_some()),
        "{again}"
    );
}

#[tokio::test]
async fn a_slow_call_within_its_deadline_succeeds() {
    let fixture =
        FaultFixture::configured("read_deadline_seconds = 20\nsign_deadline_seconds = 20");
    let mut page = fixture.bridge.connect().await;
    let pause = Duration::from_secs(2);
    for function in ["C_GetTokenInfo", "C_Sign"] {
        fixture.module.add(Rule::on(function).next(1).sleep(pause));
    }
    let work = async {
        let start = Instant::now();
        fixture.assert_works(&mut page).await;
        assert!(start.elapsed() >= 2 * pause);
    };
    let (_, served) = fixture.while_healthy_module_works(work).await;
    assert!(served > 2, "{served}");
}

#[tokio::test]
async fn a_module_that_hangs_at_its_start_fails_at_the_deadline() {
    let fixture = FaultFixture::configured(HANGS_AFTER_5_S);
    for fault in HANGS {
        let rule = fixture.module.add(Rule::on("C_Initialize").next(1).fault(fault.clone()));
        let mut page = fixture.bridge.connect().await;
        let outcome = fixture.while_healthy_module_works(page.call("info", json!({}))).await.0;
        assert_error(&format!("{fault:?}"), &outcome, OVERDUE, &[NAME, "5 s"]);
        rule.remove();
        fixture.assert_works(&mut page).await;
        page.close().await;
        fixture.bridge.expect_workers(0);
    }
}

/// After a restart of the bridge, all pages come back at the same time.
#[tokio::test]
async fn queued_module_starts_keep_their_full_deadline() {
    let origins = || (0..8).map(origin);
    let fixture = FaultFixture::set_up("read_deadline_seconds = 4", origins());
    fixture.module.add(Rule::on("C_Initialize").sleep(Duration::from_secs(1)));
    let mut pages = Vec::new();
    for origin in origins() {
        let mut page = fixture.bridge.connect_as(&origin).await;
        page.request("info", json!({})).await;
        pages.push(page);
    }
    for page in &mut pages {
        page.reply().await.1.expect("it waits");
    }
}

#[tokio::test]
async fn when_a_page_leaves_a_hanging_call_its_worker_ends() {
    let fixture = FaultFixture::new();
    for fault in HANGS {
        let mut page = fixture.bridge.connect().await;
        let rule = fixture.module.add(Rule::on("C_GetInfo").next(1).fault(fault));
        page.request("info", json!({})).await;
        let before = fixture.module.count("C_GetInfo");
        fixture.bridge.expect_workers(1);
        assert!(wait_until(Duration::from_secs(20), || fixture.module.count("C_Initialize") > 0));
        page.close().await;
        fixture.bridge.expect_workers(0);
        assert_eq!(fixture.module.count("C_GetInfo"), before);
        rule.remove();
    }
}
