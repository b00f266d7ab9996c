//! No expression makes the parser or the evaluation panic, and every row is accounted for.
#![no_main]

use lakegate_fuzz::{contract_with_expression, convert};
use libfuzzer_sys::fuzz_target;

const ROWS: &[u8] = b"t,i,n,x,b,d,s\n\
    a,1,1.50,0.5,true,2025-02-28,2025-02-28T10:00:00\n\
    ,,,,,,\n\
    \"\",-9223372036854775808,-99999999.99,1e300,false,0001-01-01,0001-01-01T00:00:00\n\
    z\xC3\xA9,9223372036854775807,99999999.99,-1e300,true,9999-12-31,9999-12-31T23:59:59.999999\n\
    %_,0,0.00,0,false,2024-02-29,2024-02-29T23:59\n";

fuzz_target!(|expression: (u8, &str)| {
    if let Some(contract) = contract_with_expression(expression.0, expression.1) {
        convert(&contract, ROWS, ROWS.len(), 1);
    }
});
