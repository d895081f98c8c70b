//! Modules that report wrong lengths and counts. No caller gets more than the real
//! data. At worst the worker ends, and the next call works.

use pkcs11_bridge_tests::digest::from_base64;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::test_module::{Rule, WrongLength};
use serde_json::{Value, json};

use super::fault_fixture::{FAILED, FaultFixture, origin};

/// More than any computer has, and more than a byte count can hold.
const HUGE: [u64; 2] = [1 << 40, u64::MAX - 1];

/// These wrong lengths, and all huge ones.
fn with_huge<const N: usize>(lengths: [WrongLength; N]) -> Vec<WrongLength> {
    let huge = HUGE.map(WrongLength::Announced).into_iter().chain(HUGE.map(WrongLength::Written));
    lengths.into_iter().chain(huge).collect()
}

#[tokio::test]
async fn a_signature_of_another_length_is_withheld() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let work = async {
        let more = [
            WrongLength::WrittenMore(1),
            WrongLength::WrittenMore(5000),
            WrongLength::Written(63),
            WrongLength::Written(0),
        ];
        for length in more.into_iter().chain(HUGE.map(WrongLength::Written)) {
            let rule = fixture.module.add(Rule::on("C_Sign").next(1).wrong_length(length));
            let outcome = page.call("signData", fixture.signing()).await;
            assert_error(&format!("{length:?}"), &outcome, FAILED, &[]);
            rule.remove();
            page.result("signData", fixture.signing()).await;
        }
    };
    fixture.while_healthy_module_works(work).await;
}

#[tokio::test]
async fn a_wrong_slot_count_lists_no_missing_slots() {
    let lengths = with_huge([
        WrongLength::Announced(1),
        WrongLength::Announced(1000),
        WrongLength::WrittenMore(1),
        WrongLength::WrittenMore(1000),
    ]);
    let fixture = FaultFixture::for_origins((0..lengths.len()).map(origin));
    for (number, length) in lengths.into_iter().enumerate() {
        let mut page = fixture.bridge.connect_as(&origin(number)).await;
        let right = page.result("slots", json!({})).await;
        let rule = fixture.module.add(Rule::on("C_GetSlotList").wrong_length(length));
        let (outcome, _) = fixture.while_healthy_module_works(page.call("slots", json!({}))).await;
        match &outcome {
            Ok(slots) => assert_eq!(*slots, right, "{length:?}"),
            Err(_) => assert_error(&format!("{length:?}"), &outcome, FAILED, &[]),
        }
        rule.remove();
        fixture.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn a_wrong_object_count_reads_no_missing_objects() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let right = page.certificates(fixture.slot()).await;
    let work = async {
        for length in [
            WrongLength::Written(11),
            WrongLength::WrittenMore(1),
            WrongLength::WrittenMore(1 << 20),
        ]
        .into_iter()
        .chain(HUGE.map(WrongLength::Written))
        {
            let rule = fixture.module.add(Rule::on("C_FindObjects").wrong_length(length));
            let outcome = page.call("certificates", fixture.slot()).await;
            match &outcome {
                Ok(list) => assert_eq!(list["certificates"], right, "{length:?}"),
                Err(_) => assert_error(&format!("{length:?}"), &outcome, FAILED, &[]),
            }
            rule.remove();
            fixture.assert_works(&mut page).await;
        }
    };
    fixture.while_healthy_module_works(work).await;
}

/// Asserts this of the one certificate with the wrong length. The other certificates
/// are listed in any case.
fn assert_all_but_one_listed(what: &str, certificates: &Value, right: &Value) {
    let [listed, right] = [certificates, right].map(|list| list.as_array().expect("an array"));
    assert!(listed.len() + 1 >= right.len(), "{what}: {certificates}");
    for certificate in listed {
        assert!(right.contains(certificate), "{what}: {certificate}");
    }
}

/// If a module writes too much or too little, the rest would be the worker's memory.
#[tokio::test]
async fn a_certificate_of_another_length_never_shows_the_workers_memory() {
    let lengths = with_huge([
        WrongLength::Announced(1),
        WrongLength::Announced(1 << 20),
        WrongLength::WrittenMore(64),
        WrongLength::WrittenMore(4096),
    ]);
    let fixture = FaultFixture::for_origins((0..lengths.len()).map(origin));
    for (number, length) in lengths.into_iter().enumerate() {
        let what = format!("{length:?}");
        let mut page = fixture.bridge.connect_as(&origin(number)).await;
        let right = page.certificates(fixture.slot()).await;
        let rule = fixture.module.add(Rule::on("C_GetAttributeValue").nth(2).wrong_length(length));
        let rule = match length {
            // The worker reads the length first, then the value.
            WrongLength::Announced(_) => {
                rule.remove();
                fixture.module.add(Rule::on("C_GetAttributeValue").next(1).wrong_length(length))
            }
            _ => rule,
        };
        let (outcome, _) =
            fixture.while_healthy_module_works(page.call("certificates", fixture.slot())).await;
        match &outcome {
            Ok(list) => assert_all_but_one_listed(&what, &list["certificates"], &right),
            Err(_) => assert_error(&what, &outcome, FAILED, &[]),
        }
        rule.remove();
        fixture.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn a_wrong_mechanism_count_uses_no_missing_mechanisms() {
    let lengths = with_huge([WrongLength::Written(0), WrongLength::WrittenMore(1000)]);
    let fixture = FaultFixture::for_origins((0..lengths.len()).map(origin));
    for (number, length) in lengths.into_iter().enumerate() {
        let what = format!("{length:?}");
        let mut page = fixture.bridge.connect_as(&origin(number)).await;
        let rule = fixture.module.add(Rule::on("C_GetMechanismList").wrong_length(length));
        let (outcome, _) =
            fixture.while_healthy_module_works(page.call("signData", fixture.signing())).await;
        match &outcome {
            Ok(signature) => assert_eq!(from_base64(signature.as_str().unwrap()).len(), 64),
            Err(error) if error.data.code == "405" => {}
            Err(_) => assert_error(&what, &outcome, FAILED, &[]),
        }
        rule.remove();
        page.close().await;
        let mut page = fixture.bridge.connect_as(&origin(number)).await;
        fixture.assert_works(&mut page).await;
        page.close().await;
    }
}
