//! `pkcs11-bridge doctor`: finds out why a page cannot use a token, and says what to do. It looks
//! at everything as the bridge does, in a process of its own. It changes nothing.

mod configuration;
mod files;
mod local_page;
mod modules;
mod ports;
mod questions;
mod report;
mod signature;
mod text;
mod tokens;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::DoctorArgs;
use crate::config::ConfigError;
use crate::identity::KeyFileError;
pub(crate) use local_page::LocalPage;
use modules::Examination;
use report::{Report, System};

#[derive(Debug, thiserror::Error)]
pub(crate) enum DoctorError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error("cannot write the report: {0}")]
    Output(#[from] io::Error),
}

/// Whether the report may name persons and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identities {
    Shown,
    Hidden,
}

/// Whether the doctor makes a signature with each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signatures {
    Made,
    NotMade,
}

/// Prints the report. The exit code is 1 if there is a problem.
pub(crate) async fn run(args: DoctorArgs) -> Result<ExitCode, DoctorError> {
    let identities = if args.personal { Identities::Shown } else { Identities::Hidden };
    let signatures = if args.sign { Signatures::Made } else { Signatures::NotMade };
    let as_json = args.json;
    let report = examine(args, identities, signatures).await?;
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        text::write(&mut out, &report)?;
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(
    args: DoctorArgs,
    identities: Identities,
    signatures: Signatures,
) -> Result<Report, DoctorError> {
    let mut problems = Vec::new();
    let (configuration, settings) = configuration::examine(args, &mut problems)?;
    let files = files::examine(settings.state_file.as_ref(), &mut problems);
    let ports = ports::examine(settings.listen, settings.state_file.as_ref(), &mut problems);
    let questions = questions::examine(&settings.dialogs, &mut problems).await;
    let found = settings.modules.clone();
    let page = LocalPage::open(settings)?;
    let mut to = Examination { page: &page, identities, signatures, problems: &mut problems };
    let modules = modules::examine(&found, &mut to).await;
    page.close().await;
    let system = System::this();
    Ok(Report { system, configuration, files, ports, questions, modules, problems })
}
