//! The command line: its output, its addresses, and its exit status.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use pkcs11_bridge_protocol::PORTS;
use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::params::sign_data;
use pkcs11_bridge_tests::ports;
use pkcs11_bridge_tests::processes::{self, is_running};
use pkcs11_bridge_tests::program::{Home, Program};
use pkcs11_bridge_tests::token::{KeyType, MODULE, TestToken};
use rustix::process::Signal;
use serde_json::json;
use tokio::task::spawn_blocking;

#[tokio::test]
async fn a_signal_stops_the_bridge_and_its_workers_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let token = TestToken::new();
        let bridge = Setup::on(&token).start();
        let address = bridge.address();
        let mut page = bridge.connect().await;
        page.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
        let workers = bridge.workers();
        assert_eq!(workers.len(), 1);

        let stopping = spawn_blocking(move || bridge.stop_with(signal));
        assert_eq!(page.close_code().await, 1001);
        let finished = stopping.await.unwrap();
        assert_eq!(finished.code, Some(0), "{signal:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, format!("listening on ws://{address}"));
        assert!(!is_running(workers[0].pid), "a worker outlives its bridge");
        assert!(TcpStream::connect(address).is_err());
    }
}

#[tokio::test]
async fn the_bridge_stops_although_a_page_does_not_answer() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    page.result("slots", json!({})).await;
    // The page does not read the close frame.
    let finished = bridge.stop_with(Signal::TERM);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

#[test]
fn the_bridge_stops_although_its_terminal_is_gone() {
    let home = Home::new();
    let nowhere = File::options().write(true).open("/dev/full").unwrap();
    let mut command = home.command();
    command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(nowhere);
    let mut bridge = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(bridge.stdout.take().unwrap()).read_line(&mut line).unwrap();
    processes::signal(bridge.id(), Signal::HUP);
    let mut status = None;
    processes::wait_until(Duration::from_secs(10), || {
        status = bridge.try_wait().unwrap();
        status.is_some()
    });
    let _ = bridge.kill();
    bridge.wait().unwrap();
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{line}");
}

#[tokio::test]
async fn the_bridge_answers_calls_in_flight_before_it_stops() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let params = sign_data(&token, KeyType::Rsa3072.id(), "sha256");
    page.result("signData", params.clone()).await;
    let mut open = page.request_many("signData", &params, 16).await;
    // The reply shows that the bridge has started to answer.
    let (first, _) = page.reply().await;
    open.remove(&first.as_u64().unwrap());

    let stopping = spawn_blocking(move || bridge.stop_with(Signal::TERM));
    while !open.is_empty() {
        let (id, outcome) = page.reply().await;
        assert!(open.remove(&id.as_u64().unwrap()), "a second reply to {id}");
        outcome.unwrap();
    }
    assert_eq!(page.close_code().await, 1001);
    let finished = stopping.await.unwrap();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

#[test]
fn wrong_usage_exits_with_status_2_and_names_the_argument() {
    for (arguments, words) in [
        (&["--no-such-flag"][..], "--no-such-flag"),
        (&["--module"], "--module"),
        (&["--module", "softhsm"], "NAME=PATH"),
        (&["--module", "soft hsm=/x.so"], "soft hsm"),
        (&["--module", "a=/x.so", "--module", "a=/y.so"], "`a`"),
        (&["--allow-origin", "app.example"], "app.example"),
        (&["--allow-origin", "https://app.example/login"], "https://app.example/login"),
        (&["--allow-origin", "*"], "*"),
        (&["--allow-origin", "null"], "null"),
        (&["--allow-origin", "file:///tmp/page.html"], "file:///tmp/page.html"),
        (&["more"], "more"),
    ] {
        let setup =
            arguments.iter().fold(Setup::new(), |setup, argument| setup.argument(*argument));
        let finished = setup.run_to_end();
        assert_eq!(finished.code, Some(2), "{arguments:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(words), "{arguments:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn an_address_that_is_not_loopback_is_wrong_usage() {
    for address in ["0.0.0.0:0", "[::]:0", "192.168.1.1:0", "127.0.0.1", "localhost", "24911"] {
        let finished = Setup::new().listen(Some(address)).run_to_end();
        assert_eq!(finished.code, Some(2), "{address}: {}", finished.stderr);
        assert!(finished.stderr.contains(address), "{address}: {}", finished.stderr);
    }
}

#[test]
fn an_address_in_use_is_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = Setup::new().listen(Some(&address)).run_to_end();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    for words in [address.as_str(), "in use", "--listen"] {
        assert!(finished.stderr.contains(words), "no `{words}` in: {}", finished.stderr);
    }
    assert_eq!(finished.stdout, "");
}

#[tokio::test]
async fn the_bridge_listens_on_an_ipv6_address() {
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let token = TestToken::new();
    let bridge = Setup::on(&token).listen(Some("[::1]:0")).start();
    assert!(bridge.address().is_ipv6());
    bridge.connect().await.result("slots", json!({})).await;
}

#[tokio::test]
async fn serve_is_the_default_command() {
    let token = TestToken::new();
    let home = Home::new();
    let mut program = Program::start(
        home.command()
            .args(["--listen", "127.0.0.1:0", "--allow-origin", ORIGIN])
            .args(["--module", &format!("softhsm={MODULE}")])
            .env("SOFTHSM2_CONF", token.configuration()),
    );
    let address: SocketAddr = program.expect_line("listening on ws://").parse().unwrap();
    let handshake = pkcs11_bridge_tests::handshake::Handshake::of(address).origin(Some(ORIGIN));
    handshake.open().await.unwrap().result("slots", json!({})).await;
}

#[test]
fn help_and_version_are_printed() {
    let home = Home::new();
    for (argument, words) in [
        ("--help", &["demo", "--module", "--allow-origin", "--listen", "--config"][..]),
        ("--version", &["pkcs11-bridge"]),
    ] {
        let finished = Program::start(home.command().arg(argument)).run_to_end();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        for word in words {
            assert!(finished.stdout.contains(word), "{argument}: {}", finished.stdout);
        }
    }
}

#[tokio::test]
async fn the_first_free_port_of_the_range_is_the_default() {
    let _nobody_else = ports::reserve_default_range();
    let token = TestToken::new();
    let free = ports::free_in_default_range();
    let [first, second, ..] = free[..] else {
        eprintln!("skipped: other programs use the ports {PORTS:?}");
        return;
    };
    let start = || Setup::on(&token).listen(None).start();
    let one: Bridge = start();
    assert_eq!(one.address().port(), first);
    let two = start();
    assert_eq!(two.address().port(), second);
    for bridge in [&one, &two] {
        bridge.connect().await.result("slots", json!({})).await;
    }
}

#[tokio::test]
async fn a_port_in_use_on_one_loopback_address_is_skipped() {
    let _nobody_else = ports::reserve_default_range();
    let free = ports::free_in_default_range();
    let [first, second, ..] = free[..] else {
        eprintln!("skipped: other programs use the ports {PORTS:?}");
        return;
    };
    let Ok(_taken) = TcpListener::bind(("::1", first)) else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let bridge = Setup::new().listen(None).start();
    assert_eq!(bridge.address().port(), second);
}

#[test]
fn a_range_without_a_free_port_is_reported() {
    let _nobody_else = ports::reserve_default_range();
    let _taken: Vec<TcpListener> =
        PORTS.filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).collect();
    let finished = Setup::new().listen(None).run_to_end();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    for words in ["24911", "24915", "--listen"] {
        assert!(finished.stderr.contains(words), "no `{words}` in: {}", finished.stderr);
    }
}
