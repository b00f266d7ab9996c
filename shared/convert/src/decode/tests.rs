use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lakegate_contract::{Encoding, Landing, Packing};
use proptest::prelude::*;

use super::{Decoder, PIECE_BYTES, Progress};
use crate::{FileError, FileErrorKind};

fn landing(encoding: Encoding, packing: Packing) -> Landing {
    let contract = lakegate_contract::parse(include_str!("../../tests/cases/contract.yaml")).unwrap().contract;
    Landing { encoding, packing, ..contract.landing }
}

fn decode_as(landing: &Landing, input: &[u8], chunk_bytes: usize) -> Result<Vec<u8>, FileError> {
    let mut decoder = Decoder::new(landing);
    let mut text = Vec::new();
    for mut chunk in input.chunks(chunk_bytes) {
        loop {
            let before = text.len();
            let progress = decoder.decode(&mut chunk, |piece| text.extend_from_slice(piece))?;
            assert!(text.len() - before <= 3 * PIECE_BYTES, "a piece is small");
            if progress == Progress::Done {
                assert!(chunk.is_empty(), "all bytes are taken");
                break;
            }
        }
    }
    while decoder.finish(|piece| text.extend_from_slice(piece))? == Progress::More {}
    Ok(text)
}

fn decode(input: &[u8], chunk_bytes: usize) -> Result<Vec<u8>, FileError> {
    decode_as(&landing(Encoding::Utf8, Packing::ByContent), input, chunk_bytes)
}

fn transcode(encoding: Encoding, input: &[u8]) -> Vec<u8> {
    let whole = decode_as(&landing(encoding, Packing::ByContent), input, usize::MAX).unwrap();
    for chunk_bytes in [1, 3, 17] {
        let again = decode_as(&landing(encoding, Packing::ByContent), input, chunk_bytes).unwrap();
        assert_eq!(again, whole, "in pieces of {chunk_bytes}");
    }
    whole
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// The error's kind and message, which do not depend on the chunks.
fn error_as(landing: &Landing, input: &[u8]) -> String {
    let error = decode_as(landing, input, usize::MAX).unwrap_err();
    assert_eq!(decode_as(landing, input, 1000).unwrap_err(), error);
    format!("{}: {}", error.kind, error.message)
}

fn error(input: &[u8]) -> String {
    error_as(&landing(Encoding::Utf8, Packing::ByContent), input)
}

/// Text that does not pack well.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'0' + u8::try_from((state >> 33) % 64).unwrap()
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn packed_text_is_unpacked_by_its_content() {
    let text = noise(700_000);
    for packed in [gzip(&text), zstd(&text), text.clone()] {
        for chunk_bytes in [1013, 65_536, 100_000, usize::MAX] {
            assert!(decode(&packed, chunk_bytes).unwrap() == text, "in pieces of {chunk_bytes}");
        }
    }
    for packed in [gzip(b"a,b\n"), zstd(b"a,b\n")] {
        assert_eq!(decode(&packed, 1).unwrap(), b"a,b\n");
    }
}

#[test]
fn members_frames_and_zeros_behind_them_are_read_on() {
    let two = [gzip(b"a,b\n"), gzip(b""), gzip(b"c,d\n")].concat();
    assert_eq!(decode(&two, 1).unwrap(), b"a,b\nc,d\n");
    assert_eq!(decode(&[two.as_slice(), &[0; 600]].concat(), 7).unwrap(), b"a,b\nc,d\n");
    let skipped = [0x51, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 9, 9, 9];
    let frames = [&skipped, zstd(b"a,b\n").as_slice(), &skipped, &zstd(b"c,d\n"), &skipped].concat();
    assert_eq!(decode(&frames, 1).unwrap(), b"a,b\nc,d\n");
    assert_eq!(decode(&frames, usize::MAX).unwrap(), b"a,b\nc,d\n");
}

#[test]
fn a_file_that_is_cut_anywhere_is_truncated() {
    for packed in [gzip(&noise(300)), zstd(&noise(300)), [gzip(b"a"), gzip(b"b")].concat()] {
        // The two members' border is an end like any other.
        for end in (5..packed.len()).filter(|end| *end * 2 != packed.len()) {
            let error = decode(&packed[..end], 1).unwrap_err();
            assert_eq!(error.kind, FileErrorKind::Truncated, "{end} of {}: {}", packed.len(), error.message);
        }
    }
    assert_eq!(error(&gzip(b"a")[..12]), "Truncated: the file ends in the midst of its gzip data: it is truncated");
}

#[test]
fn a_byte_that_is_wrong_is_told() {
    let text = noise(3000);
    for packed in [gzip(&text), zstd(&text)] {
        let (mut wrong, mut told) = (packed.clone(), 0);
        for place in (10..packed.len()).step_by(7) {
            wrong[place] ^= 0x10;
            match decode(&wrong, usize::MAX) {
                Ok(read) => assert!(read == text, "byte {place} changes the text"),
                Err(error) => {
                    told += 1;
                    let kind = error.kind;
                    assert!(matches!(kind, FileErrorKind::Corrupt | FileErrorKind::Truncated), "{}", error.message);
                }
            }
            wrong[place] = packed[place];
        }
        assert!(told > 100);
    }
    let mut wrong = gzip(b"a,b\n");
    let check_sum = wrong.len() - 8;
    wrong[check_sum] ^= 1;
    assert_eq!(error(&wrong), "Corrupt: the file's gzip data is corrupt: incorrect data check");
    let behind = [gzip(b"a,b\n"), b"rest".to_vec()].concat();
    assert_eq!(error(&behind), "Corrupt: the file's gzip data is corrupt: there are other bytes behind its end");
    let behind = [gzip(b"a,b\n"), b"\0\0rest".to_vec()].concat();
    assert_eq!(error(&behind), "Corrupt: the file's gzip data is corrupt: there are other bytes behind its end");
    let behind = [zstd(b"a,b\n"), b"rest".to_vec()].concat();
    assert_eq!(error(&behind), "Corrupt: the file's zstd data is corrupt: unknown frame descriptor");
}

#[test]
fn packing_is_as_the_contract_says() {
    let say = |packing, input: &[u8]| error_as(&landing(Encoding::Utf8, packing), input);
    let (gzipped, zstd) = (gzip(b"a,b\n"), zstd(b"a,b\n"));
    assert_eq!(
        say(Packing::None, &gzipped),
        "WrongFormat: the file is gzip, and the contract says not packed (compression)"
    );
    assert_eq!(say(Packing::Zstd, &gzipped), "WrongFormat: the file is gzip, and the contract says zstd (compression)");
    assert_eq!(say(Packing::Gzip, &zstd), "WrongFormat: the file is zstd, and the contract says gzip (compression)");
    assert_eq!(
        say(Packing::Gzip, b"a,b\n"),
        "WrongFormat: the file is not packed, and the contract says gzip (compression)"
    );
    assert_eq!(say(Packing::Gzip, b""), "WrongFormat: the file is empty, and the contract says gzip (compression)");
    assert_eq!(error(&gzip(&zstd)), "WrongFormat: the file is zstd inside gzip, and the contract says CSV in UTF-8");
    let landing = landing(Encoding::Utf8, Packing::Gzip);
    assert_eq!(decode_as(&landing, &gzipped, 1).unwrap(), b"a,b\n");
}

#[test]
fn other_kinds_of_file_are_named() {
    let mut tar = vec![b'x'; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let kinds: [(&[u8], &str); 8] = [
        (b"PK\x03\x04\x14\0\0\0", "a zip archive (or an Excel workbook)"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xFD7zXZ\0\0", "xz"),
        (b"%PDF-1.7", "PDF"),
        (b"\x04\x22\x4D\x18", "lz4"),
        (b"\xFF\xFE\0\0a\0\0\0", "UTF-32"),
        (&tar, "a tar archive"),
    ];
    for (bytes, name) in kinds {
        assert_eq!(error(bytes), format!("WrongFormat: the file is {name}, and the contract says CSV in UTF-8"));
        let inside = format!("WrongFormat: the file is {name} inside gzip, and the contract says CSV in UTF-8");
        assert_eq!(error(&gzip(bytes)), inside);
    }
    for text in ["BZh,a\n1,2\n", "PK,a\n", "ORC,x\n", "PAR", "P", ""] {
        assert_eq!(decode(text.as_bytes(), 1).unwrap(), text.as_bytes());
    }
}

#[test]
fn bombs_are_stopped() {
    let zeros = vec![0; 100 * 1024 * 1024];
    let told = "data unpacks to more than 1000 times its size: no table does, and it is not read on";
    for (name, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
        let mut decoder = Decoder::new(&landing(Encoding::Utf8, Packing::ByContent));
        let (mut input, mut unpacked) = (bomb.as_slice(), 0);
        let error = loop {
            match decoder.decode(&mut input, |piece| unpacked += piece.len()) {
                Ok(Progress::More) => {}
                Ok(Progress::Done) => match decoder.finish(|piece| unpacked += piece.len()) {
                    Ok(Progress::More) => {}
                    Ok(Progress::Done) => panic!("{name} is read to its end"),
                    Err(error) => break error,
                },
                Err(error) => break error,
            }
        };
        assert_eq!((error.kind, error.message), (FileErrorKind::TooLargeUnpacked, format!("the {name} {told}")));
        assert!(unpacked <= 65 * 1024 * 1024, "{unpacked}");
    }
}

#[test]
fn byte_order_marks_agree_with_the_contract_or_the_file_is_rejected() {
    let text = "a,é\n1,😀\n";
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let (le_marked, be_marked) = ([b"\xFF\xFE", le.as_slice()].concat(), [b"\xFE\xFF", be.as_slice()].concat());
    for (encoding, bytes) in [
        (Encoding::Utf16, &le_marked),
        (Encoding::Utf16, &be_marked),
        (Encoding::Utf16Le, &le_marked),
        (Encoding::Utf16Le, &le),
        (Encoding::Utf16Be, &be_marked),
        (Encoding::Utf16Be, &be),
    ] {
        assert_eq!(transcode(encoding, bytes), text.as_bytes(), "{encoding:?}");
    }
    assert_eq!(transcode(Encoding::Utf8, b"\xEF\xBB\xBFa"), b"a");
    assert_eq!(transcode(Encoding::Utf16, b""), b"");
    let say = |encoding, input: &[u8]| error_as(&landing(encoding, Packing::ByContent), input);
    assert_eq!(
        say(Encoding::Utf8, &le_marked),
        "Encoding: the file is UTF-16LE by its byte order mark, and the contract says CSV in UTF-8; encoding: UTF-16LE would fit"
    );
    assert_eq!(
        say(Encoding::Windows1252, &be),
        "Encoding: the file is UTF-16BE by its first bytes, and the contract says CSV in Windows-1252; encoding: UTF-16BE would fit"
    );
    assert_eq!(
        say(Encoding::Utf16Be, &le_marked),
        "Encoding: the file is UTF-16LE by its byte order mark, and the contract says CSV in UTF-16BE; encoding: UTF-16LE would fit"
    );
    assert_eq!(
        say(Encoding::Utf16, b"a,b\n"),
        "Encoding: the file has no byte order mark, and the contract says CSV in UTF-16; encoding: UTF-16LE or UTF-16BE would fit"
    );
    assert_eq!(
        say(Encoding::Windows1252, b"\xEF\xBB\xBFa,b\n"),
        "Encoding: the file is UTF-8 by its byte order mark, and the contract says CSV in Windows-1252; encoding: UTF-8 would fit"
    );
}

#[test]
fn what_is_no_text_stays_no_text() {
    // A lone high surrogate, a lone low one, two high ones, and half a unit.
    let units: Vec<u8> = [0x61, 0xD83D, 0x62, 0xDE00, 0x63, 0xD83D, 0xD83D, 0xDE00, 0xD800]
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .chain([0x41])
        .collect();
    let text = transcode(Encoding::Utf16Le, &units);
    assert_eq!(text, b"a\xED\xA0\xBDb\xED\xB8\x80c\xED\xA0\xBD\xF0\x9F\x98\x80\xED\xA0\x80\xFF");
    assert_eq!(transcode(Encoding::Windows1252, b"\x80,\x81,\x9F"), b"\xE2\x82\xAC,\x81,\xC5\xB8");
    assert_eq!(transcode(Encoding::Iso8859_1, b"\x80,\xE9"), "\u{80},é".as_bytes());
}

#[test]
fn half_a_unit_waits_for_its_other_half_through_pieces_without_a_byte() {
    let units = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let text = "long enough to be more than its beginning ".repeat(40);
    let mut file = units(&text);
    file.push(b'x');
    let expected = [text.as_bytes(), b"\xFF"].concat();
    assert_eq!(transcode(Encoding::Utf16Le, &file), expected);
    // Members and frames that end in the midst of a unit, and some that are empty.
    let (head, tail) = file.split_at(7);
    for pack in [gzip, zstd] {
        let packed = [pack(head), pack(b""), pack(b""), pack(tail), pack(b"")].concat();
        assert_eq!(transcode(Encoding::Utf16Le, &packed), expected);
    }
}

proptest! {
    #[test]
    fn every_text_comes_back(text in "(\\PC|[a-z,\n]{20}){0,40}", chunk_bytes in 1_usize..9) {
        for (encoding, to_bytes) in [
            (Encoding::Utf16Le, u16::to_le_bytes as fn(u16) -> [u8; 2]),
            (Encoding::Utf16Be, u16::to_be_bytes),
        ] {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(to_bytes).collect();
            let landing = landing(encoding, Packing::ByContent);
            prop_assume!(!text.contains('\0') && !text.starts_with('\u{FEFF}') && !text.starts_with('\u{FFFE}'));
            // By chance the first bytes may be those of another kind of file.
            if let Ok(read) = decode_as(&landing, &bytes, chunk_bytes) {
                prop_assert_eq!(super::source_len(encoding, &read), bytes.len() as u64);
                prop_assert_eq!(read, text.as_bytes());
            }
        }
    }

    #[test]
    fn bytes_of_one_byte_encodings_are_counted_back(bytes: Vec<u8>) {
        for encoding in [Encoding::Windows1252, Encoding::Iso8859_1] {
            let mut text = Vec::new();
            super::transcode::Transcoder::new(encoding).push(&bytes, &mut text);
            prop_assert_eq!(super::source_len(encoding, &text), bytes.len() as u64);
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>, beginning in 0_usize..4, chunk_bytes in 1_usize..40) {
        let beginnings: [&[u8]; 4] = [b"", b"\x1F\x8B\x08\0", b"\x28\xB5\x2F\xFD", b"\x50\x2A\x4D\x18"];
        let input = [beginnings[beginning], &bytes].concat();
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf16Be, Encoding::Windows1252] {
            let landing = landing(encoding, Packing::ByContent);
            prop_assert_eq!(decode_as(&landing, &input, chunk_bytes), decode_as(&landing, &input, usize::MAX));
        }
    }
}
