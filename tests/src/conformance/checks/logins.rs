//! Checks of PINs and logins: who is logged in, and until when.

use futures_util::future::join_all;
use serde_json::json;

use crate::bridge::ORIGIN;
use crate::conformance::context::{Context, Found, MODULE, OTHER, ok};
use crate::conformance::report::Verdict;
use crate::pinentry::{Answer, Pinentry};
use crate::socket::Socket;
use crate::token::WRONG_PIN;

/// A wrong PIN is reported as one. The user enters the right one. Then pages may send PINs again.
pub(super) async fn wrong_then_right_pin(context: &mut Context) -> Result<Verdict, String> {
    let pinentry = Pinentry::new();
    let bridge = context.setup().pinentry(&pinentry).start();
    let mut page = bridge.connect().await;
    let found = context.find_first(&mut page).await?;
    match found.sign(&mut page, Some(WRONG_PIN)).await {
        Ok(_) => return Err("a wrong PIN signs".to_owned()),
        Err(error) if error.data.status == 412 && error.data.code == "106" => {}
        Err(error) => return ok("a wrong PIN", Err(error)).map(|_| Verdict::Passed),
    }
    pinentry.answer(Answer::pin(context.token.pin()));
    found.assert_signs(&mut page, None).await?;
    ok("logout", page.call("logout", json!({ "module": MODULE })).await)?;
    found.assert_signs(&mut page, Some(context.token.pin())).await?;
    Ok(Verdict::Passed)
}

/// Sixteen connections of one origin sign at the same time.
pub(super) async fn connections(context: &mut Context) -> Result<Verdict, String> {
    let bridge = context.bridge();
    let context = &*context;
    let pages = (0..16).map(async |_| {
        let mut page = bridge.connect().await;
        for _ in 0..2 {
            context.sign(&mut page).await?;
        }
        Ok(page)
    });
    let results: Vec<Result<Socket, String>> = join_all(pages).await;
    let failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    match &failures[..] {
        [] => Ok(Verdict::Passed),
        [first, ..] => Err(format!("{} of 16 failed: {first}", failures.len())),
    }
}

/// Fails if a signature without a PIN succeeds.
async fn assert_logged_out(what: &str, found: &Found, page: &mut Socket) -> Result<(), String> {
    match found.sign(page, None).await {
        Ok(_) => Err(format!("{what} signs without a PIN")),
        Err(_) => Ok(()),
    }
}

/// The login of one origin does not open the token for another, and its logout leaves the other
/// logged in.
pub(super) async fn two_origins(context: &mut Context) -> Result<Verdict, String> {
    let bridge = context.bridge();
    let mut first = bridge.connect_as(ORIGIN).await;
    let mut second = bridge.connect_as(OTHER).await;
    let found = context.sign(&mut first).await?;
    context.find(&mut second).await?;
    assert_logged_out("the other origin", &found, &mut second).await?;
    found.assert_signs(&mut second, Some(context.token.pin())).await?;
    ok("logout", first.call("logout", json!({ "module": MODULE })).await)?;
    assert_logged_out("the origin that logged out", &found, &mut first).await?;
    found.assert_signs(&mut second, None).await?;
    Ok(Verdict::Passed)
}

/// A login lasts until the logout.
pub(super) async fn logout(context: &mut Context) -> Result<Verdict, String> {
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    let found = context.sign(&mut page).await?;
    found.assert_signs(&mut page, None).await?;
    for expected in [true, false] {
        let ended = ok("logout", page.call("logout", json!({ "module": MODULE })).await)?;
        if ended != expected {
            return Err(format!("logout: expected {expected}, got {ended}"));
        }
        assert_logged_out("a page after logout", &found, &mut page).await?;
    }
    found.assert_signs(&mut page, Some(context.token.pin())).await?;
    Ok(Verdict::Passed)
}
