//! S3 in memory, empty, for as long as standard input is open; it prints its address. A measurement on the same processors is less
//! disturbed by it than by an S3 that is written in Python.
#![allow(clippy::print_stdout, reason = "its caller reads the address")]

use std::io::{Read, stdin};

use lakegate_stand_ins::S3;

fn main() {
    let s3 = S3::start();
    println!("{}", s3.url());
    let _ = stdin().read_to_end(&mut Vec::new());
}
