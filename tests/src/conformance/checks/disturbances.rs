//! Checks of what goes on while something else ends: a daemon, a worker, the bridge, a token.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::conformance::context::{Context, Found, MODULE, ok};
use crate::conformance::report::Verdict;
use crate::processes;
use crate::socket::Socket;

/// After the daemon behind the module was restarted, at most one call fails.
pub(super) async fn daemon_restarted(context: &mut Context) -> Result<Verdict, String> {
    if context.token.restart_daemon().is_none() {
        return Ok(Verdict::NotApplicable);
    }
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    let found = context.sign(&mut page).await?;
    for first in ["certificates", "signData"] {
        context.token.restart_daemon();
        assert_heals(context, &found, &mut page, first).await?;
    }
    Ok(Verdict::Passed)
}

/// Calls a method, then signs. One of these calls may fail: the one that finds that the module
/// does not work any more.
async fn assert_heals(
    context: &Context,
    found: &Found,
    page: &mut Socket,
    first: &str,
) -> Result<(), String> {
    let failed = match first {
        "signData" => found.sign(page, Some(context.token.pin())).await.is_err(),
        _ => context.find(page).await.is_err(),
    };
    let told = |reason: String| format!("after {first}: {reason}");
    match context.sign(page).await {
        Err(_) if !failed => context.sign(page).await.map_err(told)?,
        signed => signed.map_err(told)?,
    };
    Ok(())
}

/// Tries it once, so that a check that does not apply does nothing else.
fn can_be_removed(context: &mut Context) -> bool {
    let can = context.token.take_out().is_some();
    if can {
        context.token.put_back();
    }
    can
}

/// A page that watches is told when the token goes and comes back. Then the token signs.
pub(super) async fn out_and_back_watched(context: &mut Context) -> Result<Verdict, String> {
    if !can_be_removed(context) {
        return Ok(Verdict::NotApplicable);
    }
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    let mut watching = bridge.connect().await;
    ok("watchSlots", watching.call("watchSlots", json!({ "module": MODULE })).await)?;
    let found = context.sign(&mut page).await?;
    for _ in 0..2 {
        context.token.take_out();
        expect_event(&mut watching, "removed").await?;
        let without = found.sign(&mut page, Some(context.token.pin())).await;
        context.token.put_back();
        if without.is_ok() {
            return Err("a token that is out signs".to_owned());
        }
        expect_event(&mut watching, "inserted").await?;
        context.sign(&mut page).await?;
    }
    Ok(Verdict::Passed)
}

async fn expect_event(page: &mut Socket, kind: &str) -> Result<(), String> {
    let event: Value = page.event().await;
    if event["params"]["kind"] == kind {
        Ok(())
    } else {
        Err(format!("expected the event `{kind}`, got {event}"))
    }
}

/// The token works after it was out, although no page watches.
pub(super) async fn out_and_back_unwatched(context: &mut Context) -> Result<Verdict, String> {
    if !can_be_removed(context) {
        return Ok(Verdict::NotApplicable);
    }
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    let found = context.sign(&mut page).await?;
    for call_meanwhile in [false, true] {
        context.token.take_out();
        let without = match call_meanwhile {
            true => found.sign(&mut page, Some(context.token.pin())).await.ok(),
            false => None,
        };
        context.token.put_back();
        if without.is_some() {
            return Err("a token that is out signs".to_owned());
        }
        context.sign(&mut page).await?;
    }
    Ok(Verdict::Passed)
}

/// After a worker was killed, at most the call that finds it dead fails.
pub(super) async fn worker_killed(context: &mut Context) -> Result<Verdict, String> {
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    let found = context.sign(&mut page).await?;
    let workers = bridge.workers();
    let [worker] = &workers[..] else { return Err(format!("the workers are {workers:?}")) };
    processes::signal(worker.pid, Signal::KILL);
    processes::wait_until(END_LIMIT, || !processes::is_running(worker.pid));
    assert_heals(context, &found, &mut page, "certificates").await?;
    Ok(Verdict::Passed)
}

/// A bridge that ends leaves no process behind, and the next bridge can use the token.
pub(super) async fn clean_end(context: &mut Context) -> Result<Verdict, String> {
    for _ in 0..2 {
        let bridge = context.bridge();
        let mut page = bridge.connect().await;
        context.sign(&mut page).await?;
        let children = processes::descendants(bridge.pid());
        let finished = bridge.stop_with(Signal::TERM);
        if finished.code != Some(0) {
            return Err(format!("the bridge ended with {:?}", finished.code));
        }
        let left =
            || children.iter().filter(|child| processes::find(child.pid).as_ref() == Some(child));
        if !processes::wait_until(END_LIMIT, || left().next().is_none()) {
            return Err(format!("still running: {:?}", left().collect::<Vec<_>>()));
        }
    }
    Ok(Verdict::Passed)
}

/// How long a process may take to end.
const END_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);
