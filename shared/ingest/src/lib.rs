//! One object, from its event to what becomes of it: converted, judged and published, rejected, removed or failed, as its ledger entry says.
//! It must not know who runs it, where settings or messages come from, or how anybody is told but by a failure's record.

mod conversion;
mod emission;
mod emission_settings;
#[cfg(test)]
mod emission_tests;
mod outcome;
mod outputs;
mod publication;
pub mod ranges;
mod removal;
#[cfg(test)]
mod run;
mod settings;
mod settlement;
mod sight;
#[cfg(test)]
mod store_tests;
mod take_in;
mod unfinished;
mod unknown;
#[cfg(test)]
mod untold_tests;
mod uploads;
#[cfg(test)]
mod world;

pub use conversion::ConversionError;
pub use emission::Emission;
pub use emission_settings::EmissionSettings;
pub use outcome::{Outcome, Report};
pub use publication::kind_of_rejection;
pub use removal::remove;
pub use settings::{Settings, TooBig, UnknownDatasets};
pub use take_in::{Context, Delivery, take_in};
