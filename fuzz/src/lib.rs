//! What the fuzz targets share: contracts that use every option, conversions whose outcomes can be compared, and second opinions.

mod contracts;
mod convert;
mod opinions;

pub use contracts::{contract_with_expression, csv_contract, json_contract, packed_contract, unpacked};
pub use convert::{Outcome, Rejected, convert, many_rows, rejected, texts};
pub use opinions::{agrees_with_csv_crate, agrees_with_serde_json};
