//! A bridge that ends while calls are in flight: by SIGKILL, which it cannot handle, or
//! by SIGTERM while a module hangs.

use pkcs11_bridge_tests::approvals;
use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, without};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::processes::{self, is_running};
use pkcs11_bridge_tests::test_module::{Rule, TestModule};
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;
use tokio::task::spawn_blocking;

use super::consent::NEW;
use super::pin_fixture::PinFixture;

#[tokio::test]
async fn a_bridge_killed_while_signing_leaves_no_worker_and_keeps_approvals() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    let module = TestModule::wrapping(&token);
    let mut bridge = Setup::on_test_module(&module).pinentry(&pinentry).start();
    let mut page = bridge.connect_as(NEW).await;
    pinentry.answer(Answer::allow());
    let params = sign_data(&token, KeyType::P256.id(), "sha256");
    page.result("signData", params.clone()).await;
    // One origin signs. Another origin has just been approved, so the bridge writes the state file.
    let held = module.add(Rule::on("C_Sign").held());
    page.request("signData", params.clone()).await;
    module.wait_until_blocked("C_Sign", 1);
    pinentry.answer(Answer::allow());
    bridge.connect_as("https://newer.example").await.result("hello", json!({})).await;
    let workers = bridge.workers();
    assert_eq!(workers.len(), 1);

    bridge.kill();
    for worker in workers {
        let ended = processes::wait_until(Duration::from_secs(20), || !is_running(worker.pid));
        assert!(ended, "{worker:?} outlives its bridge");
    }
    held.remove();
    assert_eq!(approvals::origins(bridge.home()), [NEW, "https://newer.example"]);
    bridge.start_on_same_port();
    assert!(approvals::unreadable_files(bridge.home()).is_empty());

    // The bridge does not ask again, and the login has ended.
    let mut page = bridge.connect_as(NEW).await;
    pinentry.answer(Answer::pin(PIN));
    page.result("signData", without(&params, "pin")).await;
    pinentry.assert_dialogs(3);
}

#[tokio::test]
async fn a_bridge_killed_during_a_module_start_leaves_no_worker() {
    let token = TestToken::new();
    let module = TestModule::wrapping(&token);
    let mut bridge = Setup::on_test_module(&module).start();
    module.add(Rule::on("C_Initialize").held());
    let mut page = bridge.connect().await;
    page.request("slots", json!({})).await;
    module.wait_until_blocked("C_Initialize", 1);
    let workers = bridge.workers();
    assert_eq!(workers.len(), 1);
    bridge.kill();
    let ended = processes::wait_until(Duration::from_secs(20), || !is_running(workers[0].pid));
    assert!(ended, "{workers:?} outlives its bridge");
}

#[tokio::test]
async fn a_stopping_bridge_answers_hanging_calls_and_takes_no_new_calls() {
    let PinFixture { bridge, pinentry: _pinentry, module, token } = PinFixture::new();
    let mut page = bridge.connect().await;
    let params = sign_data(&token, KeyType::P256.id(), "sha256");
    page.result("signData", params.clone()).await;
    let held = module.add(Rule::on("C_Sign").held());
    let first = page.request("signData", params.clone()).await;
    module.wait_until_blocked("C_Sign", 1);
    let second = page.request("signData", params.clone()).await;
    let third = page.request("slots", json!({})).await;
    assert_eq!(page.reply().await.0, third, "reading does not wait for a signature");

    let (workers, stopping) = (bridge.workers(), spawn_blocking(|| bridge.stop_with(Signal::TERM)));
    let mut answered = Vec::new();
    for _ in 0..2 {
        let (id, outcome) = page.reply().await;
        assert_error("a call in flight", &outcome, (500, "900"), &["stopped", "not known"]);
        answered.push(id);
    }
    answered.sort_by_key(|id| id.as_u64());
    assert_eq!(answered, [first, second]);
    assert_eq!(page.close_code().await, 1001);
    let finished = stopping.await.unwrap();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(workers.iter().all(|worker| !is_running(worker.pid)), "{workers:?}");
    held.remove();
}

/// The page that made the calls gets only its own replies. It takes each reply in time,
/// but all of them together take minutes.
#[tokio::test]
async fn a_stopping_bridge_does_not_wait_for_a_slow_reader() {
    let fixture = PinFixture::new();
    fixture.module.simulate_certificates(1, &[0; 1 << 19], None);
    let mut page = fixture.bridge.connect().await;
    page.request_many("certificates", &json!({ "slot_id": fixture.token.slot() }), 64).await;
    let slowly = async {
        loop {
            // The number is small enough that some replies are still under way when the
            // bridge has ended.
            for _ in 0..2 {
                page.reply().await.1.expect("certificates");
            }
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    };
    let stopped = async {
        fixture.module.wait_for("C_FindObjectsFinal", 64);
        tokio::time::sleep(Duration::from_secs(2)).await;
        spawn_blocking(move || fixture.bridge.stop_with(Signal::TERM))
            .await
            .expect("it ends in time");
    };
    tokio::select! {
        () = stopped => {}
        () = slowly => {}
    }
}

#[tokio::test]
async fn request_ids_belong_to_a_connection() {
    let fixture = PinFixture::new();
    let (mut one, mut other) =
        (fixture.bridge.connect().await, fixture.bridge.connect_as(ORIGIN).await);
    let ask = |id: u64, method: &str| {
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": {} }).to_string()
    };
    for id in 0..50 {
        one.send_text(&ask(id, "slots")).await;
        other.send_text(&ask(id, "info")).await;
    }
    for _ in 0..50 {
        assert!(one.reply().await.1.expect("slots").is_array());
        assert!(other.reply().await.1.expect("the info").is_object());
    }
}
