//! No bytes make a decoder panic or take more memory than it may, packed or not, in any encoding; and what is packed well is judged
//! as if it were not packed.
#![no_main]

use std::io::Write;

use lakegate_contract::Packing;
use lakegate_fuzz::{convert, packed_contract, rejected, texts, unpacked};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u8, u8, u16, &[u8])| {
    let (which, piece, way, place, bytes) = input;
    let contract = packed_contract(which);
    let text = convert(&unpacked(&contract), bytes, bytes.len(), 1);
    let mut file = match way % 4 {
        0 | 1 => bytes.to_vec(),
        // In two members or frames.
        2 => [gzip(&bytes[..bytes.len() / 2]), gzip(&bytes[bytes.len() / 2..])].concat(),
        _ => [zstd(&bytes[..bytes.len() / 2]), zstd(&bytes[bytes.len() / 2..])].concat(),
    };
    let is_whole = way < 128;
    if !is_whole && !file.is_empty() {
        let place = usize::from(place) % file.len();
        if way & 64 == 0 { file[place] ^= 1 << (way >> 2 & 7) } else { file.truncate(place) }
    }
    let whole = convert(&contract, &file, file.len(), 1);
    assert_eq!(whole, convert(&contract, &file, usize::from(piece) + 1, 2));
    rejected(&contract, &whole, &file);
    texts(&whole);
    let is_declared = match way % 4 {
        0 | 1 => false,
        2 => matches!(contract.landing.packing, Packing::ByContent | Packing::Gzip),
        _ => matches!(contract.landing.packing, Packing::ByContent | Packing::Zstd),
    };
    // A file that is packed twice, or is not what it should be, is told otherwise.
    if is_whole && is_declared && text.judgement.file_error.is_none() {
        assert_eq!(text.outputs, whole.outputs);
        assert_eq!(text.judgement.violations, whole.judgement.violations);
    }
});

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}
