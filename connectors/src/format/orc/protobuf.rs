//! Messages that are looked at before they are decoded: two bytes can become a struct of half a kilobyte.

use ropeway_engine::Result;

use super::damaged;

/// Fields of a message at most: ten thousand columns with all that is said of each, and the stripes.
const MOST_FIELDS: usize = 200_000;

/// The numbers of the fields of a message, without those of messages within it.
///
/// # Errors
/// Bytes that are no message, or one of too many fields.
pub(super) fn fields(mut bytes: &[u8]) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        let number = field(&mut bytes).ok_or_else(|| damaged("a footer cannot be read"))?;
        if numbers.len() == MOST_FIELDS {
            return Err(damaged("a footer has too many fields"));
        }
        numbers.push(number);
    }
    Ok(numbers)
}

/// Passes over the next field and gives its number. `None` where the bytes end or make no sense.
fn field(bytes: &mut &[u8]) -> Option<u64> {
    let key = varint(bytes)?;
    match key & 7 {
        0 => varint(bytes).map(drop),
        1 => pass(bytes, 8),
        2 => {
            let length = varint(bytes)?;
            pass(bytes, usize::try_from(length).ok()?)
        }
        5 => pass(bytes, 4),
        _ => None,
    }?;
    Some(key >> 3)
}

fn pass(bytes: &mut &[u8], count: usize) -> Option<()> {
    *bytes = bytes.get(count..)?;
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 127) << shift;
        if *byte < 128 {
            return Some(number);
        }
    }
    None
}
