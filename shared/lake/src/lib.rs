//! The lake on AWS: objects, ledger, catalog, queues, failures. The only room that talks to AWS.
//! It must not know Arrow, the conversion, or any function that uses it.

pub mod access;
pub mod alerts;
pub mod announce;
pub mod athena;
pub mod catalog;
pub mod claims;
pub mod clients;
pub mod contracts;
mod error;
pub mod events;
pub mod failure;
pub mod invocation;
pub mod jobs;
pub mod key;
pub mod layout;
pub mod ledger;
pub mod lineage;
pub mod listing;
pub mod metrics;
pub mod notices;
pub mod objects;
mod posted;
pub mod queues;
pub mod read;
pub mod receive;
pub mod redelivery;
pub mod secrets;
pub mod settings;
mod signed;
pub mod stack;
pub mod sweep;
pub mod trace;
pub mod upload;
pub mod warehouse;

#[cfg(test)]
mod sample_events;

pub use error::{Cause, LakeError, chain, one_line};
