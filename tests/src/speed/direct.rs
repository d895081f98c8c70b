//! A process that calls a PKCS#11 module directly, without the bridge: the reference for all other
//! figures. It is this program started again. It measures by itself and gets its tasks over a pipe,
//! so that the cost of the pipe is not measured.

use std::io::{BufRead, BufReader, Lines, Write, stdin};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod module;

use super::statistics::Samples;
use super::this_program;
use crate::token::KeyType;
use module::Module;

/// The process, which is logged in to the token. Dropping it ends the process.
pub struct Direct {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

/// A key of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Key {
    /// ECDSA on P-256
    P256,
    /// RSA with 2048 bits, PKCS #1 v1.5
    Rsa2048,
}

impl Key {
    /// Both keys.
    pub const ALL: [Self; 2] = [Self::P256, Self::Rsa2048];

    /// The type of the key.
    pub fn key_type(self) -> KeyType {
        match self {
            Self::P256 => KeyType::P256,
            Self::Rsa2048 => KeyType::Rsa2048,
        }
    }
}

/// What the process can do.
#[derive(Debug, Serialize, Deserialize)]
enum Task {
    Sign { key: Key, count: usize },
    SignRate { key: Key, threads: usize, seconds: f64 },
    Check { key: Key, count: usize },
    Certificates { count: usize },
    Slots { count: usize },
    Token { count: usize },
    SetCertificates { count: usize },
    ModuleMemory,
}

impl Direct {
    /// Starts the process with a module and the environment that the module needs.
    pub fn start(module: &str, environment: &[(&str, PathBuf)]) -> Self {
        let mut command = this_program(DIRECT);
        let mut child = command
            .arg(module)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        // SoftHSM2 sometimes fails if several processes log in at the same instant.
        let ready = output.next().expect("the process starts").expect("a line");
        assert_eq!(ready, READY);
        Self { child, input, output }
    }

    /// Signs `count` times, one call after the other.
    pub fn sign(&mut self, key: Key, count: usize) -> Samples {
        self.samples(&Task::Sign { key, count })
    }

    /// Signs in `threads` threads at once and returns the signatures per second.
    pub fn sign_rate(&mut self, key: Key, threads: usize, seconds: f64) -> f64 {
        self.number(&Task::SignRate { key, threads, seconds })
    }

    /// Checks a signature `count` times in software.
    pub fn check(&mut self, key: Key, count: usize) -> Samples {
        self.samples(&Task::Check { key, count })
    }

    /// Reads all certificates `count` times.
    pub fn certificates(&mut self, count: usize) -> Samples {
        self.samples(&Task::Certificates { count })
    }

    /// Reads the information on all slots `count` times.
    pub fn slots(&mut self, count: usize) -> Samples {
        self.samples(&Task::Slots { count })
    }

    /// Reads the information on the token `count` times.
    pub fn token(&mut self, count: usize) -> Samples {
        self.samples(&Task::Token { count })
    }

    /// Removes certificates from the token or adds copies, until the token has `count` of them. The
    /// certificate of the P-256 key stays.
    pub fn set_certificates(&mut self, count: usize) {
        self.run(&Task::SetCertificates { count });
    }

    /// The memory that the module takes in the process, in bytes.
    pub fn module_memory(&mut self) -> f64 {
        self.number(&Task::ModuleMemory)
    }

    fn samples(&mut self, task: &Task) -> Samples {
        Samples::from_json(&self.run(task))
    }

    fn number(&mut self, task: &Task) -> f64 {
        self.run(task).as_f64().expect("a number")
    }

    fn run(&mut self, task: &Task) -> Value {
        let input = self.input.as_mut().expect("the process runs");
        writeln!(input, "{}", json!(task)).expect("the process reads");
        let line = self.output.next().expect("the process answers").expect("a line");
        serde_json::from_str(&line).expect("a result in JSON")
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        // The process ends at the end of its input.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// The argument that makes this program the process of [`Direct`].
pub const DIRECT: &str = "direct";

/// Runs the tasks from standard input until it ends.
pub fn serve(module: &str) {
    let mut module = Module::load(module);
    println!("{READY}");
    for line in stdin().lock().lines() {
        let task = serde_json::from_str(&line.expect("a line")).expect("a task in JSON");
        println!("{}", module.run(task));
    }
}

/// The first line that the process prints.
const READY: &str = "ready";

/// A process that loads a module, lists its slots and ends. Nothing in it is cached.
pub fn cold(module: &str, environment: &[(&str, PathBuf)]) -> Command {
    let mut command = this_program(COLD);
    command.arg(module).envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// The argument that makes this program the process of [`cold`].
pub const COLD: &str = "cold";

/// Lists the slots of a module.
pub fn serve_cold(module: &str) {
    println!("{}", Module::initialize(module).slots());
}
