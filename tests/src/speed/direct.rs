//! A process that calls a module itself, without the bridge: what everything is compared with. It is this
//! program once more, asked over its pipes, so that what the pipes cost is not measured.

use std::io::{BufRead, BufReader, Lines, Write, stdin};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

mod asked;
mod module;

pub use asked::Key;
use asked::Question;

use super::figures::Samples;
use super::this;

/// The process; it ends when this is dropped.
pub struct Direct {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Direct {
    /// A process that is logged in to the token of a folder, through a module.
    pub fn start(module: &str, environment: &[(&str, PathBuf)]) -> Self {
        let mut command = this(DIRECT);
        let mut child = command
            .arg(module)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        // SoftHSM2 fails now and then where several processes log in at the same instant.
        let ready = output.next().expect("it starts").expect("a line");
        assert_eq!(ready, READY);
        Self { child, input, output }
    }

    /// Signs so many times, one call after the other.
    pub fn sign(&mut self, key: Key, count: usize) -> Samples {
        self.samples(&Question::Sign { key, count })
    }

    /// Signatures in a second, made by so many threads.
    pub fn sign_rate(&mut self, key: Key, threads: usize, seconds: f64) -> f64 {
        self.number(&Question::SignRate { key, threads, seconds })
    }

    /// Checks a signature so many times.
    pub fn check(&mut self, key: Key, count: usize) -> Samples {
        self.samples(&Question::Check { key, count })
    }

    /// Reads all certificates so many times.
    pub fn certificates(&mut self, count: usize) -> Samples {
        self.samples(&Question::Certificates { count })
    }

    /// Reads what there is to know of all slots so many times.
    pub fn slots(&mut self, count: usize) -> Samples {
        self.samples(&Question::Slots { count })
    }

    /// Reads what there is to know of the token so many times.
    pub fn token(&mut self, count: usize) -> Samples {
        self.samples(&Question::Token { count })
    }

    /// Leaves so many certificates on the token, or adds copies of one, each with an id of its own. That of the
    /// key on P-256 stays.
    pub fn set_certificates(&mut self, count: usize) {
        self.ask(&Question::SetCertificates { count });
    }

    /// The memory that the module has come to take, in bytes.
    pub fn memory_of_module(&mut self) -> f64 {
        self.number(&Question::MemoryOfModule)
    }

    fn samples(&mut self, question: &Question) -> Samples {
        Samples::of_json(&self.ask(question))
    }

    fn number(&mut self, question: &Question) -> f64 {
        self.ask(question).as_f64().expect("a number")
    }

    fn ask(&mut self, question: &Question) -> Value {
        let input = self.input.as_mut().expect("it is piped");
        writeln!(input, "{}", json!(question)).expect("it listens");
        let line = self.output.next().expect("it answers").expect("a line");
        serde_json::from_str(&line).expect("an answer in JSON")
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        // Its end.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// A process that loads a module, says what slots there are, and ends: nothing in it is warm.
pub fn cold(module: &str, environment: &[(&str, PathBuf)]) -> Command {
    let mut command = this(COLD);
    command.arg(module).envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// What this program is started with for [`Direct`].
pub const DIRECT: &str = "direct";

/// What this program is started with for [`cold`].
pub const COLD: &str = "cold";

/// Answers until there are no more questions.
pub fn serve(module: &str) {
    let mut module = module::Module::load(module);
    println!("{READY}");
    for line in stdin().lock().lines() {
        let question = serde_json::from_str(&line.expect("a line")).expect("a question in JSON");
        println!("{}", module.answer(question));
    }
}

/// Says what slots there are.
pub fn serve_cold(module: &str) {
    println!("{}", module::Module::initialise(module).slots());
}

/// The line that it begins with.
const READY: &str = "ready";
