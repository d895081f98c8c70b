//! Who holds the ports that pages try.

use pkcs11_bridge_protocol::PORTS;

use super::report::{PortState, PortUse, Problem};
use crate::access::approvals::StateFile;
use crate::config::Listen;
use crate::installation;
use crate::instance::Running;
use crate::server::{Listener, PortHolder};

pub(super) fn examine(
    listen: Listen,
    state_file: Option<&StateFile>,
    problems: &mut Vec<Problem>,
) -> Vec<PortState> {
    let running = state_file.and_then(Running::find);
    let state = |port| state(port, running.as_ref());

    let ports: Vec<_> = match listen {
        Listen::Address(address) if address.port() != 0 => vec![address.port()],
        Listen::Address(_) => Vec::new(),
        Listen::FirstFree => PORTS.collect(),
    };
    let ports: Vec<_> = ports.into_iter().map(state).collect();
    for state in &ports {
        if state.state == PortUse::OtherUser {
            let holder = state.holder.as_deref().unwrap_or("unknown");
            problems.push(Problem::new(
                format!("port {}", state.port),
                format!(
                    "A program of another user holds the port ({holder}). The bridge uses the next \
                     port. If you do not share this computer, ask its administrator."
                ),
            ));
        }
    }
    let can_listen = |state: &PortState| matches!(state.state, PortUse::Free | PortUse::Bridge);
    if !ports.is_empty() && !ports.iter().any(can_listen) {
        problems.push(Problem::new(
            "ports",
            "The bridge can listen on none of the ports that pages try. End the programs that hold \
             them.",
        ));
    } else if !ports.is_empty() && ports.iter().all(|state| state.state != PortUse::Bridge) {
        problems.push(Problem::new(
            "bridge",
            "No bridge of this user is running. Start it with `pkcs11-bridge`, or pages cannot \
             reach it.",
        ));
    }
    ports
}

fn state(port: u16, running: Option<&Running>) -> PortState {
    if let Some(Running { process, .. }) = running.filter(|running| running.port() == Some(port)) {
        let holder = Some(format!("{}, process {process}", env!("CARGO_PKG_NAME")));
        return PortState { port, state: PortUse::Bridge, holder };
    }
    let (state, holder) = match PortHolder::of(port) {
        PortHolder::Nobody => (PortUse::Free, None),
        PortHolder::ThisUser(_) if running.is_none() && installation::is_listening() => {
            (PortUse::Bridge, Some("systemd, which starts the bridge".to_owned()))
        }
        PortHolder::ThisUser(listener) => {
            let Listener { program, process } = listener;
            let is_bridge = program == env!("CARGO_PKG_NAME");
            let state = if is_bridge { PortUse::Bridge } else { PortUse::OtherProgram };
            (state, Some(format!("{program}, process {process}")))
        }
        PortHolder::OtherUser(foreign) => (PortUse::OtherUser, Some(foreign.to_string())),
        PortHolder::Unknown => (PortUse::Unknown, None),
    };
    PortState { port, state, holder }
}
