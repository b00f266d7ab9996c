//! No expression makes the parser or the evaluation panic; every row is accounted for; and no row's result hangs on another row.
#![no_main]

use lakegate_fuzz::{contract_with_expression, convert, texts};
use libfuzzer_sys::fuzz_target;

const HEADER: &str = "t,u,i,k,n,m,x,b,d,s,j\n";
const ROWS: [&str; 7] = [
    "a,b,1,1,1.50,1.000000001,0.5,true,2025-02-28,2025-02-28T10:00:00,{}\n",
    ",,,,,,,,,,\n",
    "\"\",x,-9223372036854775808,-128,-99999999.99,-99999999999999999999999999999.999999999,1e300,false,0001-01-01,0001-01-01T00:00:00,1\n",
    "z\u{e9},12,9223372036854775807,127,99999999.99,99999999999999999999999999999.999999999,-1e300,true,9999-12-31,9999-12-31T23:59:59.999999,\"[\"\"\"\"]\"\n",
    "%_,2024-02-29,0,0,0.00,0,0,false,2024-02-29,2024-02-29T23:59,\n",
    "-1.5,true,7,-3,-0.05,0.5,-0.0,false,1969-12-31,1969-12-31T23:59:59.5,\n",
    "\"  A b\u{2028}\",,,100,,2,1e-300,,1900-01-01,,\n",
];

fuzz_target!(|expression: (u8, &str)| {
    let Some(contract) = contract_with_expression(expression.0, expression.1) else { return };
    let converted = |rows: &[&str]| convert(&contract, (HEADER.to_owned() + &rows.concat()).as_bytes(), 1024, 1);
    let together = converted(&ROWS);
    assert_eq!(together.judgement.counts.read, ROWS.len() as u64);
    let mut rows = Vec::new();
    let mut rejected = 0;
    for row in ROWS {
        let alone = converted(&[row]);
        rejected += alone.judgement.counts.rejected;
        rows.extend(texts(&alone).unwrap());
    }
    assert_eq!(texts(&together).unwrap(), rows);
    assert_eq!(together.judgement.counts.rejected, rejected);
});
