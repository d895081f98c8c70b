//! Hostile traffic through raw sockets: whatever peers send, or do not send, each gets what the documentation of the
//! wire says, the bridge takes no more than its share of memory and file descriptors, and a well-behaved page beside
//! them is served.

mod hostile {
    pub mod frames;
    pub mod handshakes;
    pub mod heavy;
    pub mod messages;
    pub mod slow;
    pub mod testbed;
    pub mod together;
}
