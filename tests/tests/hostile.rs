//! Hostile traffic through raw sockets. Whatever peers send or leave out, each gets
//! what the documentation of the wire says. The bridge uses a bounded amount of memory
//! and file descriptors. A well-behaved page that calls it in parallel is served.

mod hostile {
    pub mod frames;
    pub mod handshakes;
    pub mod heavy;
    pub mod messages;
    pub mod slow;
    pub mod testbed;
    pub mod together;
}
