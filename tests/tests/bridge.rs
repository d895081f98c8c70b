//! The real bridge on real tokens, through the real WebSocket.

mod bridge {
    pub mod certificate_ids;
    pub mod command_line;
    pub mod configuration;
    pub mod demo;
    pub mod handshake;
    pub mod limits;
    pub mod login;
    pub mod messages;
    pub mod modules;
    pub mod origins;
    pub mod parameters;
    pub mod reading;
    pub mod signing;
    pub mod workers;
}
