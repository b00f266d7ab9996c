//! No bytes make a decoder panic or take more memory than it may, packed or not, in any encoding.
#![no_main]

use lakegate_fuzz::{convert, packed_contract};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (which, piece, bytes) = input;
    let contract = packed_contract(which);
    let whole = convert(&contract, bytes, bytes.len(), 1);
    assert_eq!(whole, convert(&contract, bytes, usize::from(piece) + 1, 1));
});
