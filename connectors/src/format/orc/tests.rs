//! What hostile files do: every one of them is an error, whatever it says of itself. What sound files hold is compared with
//! another reader in the tests of files.

use std::{io::Write, num::NonZeroU32, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, TimestampNanosecondArray},
    datatypes::{DataType, TimeUnit},
};
use orc_rust::proto::{
    CalendarKind, ColumnStatistics, CompressionKind, Encryption, Footer, PostScript, Stream, StripeEncryptionVariant,
    StripeFooter, Type, column_encoding::Kind as EncodingKind, stream::Kind as StreamKind, r#type::Kind,
};
use prost::Message;
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit};
use serde_json::json;

use super::{
    blocks::header,
    integers::{Integers, Sign},
};
use crate::format::{Input, Slice, for_reading, for_writing};

const MEMORY: u64 = 1 << 26;

/// What `tests/readback/write_orc.py` makes of `{"rows": 25, "compression": "uncompressed", "dictionary_key_size_threshold": 1.0}`.
const EVERY_TYPE: &[u8] = include_bytes!("fixtures/every_type.orc");
const ROWS: usize = 25;

const CODECS: [CompressionKind; 5] =
    [CompressionKind::Zlib, CompressionKind::Snappy, CompressionKind::Lzo, CompressionKind::Lz4, CompressionKind::Zstd];

fn read_with(bytes: &[u8], memory: u64) -> Result<Vec<RecordBatch>> {
    let mut opened = tempfile::tempfile().unwrap();
    opened.write_all(bytes).unwrap();
    let opened = Input::new(opened).unwrap();
    let limit = BatchLimit { rows: NonZeroU32::new(64).unwrap(), bytes: 1 << 20 };
    for_reading(&json!({"type": "Orc"}), None, memory)?.read(opened, &Slice::Whole, limit)?.collect()
}

fn read(bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    read_with(bytes, MEMORY)
}

fn rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

fn refused(bytes: &[u8]) -> Error {
    read(bytes).expect_err("a file that lies was read")
}

/// A file of one stripe that is not compressed, taken apart.
#[derive(Clone)]
struct Parts {
    data: Vec<u8>,
    stripe: StripeFooter,
    footer: Footer,
    postscript: PostScript,
}

impl Parts {
    fn sound() -> Self {
        let bytes = EVERY_TYPE;
        let end = bytes.len() - 1;
        let start = end - usize::from(bytes[end]);
        let postscript = PostScript::decode(&bytes[start..end]).unwrap();
        let footer = Footer::decode(&bytes[start - postscript.footer_length() as usize..start]).unwrap();
        let [info] = footer.stripes.as_slice() else { panic!("one stripe is enough") };
        let from = (info.offset() + info.index_length()) as usize;
        let to = from + info.data_length() as usize;
        let mut stripe = StripeFooter::decode(&bytes[to..to + info.footer_length() as usize]).unwrap();
        stripe.streams.retain(|stream| stream.kind() != StreamKind::RowIndex);
        Self { data: bytes[from..to].to_vec(), stripe, footer, postscript }
    }

    fn packed(mut self, kind: CompressionKind) -> Vec<u8> {
        self.postscript.compression = Some(kind as i32);
        self.joined(|bytes| {
            let packed = packed(kind, bytes);
            if packed.len() < bytes.len() { block(&packed, false) } else { block(bytes, true) }
        })
    }

    /// The file of these parts, every section made by `section`; lengths are right.
    fn joined(mut self, section: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut bytes = b"ORC".to_vec();
        let mut from = 0;
        for stream in &mut self.stripe.streams {
            let length = stream.length() as usize;
            let packed = section(&self.data[from..from + length]);
            from += length;
            stream.length = Some(packed.len() as u64);
            bytes.extend(packed);
        }
        let data = bytes.len() as u64 - 3;
        let list = section(&self.stripe.encode_to_vec());
        bytes.extend(&list);
        let stripe = &mut self.footer.stripes[0];
        (stripe.offset, stripe.index_length) = (Some(3), Some(0));
        (stripe.data_length, stripe.footer_length) = (Some(data), Some(list.len() as u64));
        self.ended(bytes, section)
    }

    /// The same without looking at what the footer says of stripes.
    fn ended(mut self, mut bytes: Vec<u8>, section: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let footer = section(&self.footer.encode_to_vec());
        self.postscript.footer_length = Some(footer.len() as u64);
        let postscript = self.postscript.encode_to_vec();
        bytes.extend(footer);
        bytes.extend(&postscript);
        bytes.push(postscript.len() as u8);
        bytes
    }

    fn written(self) -> Vec<u8> {
        self.joined(<[u8]>::to_vec)
    }
}

fn block(bytes: &[u8], is_original: bool) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    [&header(bytes.len(), is_original), bytes].concat()
}

fn packed(kind: CompressionKind, bytes: &[u8]) -> Vec<u8> {
    match kind {
        CompressionKind::None => bytes.to_vec(),
        CompressionKind::Zlib => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        CompressionKind::Zstd => zstd::encode_all(bytes, 3).unwrap(),
        CompressionKind::Lzo => lzokay_native::compress(bytes).unwrap(),
        CompressionKind::Lz4 => lz4_flex::block::compress(bytes),
        CompressionKind::Snappy => snap::raw::Encoder::new().compress_vec(bytes).unwrap(),
    }
}

#[test]
fn every_compression_gives_the_same_rows() {
    let wanted = read(EVERY_TYPE).unwrap();
    assert_eq!(rows(&wanted), ROWS);
    assert!(read(&Parts::sound().written()).unwrap() == wanted);
    for kind in CODECS {
        assert!(read(&Parts::sound().packed(kind)).unwrap() == wanted, "{kind:?}");
    }
}

#[test]
fn a_file_that_is_cut_off_is_an_error_wherever_it_ends() {
    for bytes in [EVERY_TYPE.to_vec(), Parts::sound().packed(CompressionKind::Zlib)] {
        for end in 0..bytes.len() {
            let error = refused(&bytes[..end]);
            assert_eq!(error.kind(), ErrorKind::Data, "{end}: {error}");
        }
    }
}

/// Values have no checksum: what is flipped within them is another value. Anything else is an error.
#[test]
fn flipped_bits_are_errors_or_as_many_rows() {
    for kind in [CompressionKind::None, CompressionKind::Zlib, CompressionKind::Lzo] {
        let bytes = if kind == CompressionKind::None { EVERY_TYPE.to_vec() } else { Parts::sound().packed(kind) };
        let mut errors = 0;
        for at in 0..bytes.len() {
            let mut hostile = bytes.clone();
            hostile[at] ^= 1 << (at % 8);
            match read(&hostile) {
                Ok(batches) => assert_eq!(rows(&batches), ROWS, "byte {at}, {kind:?}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Data, "byte {at}, {kind:?}: {error}");
                    errors += 1;
                }
            }
        }
        assert!(errors > 0, "{kind:?}");
    }
}

type Lie = (&'static str, fn(&mut Parts));

const LIES: [Lie; 22] = [
    ("a struct of itself", |parts| {
        let id = parts.footer.types.len() as u32;
        parts.footer.types.push(type_of(Kind::List, vec![id]));
        parts.stripe.columns.push(parts.stripe.columns[0].clone());
        let root = &mut parts.footer.types[0];
        root.subtypes.push(id);
        root.field_names.push("endless".to_owned());
    }),
    ("a column that is the row", |parts| parts.footer.types[0].subtypes[0] = 0),
    ("a column that is not there", |parts| parts.footer.types[0].subtypes[20] = 4_000_000_000),
    ("a column twice", |parts| parts.footer.types[0].subtypes[1] = 1),
    ("fewer names than columns", |parts| _ = parts.footer.types[0].field_names.pop()),
    ("rows that are numbers", |parts| parts.footer.types[0].kind = Some(Kind::Long as i32)),
    ("a type of the future", |parts| parts.footer.types[1].kind = Some(99)),
    ("another type", |parts| parts.footer.types[1].kind = Some(Kind::Binary as i32)),
    ("a decimal of too many digits", |parts| parts.footer.types[13].precision = Some(9 + 256)),
    ("a decimal of fewer digits behind the point than its values", |parts| parts.footer.types[13].scale = Some(0)),
    ("a decimal of fewer digits than its values", |parts| parts.footer.types[13].precision = Some(4)),
    ("more rows than there are", |parts| {
        parts.footer.number_of_rows = Some(1 << 60);
        parts.footer.stripes[0].number_of_rows = Some(1 << 60);
    }),
    ("fewer rows than its stripes have", |parts| parts.footer.number_of_rows = Some(ROWS as u64 - 1)),
    ("encodings of fewer columns", |parts| _ = parts.stripe.columns.pop()),
    ("an encoding of the future", |parts| parts.stripe.columns[1].kind = Some(17)),
    ("a dictionary of numbers", |parts| {
        parts.stripe.columns[1].kind = Some(EncodingKind::DictionaryV2 as i32);
    }),
    ("a dictionary of four billion values", |parts| {
        parts.stripe.columns[9].kind = Some(EncodingKind::DictionaryV2 as i32);
        parts.stripe.columns[9].dictionary_size = Some(u32::MAX);
    }),
    ("a stream of the future", |parts| parts.stripe.streams[0].kind = Some(77)),
    ("a stream twice", |parts| parts.stripe.streams[1] = Stream { ..parts.stripe.streams[0].clone() }),
    ("a stream of no column", |parts| parts.stripe.streams[0].column = Some(12_345)),
    ("missing rows", |parts| {
        parts.stripe.streams[0].column = Some(0);
        parts.stripe.streams[0].kind = Some(StreamKind::Present as i32);
    }),
    ("a writer nowhere", |parts| parts.stripe.writer_timezone = Some("Nowhere/Else".to_owned())),
];

fn type_of(kind: Kind, subtypes: Vec<u32>) -> Type {
    Type { kind: Some(kind as i32), subtypes, ..Default::default() }
}

#[test]
fn lies_are_errors() {
    for (lie, tell) in LIES {
        let mut parts = Parts::sound();
        tell(&mut parts);
        let error = refused(&parts.written());
        assert_eq!(error.kind(), ErrorKind::Data, "{lie}: {error}");
    }
}

#[test]
fn stripes_are_where_a_file_can_have_them() {
    for (offset, index, data, footer) in
        [(u64::MAX, 1, 1, 1), (3, u64::MAX, 1, 1), (3, 0, 1 << 62, 9), (3, 0, 9, 1 << 40), (3, 1 << 40, 9, 9)]
    {
        let mut parts = Parts::sound();
        let stripe = &mut parts.footer.stripes[0];
        (stripe.offset, stripe.index_length) = (Some(offset), Some(index));
        (stripe.data_length, stripe.footer_length) = (Some(data), Some(footer));
        let error = refused(&parts.ended(b"ORC".to_vec(), <[u8]>::to_vec));
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    }
    let mut parts = Parts::sound();
    let twice = parts.footer.stripes[0].clone();
    parts.footer.stripes.push(twice);
    parts.footer.number_of_rows = Some(2 * ROWS as u64);
    assert_eq!(refused(&parts.written()).kind(), ErrorKind::Data);
}

#[test]
fn a_block_that_unpacks_to_more_than_a_block_is_an_error() {
    let zeros = vec![0; 8 << 20];
    for kind in CODECS {
        let mut parts = Parts::sound();
        parts.postscript.compression = Some(kind as i32);
        parts.postscript.compression_block_size = Some(1 << 20);
        // The same place with a block that is sound is read: it is the block that is refused.
        assert_eq!(rows(&read(&parts.clone().joined(|bytes| block(bytes, true))).unwrap()), ROWS);
        let first = parts.data[..parts.stripe.streams[0].length() as usize].to_vec();
        let bomb = block(&packed(kind, &zeros), false);
        let hostile = parts.joined(|bytes| if bytes == first { bomb.clone() } else { block(bytes, true) });
        let error = refused(&hostile);
        assert!(error.to_string().contains("cannot be unpacked"), "{kind:?}: {error}");
    }
}

#[test]
fn blocks_of_any_size_and_compressions_of_the_future_are_not_believed() {
    let mut parts = Parts::sound();
    parts.postscript.compression = Some(CompressionKind::Lz4 as i32);
    parts.postscript.compression_block_size = Some(1 << 40);
    assert_eq!(refused(&parts.joined(|bytes| block(bytes, true))).kind(), ErrorKind::Data);
    let mut parts = Parts::sound();
    parts.postscript.compression = Some(6);
    let error = refused(&parts.written());
    assert!(error.to_string().contains("not known"), "{error}");
}

#[test]
fn fields_without_end_and_encryption_are_refused() {
    let mut parts = Parts::sound();
    parts.footer.statistics = vec![ColumnStatistics::default(); 300_000];
    assert!(refused(&parts.written()).to_string().contains("too many fields"));
    let mut parts = Parts::sound();
    parts.footer.encryption = Some(Encryption::default());
    assert!(refused(&parts.written()).to_string().contains("encrypted"));
    let mut parts = Parts::sound();
    parts.stripe.encryption = vec![StripeEncryptionVariant::default()];
    assert!(refused(&parts.written()).to_string().contains("encrypted"));
}

#[test]
fn a_stripe_has_to_fit_into_the_memory() {
    assert_eq!(rows(&read_with(EVERY_TYPE, 64 << 10).unwrap()), ROWS);
    let error = read_with(EVERY_TYPE, 8 << 10).unwrap_err();
    assert!(error.to_string().contains("--memory"), "{error}");
}

#[test]
fn moments_that_nanoseconds_do_not_reach_are_errors_that_name_the_column() {
    // A second since 2015, encoded as it is in version 1: one value, as it stands.
    let moment = |seconds: i64| {
        let mut parts = Parts::sound();
        let types = vec![type_of(Kind::Struct, vec![1]), type_of(Kind::Timestamp, vec![])];
        parts.footer.types = types;
        parts.footer.types[0].field_names = vec!["when".to_owned()];
        parts.footer.number_of_rows = Some(1);
        parts.footer.stripes[0].number_of_rows = Some(1);
        let mut encoding = parts.stripe.columns[0].clone();
        encoding.kind = Some(EncodingKind::Direct as i32);
        parts.stripe.columns = vec![encoding; 2];
        let mut zigzag = ((seconds << 1) ^ (seconds >> 63)) as u64;
        let mut data = vec![0xff];
        while zigzag > 127 {
            data.push(zigzag as u8 | 128);
            zigzag >>= 7;
        }
        data.push(zigzag as u8);
        let stream =
            |kind: StreamKind, length| Stream { kind: Some(kind as i32), column: Some(1), length: Some(length) };
        parts.stripe.streams = vec![stream(StreamKind::Data, data.len() as u64), stream(StreamKind::Secondary, 2)];
        parts.data = [data, vec![0xff, 0]].concat();
        parts
    };
    let batches = read(&moment(0).written()).unwrap();
    assert_eq!(batches[0].schema().field(0).data_type(), &DataType::Timestamp(TimeUnit::Nanosecond, None));
    let wanted: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_420_070_400_000_000_000]));
    assert_eq!(batches[0].column(0), &wanted);
    let error = refused(&moment(100_000_000_000).written());
    assert!(error.to_string().contains("1677 to 2262") && error.to_string().contains("when"), "{error}");
    // 1 January 1500 is a day of two calendars.
    let mut parts = moment(-16_251_840_000);
    let old = read(&parts.clone().written());
    assert!(old.is_err(), "the year 1500 has no nanoseconds either");
    parts.footer.calendar = Some(CalendarKind::JulianGregorian as i32);
    let error = refused(&parts.written());
    assert!(error.to_string().contains("Julian"), "{error}");
}

/// The examples of the format's specification.
#[test]
fn runs_of_integers_are_those_of_the_specification() {
    let primes = vec![2, 3, 5, 7, 11, 13, 17, 19, 23, 29];
    let patched = [vec![2030, 2000, 2020, 1_000_000], (2040..=2190).step_by(10).collect()].concat();
    let patched_bytes = [
        0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0x64, 0x6e,
        0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8,
    ];
    let cases: [(EncodingKind, &[u8], Vec<u64>); 7] = [
        (EncodingKind::Direct, &[0x61, 0x00, 0x07], vec![7; 100]),
        (EncodingKind::Direct, &[0x61, 0xff, 0x64], (1..=100).rev().collect()),
        (EncodingKind::Direct, &[0xfb, 0x02, 0x03, 0x06, 0x07, 0x0b], vec![2, 3, 6, 7, 11]),
        (EncodingKind::DirectV2, &[0x0a, 0x27, 0x10], vec![10_000; 5]),
        (
            EncodingKind::DirectV2,
            &[0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef],
            vec![23_713, 43_806, 57_005, 48_879],
        ),
        (EncodingKind::DirectV2, &patched_bytes, patched),
        (EncodingKind::DirectV2, &[0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46], primes),
    ];
    for (encoding, bytes, wanted) in cases {
        let mut integers = Integers::new(bytes, Sign::Unsigned, encoding);
        let found: Vec<u64> = wanted.iter().map(|_| integers.next().unwrap()).collect();
        assert_eq!(found, wanted);
        assert!(integers.next().is_err(), "it goes on behind {wanted:?}");
        let mut cut_off = Integers::new(&bytes[..bytes.len() - 1], Sign::Unsigned, encoding);
        assert!(wanted.iter().any(|_| cut_off.next().is_err()), "{wanted:?} without its last byte");
    }
}

/// The same runs with a sign in the lowest bit, and a step that is written as it is.
#[test]
fn runs_of_integers_may_have_a_sign() {
    let cases: [(EncodingKind, &[u8], Vec<i64>); 5] = [
        (EncodingKind::Direct, &[0x61, 0xff, 0x64], (-49..=50).rev().collect()),
        (EncodingKind::Direct, &[0xfd, 0x02, 0x03, 0x06], vec![1, -2, 3]),
        (EncodingKind::DirectV2, &[0x02, 0x05], vec![-3; 5]),
        (EncodingKind::DirectV2, &[0x4e, 0x01, 0x03, 0x04], vec![-2, 2]),
        (EncodingKind::DirectV2, &[0xc0, 0x02, 0x03, 0x02], vec![-2, -1, 0]),
    ];
    for (encoding, bytes, wanted) in cases {
        let mut integers = Integers::new(bytes, Sign::Signed, encoding);
        let found: Vec<i64> = wanted.iter().map(|_| integers.next().unwrap() as i64).collect();
        assert_eq!(found, wanted);
    }
}

#[test]
fn orc_is_not_written() {
    let error = for_writing(&json!({"type": "Orc"}), None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Spec);
}
