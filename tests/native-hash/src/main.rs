//! `pkcs11-bridge-test-native-hash sha256|sha512 MEGABYTES` hashes as the client does, piece by piece, and
//! prints how many megabytes it does in a second.

use std::hint::black_box;
use std::time::Instant;

use sha2::digest::DynDigest;
use sha2::{Sha256, Sha512};

fn main() {
    // Otherwise it would be measured what the processor has instructions for.
    if cfg!(not(sha2_backend = "soft")) {
        panic!("build it with RUSTFLAGS='--cfg sha2_backend=\"soft\"'");
    }
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [algorithm, megabytes] = &arguments[..] else { panic!("two arguments are needed") };
    let mut hasher: Box<dyn DynDigest> = match algorithm.as_str() {
        "sha256" => Box::new(Sha256::default()),
        "sha512" => Box::new(Sha512::default()),
        _ => panic!("sha256 or sha512 is needed"),
    };
    let megabytes: f64 = megabytes.parse().expect("a number of megabytes");

    let piece: Vec<u8> = (0..PIECE_LEN).map(|at| (at * 167 % 251) as u8).collect();
    let pieces = (megabytes * 1e6 / PIECE_LEN as f64) as u32;
    let start = Instant::now();
    for _ in 0..pieces {
        hasher.update(black_box(&piece));
    }
    black_box(hasher.finalize());
    let hashed = f64::from(pieces) * PIECE_LEN as f64;
    println!("{}", hashed / 1e6 / start.elapsed().as_secs_f64());
}

/// As in the client.
const PIECE_LEN: usize = 64 * 1024;
