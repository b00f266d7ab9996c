//! No bytes make the CSV reader panic; every row is accounted for and every file can be read back; neither pieces nor threads change
//! what comes out; and the `csv` crate reads the same records.
#![no_main]

use lakegate_fuzz::{agrees_with_csv_crate, convert, csv_contract, many_rows, rejected, texts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u8, &[u8])| {
    let (which, piece, bytes) = input;
    let contract = csv_contract(which);
    let whole = convert(&contract, bytes, bytes.len(), 1);
    assert_eq!(whole, convert(&contract, bytes, usize::from(piece % 64) + 1, 2));
    let rejected_rows = rejected(&contract, &whole, bytes);
    let rows = texts(&whole);
    agrees_with_csv_crate(&contract, bytes, &whole, &rejected_rows, rows.as_ref());
    // Several batches are dear, and seldom tell more than one.
    if piece >= 254 {
        let long = many_rows(bytes);
        let whole = convert(&contract, &long, long.len(), 1);
        assert_eq!(whole, convert(&contract, &long, 7919, 2));
        rejected(&contract, &whole, &long);
        texts(&whole);
    }
});
