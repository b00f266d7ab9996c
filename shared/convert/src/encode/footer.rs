//! The end of a finished Parquet file, made readable for readers of today.
//! It does not know columns or their values.

/// A column's order, as its Thrift union stands in the metadata: that of its type, ...
const BY_TYPE: [u8; 3] = [0x1C, 0, 0];
/// ... or IEEE 754's total order, of doubles.
const TOTAL: [u8; 3] = [0x2C, 0, 0];
/// Behind the orders, which are the last of the metadata: its end, its length, and the magic number.
const TAIL_BYTES: usize = 1 + 4 + 4;

/// Says of the doubles of a file of `leaves` columns that they are ordered by their type. The Parquet library says that IEEE 754's
/// total order is theirs, which few readers know yet: the others (Spark 3, pyarrow) leave the bounds of such columns alone and skip
/// nothing by them. Both are true of our files: there are no NaNs, and a bound of zero has the sign that lets it bound in either order.
///
/// `end` are a file's last bytes, all of its metadata among them. What is not as expected stays as it is.
pub(crate) fn order_doubles_by_type(end: &mut [u8], leaves: usize) {
    let Some(stop) = end.len().checked_sub(TAIL_BYTES) else { return };
    let Some(start) = stop.checked_sub(leaves * BY_TYPE.len()) else { return };
    let Some(orders) = end.get_mut(start..stop) else { return };
    if orders.chunks(BY_TYPE.len()).all(|order| order == BY_TYPE || order == TOTAL) {
        orders.chunks_mut(BY_TYPE.len()).for_each(|order| order.copy_from_slice(&BY_TYPE));
    }
}

#[cfg(test)]
mod tests {
    use super::order_doubles_by_type;

    #[test]
    fn other_metadata_stays_as_it_is() {
        let unknown = *b"\x2C\0\0\x3C\0\0\0\x10\0\0\0PAR1";
        for leaves in [0, 2, 9] {
            let mut end = unknown;
            order_doubles_by_type(&mut end, leaves);
            assert_eq!(end, unknown);
        }
        order_doubles_by_type(&mut [], 1);
    }
}
