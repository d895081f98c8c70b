//! Pages get events for inserted and removed tokens, whatever the module's own
//! `C_WaitForSlotEvent` does. The bridge does not poll slots that no page watches.

use std::time::Duration;

use pkcs11_bridge_tests::bridge::SOFTHSM;
use pkcs11_bridge_tests::processes;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule, SlotEvents};
use pkcs11_bridge_tests::token::LABEL;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::fault_fixture::FaultFixture;

const ALL: [SlotEvents; 4] =
    [SlotEvents::Forwarded, SlotEvents::Working, SlotEvents::HoldingLock, SlotEvents::Spurious];

const OTHER: &str = "https://other.example";

async fn watch(page: &mut Socket) {
    assert_eq!(page.result("watchSlots", json!({})).await, true);
}

fn assert_told(fixture: &FaultFixture, what: &str, event: &Value, kind: &str) {
    assert_eq!(event["jsonrpc"], "2.0", "{what}: {event}");
    assert_eq!(event["method"], "slot", "{what}: {event}");
    assert!(event.get("id").is_none(), "{what}: {event}");
    let params = &event["params"];
    assert_eq!(params["kind"], kind, "{what}: {event}");
    assert_eq!(params["module"], NAME, "{what}: {event}");
    assert_eq!(params["slot_id"], fixture.token.slot(), "{what}: {event}");
    assert_eq!(params["token"]["label"], LABEL, "{what}: {event}");
    assert_eq!(params["token"]["slot_id"], fixture.token.slot(), "{what}: {event}");
}

/// Waits until a page gets the next event, and asserts that it gets no other.
async fn assert_next_event(fixture: &FaultFixture, what: &str, page: &mut Socket, kind: &str) {
    assert_told(fixture, what, &page.event().await, kind);
}

/// Asserts that a page has got no event that the other pages already have.
async fn assert_no_event(what: &str, page: &mut Socket) {
    page.request("hello", json!({})).await;
    let (events, _) = page.reply_after_events().await;
    assert_eq!(events, [] as [Value; 0], "{what}");
}

#[tokio::test]
async fn each_watching_page_gets_each_change_once() {
    for how in ALL {
        let what = format!("{how:?}");
        let fixture = FaultFixture::set_up("read_deadline_seconds = 5", [OTHER.to_owned()]);
        fixture.module.set_slot_events(how);
        let mut first = fixture.bridge.connect().await;
        let mut second = fixture.bridge.connect().await;
        let mut other = fixture.bridge.connect_as(OTHER).await;
        let mut parallel_page = fixture.bridge.connect().await;
        for page in [&mut first, &mut second, &mut other] {
            watch(page).await;
        }
        for _ in 0..3 {
            fixture.module.remove_token();
            for page in [&mut first, &mut second, &mut other] {
                assert_next_event(&fixture, &what, page, "removed").await;
            }
            fixture.module.insert_token();
            for page in [&mut first, &mut second, &mut other] {
                assert_next_event(&fixture, &what, page, "inserted").await;
            }
        }
        for page in [&mut first, &mut second, &mut other, &mut parallel_page] {
            assert_no_event(&what, page).await;
        }
    }
}

#[tokio::test]
async fn the_reply_says_whether_the_page_already_watched() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    assert_eq!(page.result("unwatchSlots", json!({})).await, false);
    for _ in 0..2 {
        assert_eq!(page.result("watchSlots", json!({})).await, true);
        assert_eq!(page.result("watchSlots", json!({ "module": NAME })).await, false);
        assert_eq!(page.result("unwatchSlots", json!({ "module": SOFTHSM })).await, false);
        assert_eq!(page.result("unwatchSlots", json!({ "module": NAME })).await, true);
        assert_eq!(page.result("unwatchSlots", json!({})).await, false);
    }
}

#[tokio::test]
async fn other_pages_get_no_events() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let mut no_more = fixture.bridge.connect().await;
    let mut elsewhere = fixture.bridge.connect().await;
    assert_eq!(elsewhere.result("watchSlots", json!({ "module": SOFTHSM })).await, true);
    watch(&mut page).await;
    watch(&mut no_more).await;
    fixture.module.remove_token();
    for page in [&mut page, &mut no_more] {
        assert_next_event(&fixture, "both", page, "removed").await;
    }
    assert_eq!(no_more.result("unwatchSlots", json!({})).await, true);
    fixture.module.insert_token();
    assert_next_event(&fixture, "the one", &mut page, "inserted").await;
    assert_no_event("no more", &mut no_more).await;
    assert_no_event("elsewhere", &mut elsewhere).await;

    // A page that watches again gets the changes from then on.
    fixture.module.remove_token();
    assert_next_event(&fixture, "the one", &mut page, "removed").await;
    watch(&mut no_more).await;
    fixture.module.insert_token();
    for page in [&mut page, &mut no_more] {
        assert_next_event(&fixture, "both again", page, "inserted").await;
    }
}

#[tokio::test]
async fn changes_while_the_worker_restarts_are_reported() {
    for how in [SlotEvents::Forwarded, SlotEvents::Working] {
        let what = format!("{how:?}");
        let fixture = FaultFixture::new();
        fixture.module.set_slot_events(how);
        let mut page = fixture.bridge.connect().await;
        watch(&mut page).await;
        for (kind, change) in [("removed", true), ("inserted", false)] {
            let workers = fixture.bridge.workers();
            for worker in workers {
                processes::signal(worker.pid, Signal::KILL);
            }
            if change {
                fixture.module.remove_token();
            } else {
                fixture.module.insert_token();
            }
            assert_next_event(&fixture, &what, &mut page, kind).await;
        }
        fixture.assert_works(&mut page).await;
    }
}

#[tokio::test]
async fn unwatched_slots_are_not_polled() {
    // Side by side, because most of the time passes in sleeps.
    let modes = [SlotEvents::Forwarded, SlotEvents::Working].map(assert_polled_only_while_watched);
    futures_util::future::join_all(modes).await;
}

async fn assert_polled_only_while_watched(how: SlotEvents) {
    let fixture = FaultFixture::new();
    fixture.module.set_slot_events(how);
    let looks = || fixture.module.count("C_GetSlotList");
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let assert_quiet = async |what: &str| {
        // A poll may be running.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let before = looks();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(looks(), before, "{what}: {how:?}");
    };
    assert_quiet("before").await;

    watch(&mut page).await;
    let mut second = fixture.bridge.connect().await;
    watch(&mut second).await;
    let before = looks();
    if how == SlotEvents::Forwarded {
        fixture.module.wait_for("C_GetSlotList", before + 4);
    }
    // The bridge makes two calls for a poll each second, however many pages watch.
    let before = looks();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(looks() - before <= 12, "{} calls in 4 s", looks() - before);

    assert_eq!(page.result("unwatchSlots", json!({})).await, true);
    second.close().await;
    assert_quiet("after").await;
    fixture.assert_works(&mut page).await;
}

#[tokio::test]
async fn a_module_with_spurious_events_causes_no_busy_loop() {
    let fixture = FaultFixture::new();
    fixture.module.set_slot_events(SlotEvents::Spurious);
    let mut page = fixture.bridge.connect().await;
    watch(&mut page).await;
    let work = async {
        fixture.module.wait_for("C_WaitForSlotEvent", 2);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let counts =
            || ["C_WaitForSlotEvent", "C_GetSlotList"].map(|name| fixture.module.count(name));
        let before = counts();
        tokio::time::sleep(Duration::from_secs(4)).await;
        let calls = [0, 1].map(|at| counts()[at] - before[at]);
        assert!(calls[0] <= 60 && calls[1] <= 30, "{calls:?} in 4 s");
        for _ in 0..5 {
            fixture.assert_works(&mut page).await;
        }
    };
    fixture.while_healthy_module_works(work).await;
}

/// Some vendors' modules do this.
#[tokio::test]
async fn a_module_that_blocks_while_it_waits_is_polled_instead() {
    let fixture = FaultFixture::configured("read_deadline_seconds = 5\nsign_deadline_seconds = 5");
    fixture.module.set_slot_events(SlotEvents::HoldingLock);
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let mut watching = fixture.bridge.connect().await;
    watch(&mut watching).await;
    let work = async {
        fixture.module.wait_until_blocked("C_WaitForSlotEvent", 1);
        // Calls that meet the lock get an error, and soon no call is blocked any more.
        let mut in_a_row = 0;
        let mut failed = 0;
        while in_a_row < 20 {
            match page.call("token", fixture.slot()).await {
                Ok(_) => in_a_row += 1,
                Err(error) => {
                    assert!([408, 500].contains(&error.data.status), "{error:?}");
                    in_a_row = 0;
                    failed += 1;
                }
            }
            assert!(failed <= 3, "it never ends");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        fixture.assert_works(&mut page).await;
        let modules = page.result("modules", json!({})).await;
        assert_eq!(modules[0]["state"], "running", "{modules}");
    };
    fixture.while_healthy_module_works(work).await;
    fixture.module.remove_token();
    assert_next_event(&fixture, "after the lock", &mut watching, "removed").await;
    fixture.module.insert_token();
    assert_next_event(&fixture, "after the lock", &mut watching, "inserted").await;
    fixture.assert_works(&mut page).await;
}

#[tokio::test]
async fn a_module_that_crashes_or_hangs_while_it_waits_is_polled() {
    for fault in [Fault::Segfault, Fault::Exit(1), Fault::Hang, Fault::Spin] {
        let what = format!("{fault:?}");
        let fixture = FaultFixture::new();
        fixture.module.set_slot_events(SlotEvents::Working);
        fixture.module.add(Rule::on("C_WaitForSlotEvent").fault(fault));
        let mut page = fixture.bridge.connect().await;
        watch(&mut page).await;
        let work = async {
            fixture.module.wait_until_blocked("C_WaitForSlotEvent", 1);
            for _ in 0..2 {
                fixture.module.remove_token();
                assert_next_event(&fixture, &what, &mut page, "removed").await;
                fixture.module.insert_token();
                assert_next_event(&fixture, &what, &mut page, "inserted").await;
            }
            for _ in 0..3 {
                fixture.assert_works(&mut page).await;
            }
        };
        fixture.while_healthy_module_works(work).await;
        assert_eq!(
            fixture.module.blocked("C_WaitForSlotEvent"),
            1,
            "{what}: the module was called again"
        );
        page.close().await;
        fixture.bridge.expect_workers(0);
    }
}

#[tokio::test]
async fn a_watching_page_that_leaves_keeps_no_worker() {
    for how in ALL {
        let fixture = FaultFixture::new();
        fixture.module.set_slot_events(how);
        let mut page = fixture.bridge.connect().await;
        watch(&mut page).await;
        fixture.bridge.expect_workers(1);
        page.close().await;
        fixture.bridge.expect_workers(0);
    }
}
