//! `relay ADDRESS:PORT` passes connections on to this address. It prints the port that it listens
//! on, and ends at the end of its standard input.
//!
//! A bridge under Wine sees programs of Wine only. So a test on Linux reaches it through this
//! program, which the bridge takes for the browser.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::spawn;

fn main() {
    let bridge = std::env::args().nth(1).expect("usage: relay ADDRESS:PORT");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    println!("relays on port {port}");
    spawn(move || {
        for page in listener.incoming() {
            let page = page.expect("a connection");
            let Ok(bridge) = TcpStream::connect(&bridge) else { continue };
            let _ = (page.set_nodelay(true), bridge.set_nodelay(true));
            let copy = |stream: &TcpStream| stream.try_clone().expect("a socket");
            let (from_page, to_bridge) = (copy(&page), copy(&bridge));
            spawn(|| pass_on(from_page, to_bridge));
            spawn(|| pass_on(bridge, page));
        }
    });
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let mut chunk = vec![0; 1 << 16];
    while let Ok(len @ 1..) = from.read(&mut chunk) {
        if to.write_all(&chunk[..len]).is_err() {
            break;
        }
    }
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}
