//! Counts the APDUs that a card gets for the same work from the bridge and from `pkcs11-tool`. Each
//! of the two starts anew: the bridge with a worker, `pkcs11-tool` as a process, and both with a
//! card that was just put in.

use std::process::Command;

use serde_json::{Value, json};

use crate::conformance::apdus::Apdus;
use crate::conformance::context::{Context, MESSAGE, MODULE, ok};
use crate::conformance::report::Verdict;
use crate::program::{run, tool};

/// A card gets no more APDUs from the bridge than from `pkcs11-tool`.
pub(super) async fn no_more_apdus(context: &mut Context) -> Result<Verdict, String> {
    if context.token.apdus().is_none() {
        return Ok(Verdict::NotApplicable);
    }
    let found = context.find_first(&mut context.bridge().connect().await).await?;
    let (id, params) = (found.cert_id().to_owned(), found.params("sha256", MESSAGE));
    let [first, tenth] = signatures(context, params.clone()).await?;
    let listed = certificates(context, &params).await?;
    let row = |what, ours, pkcs11_tool| Apdus { what, ours, pkcs11_tool };
    let tool_signed = signature_by_pkcs11_tool(context, &id);
    context.apdus = vec![
        row("certificates", listed, certificates_by_pkcs11_tool(context)),
        row("first signature", first, tool_signed),
        row("tenth signature", tenth, tool_signed),
    ];
    let more = |row: &&Apdus| row.ours > row.pkcs11_tool;
    let more: Vec<_> = context.apdus.iter().filter(more).map(|row| row.what).collect();
    if more.is_empty() { Ok(Verdict::Passed) } else { Err(more.join(", ")) }
}

/// Lists certificates as the first call of an origin.
async fn certificates(context: &mut Context, params: &Value) -> Result<u64, String> {
    let slot = json!({ "module": MODULE, "slot_id": params["slot_id"] });
    let before = put_in_anew(context);
    let bridge = context.bridge();
    ok("certificates", bridge.connect().await.call("certificates", slot).await)?;
    Ok(count(context) - before)
}

/// The first signature, which is the first call of an origin, and the tenth.
async fn signatures(context: &mut Context, mut params: Value) -> Result<[u64; 2], String> {
    params["pin"] = context.token.pin().into();
    let mut counts = vec![put_in_anew(context)];
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    for _ in 0..10 {
        ok("signData", page.call("signData", params.clone()).await)?;
        counts.push(count(context));
    }
    Ok([counts[1] - counts[0], counts[10] - counts[9]])
}

fn certificates_by_pkcs11_tool(context: &mut Context) -> u64 {
    let before = put_in_anew(context);
    run(pkcs11_tool(context).args(["--list-objects", "--type", "cert"]));
    count(context) - before
}

fn signature_by_pkcs11_tool(context: &mut Context, id: &str) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("input");
    std::fs::write(&input, MESSAGE).expect("a file");
    let before = put_in_anew(context);
    let mut command = pkcs11_tool(context);
    command.args(["--login", "--pin", context.token.pin(), "--sign", "--id", id]);
    command.args(["--mechanism", "SHA256-RSA-PKCS", "--input-file"]).arg(input);
    run(command.arg("--output-file").arg(folder.path().join("output")));
    count(context) - before
}

fn pkcs11_tool(context: &Context) -> Command {
    let mut command = tool("pkcs11-tool");
    command.envs(context.token.environment()).env("OPENSC_CONF", "/no-opensc.conf");
    command.arg("--module").arg(context.token.module());
    command
}

/// Makes the card forget the PIN and its application. Returns the count.
fn put_in_anew(context: &mut Context) -> u64 {
    context.token.take_out().expect("a card comes out");
    context.token.put_back();
    count(context)
}

fn count(context: &Context) -> u64 {
    context.token.apdus().expect("a card counts")
}
