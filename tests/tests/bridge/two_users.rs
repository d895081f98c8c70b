//! Two users of one computer, each with a bridge of their own, on the ports that pages try.

use std::time::Duration;

use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::ports;
use pkcs11_bridge_tests::processes::wait_until;
use rustix::process::geteuid;
use serde_json::{Value, json};

use super::same_user::{NOBODY, can_be_another_user, response_to};

const ROOT: u32 = 0;

/// A bridge of a user, on the first free port.
fn bridge_of(user: u32) -> Bridge {
    let setup = Setup::new().origin(ORIGIN).listen(None);
    if user == geteuid().as_raw() { setup.start() } else { setup.user(user).start() }
}

/// Each bridge answers programs of its own user, and of nobody else.
#[track_caller]
fn assert_each_answers_its_own(bridges: [(u32, &Bridge); 2]) {
    for (owner, bridge) in bridges {
        for user in [ROOT, NOBODY] {
            let response = response_to(user, bridge.address(), ORIGIN);
            let expected = if user == owner { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " };
            assert!(response.starts_with(expected), "{user} at {owner}: {response}");
        }
    }
}

#[tokio::test]
async fn each_user_has_a_bridge_on_the_next_port() {
    if !can_be_another_user() {
        return;
    }
    let _nobody_else = ports::reserve_default_range();
    let [first, second, ..] = ports::free_in_default_range()[..] else {
        eprintln!("skipped: other programs use the ports of the bridge");
        return;
    };
    for (earlier, later, name) in [(NOBODY, ROOT, "nobody"), (ROOT, NOBODY, "root")] {
        let one = bridge_of(earlier);
        let other = bridge_of(later);
        assert_eq!([&one, &other].map(|bridge| bridge.address().port()), [first, second]);
        other.expect_log(&format!("user {name}"));
        assert_each_answers_its_own([(earlier, &one), (later, &other)]);
        // Both stay what they are to their pages.
        let (of_root, skipped) = match later {
            ROOT => (&other, json!([{ "port": first }])),
            _ => (&one, Value::Null),
        };
        let hello = of_root.connect().await.result("hello", json!({})).await;
        assert_eq!(hello["skipped_ports"], skipped);
        // A second bridge of one user would confuse new pages.
        for bridge in [&one, &other] {
            let finished = bridge.run_another();
            let words = format!("runs already, at ws://{}", bridge.address());
            assert_eq!(finished.code, Some(1), "{}", finished.stderr);
            assert!(finished.stderr.contains(&words), "{}", finished.stderr);
        }
        drop((one, other));
        let is_free = || ports::free_in_default_range().starts_with(&[first, second]);
        assert!(wait_until(Duration::from_secs(20), is_free));
    }
}
