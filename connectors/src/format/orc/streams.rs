//! The streams of a stripe: where each one lies, and what decoding it takes.

use std::collections::HashSet;

use orc_rust::proto::{Stream, StripeFooter, StripeInformation, column_encoding::Kind as EncodingKind, stream::Kind};
use ropeway_engine::Result;

use super::{blocks::Codec, columns::is_timestamp, damaged, tail::Tail};

/// Bytes that the length and the place of a dictionary's entry take.
const ENTRY_BYTES: u64 = 16;

/// The streams with values, one behind the other, as they fill the data of the stripe.
pub(super) struct Streams(Vec<Placed>);

struct Placed {
    stream: Stream,
    /// From where to before where in the data.
    place: (u64, u64),
    /// Entries of the dictionary, if it is one.
    entries: Option<u64>,
    /// The column whose second part it has, if it has any: nanoseconds of timestamps, or the digits behind a decimal's point.
    second_of: Option<u32>,
    /// Whether `orc-rust` decodes it.
    is_listed: bool,
}

/// What is in streams.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// Bytes that decoders hold at once besides the streams.
    pub(super) decoders: u64,
    /// Bytes of all values but those of dictionaries.
    pub(super) values: u64,
    /// Bytes of an average entry, over all dictionaries.
    pub(super) entries: u64,
}

impl Streams {
    /// # Errors
    /// Streams that do not fill the stripe as it says, or belong to nothing.
    pub(super) fn of(footer: &StripeFooter, info: &StripeInformation, tail: &Tail) -> Result<Self> {
        let index = info.index_length();
        let end = index + info.data_length();
        let (mut streams, mut seen, mut start) = (Vec::new(), HashSet::new(), 0_u64);
        for stream in footer.streams.iter().filter(|stream| stream.length() > 0) {
            let behind = start.checked_add(stream.length()).filter(|behind| *behind <= end);
            let behind = behind.ok_or_else(|| damaged("a stream lies outside of its stripe"))?;
            let kind = stream.kind.and_then(|kind| Kind::try_from(kind).ok());
            let in_index = matches!(kind, Some(Kind::RowIndex | Kind::BloomFilter | Kind::BloomFilterUtf8));
            if if in_index { behind > index } else { start < index } {
                return Err(damaged("values and indexes are mixed up"));
            }
            if !in_index {
                // The struct that a row is has no values, and is never missing.
                let is_column = (1..tail.types.len()).contains(&(stream.column() as usize));
                if !kind.is_some_and(has_values) || !is_column || !seen.insert((stream.column(), kind)) {
                    return Err(damaged("a stream belongs to no column"));
                }
                let encoding = &footer.columns[stream.column() as usize];
                let is_dictionary = matches!(encoding.kind(), EncodingKind::Dictionary | EncodingKind::DictionaryV2);
                let entries = is_dictionary && kind == Some(Kind::DictionaryData);
                let is_second = kind == Some(Kind::Secondary);
                let is_timestamp = tail.types.get(stream.column() as usize).is_some_and(is_timestamp);
                streams.push(Placed {
                    stream: stream.clone(),
                    place: (start - index, behind - index),
                    entries: entries.then(|| u64::from(encoding.dictionary_size())),
                    second_of: is_second.then(|| stream.column()),
                    is_listed: !(is_second && is_timestamp),
                });
            }
            start = behind;
        }
        Ok(Self(streams))
    }

    /// As a stripe's footer lists them for `orc-rust`: nanoseconds belong to no column.
    pub(super) fn listed(&self) -> Vec<Stream> {
        let listed = self.0.iter().map(|placed| match placed.is_listed {
            true => placed.stream.clone(),
            false => Stream { column: Some(u32::MAX), ..placed.stream.clone() },
        });
        listed.collect()
    }

    /// The columns whose values have second parts, and from where to before where those lie.
    pub(super) fn seconds(&self) -> impl Iterator<Item = (u32, u64, u64)> {
        self.0.iter().filter_map(|placed| placed.second_of.map(|column| (column, placed.place.0, placed.place.1)))
    }

    /// Unpacks every stream once.
    ///
    /// # Errors
    /// One that is damaged.
    pub(super) fn look(&self, data: &[u8], codec: &Codec) -> Result<Found> {
        let mut found = Found::default();
        for Placed { place: (from, to), entries, .. } in &self.0 {
            let section = data.get(*from as usize..*to as usize);
            let measure = codec.measured(section.ok_or_else(|| damaged("a stream lies outside of its stripe"))?)?;
            found.decoders += measure.largest;
            match entries {
                None => found.values += measure.bytes,
                Some(entries) => {
                    // It is unpacked into a vector that grows, and kept.
                    found.decoders += 3 * measure.bytes + ENTRY_BYTES * entries;
                    found.entries += measure.bytes / (*entries).max(1);
                }
            }
        }
        Ok(found)
    }
}

fn has_values(kind: Kind) -> bool {
    matches!(kind, Kind::Present | Kind::Data | Kind::Length | Kind::DictionaryData | Kind::Secondary)
}
