use std::num::NonZeroU32;

use arrow::{
    array::{Array, AsArray as _, RecordBatch},
    datatypes::{Decimal128Type, Field, Int16Type, Int32Type, Schema, TimestampNanosecondType},
};

use ropeway_engine::skipping::SkippedRow;

use super::*;
use crate::sql_server::types::{self, Column};

const LIMIT: BatchLimit = BatchLimit { rows: NonZeroU32::new(4).unwrap(), bytes: 1_000 };

fn batch_of(kinds: &[Kind], limit: BatchLimit) -> RowBatch {
    let settings = TypeSettings::default();
    let fields: Vec<_> =
        kinds.iter().enumerate().map(|(n, kind)| Field::new(format!("c{n}"), kind.data_type(settings), true)).collect();
    RowBatch::new(Arc::new(Schema::new(fields)), kinds, settings, limit)
}

fn utf16(text: &str) -> Cow<'static, [u8]> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().into()
}

fn first_two(batch: &mut RowBatch) -> RecordBatch {
    let taken = batch.take().unwrap().rows;
    assert_eq!(taken.num_rows(), 2);
    assert!(batch.is_empty());
    taken
}

#[test]
fn values_and_nulls_stand_where_they_were_written() {
    let mut batch = batch_of(&[Kind::Int, Kind::Text, Kind::Bit, Kind::Decimal { precision: 38, scale: 2 }], LIMIT);
    for round in 0..3 {
        batch.write_i32(0, round);
        batch.write_string(1, utf16("größe"), EncodingType::Utf16);
        batch.write_bool(2, true);
        batch.write_decimal(3, DecimalParts::new(false, 38, 2, 10_u128.pow(38) - 1));
        batch.end_row();
        (0..4).for_each(|col| batch.write_null(col));
        batch.end_row();
        let taken = first_two(&mut batch);
        assert_eq!(taken.column(0).as_primitive::<Int32Type>().value(0), round);
        assert_eq!(taken.column(1).as_string::<i32>().value(0), "größe");
        assert!(taken.column(2).as_boolean().value(0));
        assert_eq!(taken.column(3).as_primitive::<Decimal128Type>().value(0), 1 - 10_i128.pow(38));
        assert!(taken.columns().iter().all(|column| column.null_count() == 1 && column.is_null(1)));
    }
}

#[test]
fn offsets_stand_in_the_rows_of_their_instants() {
    let settings = TypeSettings { utc_and_offset: true, ..TypeSettings::default() };
    let columns: Vec<_> = [("n", "int"), ("At", "datetimeoffset(7)"), ("Seen", "datetimeoffset(7)")]
        .map(|(name, declaration)| Column::declared(name.into(), declaration, true).unwrap())
        .into();
    let kinds: Vec<_> = columns.iter().map(|column| column.kind).collect();
    let mut batch = RowBatch::new(Arc::new(types::schema(&columns, settings).unwrap()), &kinds, settings, LIMIT);
    let at = |ticks, offset| SqlDateTimeOffset {
        datetime2: SqlDateTime2 { days: 719_162, time: SqlTime { time_nanoseconds: ticks, scale: 7 } },
        offset,
    };
    for _ in 0..2 {
        for (row, offset) in [None, Some(-840), None, Some(330)].into_iter().enumerate() {
            batch.write_i32(0, row as i32);
            match offset {
                Some(offset) => batch.write_datetimeoffset(1, at(row as u64, offset)),
                None => batch.write_null(1),
            }
            batch.write_datetimeoffset(2, at(1, row as i16));
            batch.end_row();
        }
        let taken = batch.take().unwrap().rows;
        let names: Vec<_> = taken.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["n", "At", "At_offset", "Seen", "Seen_offset"]);
        let instants: Vec<_> = taken.column(1).as_primitive::<TimestampNanosecondType>().iter().collect();
        assert_eq!(instants, [None, Some(100), None, Some(300)]);
        let offsets: Vec<_> = taken.column(2).as_primitive::<Int16Type>().iter().collect();
        assert_eq!(offsets, [None, Some(-840), None, Some(330)]);
        let seen: Vec<_> = taken.column(4).as_primitive::<Int16Type>().iter().collect();
        assert_eq!(seen, [Some(0), Some(1), Some(2), Some(3)]);
    }
    // Nulls at the end are rows all the same.
    batch.write_null(0);
    batch.write_null(1);
    batch.write_null(2);
    batch.end_row();
    assert!(batch.take().unwrap().rows.columns().iter().all(|column| column.is_null(0)));
}

#[test]
fn a_variant_is_text_and_any_other_mismatch_an_error() {
    let mut batch = batch_of(&[Kind::Variant], LIMIT);
    batch.write_i64(0, 7);
    batch.end_row();
    batch.write_date(0, SqlDate::create(719_162).unwrap());
    batch.end_row();
    let taken = first_two(&mut batch);
    assert_eq!(taken.column(0).as_string::<i32>().value(0), "7");
    assert_eq!(taken.column(0).as_string::<i32>().value(1), "1970-01-01");

    let mut batch = batch_of(&[Kind::Int], LIMIT);
    batch.write_i64(0, 7);
    batch.end_row();
    assert!(batch.is_full());
    assert!(batch.take().unwrap_err().is_transient());
    batch.write_i32(5, 7);
    assert!(batch.take().is_err());
}

#[test]
fn a_missing_value_is_noticed() {
    let mut batch = batch_of(&[Kind::Int, Kind::Int], LIMIT);
    batch.write_i32(0, 1);
    batch.end_row();
    assert_eq!(batch.take().unwrap_err().kind(), ErrorKind::Bug);
}

#[test]
fn batches_end_at_either_limit() {
    let mut batch = batch_of(&[Kind::Int], LIMIT);
    for row in 0..4 {
        assert!(!batch.is_full());
        batch.write_i32(0, row);
        batch.end_row();
    }
    assert!(batch.is_full());

    let mut batch = batch_of(&[Kind::Binary], LIMIT);
    batch.write_bytes(0, vec![0; 996].into());
    batch.end_row();
    assert!(batch.is_full());
    assert_eq!(batch.take().unwrap().rows.num_rows(), 1);
}

#[test]
fn a_value_above_the_limit_names_its_column() {
    let mut batch = batch_of(&[Kind::Int, Kind::Binary], LIMIT);
    batch.write_i32(0, 1);
    batch.write_bytes(1, vec![0; 1_001].into());
    batch.end_row();
    let error = batch.take().unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("column=c1"), "{error}");
}

#[test]
fn what_cannot_be_kept_exactly_names_its_column() {
    let mut batch = batch_of(&[Kind::DateTime2(7)], LIMIT);
    let year_one = SqlDateTime2 { days: 0, time: SqlTime { time_nanoseconds: 0, scale: 7 } };
    batch.write_datetime2(0, year_one);
    batch.end_row();
    let error = batch.take().unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("column=c0"), "{error}");

    let epoch = SqlDateTime2 { days: 719_162, time: SqlTime { time_nanoseconds: 1, scale: 7 } };
    let mut batch = batch_of(&[Kind::DateTime2(7)], LIMIT);
    batch.write_datetime2(0, epoch);
    batch.end_row();
    assert_eq!(batch.take().unwrap().rows.column(0).as_primitive::<TimestampNanosecondType>().value(0), 100);
}

#[test]
fn malformed_text_names_its_column() {
    let mut batch = batch_of(&[Kind::Text], LIMIT);
    batch.write_string(0, Cow::Borrowed(&[0x00, 0xD8]), EncodingType::Utf16);
    batch.end_row();
    let error = batch.take().unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("column=c0"), "{error}");
}

#[test]
fn xml_loses_its_byte_order_mark_only() {
    let mut batch = batch_of(&[Kind::Xml], LIMIT);
    batch.write_xml(0, SqlXml { bytes: [&[0xFF, 0xFE][..], &utf16("<a>é</a>")].concat() });
    batch.end_row();
    assert_eq!(batch.take().unwrap().rows.column(0).as_string::<i32>().value(0), "<a>é</a>");
}

#[test]
fn a_row_with_values_that_do_not_fit_is_left_out_with_all_its_values() {
    let wide = BatchLimit { bytes: 1 << 20, ..LIMIT };
    let mut batch = batch_of(&[Kind::Text, Kind::DateTime2(7), Kind::Int], wide).skipping(true);
    let day = |days| SqlDateTime2 { days, time: SqlTime { time_nanoseconds: 0, scale: 7 } };
    let malformed: &[u8] = &[0x61, 0x00, 0x00, 0xD8];
    for (id, (text, days)) in
        [(&b"a\0"[..], 719_162), (malformed, 719_163), (b"b\0", 0), (malformed, 0)].iter().enumerate()
    {
        batch.write_string(0, Cow::Borrowed(text), EncodingType::Utf16);
        batch.write_datetime2(1, day(*days));
        batch.write_i32(2, id as i32);
        batch.end_row();
    }
    let Portion { read, rows, skipped, .. } = batch.take().unwrap();
    assert_eq!((read, rows.num_rows()), (4, 1));
    assert_eq!((rows.column(0).as_string::<i32>().value(0), rows.column(0).null_count()), ("a", 0));
    let cells = |row: usize| skipped[row].cells.iter().map(|cell| cell.as_deref().unwrap()).collect::<Vec<_>>();
    assert_eq!(cells(0), ["a\u{fffd}", "1970-01-02T00:00:00", "1"]);
    assert_eq!(cells(1), ["b", "0001-01-01T00:00:00.0000000", "2"]);
    assert_eq!(cells(2), ["a\u{fffd}", "0001-01-01T00:00:00.0000000", "3"]);
    let message = &skipped[1].message;
    assert!(
        message.starts_with("Column 'c1' contains an invalid value '0001-01-01T00:00:00.0000000': a date"),
        "{message}"
    );
    // The next batch knows nothing of them.
    batch.write_null(0);
    batch.write_datetime2(1, day(719_162));
    batch.write_i32(2, 9);
    batch.end_row();
    let next = batch.take().unwrap();
    assert_eq!((next.read, next.rows.num_rows(), next.skipped.len()), (1, 1, 0));

    // An answer that makes no sense is not for a row to answer for.
    batch.write_null(0);
    batch.write_datetime2(1, day(u32::MAX));
    assert_eq!(batch.take().unwrap_err().kind(), ErrorKind::Data);
}

#[test]
fn rows_that_are_left_out_fill_a_batch() {
    let many = BatchLimit { rows: NonZeroU32::new(u32::MAX).unwrap(), bytes: 1 << 20 };
    let mut batch = batch_of(&[Kind::DateTime2(7)], many).skipping(true);
    let mut rows = 0;
    while !batch.is_full() {
        batch.write_datetime2(0, SqlDateTime2 { days: 0, time: SqlTime { time_nanoseconds: 0, scale: 7 } });
        batch.end_row();
        rows += 1;
    }
    let portion = batch.take().unwrap();
    assert_eq!((portion.read, portion.skipped.len()), (rows, rows as usize));
    let bytes: u64 = portion.skipped.iter().map(SkippedRow::bytes).sum();
    assert!(bytes <= many.bytes, "{rows} rows of {bytes} bytes");
}
