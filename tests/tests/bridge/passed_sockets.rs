//! A bridge that systemd starts at a connection, on sockets that systemd has opened.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::program::{Home, Program, START_LIMIT, binary};
use pkcs11_bridge_tests::token::{MODULE, TestToken};
use serde_json::json;

/// A port that nothing uses.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

/// `systemd-socket-activate`, which opens the sockets and runs the bridge at the first connection.
fn activate(home: &Home, sockets: &[String], arguments: &[&str]) -> Option<Command> {
    const TOOL: &str = "/usr/bin/systemd-socket-activate";
    if !Path::new(TOOL).exists() {
        eprintln!("skipped: {TOOL} is not installed");
        return None;
    }
    let mut command = home.command_of(Path::new(TOOL));
    let environment: Vec<_> = command
        .get_envs()
        .filter_map(|(name, _)| Some(format!("--setenv={}", name.to_str()?)))
        .collect();
    command.args(environment);
    command.args(sockets.iter().map(|socket| format!("--listen={socket}")));
    command.arg(binary()).arg("serve").args(arguments);
    Some(command)
}

/// Starts it, and makes the first connection.
fn start(command: &mut Command, address: SocketAddr) -> Program {
    let program = Program::start(command);
    let connects = || TcpStream::connect(address).is_ok();
    assert!(wait_until(START_LIMIT, connects), "nobody listens:\n{}", program.stderr());
    program
}

#[tokio::test]
async fn a_bridge_serves_on_passed_sockets_and_ends_when_it_is_idle() {
    let (token, home, port) = (TestToken::new(), Home::new(), free_port());
    let mut sockets = vec![format!("127.0.0.1:{port}")];
    if TcpListener::bind("[::1]:0").is_ok() {
        sockets.push(format!("[::1]:{port}"));
    }
    let module = format!("softhsm={MODULE}");
    let arguments = ["--allow-origin", ORIGIN, "--module", &module, "--end-when-idle", "2"];
    let Some(mut command) = activate(&home, &sockets, &arguments) else { return };
    command.arg("--listen").arg("127.0.0.1:1");
    command.env("SOFTHSM2_CONF", token.configuration());
    let mut program = start(&mut command, sockets[0].parse().unwrap());
    assert_eq!(program.expect_line("listening on ws://"), sockets[0]);
    for socket in &sockets {
        let handshake = Handshake::of(socket.parse().unwrap()).origin(Some(ORIGIN));
        let mut page = handshake.open().await.expect("a connection");
        // Longer than the bridge waits without a connection.
        tokio::time::sleep(Duration::from_secs(3)).await;
        page.result("slots", json!({})).await;
    }
    let finished = program.run_to_end();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("no page is connected"), "{}", finished.stderr);
}

#[tokio::test]
async fn a_bridge_stays_while_it_remembers_that_the_user_denied_a_site() {
    let (home, port) = (Home::new(), free_port());
    let pinentry = Pinentry::new();
    pinentry.answer(Answer::deny());
    let socket = format!("127.0.0.1:{port}");
    let Some(mut command) =
        activate(&home, std::slice::from_ref(&socket), &["--end-when-idle", "1"])
    else {
        return;
    };
    command.env("PINENTRY_PROGRAM", pinentry.program());
    let program = start(&mut command, socket.parse().unwrap());
    let handshake = Handshake::of(socket.parse().unwrap()).origin(Some("https://new.example"));
    let mut page = handshake.open().await.expect("a connection");
    assert!(page.call("slots", json!({})).await.is_err());
    drop(page);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(program.is_running(), "a page could ask again at once:\n{}", program.stderr());
}

#[test]
fn sockets_that_other_computers_reach_are_refused() {
    let (home, port) = (Home::new(), free_port());
    let sockets = [format!("0.0.0.0:{port}")];
    let Some(mut command) = activate(&home, &sockets, &[]) else { return };
    let program = start(&mut command, (Ipv4Addr::LOCALHOST, port).into());
    let finished = program.run_to_end();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    for words in [sockets[0].as_str(), "is not 127.0.0.1", "ListenStream=", "pkcs11-bridge.socket"]
    {
        assert!(finished.stderr.contains(words), "no `{words}` in: {}", finished.stderr);
    }
}
