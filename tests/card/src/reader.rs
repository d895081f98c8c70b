//! The protocol of vpcd, the virtual reader of the project vsmartcard. The card connects over TCP.
//! Each message has a length of two bytes. A message of one byte controls the card. A longer one is
//! a command, which the card answers with a message.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::net::sockopt::set_tcp_quickack;

use crate::application::Application;

/// A card's connection to a reader. Dropping it takes the card out.
pub(crate) struct Connection {
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl Connection {
    /// Connects, and answers the reader from a thread of its own.
    pub(crate) fn open(
        reader: SocketAddr,
        application: Arc<Mutex<Application>>,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect(reader)?;
        stream.set_nodelay(true)?;
        let mut served = stream.try_clone()?;
        let serve = move || {
            // The reader has ended if this fails.
            let _ = serve(&mut served, &application);
            application.lock().expect("no command panics").reset();
        };
        Ok(Self { stream, thread: Some(thread::spawn(serve)) })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            panic!("a command made the card panic");
        }
    }
}

fn serve(stream: &mut TcpStream, application: &Mutex<Application>) -> io::Result<()> {
    loop {
        let mut length = [0; 2];
        // vpcd sends the length and the message apart, so that Linux waits 40 ms for the
        // acknowledgement in between. The option holds for a while only.
        set_tcp_quickack(&*stream, true)?;
        stream.read_exact(&mut length)?;
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut message)?;
        let mut application = application.lock().expect("no command panics");
        let answer = match message[..] {
            [POWER_OFF | POWER_ON | RESET] => {
                application.reset();
                continue;
            }
            [GET_ATR] => ATR.to_vec(),
            [_] => continue,
            _ => application.execute(&message),
        };
        drop(application);
        let length = u16::try_from(answer.len()).expect("a short answer");
        stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
    }
}

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GET_ATR: u8 = 4;

/// The ATR of a YubiKey 5 with NFC. OpenSC 0.23 uses ECDSA keys only on cards that it knows.
const ATR: [u8; 23] = *b"\x3B\xFD\x13\x00\x00\x81\x31\xFE\x15\x80\x73\xC0\x21\xC0\x57\x59\x75\x62\
    \x69\x4B\x65\x79\x40";
