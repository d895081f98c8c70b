//! PINs pass through the memory of the bridge and its workers. No crash writes this
//! memory to the disk, and no other program of the user can read it.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::params::{sign_data, without};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::processes::{self, is_running, wait_until};
use pkcs11_bridge_tests::program::{Finished, Home, Program, binary, tool};
use pkcs11_bridge_tests::token::{KeyType, MODULE, TestToken};
use rustix::process::{Signal, geteuid};

const CRASHES: [Signal; 2] = [Signal::ABORT, Signal::SEGV];

/// Runs a command in a shell without a limit on core dumps, in a folder.
fn with_cores(command: &Command, folder: &Path) -> Command {
    let mut shell = tool("bash");
    shell.args(["-c", "ulimit -c unlimited && exec \"$@\"", "bash"]).arg(command.get_program());
    shell.args(command.get_args()).current_dir(folder);
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

/// Prints a warning if no program on this machine dumps a core, because the test then
/// proves little.
fn warn_if_cores_are_not_dumped(folder: &Path) {
    let mut sleep = tool("sleep");
    let sleep = Program::start(&mut with_cores(sleep.arg("60"), folder));
    let is_sleep = || {
        let process = processes::find(sleep.pid());
        process.is_some_and(|process| process.arguments.first().is_some_and(|name| name == "sleep"))
    };
    assert!(wait_until(Duration::from_secs(20), is_sleep));
    if !sleep.stop_with(Signal::ABORT).core_dumped {
        eprintln!("no program dumps a core on this machine, so this test proves little");
    }
    for core in cores(folder) {
        fs::remove_file(folder.join(core)).unwrap();
    }
}

/// The files that a crash may have left in a folder.
fn cores(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter_map(|name| name.into_string().ok()).filter(|name| name.contains("core")).collect()
}

/// Ends a process like a crash does. Rust's own handler takes the first SIGSEGV, which
/// may be a stack overflow. The system takes the next one.
#[track_caller]
fn crash(pid: u32, signal: Signal) {
    let ended = wait_until(Duration::from_secs(20), || {
        processes::signal(pid, signal);
        !is_running(pid)
    });
    assert!(ended, "it goes on after {signal:?}");
}

#[track_caller]
fn assert_no_core(what: &str, finished: &Finished, folder: &Path) {
    assert_eq!(finished.code, None, "{what} ended by itself: {}", finished.stderr);
    assert!(!finished.core_dumped, "{what} dumped a core");
    assert_eq!(cores(folder), [""; 0], "{what}");
}

#[track_caller]
fn assert_limit(what: &str, pid: u32) {
    let limits = || fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let is_none = || {
        let limits = limits();
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        core.is_some_and(|values| values.split_whitespace().take(2).eq(["0", "0"]))
    };
    assert!(wait_until(Duration::from_secs(20), is_none), "{what}: {}", limits());
}

#[test]
fn a_bridge_that_crashes_dumps_no_core() {
    let home = Home::new();
    warn_if_cores_are_not_dumped(&home.temporary());
    for signal in CRASHES {
        let mut command = home.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut bridge = Program::start(&mut with_cores(&command, &home.temporary()));
        bridge.expect_line("listening on ws://");
        assert_limit("the bridge", bridge.pid());
        crash(bridge.pid(), signal);
        let finished = bridge.run_to_end();
        assert_no_core("the bridge", &finished, &home.temporary());
    }
}

#[test]
fn a_worker_that_crashes_dumps_no_core() {
    let (home, token) = (Home::new(), TestToken::new());
    warn_if_cores_are_not_dumped(&home.temporary());
    for signal in CRASHES {
        let mut command = home.command();
        command.args(["worker", "--module", MODULE, "--bridge", &std::process::id().to_string()]);
        command.env("SOFTHSM2_CONF", token.configuration());
        // The worker starts as under the bridge, and sets the limit by itself.
        let mut shell = with_cores(&command, &home.temporary());
        // The channels of the worker come over this socket.
        let (_bridge, standard_input) = UnixStream::pair().unwrap();
        let worker = Program::start_reading(&mut shell, OwnedFd::from(standard_input));
        assert_limit("the worker", worker.pid());
        crash(worker.pid(), signal);
        let finished = worker.run_to_end();
        assert_no_core("the worker", &finished, &home.temporary());
    }
}

#[tokio::test]
async fn no_process_of_the_bridge_may_dump_a_core() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    let bridge: Bridge = Setup::on(&token).pinentry(&pinentry).start();
    let held = pinentry.answer(Answer::cancel().held());
    let mut page = bridge.connect().await;
    page.request("signData", without(&sign_data(&token, KeyType::P256.id(), "sha256"), "pin"))
        .await;
    let dialog = held.opened();
    assert_limit("the bridge", bridge.pid());
    assert_limit("the pinentry", dialog.pid);
    let (workers, dialogs) = (bridge.workers(), bridge.dialogs());
    assert_eq!((workers.len(), dialogs.len()), (1, 1));
    for process in workers.iter().chain(&dialogs) {
        assert_limit(&process.arguments.join(" "), process.pid);
    }
    // The bridge reports the worker's crash and continues.
    crash(workers[0].pid, Signal::SEGV);
    held.release();
    assert!(page.reply().await.1.is_err());
    bridge.expect_log("signal 11");
}

/// The user `nobody`.
const NOBODY: u32 = 65534;

/// Whether a program of `nobody` can read another program's environment, which has the
/// same protection as its memory.
fn can_read(pid: u32) -> bool {
    let mut reader = tool("cat");
    reader.arg(format!("/proc/{pid}/environ")).uid(NOBODY).gid(NOBODY).current_dir("/");
    reader.output().expect("cat").status.success()
}

#[test]
fn another_program_of_the_same_user_cannot_read_its_memory() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can start programs of another user");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = folder.path().join("pkcs11-bridge");
    fs::copy(binary(), &copy).unwrap();
    let as_nobody = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", "/nonexistent").current_dir("/");
        command.env("PATH", "/usr/bin:/bin").uid(NOBODY).gid(NOBODY);
        Program::start(&mut command)
    };
    let sleep = as_nobody(Path::new("/bin/sleep"), &["60"]);
    assert!(wait_until(Duration::from_secs(20), || can_read(sleep.pid())));
    let mut bridge = as_nobody(&copy, &["serve", "--listen", "127.0.0.1:0"]);
    bridge.expect_line("listening on ws://");
    assert!(!can_read(bridge.pid()));
}

/// Opens the memory of each new child of the bridge as often as it can, and prints the process
/// ids where that succeeded. The arguments are the bridge's process id and its port. Its own
/// connection makes the bridge start a worker for each of 20 calls.
const ATTACK: &str = r#"
exec 4<>"/dev/tcp/127.0.0.1/$2"
printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nOrigin: https://app.example\r\n' "$2" >&4
printf 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' >&4
printf 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n' >&4
printf 'Sec-WebSocket-Protocol: pkcs11-bridge.v1\r\n\r\n' >&4
seen=" "
for call in {1..20}; do
    body="{\"jsonrpc\":\"2.0\",\"id\":$call,\"method\":\"info\"}"
    printf "\\x81\\x$(printf %x $((128 + ${#body})))\\0\\0\\0\\0%s" "$body" >&4
    end=$((SECONDS + 2)) tries=0
    while ((SECONDS < end && tries < 3000)); do
        ((tries++))
        read -r children < "/proc/$1/task/$1/children"
        for child in $children; do
            case "$seen" in *" $child "*) ;; *) seen="$seen$child " ; echo "started $child";; esac
            if { exec 3<"/proc/$child/mem"; } 2>/dev/null; then echo "opened $child"; fi
        done
    done
done
"#;

#[test]
fn no_program_of_the_same_user_can_open_the_memory_of_a_new_worker() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let copy = folder.path().join("pkcs11-bridge");
    fs::copy(binary(), &copy).unwrap();
    let as_user = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", folder.path()).current_dir("/");
        command.env("PATH", "/usr/bin:/bin");
        if geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        Program::start(&mut command)
    };
    // Starting a worker on a file that is no module fails, so each call starts another one.
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--module", "none=/etc/hostname", "--allow-origin"];
    let mut bridge = as_user(&copy, &[&arguments[..], &["https://app.example"]].concat());
    let address: std::net::SocketAddr = bridge.expect_line("listening on ws://").parse().unwrap();
    let (pid, port) = (bridge.pid().to_string(), address.port().to_string());
    let attack = as_user(Path::new("/bin/bash"), &["-c", ATTACK, "bash", &pid, &port]).run_to_end();
    let started = attack.stdout.lines().filter(|line| line.starts_with("started")).count();
    assert!(started > 5, "{}{}", attack.stdout, attack.stderr);
    assert!(!attack.stdout.contains("opened"), "{}", attack.stdout);
}
