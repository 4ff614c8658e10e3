//! What every conversion gives at its edges: the exact value, what is left of it, or nothing.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
        FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array, Int64Array, LargeStringArray, StringArray,
        StringViewArray, Time32SecondArray, Time64NanosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
        UInt8Array, UInt64Array, new_null_array,
    },
    datatypes::{DataType, Field, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit, UInt8Type},
};
use proptest::prelude::*;

use super::{Iso, rules};
use crate::{
    mapping::{
        Interim, Rules, TimeFormat,
        convert::{Aim, Converted, conversion},
    },
    source::SOURCE_TYPE,
};

fn decimal(precision: u8, scale: i8) -> Interim {
    Interim::Decimal { precision, scale }
}

/// The values as texts, `!` for those that have no place; `None` where no conversion is.
fn with(array: ArrayRef, source_type: &str, to: Interim, aim: Aim, rules: &Rules) -> Option<Vec<String>> {
    let metadata = HashMap::from([(SOURCE_TYPE.to_owned(), source_type.to_owned())]);
    let field = Field::new("c", array.data_type().clone(), true).with_metadata(metadata);
    let converted = match conversion(&field, to, aim, rules).ok()? {
        Some(conversion) => {
            let converted = conversion.apply(&array).unwrap();
            assert_eq!(*converted.array.data_type(), conversion.data_type);
            assert!(!conversion.reason().is_empty() && conversion.width() > 0);
            converted
        }
        None => Converted { array: Arc::clone(&array), misfits: Vec::new() },
    };
    assert_eq!(converted.array.len(), array.len());
    assert!(converted.misfits.iter().all(|row| array.is_valid(*row)), "a null has a place everywhere");
    let text = arrow::compute::cast(&converted.array, &DataType::Utf8);
    let text = match converted.array.data_type() {
        DataType::Binary => {
            let bytes = converted.array.as_binary::<i32>();
            (0..bytes.len()).map(|row| bytes.is_valid(row).then(|| format!("{:?}", bytes.value(row)))).collect()
        }
        _ => text.unwrap().as_string::<i32>().clone(),
    };
    let shown = |row| match (converted.misfits.contains(&row), text.is_valid(row)) {
        (true, false) => "!".to_owned(),
        (false, false) => "null".to_owned(),
        (false, true) => text.value(row).to_owned(),
        (true, true) => panic!("a value that has no place is there"),
    };
    Some((0..array.len()).map(shown).collect())
}

/// Nothing may be cut off.
fn exact(array: impl Array + 'static, to: Interim) -> Vec<String> {
    with(Arc::new(array), "", to, Aim::Values, &rules(false)).expect("a conversion")
}

/// Digits may be cut off.
fn cut(array: impl Array + 'static, to: Interim) -> Vec<String> {
    with(Arc::new(array), "", to, Aim::Values, &rules(true)).expect("a conversion")
}

#[test]
fn whole_numbers_keep_to_the_range() {
    let numbers = || Int64Array::from(vec![Some(i64::MIN), Some(-1), Some(0), None, Some(255), Some(i64::MAX)]);
    assert_eq!(exact(numbers(), Interim::Byte), ["!", "!", "0", "null", "255", "!"]);
    assert_eq!(exact(numbers(), Interim::SByte), ["!", "-1", "0", "null", "!", "!"]);
    assert_eq!(exact(numbers(), Interim::Int16), ["!", "-1", "0", "null", "255", "!"]);
    assert_eq!(exact(numbers(), Interim::UInt16), ["!", "!", "0", "null", "255", "!"]);
    assert_eq!(exact(numbers(), Interim::Int32), ["!", "-1", "0", "null", "255", "!"]);
    assert_eq!(exact(numbers(), Interim::UInt32), ["!", "!", "0", "null", "255", "!"]);
    assert_eq!(exact(numbers(), Interim::UInt64), ["!", "!", "0", "null", "255", "9223372036854775807"]);
    assert_eq!(cut(numbers(), Interim::Byte), exact(numbers(), Interim::Byte), "a range is no digit");
    assert_eq!(exact(UInt64Array::from(vec![u64::MAX]), Interim::Int64), ["!"]);
    assert_eq!(exact(UInt64Array::from(vec![u64::MAX]), decimal(20, 0)), ["18446744073709551615"]);
    assert_eq!(exact(UInt64Array::from(vec![u64::MAX]), decimal(19, 0)), ["!"]);
    assert_eq!(exact(numbers(), decimal(19, 0))[0], "-9223372036854775808");
    assert_eq!(exact(Int64Array::from(vec![1 << 53, (1 << 53) + 1]), Interim::Double), ["9007199254740992.0", "!"]);
    assert_eq!(cut(Int64Array::from(vec![(1 << 53) + 1]), Interim::Double), ["9007199254740992.0"]);
    assert_eq!(exact(Int64Array::from(vec![1 << 24, (1 << 24) + 1]), Interim::Single), ["16777216.0", "!"]);
    assert_eq!(exact(numbers(), Interim::String)[5], "9223372036854775807");
}

#[test]
fn decimals_lose_digits_only_where_they_may() {
    let numbers = |scale| {
        let units = vec![Some(12_345), Some(-12_300), Some(0), None, Some(99_999)];
        Decimal128Array::from(units).with_precision_and_scale(5, scale).unwrap()
    };
    assert_eq!(exact(numbers(2), Interim::Int32), ["!", "-123", "0", "null", "!"]);
    assert_eq!(cut(numbers(2), Interim::Int32), ["123", "-123", "0", "null", "999"]);
    assert_eq!(exact(numbers(2), decimal(5, 1)), ["!", "-123.0", "0.0", "null", "!"]);
    assert_eq!(cut(numbers(2), decimal(5, 1)), ["123.4", "-123.0", "0.0", "null", "999.9"]);
    assert_eq!(exact(numbers(2), decimal(5, 3)), ["!", "!", "0.000", "null", "!"], "too many digits before the point");
    assert_eq!(cut(numbers(2), decimal(5, 3)), exact(numbers(2), decimal(5, 3)));
    assert_eq!(exact(numbers(2), decimal(38, 36)), ["!", "!", format!("0.{}", "0".repeat(36)).as_str(), "null", "!"]);
    assert_eq!(exact(numbers(2), Interim::Double), ["123.45", "-123.0", "0.0", "null", "999.99"]);
    assert_eq!(exact(numbers(2), Interim::String), ["123.45", "-123.00", "0.00", "null", "999.99"]);
    assert_eq!(exact(numbers(0), Interim::String), ["12345", "-12300", "0", "null", "99999"]);
    assert_eq!(exact(numbers(-2), Interim::String), ["1234500", "-1230000", "0", "null", "9999900"]);
    let long = Decimal128Array::from(vec![10_i128.pow(38) - 1]).with_precision_and_scale(38, 0).unwrap();
    assert_eq!(exact(long.clone(), Interim::Double), ["!"]);
    assert_eq!(cut(long, Interim::Double), ["1e38"]);
}

#[test]
fn floating_point_numbers_are_their_shortest_decimal() {
    let numbers = || Float64Array::from(vec![0.1, -2.5, 3.0, 1e20, f64::NAN, f64::INFINITY, -0.0, 5e-324]);
    assert_eq!(
        exact(numbers(), decimal(38, 18)),
        [
            "0.100000000000000000",
            "-2.500000000000000000",
            "3.000000000000000000",
            "!",
            "!",
            "!",
            "0.000000000000000000",
            "!"
        ]
    );
    assert_eq!(cut(numbers(), decimal(38, 18))[7], "0.000000000000000000");
    assert_eq!(exact(numbers(), Interim::Int64), ["!", "!", "3", "!", "!", "!", "0", "!"]);
    assert_eq!(cut(numbers(), Interim::Int64), ["0", "-2", "3", "!", "!", "!", "0", "0"]);
    assert_eq!(
        exact(Float64Array::from(vec![0.5, 0.1, f64::NAN, f64::INFINITY, 1e39]), Interim::Single),
        ["0.5", "!", "NaN", "inf", "!"]
    );
    assert_eq!(cut(Float64Array::from(vec![0.1, 1e39]), Interim::Single), ["0.1", "!"]);
    assert_eq!(exact(Float32Array::from(vec![0.1]), decimal(10, 1)), ["0.1"], "not the digits of its 64 bits");
    assert_eq!(exact(Float32Array::from(vec![0.1_f32]), Interim::Double), [f64::from(0.1_f32).to_string()]);
    assert_eq!(exact(numbers(), Interim::String)[..3], ["0.1", "-2.5", "3"]);
    assert_eq!(exact(numbers(), Interim::String)[4..6], ["NaN", "Infinity"]);
}

#[test]
fn booleans_are_one_and_zero() {
    let bits = || BooleanArray::from(vec![Some(true), Some(false), None]);
    assert_eq!(exact(bits(), Interim::Int32), ["1", "0", "null"]);
    assert_eq!(exact(bits(), decimal(3, 1)), ["1.0", "0.0", "null"]);
    assert_eq!(exact(bits(), Interim::String), ["True", "False", "null"]);
    let numbers = Rules { booleans_as_numbers: true, ..rules(false) };
    assert_eq!(with(Arc::new(bits()), "", Interim::String, Aim::Values, &numbers).unwrap(), ["1", "0", "null"]);
    assert_eq!(exact(Int32Array::from(vec![0, 1, 2]), Interim::Boolean), ["false", "true", "!"]);
    assert_eq!(cut(Int32Array::from(vec![0, 1, 2]), Interim::Boolean), ["false", "true", "true"]);
    assert_eq!(cut(Float64Array::from(vec![0.0, 0.5, f64::NAN]), Interim::Boolean), ["false", "true", "!"]);
    let texts = StringArray::from(vec!["true", "FALSE", "1", " 0 ", "yes", ""]);
    assert_eq!(exact(texts, Interim::Boolean), ["true", "false", "true", "false", "!", "!"]);
}

#[test]
fn texts_are_numbers_or_not() {
    let texts =
        || StringArray::from(vec![Some("12"), Some(" -3 "), Some("+4"), None, Some("1.5"), Some("x"), Some("")]);
    assert_eq!(exact(texts(), Interim::Int32), ["12", "-3", "4", "null", "!", "!", "!"]);
    assert_eq!(cut(texts(), Interim::Int32), exact(texts(), Interim::Int32), "1.5 is no Int32 for .NET either");
    assert_eq!(exact(texts(), Interim::Byte), ["12", "!", "4", "null", "!", "!", "!"]);
    assert_eq!(exact(texts(), Interim::Double), ["12.0", "-3.0", "4.0", "null", "1.5", "!", "!"]);
    assert_eq!(exact(texts(), decimal(4, 1)), ["12.0", "-3.0", "4.0", "null", "1.5", "!", "!"]);
    assert_eq!(exact(texts(), decimal(4, 0)), ["12", "-3", "4", "null", "!", "!", "!"]);
    assert_eq!(cut(texts(), decimal(4, 0)), ["12", "-3", "4", "null", "1", "!", "!"]);
    let edges = StringArray::from(vec!["2147483648", "-2147483648", "1e400", "1,000", "0x10", "99999.9"]);
    assert_eq!(exact(edges.clone(), Interim::Int32), ["!", "-2147483648", "!", "!", "!", "!"]);
    assert_eq!(exact(edges.clone(), Interim::Double)[2..5], ["!", "!", "!"], "too large is not infinite");
    assert_eq!(cut(edges, decimal(4, 0))[5], "!");
    assert_eq!(exact(StringArray::from(vec!["1e39", "inf"]), Interim::Single), ["!", "inf"]);
}

#[test]
fn every_layout_of_texts_is_read() {
    let expected = ["1", "null", "!"];
    let texts = vec![Some("1"), None, Some("x")];
    assert_eq!(exact(LargeStringArray::from(texts.clone()), Interim::Int16), expected);
    assert_eq!(exact(StringViewArray::from(texts.clone()), Interim::Int16), expected);
    assert_eq!(exact(texts.into_iter().collect::<DictionaryArray<Int32Type>>(), Interim::Int16), expected);
}

#[test]
fn uuids_and_bytes_have_texts() {
    let uuid = "0123abcd-4567-89ab-cdef-0123456789ab";
    let texts = StringArray::from(vec![
        Some("0123ABCD-4567-89AB-CDEF-0123456789AB"),
        Some("{0123abcd-4567-89ab-cdef-0123456789ab}"),
        Some("(0123abcd-4567-89ab-cdef-0123456789ab)"),
        Some("0123abcd456789abcdef0123456789ab"),
        None,
        Some("0123abcd-4567-89ab-cdef-0123456789a"),
        Some("{0123abcd456789abcdef0123456789ab}"),
        Some("0123abcd-4567-89ab-cdef-0123456789ag"),
        Some("0123abcd4567-89ab-cdef-0123456789ab-"),
    ]);
    assert_eq!(exact(texts, Interim::Guid), [uuid, uuid, uuid, uuid, "null", "!", "!", "!", "!"]);
    let bytes = [0x01, 0x23, 0xab, 0xcd, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab];
    let uuids: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter([bytes].iter()).unwrap());
    let text = with(uuids.clone(), "uuid", Interim::String, Aim::Values, &rules(false));
    assert_eq!(text.unwrap(), [uuid]);
    assert_eq!(with(uuids.clone(), "binary(16)", Interim::String, Aim::Values, &rules(false)).unwrap().len(), 1);
    assert_eq!(with(uuids, "binary(16)", Interim::Guid, Aim::Values, &rules(false)), None, "bytes are no Guid");
    let declared: ArrayRef = Arc::new(StringArray::from(vec!["as it is"]));
    let same = with(declared, "uniqueidentifier", Interim::String, Aim::Values, &rules(false));
    assert_eq!(same.unwrap(), ["as it is"], "a text stays the text it is");
    assert_eq!(exact(BinaryArray::from(vec![&[0xfb_u8, 0xff][..]]), Interim::String), ["+/8="]);
    assert_eq!(exact(StringArray::from(vec!["+/8=", "+/8", "~"]), Interim::ByteArray), ["[251, 255]", "!", "!"]);
}

#[test]
fn moments_become_texts_and_texts_moments() {
    let stamps = || TimestampMicrosecondArray::from(vec![Some(0), Some(-1), None, Some(i64::MAX)]);
    let texts = ["1970-01-01T00:00:00.0000000", "1969-12-31T23:59:59.9999990", "null", "!"];
    assert_eq!(exact(stamps(), Interim::String), texts, "a year beyond 9999 has no text");
    let texts = StringArray::from(vec![
        Some("0001-01-01"),
        Some("9999-12-31T23:59:59.999999"),
        Some("2024-02-29T12:00:00+02:00"),
        None,
        Some("2024-02-29T12:00:00.0000001"),
        Some("2024-02-30"),
        Some("0001-01-01T00:00:00+01:00"),
    ]);
    let stamps = exact(texts.clone(), Interim::DateTime);
    let first = ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "2024-02-29T10:00:00", "null", "!", "!", "!"];
    assert_eq!(stamps, first);
    assert_eq!(cut(texts.clone(), Interim::DateTime)[4], "2024-02-29T12:00:00");
    assert_eq!(exact(texts.clone(), Interim::Date)[..2], ["0001-01-01", "!"]);
    assert_eq!(cut(texts.clone(), Interim::Date)[1], "9999-12-31");
    let offsets = exact(texts.clone(), Interim::DateTimeOffset);
    assert_eq!(offsets[2], "2024-02-29T12:00:00.0000000+02:00");
    assert_eq!(offsets[0], "0001-01-01T00:00:00.0000000+00:00");
    // A table reads from a text what no Arrow type holds.
    let table = with(Arc::new(texts), "", Interim::DateTime, Aim::Table, &rules(false)).unwrap();
    assert_eq!(table[1..3], ["9999-12-31T23:59:59.9999990", "2024-02-29T10:00:00.0000000"]);
    assert_eq!(table[4..], ["2024-02-29T12:00:00.0000001", "!", "!"]);
}

#[test]
fn nanoseconds_are_cut_off_only_where_they_may() {
    let stamps = || TimestampNanosecondArray::from(vec![1, 100, -1]);
    assert_eq!(exact(stamps(), Interim::String), ["!", "1970-01-01T00:00:00.0000001", "!"]);
    assert_eq!(cut(stamps(), Interim::String)[0], "1970-01-01T00:00:00.0000000");
    assert_eq!(cut(stamps(), Interim::String)[2], "1969-12-31T23:59:59.9999999", "cut off, not rounded");
    assert_eq!(exact(stamps(), Interim::DateTime).len(), 3, "it is one");
}

#[test]
fn dates_and_offsets_go_into_each_other() {
    let days = || Date32Array::from(vec![Some(0), Some(-719_162), None, Some(i32::MAX)]);
    assert_eq!(exact(days(), Interim::DateTime), ["1970-01-01T00:00:00", "0001-01-01T00:00:00", "null", "!"]);
    assert_eq!(exact(days(), Interim::DateTimeOffset)[0], "1970-01-01T00:00:00.0000000+00:00");
    let stamps = || TimestampMicrosecondArray::from(vec![0, 1]);
    assert_eq!(exact(stamps(), Interim::Date), ["1970-01-01", "!"]);
    assert_eq!(cut(stamps(), Interim::Date), ["1970-01-01", "1970-01-01"]);
    let in_utc = || TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC");
    assert_eq!(exact(in_utc(), Interim::DateTime), ["1970-01-01T00:00:00"]);
    // The offset is what is cut off; the clock stays.
    let texts: ArrayRef =
        Arc::new(StringArray::from(vec!["2024-02-29T12:00:00.0000000+02:00", "2024-02-29T12:00:00Z"]));
    let clock = |cuts| with(texts.clone(), "datetimeoffset(7)", Interim::DateTime, Aim::Values, &rules(cuts)).unwrap();
    assert_eq!(clock(false), ["!", "2024-02-29T12:00:00"]);
    assert_eq!(clock(true), ["2024-02-29T12:00:00", "2024-02-29T12:00:00"]);
    let table = with(texts.clone(), "datetimeoffset(7)", Interim::DateTime, Aim::Table, &rules(true)).unwrap();
    assert_eq!(table[0], "2024-02-29T12:00:00.0000000");
    let same = with(texts, "datetimeoffset(7)", Interim::String, Aim::Values, &rules(false)).unwrap();
    assert_eq!(same[0], "2024-02-29T12:00:00.0000000+02:00");
}

#[test]
fn spans_are_times_of_a_day() {
    let texts = StringArray::from(vec![Some("12:00:00.1234567"), None, Some("24:00:00"), Some("noon")]);
    assert_eq!(exact(texts.clone(), Interim::TimeSpan), ["12:00:00.123456700", "null", "!", "!"]);
    let table = with(Arc::new(texts), "", Interim::TimeSpan, Aim::Table, &rules(false)).unwrap();
    assert_eq!(table, ["12:00:00.1234567", "null", "!", "!"]);
    let times = Time64NanosecondArray::from(vec![0, 86_399_999_999_900, 1]);
    assert_eq!(exact(times, Interim::String), ["00:00:00.0000000", "23:59:59.9999999", "!"]);
    assert_eq!(exact(Time32SecondArray::from(vec![1]), Interim::String), ["00:00:01.0000000"]);
}

/// The table of Data Factory's documentation: what is not in it is refused, what is in it works.
#[test]
fn conversions_are_those_that_data_factory_has() {
    use Interim as I;
    let text = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let sources: [(&str, ArrayRef, &str); 8] = [
        ("Boolean", Arc::new(BooleanArray::from(vec![true])), ""),
        ("Byte[]", Arc::new(BinaryArray::from(vec![&b"x"[..]])), ""),
        ("Decimal", Arc::new(Decimal128Array::from(vec![1]).with_precision_and_scale(3, 1).unwrap()), ""),
        ("DateTime", Arc::new(TimestampMicrosecondArray::from(vec![0])), ""),
        ("Double", Arc::new(Float64Array::from(vec![1.0])), ""),
        ("Guid", text(&["0123abcd-4567-89ab-cdef-0123456789ab"]), "uniqueidentifier"),
        ("Byte", Arc::new(UInt8Array::from(vec![1])), ""),
        ("TimeSpan", Arc::new(Time64NanosecondArray::from(vec![0])), ""),
    ];
    let targets =
        [I::Boolean, I::ByteArray, decimal(38, 18), I::DateTime, I::Single, I::Guid, I::Int32, I::String, I::TimeSpan];
    let documented = [
        ("Boolean", "Boolean Decimal Single Int32 String"),
        ("Byte[]", "Byte[] String"),
        ("Decimal", "Boolean Decimal Single Int32 String"),
        ("DateTime", "DateTime String"),
        ("Double", "Boolean Decimal Single Int32 String"),
        ("Guid", "Guid String"),
        ("Byte", "Boolean Decimal Single Int32 String"),
        ("TimeSpan", "String TimeSpan"),
    ];
    for ((name, array, source_type), (documented_name, expected)) in sources.into_iter().zip(documented) {
        assert_eq!(name, documented_name);
        let works = |to: &I| with(array.clone(), source_type, *to, Aim::Values, &rules(true)).is_some();
        let found: Vec<_> = targets.iter().filter(|to| works(to)).map(|to| to.name()).collect();
        assert_eq!(found.join(" "), expected, "{name}");
    }
    for to in targets {
        assert!(with(text(&["x"]), "", to, Aim::Values, &rules(true)).is_some(), "a text becomes {}", to.name());
    }
    assert_eq!(with(new_null_array(&DataType::Null, 1), "", I::String, Aim::Values, &rules(true)), None);
}

#[test]
fn formats_that_a_definition_gives_are_used() {
    #[derive(Debug)]
    struct Days;
    impl crate::mapping::TimeText for Days {
        fn read(&self, text: &str) -> Option<crate::mapping::Time> {
            let day: i64 = text.strip_prefix("day ")?.parse().ok()?;
            Some(crate::mapping::Time { ticks: day * super::DAY, offset: None })
        }
        fn write(&self, time: crate::mapping::Time, text: &mut String) {
            text.push_str(&format!("day {}", time.ticks / super::DAY));
        }
        fn unreadable(&self) -> Option<String> {
            None
        }
    }
    let date_time = TimeFormat { is_given: true, text: Arc::new(Days) };
    let offsets = TimeFormat { is_given: true, text: Arc::new(Iso) };
    let given = Rules { date_time, date_time_offset: offsets, ..rules(false) };
    let stamps: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0]));
    assert_eq!(with(stamps, "", Interim::String, Aim::Values, &given).unwrap(), ["day 719162"]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["day 719162", "1970-01-01"]));
    let read = with(texts, "", Interim::DateTime, Aim::Values, &given).unwrap();
    assert_eq!(read, ["1970-01-01T00:00:00", "!"]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["2024-02-29T12:00:00Z"]));
    let written = with(texts, "datetimeoffset(0)", Interim::String, Aim::Values, &given).unwrap();
    assert_eq!(written, ["2024-02-29T12:00:00.0000000+00:00"]);
}

fn one(array: impl Array + 'static, to: Interim, cuts: bool) -> Option<ArrayRef> {
    let field = Field::new("c", array.data_type().clone(), true);
    let conversion = conversion(&field, to, Aim::Values, &rules(cuts)).unwrap().expect("another type");
    let array: ArrayRef = Arc::new(array);
    let Converted { array, misfits } = conversion.apply(&array).unwrap();
    misfits.is_empty().then_some(array)
}

proptest! {
    #[test]
    fn whole_numbers_are_what_rust_says(value in any::<i64>()) {
        let to_32 = one(Int64Array::from(vec![value]), Interim::Int32, true);
        prop_assert_eq!(to_32.map(|a| a.as_primitive::<Int32Type>().value(0)), i32::try_from(value).ok());
        let to_8 = one(Int64Array::from(vec![value % 400]), Interim::Byte, true);
        prop_assert_eq!(to_8.map(|a| a.as_primitive::<UInt8Type>().value(0)), u8::try_from(value % 400).ok());
        let real = one(Int64Array::from(vec![value]), Interim::Double, false);
        let is_exact = value as f64 as i128 == i128::from(value);
        prop_assert_eq!(real.map(|a| a.as_primitive::<Float64Type>().value(0)), is_exact.then_some(value as f64));
    }

    #[test]
    fn texts_of_numbers_read_back_as_the_same(value in any::<i64>(), real in any::<f64>(), scale in 0_i8..=18) {
        let text = one(Int64Array::from(vec![value]), Interim::String, false).unwrap();
        let back = one(text.as_string::<i32>().clone(), Interim::Int64, false).unwrap();
        prop_assert_eq!(back.as_primitive::<Int64Type>().value(0), value);
        let text = one(Float64Array::from(vec![real]), Interim::String, false).unwrap();
        let back = one(text.as_string::<i32>().clone(), Interim::Double, false).unwrap();
        let back = back.as_primitive::<Float64Type>().value(0);
        prop_assert!(back == real || back.is_nan() && real.is_nan());
        let units = Decimal128Array::from(vec![i128::from(value)]).with_precision_and_scale(19, scale).unwrap();
        let text = one(units.clone(), Interim::String, false).unwrap();
        let back = one(text.as_string::<i32>().clone(), decimal(19, scale), false).unwrap();
        prop_assert_eq!(back.as_ref(), &units as &dyn Array);
    }

    /// A decimal that a float becomes is one that becomes the float.
    #[test]
    fn floats_and_decimals_agree(real in -1e12_f64..1e12, single in -1e6_f32..1e6) {
        if let Some(units) = one(Float64Array::from(vec![real]), decimal(38, 18), false) {
            let units = units.as_primitive::<arrow::datatypes::Decimal128Type>().clone();
            let back = one(units, Interim::Double, false).unwrap();
            prop_assert_eq!(back.as_primitive::<Float64Type>().value(0), real);
        }
        if let Some(units) = one(Float32Array::from(vec![single]), decimal(38, 18), false) {
            let units = units.as_primitive::<arrow::datatypes::Decimal128Type>().clone();
            let back = one(units, Interim::Single, false).unwrap();
            prop_assert_eq!(back.as_primitive::<Float32Type>().value(0), single);
        }
    }

    /// What is cut off is never more than a unit, and always towards zero.
    #[test]
    fn cutting_goes_towards_zero(units in any::<i64>(), from in 0_i8..=10, to in 0_i8..=10) {
        let array = Decimal128Array::from(vec![i128::from(units)]).with_precision_and_scale(19, from).unwrap();
        if from == to {
            return Ok(());
        }
        let kept = one(array, decimal(38, to), true).unwrap();
        let kept = kept.as_primitive::<arrow::datatypes::Decimal128Type>().value(0);
        let (units, wide) = (i128::from(units), 10_i128.pow(10));
        let (old, new) = (units * (wide / 10_i128.pow(from as u32)), kept * (wide / 10_i128.pow(to as u32)));
        prop_assert!(new.abs() <= old.abs() && old.abs() - new.abs() < wide / 10_i128.pow(to as u32));
        prop_assert!(kept == 0 || kept.signum() == units.signum());
    }

    #[test]
    fn moments_read_back_as_the_same(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
        let text = one(TimestampMicrosecondArray::from(vec![micros]), Interim::String, false).unwrap();
        let back = one(text.as_string::<i32>().clone(), Interim::DateTime, false).unwrap();
        let expected = TimestampMicrosecondArray::from(vec![micros]);
        prop_assert_eq!(back.as_ref(), &expected as &dyn Array);
        prop_assert_eq!(back.data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
    }
}
