//! A reader of journals that believes the lengths and checks no checksum: the twin that has to fail.

use serde_json::Value;

use super::Damage;

/// What the records of a journal say.
pub(super) type Records = Vec<Value>;

/// Length, number and two checksums stand before every record.
const HEAD: usize = 20;

/// Where the header and every record end.
pub(super) fn boundaries(journal: &[u8]) -> Vec<usize> {
    let mut end = journal.iter().position(|&byte| byte == b'\n').map_or(journal.len(), |end| end + 1);
    let mut ends = vec![end];
    while let Some(length) = journal.get(end..).and_then(|rest| rest.first_chunk()) {
        end += HEAD + u32::from_le_bytes(*length) as usize;
        ends.extend((end <= journal.len()).then_some(end));
    }
    ends
}

/// The records up to the first that is none.
pub(super) fn read(journal: &[u8]) -> Records {
    let payloads =
        boundaries(journal).windows(2).map_while(|ends| journal.get(ends[0] + HEAD..ends[1])).collect::<Vec<_>>();
    payloads.into_iter().map_while(|payload| serde_json::from_slice(payload).ok()).collect()
}

/// Whether this reader takes something for a record that was never written.
pub(super) fn accepts_a_change(damage: Damage, journal: &[u8]) -> bool {
    !read(journal).starts_with(&read(&damage.apply(journal)))
}
