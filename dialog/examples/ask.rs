//! Asks a question in the window, to look at it: reads the question as JSON from standard input,
//! and prints the kind of the answer.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use pkcs11_bridge_dialog::question::{Answer, Question};
use pkcs11_bridge_dialog::window;

#[allow(clippy::print_stdout)]
fn main() -> serde_json::Result<()> {
    let question: Question = serde_json::from_reader(io::stdin())?;
    let (_updates, receiver) = mpsc::channel();
    let answer = match window::ask(question, Duration::from_secs(120), receiver, || true) {
        Answer::Allowed => "allowed",
        Answer::Denied => "denied",
        Answer::Blocked => "blocked",
        Answer::Pin(_) => "a PIN",
        Answer::Hidden => "hidden",
        Answer::Cancelled => "cancelled",
        Answer::TimedOut => "timed out",
        Answer::Unavailable(reason) => &format!("unavailable: {reason}"),
    };
    println!("{answer}");
    Ok(())
}
