//! Modules that hang: the call is given up when its time is over, what else is in flight on the worker is
//! answered once, and the process is gone.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule};
use serde_json::json;

use super::faulty::{FAILED, Faulty, OVERDUE, origin};

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

fn assert_gone(faulty: &Faulty, pid: u32) {
    assert!(wait_until(Duration::from_secs(20), || !is_running(pid)), "{pid} goes on");
    let workers = faulty.bridge.workers();
    assert!(workers.iter().all(|worker| worker.pid != pid), "{workers:?}");
}

#[test]
fn they_are_whole_seconds_from_one_to_a_day() {
    for key in ["read_deadline_seconds", "sign_deadline_seconds", "worker_idle_seconds"] {
        for value in ["0", "86401", "-1", "1.5", "\"1\""] {
            let finished = Setup::new().config(&format!("{key} = {value}\n")).run_to_end();
            assert_eq!(finished.code, Some(2), "{key} = {value}: {}", finished.stderr);
            assert!(finished.stderr.contains(key), "{key} = {value}: {}", finished.stderr);
        }
        Setup::new().config(&format!("{key} = 86400\n")).start();
    }
}

#[tokio::test]
async fn a_read_that_hangs_is_given_up() {
    let faulty = Faulty::configured("read_deadline_seconds = 5");
    for (number, fault) in (1..).zip(HANGS) {
        let what = format!("{fault:?}");
        let mut page = faulty.bridge.connect().await;
        faulty.assert_works(&mut page).await;
        let worker = faulty.module.calls_of("C_GetInfo").last().unwrap().pid;
        let rule = faulty.module.add(Rule::on("C_GetTokenInfo").next(1).fault(fault));
        let held = faulty.module.add(Rule::on("C_GetInfo").held());
        let work = async {
            let start = Instant::now();
            let hanging = page.request("token", faulty.slot()).await;
            // Those that come later are not overdue when the first one is.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let other = page.request("info", json!({})).await;
            let [hanging, other] = replies(&mut page, [hanging, other]).await;
            assert_error(&what, &hanging, OVERDUE, &[NAME, "token", "5 s"]);
            assert_error(&what, &other, FAILED, &[NAME]);
            assert!(start.elapsed() >= Duration::from_secs(5));
        };
        let (_, served) = faulty.beside_healthy(work).await;
        assert!(served > 2, "{served}");
        faulty.module.wait_until_blocked("C_GetTokenInfo", number);
        assert_gone(&faulty, worker);
        rule.remove();
        held.remove();
        faulty.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn a_signature_that_hangs_is_given_up_later() {
    let faulty = Faulty::configured("read_deadline_seconds = 5\nsign_deadline_seconds = 8");
    for fault in HANGS {
        let what = format!("{fault:?}");
        let mut page = faulty.bridge.connect().await;
        faulty.assert_works(&mut page).await;
        let worker = faulty.module.calls_of("C_GetInfo").last().unwrap().pid;
        let rule = faulty.module.add(Rule::on("C_Sign").next(1).fault(fault));
        let work = async {
            let start = Instant::now();
            let id = page.request("signData", faulty.signing()).await;
            // Those that only read go on beside it.
            let mut other = faulty.bridge.connect().await;
            while start.elapsed() < Duration::from_secs(6) {
                other.result("token", faulty.slot()).await;
            }
            let [outcome] = replies(&mut page, [id]).await;
            assert_error(&what, &outcome, OVERDUE, &[NAME, "signData", "8 s"]);
            assert!(start.elapsed() >= Duration::from_secs(8));
            other.close().await;
        };
        faulty.beside_healthy(work).await;
        assert_gone(&faulty, worker);
        rule.remove();
        faulty.assert_works(&mut page).await;
        page.close().await;
    }
}

/// As where a person enters the PIN at the reader, and the module lets nobody else in meanwhile.
#[tokio::test]
async fn a_read_that_has_to_wait_for_a_signature_has_its_time_afterwards() {
    let faulty = Faulty::configured("read_deadline_seconds = 4\nsign_deadline_seconds = 60");
    let mut page = faulty.bridge.connect().await;
    faulty.assert_works(&mut page).await;
    let worker = faulty.module.calls_of("C_GetInfo").last().unwrap().pid;
    let signing = faulty.module.add(Rule::on("C_Sign").next(1).held());
    let reading = faulty.module.add(Rule::on("C_GetInfo").next(1).held());
    let signed = page.request("signData", faulty.signing()).await;
    faulty.module.wait_until_blocked("C_Sign", 1);
    let mut other = faulty.bridge.connect().await;
    other.request("info", json!({})).await;
    faulty.module.wait_until_blocked("C_GetInfo", 1);
    tokio::time::sleep(Duration::from_secs(6)).await;
    signing.release();
    let [outcome] = replies(&mut page, [signed]).await;
    outcome.expect("the signature");
    // What comes now is no reason to look at the clock and be done with it.
    page.result("token", faulty.slot()).await;
    reading.release();
    other.reply().await.1.expect("the read");
    assert!(is_running(worker), "the worker was ended");
}

/// Reads that hang are not kept for ever by signatures that are made all the while.
#[tokio::test]
async fn a_read_that_hangs_beside_signatures_is_given_up() {
    let faulty = Faulty::configured("read_deadline_seconds = 1\nsign_deadline_seconds = 4");
    let mut page = faulty.bridge.connect().await;
    faulty.assert_works(&mut page).await;
    let hangs = faulty.module.add(Rule::on("C_GetInfo").next(1).fault(Fault::Hang));
    faulty.module.add(Rule::on("C_Sign").sleep(Duration::from_millis(500)));
    let mut reading = faulty.bridge.connect().await;
    reading.request("info", json!({})).await;
    faulty.module.wait_until_blocked("C_GetInfo", 1);
    let (given_up, signing) = (reading.reply(), async {
        // In turns, so that there is always one.
        let mut second = faulty.bridge.connect().await;
        page.request("signData", faulty.signing()).await;
        for _ in 0..60 {
            second.request("signData", faulty.signing()).await;
            if page.reply().await.1.is_err() {
                return;
            }
            page.request("signData", faulty.signing()).await;
            if second.reply().await.1.is_err() {
                return;
            }
        }
        panic!("it goes on beside the read that hangs");
    });
    let ((_, outcome), ()) = tokio::join!(given_up, signing);
    assert_error("the read", &outcome, OVERDUE, &[NAME, "info", "1 s"]);
    hangs.remove();
}

#[tokio::test]
async fn a_batch_that_hangs_is_answered_with_what_became_of_each() {
    let faulty = Faulty::configured("sign_deadline_seconds = 6");
    let mut page = faulty.bridge.connect().await;
    faulty.assert_works(&mut page).await;
    let hash = faulty.signing()["data"].clone();
    let batch = with(&faulty.signing(), "data", vec![hash; 40]);
    let rule = faulty.module.add(Rule::on("C_Sign").nth(10).fault(Fault::Hang));
    let (result, _) = faulty.beside_healthy(page.result("signDataBatch", batch.clone())).await;
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
async fn a_call_that_is_slow_is_waited_for() {
    let faulty = Faulty::configured("read_deadline_seconds = 20\nsign_deadline_seconds = 20");
    let mut page = faulty.bridge.connect().await;
    let pause = Duration::from_secs(2);
    for function in ["C_GetTokenInfo", "C_Sign"] {
        faulty.module.add(Rule::on(function).next(1).sleep(pause));
    }
    let work = async {
        let start = Instant::now();
        faulty.assert_works(&mut page).await;
        assert!(start.elapsed() >= 2 * pause);
    };
    let (_, served) = faulty.beside_healthy(work).await;
    assert!(served > 2, "{served}");
}

#[tokio::test]
async fn a_start_that_hangs_is_given_up() {
    let faulty = Faulty::configured("read_deadline_seconds = 5");
    for fault in HANGS {
        let rule = faulty.module.add(Rule::on("C_Initialize").next(1).fault(fault.clone()));
        let mut page = faulty.bridge.connect().await;
        let outcome = faulty.beside_healthy(page.call("info", json!({}))).await.0;
        assert_error(&format!("{fault:?}"), &outcome, OVERDUE, &[NAME, "5 s"]);
        rule.remove();
        faulty.assert_works(&mut page).await;
        page.close().await;
        faulty.bridge.expect_workers(0);
    }
}

/// As after the bridge was started again, where all pages come back at once.
#[tokio::test]
async fn starts_that_have_to_wait_for_those_of_other_pages_are_not_given_up() {
    let origins = || (0..8).map(origin);
    let faulty = Faulty::set_up("read_deadline_seconds = 4", origins());
    faulty.module.add(Rule::on("C_Initialize").sleep(Duration::from_secs(1)));
    let mut pages = Vec::new();
    for origin in origins() {
        let mut page = faulty.bridge.connect_as(&origin).await;
        page.request("info", json!({})).await;
        pages.push(page);
    }
    for page in &mut pages {
        page.reply().await.1.expect("it has only to wait");
    }
}

#[tokio::test]
async fn a_page_that_leaves_a_hanging_call_takes_the_worker_with_it() {
    let faulty = Faulty::new();
    for fault in HANGS {
        let mut page = faulty.bridge.connect().await;
        let rule = faulty.module.add(Rule::on("C_GetInfo").next(1).fault(fault));
        page.request("info", json!({})).await;
        let before = faulty.module.count("C_GetInfo");
        faulty.bridge.expect_workers(1);
        assert!(wait_until(Duration::from_secs(20), || faulty.module.count("C_Initialize") > 0));
        page.close().await;
        faulty.bridge.expect_workers(0);
        assert_eq!(faulty.module.count("C_GetInfo"), before);
        rule.remove();
    }
}
