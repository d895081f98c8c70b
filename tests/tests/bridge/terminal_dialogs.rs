//! Questions in the terminal of the bridge, for a user without a working pinentry.

use std::process::Command;
use std::time::Duration;

use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::digest::from_base64;
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with, without};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::program::{Home, Program, STOP_LIMIT};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::terminal::{Echo, Terminal};
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken, WRONG_PIN};
use pkcs11_bridge_tests::{digest, openssl, processes};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::consent::{COMMAND, NEW, NOT_APPROVED};

/// The end of each question in the terminal.
const ENTER_DIGITS: &str = "Digits: ";
const ENTER_PIN: &str = "PIN: ";

/// A bridge in a terminal, with a token for [`ORIGIN`].
struct TerminalFixture {
    terminal: Terminal,
    before: String,
    token: TestToken,
    bridge: Bridge,
}

impl TerminalFixture {
    fn new(config: &str) -> Self {
        let terminal = Terminal::new();
        let token = TestToken::new();
        let before = terminal.settings();
        let bridge = Setup::on(&token).terminal(&terminal).config(config).start();
        Self { terminal, before, token, bridge }
    }

    fn without_pin(&self) -> Value {
        without(&sign_data(&self.token, KeyType::Rsa2048.id(), "sha256"), "pin")
    }

    /// A page of [`ORIGIN`] that waits for a PIN. The terminal is ready to take it.
    async fn signing(&self) -> Socket {
        let mut page = self.bridge.connect().await;
        page.request("signData", self.without_pin()).await;
        self.expect_pin_entry(1);
        page
    }

    /// Types a line as a person does, who reads the question first.
    async fn type_slowly(&self, text: &str) {
        tokio::time::sleep(Duration::from_millis(1050)).await;
        self.terminal.type_text(&format!("{text}\n"));
    }

    /// Waits until the terminal asks for a PIN, for the n-th time.
    fn expect_pin_entry(&self, number: usize) {
        self.terminal.wait_for(ENTER_PIN, number);
        self.terminal.wait_for_echo(Echo::Off);
    }

    #[track_caller]
    fn assert_settings_as_before(&self) {
        let as_before = || self.terminal.settings() == self.before;
        assert!(processes::wait_until(STOP_LIMIT, as_before), "{}", self.terminal.settings());
    }
}

async fn answered(page: &mut Socket) -> Outcome {
    page.reply().await.1
}

#[tokio::test]
async fn the_shown_digits_allow_and_nothing_denies() {
    let fixture = TerminalFixture::new("");
    for (number, (typed, allowed)) in
        [("{allow}", true), (" {allow} ", true), ("", false)].into_iter().enumerate()
    {
        let origin = format!("https://site-{number}.example");
        let mut page = fixture.bridge.connect_as(&origin).await;
        page.request("hello", json!({})).await;
        fixture.terminal.wait_for(ENTER_DIGITS, number + 1);
        assert!(fixture.terminal.shown().contains(&origin));
        let [allow, _] = fixture.terminal.consent_digits();
        fixture.terminal.type_text(&format!("{}\n", typed.replace("{allow}", &allow)));
        let outcome = answered(&mut page).await;
        if allowed {
            outcome.expect(typed);
        } else {
            assert_error(typed, &outcome, NOT_APPROVED, &["not asked again for 10 min"]);
        }
        fixture.assert_settings_as_before();
    }
}

#[tokio::test]
async fn other_digits_are_asked_for_again_and_some_block_the_site() {
    let fixture = TerminalFixture::new("");
    let mut page = fixture.bridge.connect_as(NEW).await;
    page.request("hello", json!({})).await;
    fixture.terminal.wait_for(ENTER_DIGITS, 1);
    fixture.terminal.type_text("yes\n");
    fixture.terminal.wait_for(ENTER_DIGITS, 2);
    let [_, block] = fixture.terminal.consent_digits();
    fixture.terminal.type_text(&format!("{block}\n"));
    let words = ["has blocked https://new.example", "origins unblock"];
    assert_error("a block", &answered(&mut page).await, NOT_APPROVED, &words);
}

#[tokio::test]
async fn earlier_input_does_not_answer_a_question() {
    let fixture = TerminalFixture::new("");
    let mut page = fixture.bridge.connect_as(NEW).await;
    fixture.terminal.type_text("yes\n");
    page.request("hello", json!({})).await;
    fixture.terminal.wait_for(ENTER_DIGITS, 1);
    fixture.terminal.type_text("\n");
    assert_error("no", &answered(&mut page).await, NOT_APPROVED, &[]);
}

#[tokio::test]
async fn an_unanswered_question_times_out() {
    let fixture = TerminalFixture::new("dialog_seconds = 1");
    let outcome = fixture.bridge.connect_as(NEW).await.call("hello", json!({})).await;
    assert_error("no answer", &outcome, NOT_APPROVED, &["no answer within 1 s"]);
    let mut page = fixture.signing().await;
    assert_error("no PIN", &answered(&mut page).await, (408, "110"), &["1 s"]);
    fixture.assert_settings_as_before();
}

#[tokio::test]
async fn a_pin_is_not_echoed_and_asked_for_again_if_wrong() {
    let fixture = TerminalFixture::new("");
    let mut page = fixture.signing().await;
    let certificate = fixture.token.certified_key(KeyType::Rsa2048).certificate();
    let subject = openssl::names(&certificate).0;
    let name = subject.rsplit('=').next().unwrap().trim();
    for shown in [ORIGIN, "Test token", name] {
        assert!(fixture.terminal.shown().contains(shown), "{shown}: {}", fixture.terminal.shown());
    }
    fixture.type_slowly(WRONG_PIN).await;
    fixture.terminal.wait_for(ENTER_DIGITS, 1);
    assert!(fixture.terminal.shown().contains("PIN was wrong"), "{}", fixture.terminal.shown());
    let digits = fixture.terminal.digits("first type ");
    fixture.terminal.type_text(&format!("{digits}\n"));
    fixture.expect_pin_entry(2);
    // The user corrects a typing mistake.
    fixture.type_slowly(&format!("{PIN}7\x7f")).await;
    let signature = answered(&mut page).await.expect("a signature");
    let signature = from_base64(signature.as_str().unwrap());
    let hash = digest::digest("sha256", MESSAGE);
    assert!(openssl::verifies(&certificate, "sha256", &hash, &signature));
    fixture.assert_settings_as_before();
    assert!(!fixture.terminal.shown().contains(&PIN[..4]), "{}", fixture.terminal.shown());
}

#[tokio::test]
async fn an_empty_pin_and_ctrl_c_cancel_the_entry() {
    let fixture = TerminalFixture::new("");
    let mut page = fixture.signing().await;
    fixture.terminal.type_text("\n");
    assert_error("an empty PIN", &answered(&mut page).await, (412, "109"), &["cancelled"]);
    fixture.assert_settings_as_before();

    page.request("signData", fixture.without_pin()).await;
    fixture.expect_pin_entry(2);
    fixture.terminal.type_text("12\x03");
    assert_error("Ctrl-C", &answered(&mut page).await, (412, "109"), &["cancelled"]);
    fixture.assert_settings_as_before();
    // Only the entry ended, not the bridge.
    page.result("signData", with(&fixture.without_pin(), "pin", PIN)).await;
}

#[tokio::test]
async fn a_stopping_bridge_restores_the_terminal_settings() {
    let fixture = TerminalFixture::new("");
    let mut page = fixture.signing().await;
    let TerminalFixture { terminal, before, bridge, .. } = fixture;
    let stopping = spawn_blocking(move || bridge.stop_with(Signal::TERM));
    assert!(answered(&mut page).await.is_err());
    assert_eq!(page.close_code().await, 1001);
    drop(page);
    assert_eq!(stopping.await.unwrap().code, Some(0));
    assert_eq!(terminal.settings(), before);
}

#[tokio::test]
async fn if_the_pinentry_fails_the_terminal_asks() {
    let (terminal, pinentry) = (Terminal::new(), Pinentry::new());
    let bridge = Setup::new().terminal(&terminal).pinentry(&pinentry).start();
    let before = terminal.settings();
    for (number, answer) in
        [Answer::no_display(), Answer::exit().at_start(), Answer::binary()].into_iter().enumerate()
    {
        pinentry.answer(answer);
        let mut page = bridge.connect_as(&format!("https://site-{number}.example")).await;
        page.request("hello", json!({})).await;
        terminal.wait_for(ENTER_DIGITS, number + 1);
        let [allow, _] = terminal.consent_digits();
        terminal.type_text(&format!("{allow}\n"));
        answered(&mut page).await.expect("it was allowed");
    }
    pinentry.answer(Answer::deny());
    let outcome = bridge.connect_as(NEW).await.call("hello", json!({})).await;
    assert_error("a denial in the dialog", &outcome, NOT_APPROVED, &["not asked again"]);
    assert_eq!(terminal.shown().matches(ENTER_DIGITS).count(), 3);
    assert_eq!(terminal.settings(), before);
}

/// A bridge started by bash, and a page of [`NEW`].
async fn start_in_bash(terminal: &Terminal, home: &Home, script: &str) -> (Program, Socket) {
    let config = home.path().join("config.toml");
    std::fs::write(&config, "dialog_seconds = 1").unwrap();
    let bridge = home.command();
    let mut shell = Command::new("bash");
    shell.args(["--norc", "-i", "-c", script, "bash"]).arg(bridge.get_program());
    shell.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(config);
    shell.envs(bridge.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut program = terminal.start(&shell);
    let address = program.expect_line("listening on ws://").parse().unwrap();
    let page = Handshake::of(address).origin(Some(NEW)).open().await.unwrap();
    (program, page)
}

#[tokio::test]
async fn a_bridge_in_the_background_does_not_use_the_terminal() {
    let (terminal, home) = (Terminal::new(), Home::new());
    let (program, mut page) = start_in_bash(&terminal, &home, "\"$@\" & wait").await;
    terminal.type_text("yes\n");
    let outcome = page.call("hello", json!({})).await;
    assert_error("in the background", &outcome, NOT_APPROVED, &["cannot ask", COMMAND]);
    assert!(!terminal.shown().contains(NEW), "{}", terminal.shown());
    drop(page);
    program.stop_with(Signal::HUP);
}

#[tokio::test]
async fn a_bridge_suspended_while_it_asks_continues() {
    let (terminal, home) = (Terminal::new(), Home::new());
    let (program, mut page) = start_in_bash(&terminal, &home, "\"$@\"; bg; wait").await;
    page.request("hello", json!({})).await;
    terminal.wait_for(ENTER_DIGITS, 1);
    // Ctrl-Z
    terminal.type_text("\x1a");
    assert_error("no answer", &answered(&mut page).await, NOT_APPROVED, &[]);
    let outcome = page.call("hello", json!({})).await;
    assert_error("a second call", &outcome, NOT_APPROVED, &["not asked again"]);
    drop(page);
    program.stop_with(Signal::HUP);
}
