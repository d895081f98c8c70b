//! Pages hear of tokens that are put in and taken out, whatever the module's own `C_WaitForSlotEvent` does, and
//! nobody looks at slots that no page watches.

use std::time::Duration;

use pkcs11_bridge_tests::bridge::SOFTHSM;
use pkcs11_bridge_tests::processes;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule, SlotEvents};
use pkcs11_bridge_tests::token::LABEL;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::faulty::Faulty;

const ALL: [SlotEvents; 4] =
    [SlotEvents::Forwarded, SlotEvents::Working, SlotEvents::HoldingLock, SlotEvents::Spurious];

const OTHER: &str = "https://other.example";

async fn watch(page: &mut Socket) {
    assert_eq!(page.result("watchSlots", json!({})).await, true);
}

fn assert_told(faulty: &Faulty, what: &str, event: &Value, kind: &str) {
    assert_eq!(event["jsonrpc"], "2.0", "{what}: {event}");
    assert_eq!(event["method"], "slot", "{what}: {event}");
    assert!(event.get("id").is_none(), "{what}: {event}");
    let params = &event["params"];
    assert_eq!(params["kind"], kind, "{what}: {event}");
    assert_eq!(params["module"], NAME, "{what}: {event}");
    assert_eq!(params["slot_id"], faulty.token.slot(), "{what}: {event}");
    assert_eq!(params["token"]["label"], LABEL, "{what}: {event}");
    assert_eq!(params["token"]["slot_id"], faulty.token.slot(), "{what}: {event}");
}

/// Waits until a page has been told of the next change, and of nothing else.
async fn assert_hears(faulty: &Faulty, what: &str, page: &mut Socket, kind: &str) {
    assert_told(faulty, what, &page.event().await, kind);
}

/// Asserts that no event has come to a page that others have got by now.
async fn assert_hears_nothing(what: &str, page: &mut Socket) {
    page.request("hello", json!({})).await;
    let (events, _) = page.reply_after_events().await;
    assert_eq!(events, [] as [Value; 0], "{what}");
}

#[tokio::test]
async fn each_page_that_watches_hears_of_each_change_once() {
    for how in ALL {
        let what = format!("{how:?}");
        let faulty = Faulty::set_up("read_deadline_seconds = 5", [OTHER.to_owned()]);
        faulty.module.set_slot_events(how);
        let mut first = faulty.bridge.connect().await;
        let mut second = faulty.bridge.connect().await;
        let mut other = faulty.bridge.connect_as(OTHER).await;
        let mut parallel_page = faulty.bridge.connect().await;
        for page in [&mut first, &mut second, &mut other] {
            watch(page).await;
        }
        for _ in 0..3 {
            faulty.module.remove_token();
            for page in [&mut first, &mut second, &mut other] {
                assert_hears(&faulty, &what, page, "removed").await;
            }
            faulty.module.insert_token();
            for page in [&mut first, &mut second, &mut other] {
                assert_hears(&faulty, &what, page, "inserted").await;
            }
        }
        for page in [&mut first, &mut second, &mut other, &mut parallel_page] {
            assert_hears_nothing(&what, page).await;
        }
    }
}

#[tokio::test]
async fn it_is_said_whether_a_page_watches_already() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
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
async fn a_page_that_watches_no_more_or_another_module_hears_nothing() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
    let mut no_more = faulty.bridge.connect().await;
    let mut elsewhere = faulty.bridge.connect().await;
    assert_eq!(elsewhere.result("watchSlots", json!({ "module": SOFTHSM })).await, true);
    watch(&mut page).await;
    watch(&mut no_more).await;
    faulty.module.remove_token();
    for page in [&mut page, &mut no_more] {
        assert_hears(&faulty, "both", page, "removed").await;
    }
    assert_eq!(no_more.result("unwatchSlots", json!({})).await, true);
    faulty.module.insert_token();
    assert_hears(&faulty, "the one", &mut page, "inserted").await;
    assert_hears_nothing("no more", &mut no_more).await;
    assert_hears_nothing("elsewhere", &mut elsewhere).await;

    // One that begins anew hears of what changes from then on.
    faulty.module.remove_token();
    assert_hears(&faulty, "the one", &mut page, "removed").await;
    watch(&mut no_more).await;
    faulty.module.insert_token();
    for page in [&mut page, &mut no_more] {
        assert_hears(&faulty, "both again", page, "inserted").await;
    }
}

#[tokio::test]
async fn what_changes_while_the_worker_is_ended_is_told_afterwards() {
    for how in [SlotEvents::Forwarded, SlotEvents::Working] {
        let what = format!("{how:?}");
        let faulty = Faulty::new();
        faulty.module.set_slot_events(how);
        let mut page = faulty.bridge.connect().await;
        watch(&mut page).await;
        for (kind, change) in [("removed", true), ("inserted", false)] {
            let workers = faulty.bridge.workers();
            for worker in workers {
                processes::signal(worker.pid, Signal::KILL);
            }
            if change {
                faulty.module.remove_token();
            } else {
                faulty.module.insert_token();
            }
            assert_hears(&faulty, &what, &mut page, kind).await;
        }
        faulty.assert_works(&mut page).await;
    }
}

#[tokio::test]
async fn nobody_looks_where_nobody_listens() {
    for how in [SlotEvents::Forwarded, SlotEvents::Working] {
        let faulty = Faulty::new();
        faulty.module.set_slot_events(how);
        let looks = || faulty.module.count("C_GetSlotList");
        let mut page = faulty.bridge.connect().await;
        faulty.assert_works(&mut page).await;
        let assert_quiet = async |what: &str| {
            // A look may be under way.
            tokio::time::sleep(Duration::from_secs(3)).await;
            let before = looks();
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(looks(), before, "{what}: {how:?}");
        };
        assert_quiet("before").await;

        watch(&mut page).await;
        let mut second = faulty.bridge.connect().await;
        watch(&mut second).await;
        let before = looks();
        if how == SlotEvents::Forwarded {
            faulty.module.wait_for("C_GetSlotList", before + 4);
        }
        // Two calls for a look every second, however many listen.
        let before = looks();
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(looks() - before <= 12, "{} calls in 4 s", looks() - before);

        assert_eq!(page.result("unwatchSlots", json!({})).await, true);
        second.close().await;
        assert_quiet("after").await;
        faulty.assert_works(&mut page).await;
    }
}

#[tokio::test]
async fn a_module_that_returns_at_once_keeps_nobody_busy() {
    let faulty = Faulty::new();
    faulty.module.set_slot_events(SlotEvents::Spurious);
    let mut page = faulty.bridge.connect().await;
    watch(&mut page).await;
    let work = async {
        faulty.module.wait_for("C_WaitForSlotEvent", 2);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let counts =
            || ["C_WaitForSlotEvent", "C_GetSlotList"].map(|name| faulty.module.count(name));
        let before = counts();
        tokio::time::sleep(Duration::from_secs(4)).await;
        let calls = [0, 1].map(|at| counts()[at] - before[at]);
        assert!(calls[0] <= 60 && calls[1] <= 30, "{calls:?} in 4 s");
        for _ in 0..5 {
            faulty.assert_works(&mut page).await;
        }
    };
    faulty.beside_healthy(work).await;
}

/// As some vendors' modules do.
#[tokio::test]
async fn a_module_that_lets_nobody_in_while_it_waits_is_not_waited_on_for_long() {
    let faulty = Faulty::configured("read_deadline_seconds = 5\nsign_deadline_seconds = 5");
    faulty.module.set_slot_events(SlotEvents::HoldingLock);
    let mut page = faulty.bridge.connect().await;
    faulty.assert_works(&mut page).await;
    let mut watching = faulty.bridge.connect().await;
    watch(&mut watching).await;
    let work = async {
        faulty.module.wait_until_blocked("C_WaitForSlotEvent", 1);
        // What meets the lock is told so, and soon nothing does any more.
        let mut in_a_row = 0;
        let mut failed = 0;
        while in_a_row < 20 {
            match page.call("token", faulty.slot()).await {
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
        faulty.assert_works(&mut page).await;
        let modules = page.result("modules", json!({})).await;
        assert_eq!(modules[0]["state"], "running", "{modules}");
    };
    faulty.beside_healthy(work).await;
    faulty.module.remove_token();
    assert_hears(&faulty, "after the lock", &mut watching, "removed").await;
    faulty.module.insert_token();
    assert_hears(&faulty, "after the lock", &mut watching, "inserted").await;
    faulty.assert_works(&mut page).await;
}

#[tokio::test]
async fn a_module_that_crashes_or_hangs_while_it_waits_is_looked_at_all_the_same() {
    for fault in [Fault::Segfault, Fault::Exit(1), Fault::Hang, Fault::Spin] {
        let what = format!("{fault:?}");
        let faulty = Faulty::new();
        faulty.module.set_slot_events(SlotEvents::Working);
        faulty.module.add(Rule::on("C_WaitForSlotEvent").fault(fault));
        let mut page = faulty.bridge.connect().await;
        watch(&mut page).await;
        let work = async {
            faulty.module.wait_until_blocked("C_WaitForSlotEvent", 1);
            for _ in 0..2 {
                faulty.module.remove_token();
                assert_hears(&faulty, &what, &mut page, "removed").await;
                faulty.module.insert_token();
                assert_hears(&faulty, &what, &mut page, "inserted").await;
            }
            for _ in 0..3 {
                faulty.assert_works(&mut page).await;
            }
        };
        faulty.beside_healthy(work).await;
        assert_eq!(faulty.module.blocked("C_WaitForSlotEvent"), 1, "{what}: it was called again");
        page.close().await;
        faulty.bridge.expect_workers(0);
    }
}

#[tokio::test]
async fn a_page_that_goes_away_leaves_no_worker() {
    for how in ALL {
        let faulty = Faulty::new();
        faulty.module.set_slot_events(how);
        let mut page = faulty.bridge.connect().await;
        watch(&mut page).await;
        faulty.bridge.expect_workers(1);
        page.close().await;
        faulty.bridge.expect_workers(0);
    }
}
