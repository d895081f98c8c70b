//! The report as text for people. Names that come from modules and tokens are made safe to print.

use std::io::{self, Write};

use serde_json::Value;

use super::report::{
    CertificateState, Configuration, FileState, ModuleState, PortState, PortUse, Problem, Report,
    SlotState, System, TokenState, WayState,
};
use crate::dialog::text::make_safe;

pub(super) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let Report { system, configuration, files, ports, questions, modules, problems } = report;
    let System { version, os, architecture, program } = system;
    writeln!(out, "pkcs11-bridge {version} on {os} {architecture}")?;
    if let Some(program) = program {
        writeln!(out, "{}", program.display())?;
    }
    write_configuration(out, configuration)?;
    heading(out, "Files")?;
    files.iter().try_for_each(|file| write_file(out, file))?;
    heading(out, "Ports")?;
    ports.iter().try_for_each(|port| write_port(out, port))?;
    heading(out, "Questions to the user")?;
    questions.iter().try_for_each(|way| write_way(out, way))?;
    heading(out, "Modules")?;
    modules.iter().try_for_each(|module| write_module(out, module))?;
    if modules.is_empty() {
        writeln!(out, "  none")?;
    }
    write_problems(out, problems)
}

fn heading(out: &mut impl Write, name: &str) -> io::Result<()> {
    writeln!(out, "\n{name}")
}

fn write_configuration(out: &mut impl Write, configuration: &Configuration) -> io::Result<()> {
    heading(out, "Configuration")?;
    match &configuration.file {
        Some(file) if configuration.file_exists => writeln!(out, "  {}", file.display())?,
        Some(file) => {
            writeln!(out, "  {} does not exist, so the defaults apply", file.display())?;
        }
        None => writeln!(out, "  no folder for a file, so the defaults apply")?,
    }
    for file in &configuration.administrators {
        writeln!(out, "  {}, by the administrators", file.display())?;
    }
    if !configuration.locked.is_empty() {
        let locked: Vec<_> = configuration.locked.iter().map(|key| key.as_str()).collect();
        writeln!(out, "  locked by them: {}", locked.join(", "))?;
    }
    for (key, value) in &configuration.settings {
        writeln!(out, "  {key:<22} {}", safe(&plain(value)))?;
    }
    Ok(())
}

/// A setting as people write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

fn write_file(out: &mut impl Write, file: &FileState) -> io::Result<()> {
    let FileState { name, path, exists, mode, problem } = file;
    let state = match (exists, mode) {
        _ if problem.is_some() => "problem",
        (false, _) => "absent",
        (true, Some(mode)) => mode,
        (true, None) => "ok",
    };
    writeln!(out, "  {state:<8} {name:<18} {}", path.display())
}

fn write_port(out: &mut impl Write, port: &PortState) -> io::Result<()> {
    let state = match port.state {
        PortUse::Free => "free",
        PortUse::Bridge => "bridge of this user",
        PortUse::OtherProgram => "another program of this user",
        PortUse::OtherUser => "a program of another user",
        PortUse::Unknown => "in use",
    };
    write!(out, "  {:<8} {state}", port.port)?;
    match &port.holder {
        Some(holder) => writeln!(out, " ({})", safe(holder)),
        None => writeln!(out),
    }
}

fn write_way(out: &mut impl Write, way: &WayState) -> io::Result<()> {
    let state = if way.works { "ok" } else { "no" };
    writeln!(out, "  {state:<8} {:<9} {}", way.way, safe(&way.text))
}

fn write_module(out: &mut impl Write, module: &ModuleState) -> io::Result<()> {
    let ModuleState { name, description, path, works, library, slots } = module;
    let state = if *works { "ok" } else { "problem" };
    writeln!(out, "  {state:<8} {name}: {}", safe(description))?;
    writeln!(out, "           {}", path.display())?;
    if let Some(library) = library {
        let about = format!("{} {}", library.library_description, library.library_version);
        let standard = &library.cryptoki_version;
        writeln!(out, "           {}, PKCS#11 {}", safe(&about), safe(standard))?;
    }
    if *works && slots.is_empty() {
        writeln!(out, "    no slot, so no reader")?;
    }
    slots.iter().try_for_each(|slot| write_slot(out, slot))
}

fn write_slot(out: &mut impl Write, slot: &SlotState) -> io::Result<()> {
    let SlotState { slot_id, reader, token } = slot;
    writeln!(out, "    slot {slot_id}: {}", safe(reader))?;
    match token {
        Some(token) => write_token(out, token),
        None => writeln!(out, "      no token"),
    }
}

fn write_token(out: &mut impl Write, token: &TokenState) -> io::Result<()> {
    let TokenState { initialized, label, manufacturer, model, serial_number, pin, .. } = token;
    let serial = serial_number.iter().map(|serial| format!(", serial number {}", safe(serial)));
    let serial: String = serial.collect();
    if !initialized {
        return writeln!(out, "      a token that is not set up");
    }
    writeln!(
        out,
        "      token “{}”, {} {}{serial}, PIN: {pin}",
        safe(label),
        safe(manufacturer),
        safe(model)
    )?;
    let mut certificates = token.certificates.iter();
    certificates.try_for_each(|certificate| write_signer(out, "certificate ", certificate))?;
    token.keys.iter().try_for_each(|key| write_signer(out, "", key))?;
    if token.certificates.is_empty() {
        let more = if token.may_show_more_after_login { " before a login" } else { "" };
        writeln!(out, "      no certificate{more}")?;
    }
    Ok(())
}

/// A certificate, or a key without one. The id of such a key says what it is.
fn write_signer(
    out: &mut impl Write,
    what: &str,
    certificate: &CertificateState,
) -> io::Result<()> {
    let CertificateState { id, label, subject, key, purpose, signature } = certificate;
    let key = key.as_deref().unwrap_or("an unknown kind of key");
    writeln!(out, "      {what}{} “{}”: {key}, for {purpose}", safe(id), safe(label))?;
    if let Some(subject) = subject {
        writeln!(out, "        {}", safe(subject))?;
    }
    match signature {
        Some(made) => {
            let outcome = if made.works { "valid" } else { "failed, see below" };
            writeln!(out, "        signature with {}: {outcome}", made.algorithm)
        }
        None => Ok(()),
    }
}

fn write_problems(out: &mut impl Write, problems: &[Problem]) -> io::Result<()> {
    match problems.len() {
        0 => return writeln!(out, "\nNo problem found."),
        1 => heading(out, "1 problem")?,
        count => heading(out, &format!("{count} problems"))?,
    }
    for (number, problem) in (1..).zip(problems) {
        writeln!(out, "  {number}. {}", safe(&problem.about))?;
        for line in problem.text.lines() {
            writeln!(out, "     {}", safe(line))?;
        }
    }
    Ok(())
}

fn safe(text: &str) -> String {
    make_safe(text, MAX_LEN)
}

/// The characters of one text. Error texts are shorter.
const MAX_LEN: usize = 2000;
