//! The local AWS of the demo and the end-to-end tests: installed, started, deployed to, asked, stopped.
//! It must not know what the functions do, nor be part of anything that is deployed.

mod client;
mod deploy;
mod emulator;
pub mod functions;
pub mod guard;
pub mod json;
mod project;
pub mod python;
mod stack;

pub use client::Client;
pub use client::athena::Rows;
pub use client::s3::{Object, ObjectVersion};
pub use client::sqs::Message;
pub use deploy::deploy;
pub use emulator::{Access, Emulator};
pub use indicatif::ProgressBar;
pub use project::Project;
pub use reqwest::Method;
pub use stack::{Partition, Stack};
