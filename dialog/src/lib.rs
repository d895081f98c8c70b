//! The questions that the bridge asks its user, and what they and its notifications say. The bridge
//! decides what to ask and what an answer means. This crate shows the question, and guards it
//! against answers that the user did not mean.

mod description;
mod digits;
pub mod notification;
pub mod origin;
pub mod plain;
pub mod question;
pub mod safe_text;
#[cfg(test)]
mod samples;
pub mod texts;
#[cfg(feature = "window")]
pub mod window;
