use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array,
        DictionaryArray, DurationSecondArray, FixedSizeBinaryArray, Float64Array, Int32Array, Int64Array,
        LargeStringArray, NullArray, RecordBatch, StringArray, StringViewArray, Time64NanosecondArray,
        TimestampMicrosecondArray, UInt64Array,
    },
    buffer::NullBuffer,
    datatypes::{Int8Type, i256},
};
use proptest::prelude::*;

use super::{Digest, RowDigester};
use crate::ErrorKind;

fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_from_iter(columns.into_iter().enumerate().map(|(i, column)| (format!("c{i}"), column))).unwrap()
}

fn digest(columns: Vec<ArrayRef>) -> Digest {
    let batch = batch(columns);
    RowDigester::new(&batch.schema()).unwrap().digest(&batch).unwrap()
}

fn strings<const N: usize>(values: [Option<&str>; N]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// One column of every kind of layout, all of the same length.
fn wide(seeds: &[(i64, String)]) -> Vec<ArrayRef> {
    let ints: Vec<i64> = seeds.iter().map(|(int, _)| *int).collect();
    let texts: Vec<&str> = seeds.iter().map(|(_, text)| text.as_str()).collect();
    let nulls = Some(NullBuffer::from_iter(ints.iter().map(|int| int % 3 != 0)));
    vec![
        Arc::new(Int64Array::from(ints.clone())),
        Arc::new(Int32Array::new(ints.iter().map(|int| *int as i32).collect(), nulls)),
        Arc::new(BooleanArray::from_iter(ints.iter().map(|int| Some(int % 2 == 0)))),
        Arc::new(Float64Array::from_iter_values(ints.iter().map(|int| one_nan(f64::from_bits(*int as u64))))),
        Arc::new(Decimal128Array::from_iter_values(ints.iter().map(|int| i128::from(*int) << 40))),
        Arc::new(Decimal256Array::from_iter_values(ints.iter().map(|int| i256::from(*int)))),
        Arc::new(Date32Array::from_iter_values(ints.iter().map(|int| *int as i32))),
        Arc::new(Time64NanosecondArray::from(ints.clone())),
        Arc::new(TimestampMicrosecondArray::from(ints.clone()).with_timezone("UTC")),
        Arc::new(UInt64Array::from_iter_values(ints.iter().map(|int| *int as u64))),
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(BinaryArray::from_iter_values(texts.iter())),
        Arc::new(FixedSizeBinaryArray::try_from_iter(ints.iter().map(|int| int.to_le_bytes())).unwrap()),
    ]
}

/// The number, or the one NaN that stands for all.
fn one_nan(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number }
}

fn rows() -> impl Strategy<Value = Vec<(i64, String)>> {
    prop::collection::vec((any::<i64>(), ".{0,40}"), 2..60)
}

proptest! {
    #[test]
    fn where_batches_are_cut_does_not_matter(rows in rows(), cut in any::<prop::sample::Index>()) {
        let whole = batch(wide(&rows));
        let digester = RowDigester::new(&whole.schema()).unwrap();
        let cut = cut.index(whole.num_rows());
        let mut parts = digester.digest(&whole.slice(cut, whole.num_rows() - cut)).unwrap();
        parts += digester.digest(&whole.slice(0, cut)).unwrap();
        prop_assert_eq!(parts, digester.digest(&whole).unwrap());
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows()) {
        let mut reversed = rows.clone();
        reversed.reverse();
        prop_assert_eq!(digest(wide(&rows)), digest(wide(&reversed)));
    }

    #[test]
    fn a_lost_or_doubled_row_shows(rows in rows(), at in any::<prop::sample::Index>()) {
        let at = at.index(rows.len());
        let (mut lost, mut doubled) = (rows.clone(), rows.clone());
        lost.remove(at);
        doubled.push(rows[at].clone());
        prop_assert_ne!(digest(wide(&rows)), digest(wide(&lost)));
        prop_assert_ne!(digest(wide(&rows)), digest(wide(&doubled)));
    }

    #[test]
    fn a_flipped_bit_shows(rows in rows(), at in any::<prop::sample::Index>(), bit in 0..64) {
        let mut flipped = rows.clone();
        flipped[at.index(rows.len())].0 ^= 1_i64 << bit;
        for (column, (right, wrong)) in wide(&rows).into_iter().zip(wide(&flipped)).enumerate() {
            let same = right.to_data() == wrong.to_data();
            prop_assert_eq!(same, digest(vec![right]) == digest(vec![wrong]), "column {}", column);
        }
    }

    #[test]
    fn a_flipped_byte_of_a_string_shows(text in "[a-z]{1,200}", at in any::<prop::sample::Index>()) {
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1;
        let right: ArrayRef = Arc::new(BinaryArray::from_iter_values([text.as_bytes()]));
        let wrong: ArrayRef = Arc::new(BinaryArray::from_iter_values([&bytes]));
        prop_assert_ne!(digest(vec![right]), digest(vec![wrong]));
    }

    #[test]
    fn cells_swapped_between_rows_show(a in any::<i64>(), b in any::<i64>(), c in any::<i64>(), d in any::<i64>()) {
        prop_assume!(a != b && c != d);
        let table = |left: [i64; 2], right: [i64; 2]| -> Vec<ArrayRef> {
            vec![Arc::new(Int64Array::from(left.to_vec())), Arc::new(Int64Array::from(right.to_vec()))]
        };
        prop_assert_ne!(digest(table([a, b], [c, d])), digest(table([a, b], [d, c])));
    }

    #[test]
    fn cells_swapped_between_columns_show(a in any::<i64>(), b in any::<i64>()) {
        prop_assume!(a != b);
        let table = |left: i64, right: i64| -> Vec<ArrayRef> {
            vec![Arc::new(Int64Array::from(vec![left])), Arc::new(Int64Array::from(vec![right]))]
        };
        prop_assert_ne!(digest(table(a, b)), digest(table(b, a)));
    }

    #[test]
    fn the_layout_of_text_does_not_matter(texts in prop::collection::vec(prop::option::of(".{0,40}"), 1..40)) {
        let plain: ArrayRef = Arc::new(StringArray::from(texts.clone()));
        let expected = digest(vec![plain]);
        prop_assert_eq!(expected, digest(vec![Arc::new(LargeStringArray::from(texts.clone()))]));
        prop_assert_eq!(expected, digest(vec![Arc::new(StringViewArray::from(texts.clone()))]));
        let dictionary: DictionaryArray<Int8Type> = texts.iter().map(Option::as_deref).collect();
        prop_assert_eq!(expected, digest(vec![Arc::new(dictionary)]));
    }
}

#[test]
fn null_is_no_value_and_not_the_empty_string() {
    let cells = [None, Some(""), Some("\0"), Some("\0\0"), Some("null"), Some("NULL")];
    let digests: std::collections::HashSet<_> = cells.into_iter().map(|cell| digest(vec![strings([cell])])).collect();
    assert_eq!(digests.len(), cells.len());
    let number = |value: Option<i64>| digest(vec![Arc::new(Int64Array::from(vec![value]))]);
    assert_ne!(number(None), number(Some(0)));
}

#[test]
fn strings_that_overlap_in_their_first_and_last_bytes_differ() {
    for byte in ["a", "\0", "b"] {
        let digests: std::collections::HashSet<_> =
            (0..70).map(|length| digest(vec![strings([Some(&byte.repeat(length))])])).collect();
        assert_eq!(digests.len(), 70);
    }
    // These two would collide if the length were only combined by exclusive or.
    assert_ne!(digest(vec![strings([Some("aaaaaaaaa")])]), digest(vec![strings([Some("aaaaaaaaab")])]));
}

#[test]
fn floats_count_bit_by_bit_and_one_nan_is_as_good_as_another() {
    let float = |bits: u64| digest(vec![Arc::new(Float64Array::from(vec![f64::from_bits(bits)]))]);
    assert_ne!(float(0.0_f64.to_bits()), float((-0.0_f64).to_bits()));
    assert_ne!(float(1.0_f64.to_bits()), float(1.0_f64.to_bits() + 1));
    assert_eq!(float(0x7ff8_0000_0000_0000), float(0xfff8_0000_0000_0001));
    assert_ne!(float(f64::NAN.to_bits()), float(f64::INFINITY.to_bits()));
}

#[test]
fn a_dictionary_of_nulls_and_values_equals_its_flat_twin() {
    let keys = arrow::array::Int8Array::from(vec![Some(0), None, Some(1), Some(0)]);
    let values = strings([Some("x"), None]);
    let dictionary: ArrayRef = Arc::new(DictionaryArray::try_new(keys, values).unwrap());
    assert_eq!(digest(vec![dictionary]), digest(vec![strings([Some("x"), None, None, Some("x")])]));
    let empty: DictionaryArray<Int8Type> = [None::<&str>, None].into_iter().collect();
    assert_eq!(digest(vec![Arc::new(empty)]), digest(vec![strings([None, None])]));
}

#[test]
fn binary_layouts_agree_and_null_columns_are_covered() {
    let values = [&b"0123456789abcdef"[..], b"0123456789abcdeg"];
    let plain = digest(vec![Arc::new(BinaryArray::from_iter_values(values))]);
    assert_eq!(plain, digest(vec![Arc::new(BinaryViewArray::from_iter_values(values))]));
    assert_eq!(plain, digest(vec![Arc::new(FixedSizeBinaryArray::try_from_iter(values.iter()).unwrap())]));
    assert_ne!(digest(vec![Arc::new(NullArray::new(1))]), digest(vec![Arc::new(NullArray::new(2))]));
}

#[test]
fn no_row_is_zero_and_more_than_a_block_is_the_sum_of_its_rows() {
    assert_eq!(digest(vec![Arc::new(Int64Array::from(Vec::<i64>::new()))]), Digest::default());
    let whole = digest(vec![Arc::new(Int64Array::from_iter_values(0..5_000))]);
    let rows = (0..5_000).map(|row| digest(vec![Arc::new(Int64Array::from(vec![row]))])).sum();
    assert_eq!(whole, rows);
}

#[test]
fn a_column_that_cannot_be_copied_is_named() {
    let batch = batch(vec![Arc::new(Int64Array::from(vec![1])), Arc::new(DurationSecondArray::from(vec![1]))]);
    let error = RowDigester::new(&batch.schema()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("column=c1"), "{error}");
}

#[test]
fn a_batch_with_other_columns_is_refused() {
    let right = batch(vec![Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![1]))]);
    let digester = RowDigester::new(&right.schema()).unwrap();
    let wrong = batch(vec![Arc::new(Int64Array::from(vec![1])), strings([Some("1")])]);
    let error = digester.digest(&wrong).unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("column=c1"), "{error}");
    assert!(digester.digest(&right.project(&[0]).unwrap()).is_err());
}

/// The value is part of every receipt in every checkpoint: another one breaks their resume.
#[test]
fn the_digest_of_known_rows_never_changes() {
    let rows: Vec<_> = (0..100).map(|row| (row * 7919, format!("row {row} {}", "x".repeat(row as usize)))).collect();
    assert_eq!(digest(wide(&rows)).to_string(), "3daf72b1edc6b1da57bf0f6685d340af");
}
