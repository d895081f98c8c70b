//! The examples run as they are in the folder `examples`: with a real bridge, a real token, a real
//! browser, and a user who allows the site and enters the PIN. OpenSSL verifies what they sign.

mod examples {
    mod html;
    mod login;
    mod node_websocket;
    pub mod testbed;
    mod vite;
}
