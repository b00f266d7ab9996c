//! No bytes make the JSON reader panic; every row is accounted for and every file can be read back; neither pieces nor threads change
//! what comes out; and serde_json reads the same objects.
#![no_main]

use lakegate_fuzz::{agrees_with_serde_json, convert, json_contract, many_rows, rejected, texts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u8, &[u8])| {
    let (which, piece, bytes) = input;
    let contract = json_contract(which);
    let whole = convert(&contract, bytes, bytes.len(), 1);
    assert_eq!(whole, convert(&contract, bytes, usize::from(piece % 64) + 1, 2));
    let rejected_rows = rejected(&contract, &whole, bytes);
    texts(&whole);
    agrees_with_serde_json(&contract, bytes, &whole, &rejected_rows);
    // Several batches are dear, and seldom tell more than one.
    if piece >= 254 {
        let long = many_rows(bytes);
        let whole = convert(&contract, &long, long.len(), 1);
        assert_eq!(whole, convert(&contract, &long, 7919, 2));
        rejected(&contract, &whole, &long);
        texts(&whole);
    }
});
