//! Modules that lie about lengths and counts: nobody gets more than there is, the worst that happens is the
//! end of the worker, and the next call works.

use pkcs11_bridge_tests::digest::from_base64;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::test_module::{Rule, WrongLength};
use serde_json::{Value, json};

use super::faulty::{FAILED, Faulty, origin};

/// More than any computer has, and more than can be counted in bytes.
const HUGE: [u64; 2] = [1 << 40, u64::MAX - 1];

/// Those lies, and all that are huge.
fn with_huge<const N: usize>(lies: [WrongLength; N]) -> Vec<WrongLength> {
    let huge = HUGE.map(WrongLength::Announced).into_iter().chain(HUGE.map(WrongLength::Written));
    lies.into_iter().chain(huge).collect()
}

#[tokio::test]
async fn a_signature_of_another_length_is_withheld() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
    let work = async {
        let more = [
            WrongLength::WrittenMore(1),
            WrongLength::WrittenMore(5000),
            WrongLength::Written(63),
            WrongLength::Written(0),
        ];
        for lie in more.into_iter().chain(HUGE.map(WrongLength::Written)) {
            let rule = faulty.module.add(Rule::on("C_Sign").next(1).wrong_length(lie));
            let outcome = page.call("signData", faulty.signing()).await;
            assert_error(&format!("{lie:?}"), &outcome, FAILED, &[]);
            rule.remove();
            page.result("signData", faulty.signing()).await;
        }
    };
    faulty.beside_healthy(work).await;
}

#[tokio::test]
async fn slots_that_are_not_there_are_not_listed() {
    let lies = with_huge([
        WrongLength::Announced(1),
        WrongLength::Announced(1000),
        WrongLength::WrittenMore(1),
        WrongLength::WrittenMore(1000),
    ]);
    let faulty = Faulty::for_origins((0..lies.len()).map(origin));
    for (number, lie) in lies.into_iter().enumerate() {
        let mut page = faulty.bridge.connect_as(&origin(number)).await;
        let right = page.result("slots", json!({})).await;
        let rule = faulty.module.add(Rule::on("C_GetSlotList").wrong_length(lie));
        let (outcome, _) = faulty.beside_healthy(page.call("slots", json!({}))).await;
        match &outcome {
            Ok(slots) => assert_eq!(*slots, right, "{lie:?}"),
            Err(_) => assert_error(&format!("{lie:?}"), &outcome, FAILED, &[]),
        }
        rule.remove();
        faulty.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn objects_that_are_not_there_are_not_read() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
    let right = page.result("certificates", faulty.slot()).await;
    let work = async {
        for lie in [
            WrongLength::Written(11),
            WrongLength::WrittenMore(1),
            WrongLength::WrittenMore(1 << 20),
        ]
        .into_iter()
        .chain(HUGE.map(WrongLength::Written))
        {
            let rule = faulty.module.add(Rule::on("C_FindObjects").wrong_length(lie));
            let outcome = page.call("certificates", faulty.slot()).await;
            match &outcome {
                Ok(certificates) => assert_eq!(*certificates, right, "{lie:?}"),
                Err(_) => assert_error(&format!("{lie:?}"), &outcome, FAILED, &[]),
            }
            rule.remove();
            faulty.assert_works(&mut page).await;
        }
    };
    faulty.beside_healthy(work).await;
}

/// Of the one certificate whose length is lied about: the others are told in any case.
fn assert_told_but_for_one(what: &str, certificates: &Value, right: &Value) {
    let [told, right] = [certificates, right].map(|list| list.as_array().expect("an array"));
    assert!(told.len() + 1 >= right.len(), "{what}: {certificates}");
    for certificate in told {
        assert!(right.contains(certificate), "{what}: {certificate}");
    }
}

/// What a module writes beyond its own value, or does not write, is the worker's memory.
#[tokio::test]
async fn a_certificate_of_another_length_never_shows_the_workers_memory() {
    let lies = with_huge([
        WrongLength::Announced(1),
        WrongLength::Announced(1 << 20),
        WrongLength::WrittenMore(64),
        WrongLength::WrittenMore(4096),
    ]);
    let faulty = Faulty::for_origins((0..lies.len()).map(origin));
    for (number, lie) in lies.into_iter().enumerate() {
        let what = format!("{lie:?}");
        let mut page = faulty.bridge.connect_as(&origin(number)).await;
        let right = page.result("certificates", faulty.slot()).await;
        let rule = faulty.module.add(Rule::on("C_GetAttributeValue").nth(2).wrong_length(lie));
        let rule = match lie {
            // Asked for the length first, and then for the value.
            WrongLength::Announced(_) => {
                rule.remove();
                faulty.module.add(Rule::on("C_GetAttributeValue").next(1).wrong_length(lie))
            }
            _ => rule,
        };
        let (outcome, _) = faulty.beside_healthy(page.call("certificates", faulty.slot())).await;
        match &outcome {
            Ok(certificates) => assert_told_but_for_one(&what, certificates, &right),
            Err(_) => assert_error(&what, &outcome, FAILED, &[]),
        }
        rule.remove();
        faulty.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn algorithms_that_are_not_there_are_not_used() {
    let lies = with_huge([WrongLength::Written(0), WrongLength::WrittenMore(1000)]);
    let faulty = Faulty::for_origins((0..lies.len()).map(origin));
    for (number, lie) in lies.into_iter().enumerate() {
        let what = format!("{lie:?}");
        let mut page = faulty.bridge.connect_as(&origin(number)).await;
        let rule = faulty.module.add(Rule::on("C_GetMechanismList").wrong_length(lie));
        let (outcome, _) = faulty.beside_healthy(page.call("signData", faulty.signing())).await;
        match &outcome {
            Ok(signature) => assert_eq!(from_base64(signature.as_str().unwrap()).len(), 64),
            Err(error) if error.data.code == "405" => {}
            Err(_) => assert_error(&what, &outcome, FAILED, &[]),
        }
        rule.remove();
        page.close().await;
        let mut page = faulty.bridge.connect_as(&origin(number)).await;
        faulty.assert_works(&mut page).await;
        page.close().await;
    }
}
