//! Questions in the terminal of the bridge, for systems without a window or a pinentry program.

use pkcs11_bridge_dialog::question::Answer;

use super::Asked;

#[cfg(unix)]
pub(crate) use unix::Terminal;

/// Asks the question in the terminal of the bridge.
#[cfg(unix)]
pub(super) fn ask(asked: &Asked) -> Answer {
    match &asked.request.terminal {
        Some(device) => unix::ask(asked.question(), device),
        None => Answer::Unavailable("the bridge has no terminal".to_owned()),
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, BufRead, BufReader, Write};

    use pkcs11_bridge_dialog::plain::{self, Prompt, Step, Typed};
    use pkcs11_bridge_dialog::question::{Answer, Question};
    use pkcs11_bridge_dialog::texts::Texts;
    use rustix::process::getpgrp;
    use rustix::termios::{
        OptionalActions, QueueSelector, Termios, isatty, tcflush, tcgetattr, tcgetpgrp, tcsetattr,
        ttyname,
    };
    use secrecy::SecretString;

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
    pub(super) fn ask(question: &Question, device: &str) -> Answer {
        if matches!(question, Question::Progress(_)) {
            return Answer::Unavailable("the terminal shows no progress".to_owned());
        }
        plain::ask(&Texts::of_system(), question, &mut Screen { device })
    }

    struct Screen<'a> {
        device: &'a str,
    }

    impl Prompt for Screen<'_> {
        fn input(&mut self, step: &Step) -> Typed {
            self.show(step).and_then(|()| self.read(step)).map_or_else(no_input, Typed::Text)
        }

        fn message(&mut self, step: &Step) -> Typed {
            self.show(step).map_or_else(no_input, |()| Typed::Cancelled)
        }

        fn has_room(&self) -> bool {
            true
        }
    }

    impl Screen<'_> {
        fn show(&self, step: &Step) -> io::Result<()> {
            let error = step.error.iter().map(|error| format!("{error}\n")).collect::<String>();
            self.open()?.write_all(format!("\n{}\n\n{error}", step.text).as_bytes())
        }

        fn read(&self, step: &Step) -> io::Result<SecretString> {
            // The user did not type earlier input as an answer.
            tcflush(&self.open()?, QueueSelector::IFlush)?;
            let prompt = format!("{} ", step.prompt);
            if step.secret {
                let config = rpassword::ConfigBuilder::new()
                    .input_file_path(self.device)
                    .output_file_path(self.device)
                    .build();
                return Ok(rpassword::prompt_password_with_config(prompt, config)?.into());
            }
            self.open()?.write_all(prompt.as_bytes())?;
            let mut line = String::new();
            BufReader::new(self.open()?).read_line(&mut line)?;
            Ok(line.into())
        }

        fn open(&self) -> io::Result<File> {
            File::options().read(true).write(true).open(self.device)
        }
    }

    fn no_input(error: io::Error) -> Typed {
        match error.kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => Typed::Cancelled,
            _ => Typed::Unavailable(format!("the terminal failed ({error})")),
        }
    }
}

#[cfg(windows)]
pub(crate) struct Terminal;

#[cfg(windows)]
impl Terminal {
    /// `None`: this platform asks in a window or with a pinentry.
    pub(crate) fn open() -> Option<Self> {
        None
    }

    pub(crate) fn device(&self) -> &str {
        ""
    }
}

#[cfg(windows)]
pub(super) fn ask(_: &Asked) -> Answer {
    Answer::Unavailable("the bridge has no terminal".to_owned())
}
