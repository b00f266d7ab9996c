//! Nothing is lost and nothing is there twice, whatever happens: runs of the functions' real binaries and an oracle.
//! `LAKEGATE_PROOF_FULL=1` makes the runs as large as the promise says, `LAKEGATE_PROOF_SEED` repeats one (docs/testing.md).

mod changing;
mod disorder;
mod kills;
mod secrets;
mod soak;
