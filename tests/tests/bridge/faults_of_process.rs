//! Modules that misuse their process: they write to its pipes, start threads, handle
//! signals, or use up memory.

use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::test_module::{CRASH_REPORT, Fault, NAME, Rule};
use serde_json::{Value, json};

use super::fault_fixture::{FAILED, FaultFixture, OVERDUE, origin};

#[tokio::test]
async fn garbage_in_the_pipe_fails_calls_and_never_becomes_a_reply() {
    let forged = br#"{"Response":{"id":1000000,"outcome":{"Done":"forged"},"pin":"NotSent"}}"#;
    let forged = [&(forged.len() as u32).to_le_bytes()[..], forged].concat();
    let lines = "read_deadline_seconds = 5\nhang_deadline_seconds = 5\nsign_deadline_seconds = 5";
    let fixture = FaultFixture::set_up(lines, (0..6).map(origin));
    for (number, (what, garbage, expected_any)) in [
        ("text", b"reader 0: card inserted\n".to_vec(), &[FAILED][..]),
        ("a frame of another", vec![2, 0, 0, 0, b'{', b'}'], &[FAILED]),
        ("an empty frame", vec![0; 4], &[FAILED]),
        ("a length of 4 GiB", vec![0xff; 4], &[FAILED]),
        // The bridge reads the next bytes as a part of it.
        ("half a frame", vec![0, 0, 16, 0, b'x'], &[FAILED, OVERDUE]),
        ("a response to no call", forged, &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut page = fixture.bridge.connect_as(&origin(number)).await;
        fixture.assert_works(&mut page).await;
        let rule = Rule::on("C_GetInfo").next(1).fault(Fault::WriteGarbage(garbage));
        let rule = fixture.module.add(rule);
        let (outcome, _) = fixture.while_healthy_module_works(page.call("info", json!({}))).await;
        match &outcome {
            Ok(info) => {
                assert!(expected_any.is_empty(), "{what}: {info}");
                assert_eq!(info["manufacturer_id"], "SoftHSM", "{what}");
            }
            Err(error) => {
                let expected = (error.data.status, error.data.code.as_str());
                assert!(expected_any.contains(&expected), "{what}: {error:?}");
                assert_error(what, &outcome, expected, &[NAME]);
            }
        }
        rule.remove();
        fixture.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn output_of_a_module_goes_to_the_log() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    for function in ["C_Initialize", "C_GetInfo", "C_Sign", "C_Finalize"] {
        let words = format!("{function}: card inserted");
        let printed = format!("{words} \u{1b}[31m\n").into_bytes();
        fixture.module.add(Rule::on(function).next(1).fault(Fault::Print(printed)));
    }
    fixture.while_healthy_module_works(fixture.assert_works(&mut page)).await;
    page.close().await;
    fixture.bridge.expect_workers(0);
    for function in ["C_Initialize", "C_GetInfo", "C_Sign", "C_Finalize"] {
        fixture.bridge.expect_log(&format!("{function}: card inserted"));
    }
}

#[tokio::test]
async fn a_module_may_change_threads_signals_folder_and_locale() {
    let fixture = FaultFixture::new();
    let changes = [Fault::StartThreads(8), Fault::ChangeFolderAndLocale, Fault::HandleSignals];
    let rule = changes.into_iter().fold(Rule::on("C_Initialize"), Rule::fault);
    fixture.module.add(rule);
    let mut page = fixture.bridge.connect().await;
    let work = async {
        fixture.assert_works(&mut page).await;
        let before = std::fs::read_link(format!("/proc/{}/cwd", fixture.bridge.pid())).unwrap();
        assert_ne!(before, fixture.module.folder().canonicalize().unwrap());

        // The bridge reports a crash as a crash.
        for (fault, words) in [(Fault::Segfault, "signal 11"), (Fault::Abort, "signal 6")] {
            let crash = fixture.module.add(Rule::on("C_GetInfo").next(1).fault(fault));
            let outcome = page.call("info", json!({})).await;
            assert_error("a crash", &outcome, FAILED, &[NAME, words]);
            crash.remove();
            fixture.assert_works(&mut page).await;
        }
        page
    };
    let (page, _) = fixture.while_healthy_module_works(work).await;
    fixture.bridge.expect_log(CRASH_REPORT);
    // The worker ends on request.
    page.close().await;
    fixture.bridge.expect_workers(0);
    assert!(fixture.module.count("C_Finalize") > 0);
}

fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("proc(5)");
    line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}

#[tokio::test]
async fn a_memory_leak_ends_with_its_worker() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let before = resident(fixture.bridge.pid());
    let worker = fixture.module.calls_of("C_GetInfo")[0].pid;
    fixture.module.add(Rule::on("C_GetInfo").fault(Fault::Leak(10 << 20)));
    let work = async {
        for _ in 0..20 {
            page.result("info", json!({})).await;
        }
    };
    fixture.while_healthy_module_works(work).await;
    assert!(resident(worker) > 200 << 10, "{} KiB", resident(worker));
    let grown = resident(fixture.bridge.pid()).saturating_sub(before);
    assert!(grown < 20 << 10, "the bridge grew by {grown} KiB");
    fixture.assert_works(&mut page).await;

    // The leak does not use all memory of the computer.
    fixture.module.add(Rule::on("C_GetInfo").fault(Fault::Leak(200 << 20)));
    let mut outcomes = Vec::new();
    while !outcomes.last().is_some_and(Outcome::is_err) {
        assert!(outcomes.len() < 10, "the worker has more than 2 GB");
        outcomes.push(page.call("info", json!({})).await);
    }
    assert_error("out of memory", &outcomes[outcomes.len() - 1], FAILED, &[NAME]);
    page.result("info", json!({})).await;
    page.close().await;
    fixture.bridge.expect_workers(0);
    let _: Value = fixture.bridge.connect().await.result("info", json!({})).await;
}
