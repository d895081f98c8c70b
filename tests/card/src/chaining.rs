//! Long commands and responses in parts: command chaining (ISO/IEC 7816-4, section 5.1.1.1) and
//! GET RESPONSE (section 11.7.1).

use crate::apdu::{Answer, Command, Status};

/// The parts that have not been passed on yet.
#[derive(Default)]
pub(crate) struct Chaining {
    command: Vec<u8>,
    response: Vec<u8>,
}

/// What to do with a command.
pub(crate) enum Step {
    /// The command is whole.
    Run(Command),
    /// This is the response already.
    Respond(Vec<u8>),
}

impl Chaining {
    /// Takes the next command.
    pub(crate) fn take(&mut self, mut command: Command) -> Step {
        if command.instruction == GET_RESPONSE {
            return Step::Respond(self.next_part(command.max_response));
        }
        self.response.clear();
        self.command.append(&mut command.data);
        if command.class & CHAINED != 0 {
            return Step::Respond(DONE.to_be_bytes().to_vec());
        }
        command.data = std::mem::take(&mut self.command);
        Step::Run(command)
    }

    /// The bytes of the response to a command.
    pub(crate) fn respond(&mut self, answer: Answer, max_response: usize) -> Vec<u8> {
        match answer {
            Ok(data) => {
                self.response = data;
                self.next_part(max_response)
            }
            Err(status) => status.word().to_be_bytes().to_vec(),
        }
    }

    fn next_part(&mut self, max: usize) -> Vec<u8> {
        let rest = self.response.split_off(max.min(self.response.len()));
        let mut part = std::mem::replace(&mut self.response, rest);
        let word = match self.response.len() {
            0 => DONE,
            // 0 stands for 256 bytes or more.
            left => MORE | u16::from(u8::try_from(left).unwrap_or(0)),
        };
        part.extend(word.to_be_bytes());
        part
    }

    /// Forgets all parts.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The bytes of a response without data.
pub(crate) fn refused(status: Status) -> Vec<u8> {
    status.word().to_be_bytes().to_vec()
}

const GET_RESPONSE: u8 = 0xC0;
/// The bit of the class that more parts of the command follow.
const CHAINED: u8 = 0x10;
const DONE: u16 = 0x9000;
const MORE: u16 = 0x6100;

#[cfg(test)]
mod tests {
    use super::*;

    fn command(class: u8, instruction: u8, data: &[u8]) -> Command {
        let data = data.to_vec();
        Command { class, instruction, p1: 0, p2: 0, data, max_response: 256 }
    }

    #[test]
    fn parts_of_a_command_become_one() {
        let mut chaining = Chaining::default();
        let first = chaining.take(command(0x10, 0x87, b"ab"));
        assert!(matches!(first, Step::Respond(response) if response == [0x90, 0]));
        let last = chaining.take(command(0, 0x87, b"c"));
        assert!(matches!(last, Step::Run(command) if command.data == b"abc"));
    }

    #[test]
    fn a_long_response_comes_in_parts() {
        let mut chaining = Chaining::default();
        let first = chaining.respond(Ok(vec![7; 600]), 256);
        assert_eq!((first.len(), &first[256..]), (258, &[0x61, 0][..]));
        let mut next = || match chaining.take(command(0, 0xC0, b"")) {
            Step::Respond(response) => response,
            Step::Run(_) => panic!("GET RESPONSE is not passed on"),
        };
        let (second, third) = (next(), next());
        assert_eq!((second.len(), &second[256..]), (258, &[0x61, 88][..]));
        assert_eq!((third.len(), &third[88..]), (90, &[0x90, 0][..]));
    }
}
