//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::access::origin::Origin;
use crate::modules::ModuleName;

/// Lets web pages use smart cards, USB tokens and HSMs through PKCS#11, as far as you allow it.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, flatten_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the web pages of allowed origins (the default command)
    Serve(ServeArgs),
    /// Try it out: a playground page on a throw-away token
    Demo(DemoArgs),
    /// Show or change which sites may use tokens; works while the bridge runs
    Origins(OriginsArgs),
    /// Let the bridge start by itself, for this user
    Install(InstallArgs),
    /// Undo what `install` did
    Uninstall,
    /// Start the bridge in the background, if it does not run
    Start(StartArgs),
    /// Show whether the bridge runs, what starts it, and which sites and tokens it knows
    Status(StatusArgs),
    /// Print the policy by which a browser lets sites reach this computer
    Policy(PolicyArgs),
    /// Show the fingerprint of this bridge's key, by which sites know the bridge
    Key(KeyArgs),
    /// Find out why a page cannot use a token: modules, readers, tokens, ports, dialogs, files
    Doctor(DoctorArgs),
    /// Run one module for one origin (started by the bridge itself)
    #[command(hide = true)]
    Worker(WorkerArgs),
    /// Show a question to the user (started by the bridge itself)
    #[command(hide = true)]
    Dialog(DialogArgs),
    /// Make the throw-away token of the demo (started by the demo itself)
    #[command(hide = true)]
    DemoToken(DemoTokenArgs),
    /// Stop the bridges of this user in this session (an update or its removal calls it)
    #[cfg(windows)]
    #[command(hide = true)]
    Stop,
}

#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// Allow a PKCS#11 module, under a name of your choice; the first module is the default
    #[arg(long = "module", value_name = "NAME=PATH", value_parser = parse_module)]
    pub(crate) modules: Vec<(ModuleName, PathBuf)>,

    /// Allow the pages of an origin, such as https://app.example
    #[arg(long = "allow-origin", value_name = "ORIGIN", value_parser = parse_origin)]
    pub(crate) allow_origins: Vec<Origin>,

    /// Listen on this loopback address; port 0 picks a free one [default: the first free port of
    /// 24911 to 24915, on 127.0.0.1 and ::1]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    /// Read this file instead of config.toml in the configuration folder
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Store approvals in this file instead of the one in the state folder
    #[arg(long, value_name = "FILE")]
    pub(crate) state_file: Option<PathBuf>,

    /// End after so long without a connection, if a service manager passed the sockets; it starts
    /// the bridge again at the next connection
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) end_when_idle: Option<u64>,

    /// Write the log to a file beside the state file (used by `pkcs11-bridge start`)
    #[arg(long, hide = true)]
    pub(crate) background: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// Also take PINs on the desktop only, and never from a page
    #[arg(long)]
    pub(crate) organisation: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The launch link that was opened: pkcs11-bridge://start and nothing else
    #[arg(value_name = "LINK")]
    pub(crate) link: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print the status as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Read this configuration file instead of config.toml in the configuration folder
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Use this state file instead of the one in the state folder
    #[arg(long, value_name = "FILE")]
    pub(crate) state_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    pub(crate) browser: PolicyBrowser,

    /// A site, such as https://app.example [default: the configured and approved sites]
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = parse_origin)]
    pub(crate) origins: Vec<Origin>,

    /// A file of policies, a registry file of Windows, or a property list of macOS
    #[arg(long, default_value = "json")]
    pub(crate) format: PolicyFormat,

    /// Read this configuration file instead of config.toml in the configuration folder
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Use this state file instead of the one in the state folder
    #[arg(long, value_name = "FILE")]
    pub(crate) state_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyBrowser {
    Chrome,
    Edge,
    Firefox,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyFormat {
    Json,
    Reg,
    Plist,
}

#[derive(Debug, Args)]
pub(crate) struct OriginsArgs {
    #[command(subcommand)]
    pub(crate) command: OriginsCommand,

    /// Read this configuration file instead of config.toml in the configuration folder
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Use this state file instead of the one in the state folder
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) state_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OriginsCommand {
    /// List the sites that may use tokens, and those that are blocked
    List,
    /// Allow a site, such as https://app.example
    Allow {
        #[arg(value_parser = parse_origin)]
        origin: Origin,
        /// How many days the approval lasts [default: approval_days of the configuration, or 30]
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3650))]
        days: Option<u64>,
    },
    /// Revoke the approval of a site; its pages lose their connections and logins at once
    Revoke {
        #[arg(value_parser = parse_origin)]
        origin: Origin,
    },
    /// Block a site: the bridge refuses its pages and never asks about it
    Block {
        #[arg(value_parser = parse_origin)]
        origin: Origin,
    },
    /// End the block of a site; its pages may ask again
    Unblock {
        #[arg(value_parser = parse_origin)]
        origin: Origin,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Print the fingerprint, the public key and the path of the key as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Use the key beside this state file instead of the one in the state folder
    #[arg(long, value_name = "FILE")]
    pub(crate) state_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Make a signature with each key; the bridge asks for the PIN as it does for a page
    #[arg(long)]
    pub(crate) sign: bool,

    /// Also print serial numbers, and the subjects of certificates, which name persons
    #[arg(long)]
    pub(crate) personal: bool,

    /// Look at this module too, under a name of your choice
    #[arg(long = "module", value_name = "NAME=PATH", value_parser = parse_module)]
    pub(crate) modules: Vec<(ModuleName, PathBuf)>,

    /// Read this configuration file instead of config.toml in the configuration folder
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Use this state file instead of the one in the state folder
    #[arg(long, value_name = "FILE")]
    pub(crate) state_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Do not open the browser
    #[arg(long)]
    pub(crate) no_open: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[arg(long)]
    pub(crate) module: PathBuf,

    /// The process id of the bridge; the worker ends when this process ends
    #[arg(long)]
    pub(crate) bridge: u32,

    /// Never wait for slot events in the module
    #[arg(long)]
    pub(crate) no_slot_events: bool,

    /// A file or folder that the module must not write
    #[arg(long)]
    pub(crate) protect: Vec<PathBuf>,

    /// Let the module write all files of the user
    #[arg(long)]
    pub(crate) no_landlock: bool,

    /// Let the module make all system calls
    #[arg(long)]
    pub(crate) no_seccomp: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DialogArgs {
    /// Find out whether a window can be shown, without a question
    #[arg(long)]
    pub(crate) probe: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoTokenArgs {
    #[arg(long)]
    pub(crate) module: PathBuf,
}

fn parse_module(text: &str) -> Result<(ModuleName, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("write it as NAME=PATH")?;
    if path.is_empty() {
        return Err("write it as NAME=PATH".to_owned());
    }
    Ok((name.parse().map_err(|error| format!("{error}"))?, PathBuf::from(path)))
}

fn parse_origin(text: &str) -> Result<Origin, String> {
    text.parse().map_err(|error| format!("it {error}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_module_option_needs_a_name_and_a_path() {
        let (name, path) = parse_module("card=/usr/lib/a=b.so").unwrap();
        assert_eq!((name.as_str(), path.to_str()), ("card", Some("/usr/lib/a=b.so")));
        for text in ["/usr/lib/card.so", "card=", "=/usr/lib/card.so", "a b=/x"] {
            assert!(parse_module(text).is_err(), "{text}");
        }
    }
}
