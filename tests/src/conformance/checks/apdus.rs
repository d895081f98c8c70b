//! Counts the APDUs that a card gets for the same work from the bridge and from `pkcs11-tool`. Each
//! of the two starts anew: the bridge with a worker, and `pkcs11-tool` as a process.

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
    context.apdus = count(context).await?;
    let more = |row: &&Apdus| row.ours > row.pkcs11_tool;
    let more: Vec<_> = context.apdus.iter().filter(more).map(|row| row.what).collect();
    if more.is_empty() { Ok(Verdict::Passed) } else { Err(more.join(", ")) }
}

async fn count(context: &Context) -> Result<Vec<Apdus>, String> {
    let id = context.sign(&mut context.bridge().connect().await).await?.cert_id().to_owned();
    let listed = counted(context, async || {
        pkcs11_tool(context, &["--list-objects", "--type", "cert"]);
        Ok(())
    });
    let listed = listed.await?;
    let signed = counted(context, async || {
        let pin = context.token.pin();
        let mechanism = ["--mechanism", "SHA256-RSA-PKCS", "--id", &id];
        pkcs11_tool(context, &[&["--login", "--pin", pin, "--sign"][..], &mechanism].concat());
        Ok(())
    });
    let signed = signed.await?;
    let row = |what, ours, pkcs11_tool| Apdus { what, ours, pkcs11_tool };
    let [first, tenth] = signatures(context).await?;
    Ok(vec![
        row("certificates", certificates(context).await?, listed),
        row("first signature", first, signed),
        row("tenth signature", tenth, signed),
    ])
}

/// Lists certificates as the first call of an origin.
async fn certificates(context: &Context) -> Result<u64, String> {
    let params = first_params(context).await?;
    let slot = json!({ "module": MODULE, "slot_id": params["slot_id"] });
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    counted(context, async || ok("certificates", page.call("certificates", slot).await).map(drop))
        .await
}

/// The first signature, which is the first call of an origin, and the tenth.
async fn signatures(context: &Context) -> Result<[u64; 2], String> {
    let mut params = first_params(context).await?;
    params["pin"] = context.token.pin().into();
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    let mut counts = Vec::new();
    for _ in 0..10 {
        let sign = async || ok("signData", page.call("signData", params.clone()).await).map(drop);
        counts.push(counted(context, sign).await?);
    }
    Ok([counts[0], counts[9]])
}

/// Parameters of `signData` for the first key. They come from a bridge that ends before the count.
async fn first_params(context: &Context) -> Result<Value, String> {
    let found = context.find_first(&mut context.bridge().connect().await).await?;
    Ok(found.params("sha256", MESSAGE))
}

async fn counted(
    context: &Context,
    work: impl AsyncFnOnce() -> Result<(), String>,
) -> Result<u64, String> {
    let before = context.token.apdus().unwrap_or_default();
    work().await?;
    Ok(context.token.apdus().unwrap_or_default() - before)
}

/// Runs `pkcs11-tool` with the module, and an input file with the message.
fn pkcs11_tool(context: &Context, arguments: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("input");
    std::fs::write(&input, MESSAGE).expect("a file");
    let mut command = tool("pkcs11-tool");
    command.envs(context.token.environment()).env("OPENSC_CONF", folder.path().join("none"));
    command.arg("--module").arg(context.token.module()).args(arguments);
    command.arg("--input-file").arg(input).arg("--output-file").arg(folder.path().join("output"));
    run(&mut command);
}
