//! No document makes the contract parser panic; what it refuses it refuses with a reason; and what it takes the engine can enforce.
#![no_main]

use std::sync::Arc;

use lakegate_fuzz::{convert, texts};
use libfuzzer_sys::fuzz_target;

const FILES: [&[u8]; 2] = [
    b"id,t,i,n,d\na,b,1,1.5,2025-01-31\n,,,,\n\"x\",y,-1,0.00,0001-01-01\n",
    b"{\"id\": \"a\", \"t\": \"b\", \"i\": 1, \"n\": 1.5, \"d\": \"2025-01-31\", \"o\": {\"k\": [1, null]}}\n{}\n{\"id\": null, \"o\": 1}\n",
];

fuzz_target!(|document: &str| {
    match lakegate_contract::parse(document) {
        Ok(checked) => {
            let contract = Arc::new(checked.contract);
            for file in FILES {
                texts(&convert(&contract, file, 1024, 1));
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| !problem.expected.is_empty()));
        }
    }
});
