//! Why a file could not be judged. A bad row is no error, nor is a file that breaks its contract: both are judgements.

/// The engine itself failed; the same bytes will fail again.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// A column could not be built or computed.
    #[error("cannot build columns")]
    Arrow(#[from] arrow::error::ArrowError),
    /// Parquet could not be encoded.
    #[error("cannot encode Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A range's plan is not of this contract.
    #[error("the plan does not fit the contract: {0}")]
    Plan(String),
    /// It was decided of a row that is not there, or breaks a rule of its own.
    #[error("the decisions are not of this range: row {row} cannot lose to another")]
    Decisions {
        /// The row's number, from 1.
        row: u64,
    },
    /// It failed before: what came of the file is lost.
    #[error("the conversion has failed before")]
    Stopped,
}
