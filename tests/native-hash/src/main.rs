//! `pkcs11-bridge-test-native-hash sha256|sha512 MEGABYTES` hashes as the client does, chunk by
//! chunk, and prints its speed in megabytes per second.

use std::hint::black_box;
use std::time::Instant;

use sha2::digest::DynDigest;
use sha2::{Sha256, Sha512};

fn main() {
    // Without this flag the program would use the SHA instructions of the processor.
    if cfg!(not(sha2_backend = "soft")) {
        panic!("build it with RUSTFLAGS='--cfg sha2_backend=\"soft\"'");
    }
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [algorithm, megabytes] = &arguments[..] else {
        panic!("usage: pkcs11-bridge-test-native-hash sha256|sha512 MEGABYTES")
    };
    let mut hasher: Box<dyn DynDigest> = match algorithm.as_str() {
        "sha256" => Box::new(Sha256::default()),
        "sha512" => Box::new(Sha512::default()),
        _ => panic!("the algorithm must be sha256 or sha512"),
    };
    let megabytes: f64 = megabytes.parse().expect("a number of megabytes");

    let chunk: Vec<u8> = (0..CHUNK_LEN).map(|at| (at * 167 % 251) as u8).collect();
    let chunks = (megabytes * 1e6 / CHUNK_LEN as f64) as u32;
    let start = Instant::now();
    for _ in 0..chunks {
        hasher.update(black_box(&chunk));
    }
    black_box(hasher.finalize());
    let hashed = f64::from(chunks) * CHUNK_LEN as f64;
    println!("{}", hashed / 1e6 / start.elapsed().as_secs_f64());
}

/// The chunk length of the client.
const CHUNK_LEN: usize = 64 * 1024;
