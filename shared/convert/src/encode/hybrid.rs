//! Parquet's RLE/bit-packed hybrid encoding (Parquet format, "Encodings", RLE = 3) of levels and dictionary codes.
//! It does not know pages.

/// Values of one bit-packed group.
const GROUP: usize = 8;
/// A run this long is cheaper as such than bit-packed.
const RUN_MIN: usize = 16;

/// Appends `codes`, each of `width` bits (1 to 16).
pub(super) fn write(codes: &[u16], width: u8, out: &mut Vec<u8>) {
    let mut rest = codes;
    while !rest.is_empty() {
        let run = run_length(rest);
        if run >= RUN_MIN {
            write_run(rest.first().copied().unwrap_or_default(), run, width, out);
            rest = rest.get(run..).unwrap_or_default();
            continue;
        }
        let packed = packed_length(rest);
        let (head, tail) = rest.split_at(packed.min(rest.len()));
        write_packed(head, width, out);
        rest = tail;
    }
}

/// Appends `count` times `value`.
pub(super) fn write_run(value: u16, count: usize, width: u8, out: &mut Vec<u8>) {
    write_varint((count as u64) << 1, out);
    let [low, high] = value.to_le_bytes();
    out.push(low);
    if width > 8 {
        out.push(high);
    }
}

fn run_length(codes: &[u16]) -> usize {
    let Some(first) = codes.first() else { return 0 };
    codes.iter().take_while(|code| *code == first).count()
}

/// How many codes to pack: whole groups, up to where a run begins. The last group of all may be incomplete.
fn packed_length(codes: &[u16]) -> usize {
    let mut length = 0;
    while length < codes.len() {
        let rest = codes.get(length..).unwrap_or_default();
        let ahead = rest.get(..RUN_MIN).unwrap_or_default();
        if length > 0 && !ahead.is_empty() && run_length(ahead) == RUN_MIN {
            break;
        }
        length += GROUP;
    }
    length
}

fn write_packed(codes: &[u16], width: u8, out: &mut Vec<u8>) {
    let groups = codes.len().div_ceil(GROUP);
    write_varint(((groups as u64) << 1) | 1, out);
    let (mut bits, mut count) = (0_u64, 0_u32);
    let padding = groups * GROUP - codes.len();
    for code in codes.iter().copied().chain(std::iter::repeat_n(0, padding)) {
        bits |= u64::from(code) << count;
        count += u32::from(width);
        if count >= 32 {
            out.extend_from_slice(&low_32(bits));
            bits >>= 32;
            count -= 32;
        }
    }
    // Groups of eight end on a byte.
    out.extend(bits.to_le_bytes().iter().take(count as usize / 8));
}

fn low_32(bits: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = bits.to_le_bytes();
    [a, b, c, d]
}

/// A variable-length number (LEB128).
pub(crate) fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes().first().copied().unwrap_or_default() | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes().first().copied().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::write;

    /// Reads as the format's specification says; slow and plain.
    fn read(bytes: &[u8], width: u8, count: usize) -> Vec<u16> {
        let mut codes = Vec::new();
        let mut at = 0;
        while codes.len() < count {
            let (mut header, mut shift) = (0_u64, 0);
            loop {
                header |= u64::from(bytes[at] & 0x7F) << shift;
                shift += 7;
                at += 1;
                if bytes[at - 1] < 0x80 {
                    break;
                }
            }
            let value_bytes = usize::from(width.div_ceil(8));
            if header & 1 == 0 {
                let mut value = [0; 2];
                value[..value_bytes].copy_from_slice(&bytes[at..at + value_bytes]);
                at += value_bytes;
                codes.extend(std::iter::repeat_n(u16::from_le_bytes(value), usize::try_from(header >> 1).unwrap()));
            } else {
                let values = usize::try_from(header >> 1).unwrap() * 8;
                for index in 0..values {
                    let mut value = 0;
                    for bit in 0..usize::from(width) {
                        let place = index * usize::from(width) + bit;
                        value |= u16::from(bytes[at + place / 8] >> (place % 8) & 1) << bit;
                    }
                    codes.push(value);
                }
                at += values * usize::from(width) / 8;
            }
        }
        assert_eq!(at, bytes.len());
        codes.truncate(count);
        codes
    }

    proptest! {
        #[test]
        fn every_sequence_of_codes_comes_back(
            runs in prop::collection::vec((any::<u16>(), prop_oneof![1_usize..4, 1_usize..60]), 0..40),
            width in 1_u8..=16,
        ) {
            let mask = if width == 16 { u16::MAX } else { (1 << width) - 1 };
            let codes: Vec<u16> = runs.iter().flat_map(|(code, count)| std::iter::repeat_n(code & mask, *count)).collect();
            let mut bytes = Vec::new();
            write(&codes, width, &mut bytes);
            prop_assert_eq!(read(&bytes, width, codes.len()), codes);
        }
    }
}
