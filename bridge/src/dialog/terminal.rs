//! Questions in the terminal of the bridge, for systems without a pinentry program.

use super::{Answer, Question};

#[cfg(unix)]
pub(super) use unix::{Terminal, ask};

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, BufRead, BufReader, Write};

    use pkcs11_bridge_protocol::pin::Pin;
    use rustix::process::getpgrp;
    use rustix::termios::{
        OptionalActions, QueueSelector, Termios, isatty, tcflush, tcgetattr, tcgetpgrp, tcsetattr,
        ttyname,
    };

    use super::{Answer, Question};

    /// The terminal of the bridge. Dropping this restores its settings. Otherwise a cancelled PIN
    /// question would leave the echo switched off.
    pub(crate) struct Terminal {
        device: String,
        settings: Termios,
    }

    impl Terminal {
        /// `None` if the bridge has no terminal, or runs in its background.
        pub(crate) fn open() -> Option<Self> {
            let stdin = io::stdin();
            if !isatty(&stdin) || !is_in_foreground() {
                return None;
            }
            let device = ttyname(&stdin, Vec::new()).ok()?.into_string().ok()?;
            Some(Self { device, settings: tcgetattr(&stdin).ok()? })
        }

        pub(crate) fn device(&self) -> &str {
            &self.device
        }
    }

    impl Drop for Terminal {
        fn drop(&mut self) {
            // In the background, the call would stop the bridge (SIGTTOU). The shell has restored
            // its own settings there.
            if !is_in_foreground() {
                return;
            }
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.settings);
        }
    }

    fn is_in_foreground() -> bool {
        tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
    }

    /// Asks the question in the terminal with this device.
    pub(crate) fn ask(question: &Question, device: &str) -> Answer {
        try_ask(question, device).unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => Answer::Cancelled,
            _ => Answer::Unavailable(format!("the terminal failed ({error})")),
        })
    }

    fn try_ask(question: &Question, device: &str) -> io::Result<Answer> {
        let mut terminal = File::options().read(true).write(true).open(device)?;
        // Drop earlier input, because the user did not type it as an answer.
        tcflush(&terminal, QueueSelector::IFlush)?;
        match question {
            Question::Confirm { text, yes, no } => {
                write!(
                    terminal,
                    "\n{text}\n\n{yes}? Type \"yes\" to {yes}, anything else to {no}: "
                )?;
                let mut line = String::new();
                BufReader::new(terminal).read_line(&mut line)?;
                let said_yes = line.trim().eq_ignore_ascii_case("yes");
                Ok(if said_yes { Answer::Yes } else { Answer::No })
            }
            Question::Pin { text, error } => {
                writeln!(terminal, "\n{text}\n")?;
                if let Some(error) = error {
                    writeln!(terminal, "{error}")?;
                }
                let config = rpassword::ConfigBuilder::new()
                    .input_file_path(device)
                    .output_file_path(device)
                    .build();
                let pin =
                    rpassword::prompt_password_with_config("PIN (empty to cancel): ", config)?;
                Ok(if pin.is_empty() { Answer::Cancelled } else { Answer::Pin(Pin::from(pin)) })
            }
            Question::Message { text } => {
                writeln!(terminal, "\n{text}\n")?;
                Ok(Answer::Yes)
            }
        }
    }
}

#[cfg(not(unix))]
pub(super) struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    /// `None`: this platform asks with a pinentry only.
    pub(super) fn open() -> Option<Self> {
        None
    }

    pub(super) fn device(&self) -> &str {
        ""
    }
}

#[cfg(not(unix))]
pub(super) fn ask(_: &Question, _: &str) -> Answer {
    Answer::Unavailable("there is no terminal".to_owned())
}
