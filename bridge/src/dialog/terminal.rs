//! Questions in the terminal that the bridge was started in, where there is no pinentry.

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

    /// The terminal of the bridge. It gets its settings back when this is dropped: a question that is
    /// given up on would leave the echo switched off.
    pub(crate) struct Terminal {
        device: String,
        settings: Termios,
    }

    impl Terminal {
        /// `None` where the bridge has no terminal, or another program is in its foreground.
        pub(crate) fn of_bridge() -> Option<Self> {
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
            // From the background that would stop the bridge, and the shell has set its own.
            if !is_in_foreground() {
                return;
            }
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.settings);
        }
    }

    fn is_in_foreground() -> bool {
        tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
    }

    /// Asks in the terminal of that device.
    pub(crate) fn ask(question: &Question, device: &str) -> Answer {
        asked(question, device).unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => Answer::Cancelled,
            _ => Answer::Unavailable(format!("the terminal failed ({error})")),
        })
    }

    fn asked(question: &Question, device: &str) -> io::Result<Answer> {
        let mut terminal = File::options().read(true).write(true).open(device)?;
        // What was typed before the question was there is no answer to it.
        tcflush(&terminal, QueueSelector::IFlush)?;
        match question {
            Question::Confirm { text, yes, no } => {
                write!(
                    terminal,
                    "\n{text}\n\n{yes}? Type \"yes\" to do so, anything else to {no}: "
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
    /// Only a pinentry asks here.
    pub(super) fn of_bridge() -> Option<Self> {
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
