//! Rows as the wire has them, decoded here by hand.

use std::sync::Arc;

use arrow::{
    array::{BinaryArray, Decimal128Array, Int32Array, StringArray},
    datatypes::{Field, Schema},
};

use super::{
    blocks::{BLOCK_BYTES, BLOCK_ROWS, ROW},
    *,
};

fn form(frame: Frame) -> Form {
    Form { precision: 9, scale: 2, most_bytes: 8_000, frame, encoding: Some(EncodingType::Utf8), rounds: false }
}

fn column(source: usize, takes: DataType, make: Make, frame: Frame) -> Column {
    Column { source, name: format!("c{source}"), nullable: true, takes, make, form: form(frame), room: None }
}

fn encode(arrays: Vec<ArrayRef>, columns: Vec<Column>) -> Result<Encoded> {
    encode_in(&Spare::default(), arrays, columns)
}

fn encode_in(spare: &Spare, arrays: Vec<ArrayRef>, columns: Vec<Column>) -> Result<Encoded> {
    let fields =
        arrays.iter().enumerate().map(|(at, array)| Field::new(format!("c{at}"), array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let encoder = Encoder::new(&schema, columns)?;
    match encoder.encode(&RecordBatch::try_new(schema, arrays).unwrap(), spare)? {
        Encoding::Rows(encoded) => Ok(encoded),
        Encoding::Outgrown(columns) => panic!("{columns:?}"),
    }
}

fn bytes(encoded: &Encoded) -> Vec<u8> {
    encoded.blocks.concat()
}

#[test]
fn a_row_is_its_token_and_its_values_nulls_included() {
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(7), None])),
        Arc::new(StringArray::from(vec![None, Some("a\u{e9}")])),
        Arc::new(Decimal128Array::from(vec![Some(-1), None]).with_precision_and_scale(9, 2).unwrap()),
        Arc::new(BinaryArray::from_opt_vec(vec![Some(b""), None])),
    ];
    let columns = vec![
        column(0, DataType::Int32, makes::int, Frame::Short),
        column(1, DataType::Utf8, makes::wide, Frame::Short),
        column(2, DataType::Decimal128(9, 2), makes::decimal, Frame::Short),
        column(3, DataType::Binary, makes::binary, Frame::Plp),
    ];
    let encoded = encode(arrays, columns).unwrap();
    let first = [&[ROW, 4, 7, 0, 0, 0, 0xFF, 0xFF, 5, 0, 1, 0, 0, 0][..], &[0; 12]].concat();
    let second = [&[ROW, 0, 4, 0, b'a', 0, 0xE9, 0, 0][..], &[0xFF; 8]].concat();
    assert_eq!(bytes(&encoded), [first, second].concat());
    assert_eq!(encoded.rows, 2);
}

#[test]
fn large_values_have_the_frame_of_their_type() {
    let texts = || vec![Arc::new(StringArray::from(vec![Some("ab"), None])) as ArrayRef];
    let plp = encode(texts(), vec![column(0, DataType::Utf8, makes::narrow, Frame::Plp)]).unwrap();
    let value = [&[ROW, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0, ROW][..], &[0xFF; 8]].concat();
    assert_eq!(bytes(&plp), value);
    let old = encode(texts(), vec![column(0, DataType::Utf8, makes::narrow, Frame::Pointer)]).unwrap();
    let value = [&[ROW, 16][..], &[0; 24], &[2, 0, 0, 0, b'a', b'b', ROW, 0]].concat();
    assert_eq!(bytes(&old), value);
}

/// Rows are cut into blocks where there are many, and a slice of a batch is as good as a batch.
#[test]
fn blocks_and_slices_make_no_difference() {
    let count = 3 * BLOCK_ROWS as i32 + 5;
    let ids = Int32Array::from_iter((0..count + 2).map(|id| (id % 3 > 0).then_some(id)));
    let texts = StringArray::from_iter((0..count + 2).map(|id| (id % 7 > 0).then(|| "x".repeat(id as usize % 50))));
    let columns = || {
        vec![column(0, DataType::Int32, makes::int, Frame::Short), column(1, DataType::Utf8, makes::wide, Frame::Short)]
    };
    let of = |from: usize, rows: usize| {
        encode(vec![Arc::new(ids.slice(from, rows)), Arc::new(texts.slice(from, rows))], columns()).unwrap()
    };
    let whole = of(1, count as usize);
    assert_eq!(whole.blocks.len(), 4);
    assert!(whole.blocks.iter().all(|block| block[0] == ROW));
    let row_by_row: Vec<u8> = (0..count as usize).flat_map(|row| bytes(&of(1 + row, 1))).collect();
    assert_eq!(bytes(&whole), row_by_row);
    let large = StringArray::from(vec!["y".repeat(BLOCK_BYTES); 3]);
    let mut wide = column(0, DataType::Utf8, makes::narrow, Frame::Plp);
    wide.form.most_bytes = usize::MAX;
    assert_eq!(encode(vec![Arc::new(large)], vec![wide]).unwrap().blocks.len(), 3, "a row is never cut");
}

#[test]
fn texts_of_every_length_are_written_whole() {
    let texts: Vec<String> = (0..200).map(|length| ('!'..='~').cycle().skip(length).take(length).collect()).collect();
    let expected =
        texts.iter().flat_map(|text| [&[ROW][..], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat());
    let array = Arc::new(StringArray::from(texts.clone())) as ArrayRef;
    let narrow = encode(vec![array], vec![column(0, DataType::Utf8, makes::narrow, Frame::Short)]).unwrap();
    assert_eq!(bytes(&narrow), expected.collect::<Vec<_>>());
}

/// The end of a `(max)` value is written by nobody: it is zero because memory is.
#[test]
fn memory_that_is_used_again_shows_nothing_of_what_was_in_it() {
    let ones: ArrayRef = Arc::new(BinaryArray::from_iter_values((0..300).map(|_| [0xFF; 40])));
    let values: ArrayRef = Arc::new(BinaryArray::from_iter_values((0..300).map(|id| vec![0xEE; id % 9])));
    let columns = |frame| vec![column(0, DataType::Binary, makes::binary, frame)];
    let spare = Spare::default();
    let first = encode_in(&spare, vec![ones], columns(Frame::Short)).unwrap();
    let place = first.blocks[0].as_ptr();
    drop(first);
    for frame in [Frame::Plp, Frame::Pointer] {
        let again = encode_in(&spare, vec![Arc::clone(&values)], columns(frame)).unwrap();
        assert_eq!(again.blocks[0].as_ptr(), place, "the memory of the first block");
        assert_eq!(bytes(&again), bytes(&encode(vec![Arc::clone(&values)], columns(frame)).unwrap()));
    }
    let large: ArrayRef = Arc::new(BinaryArray::from_iter_values([vec![1; 3 * BLOCK_BYTES]]));
    let mut whole = columns(Frame::Plp);
    whole[0].form.most_bytes = usize::MAX;
    let large = encode_in(&spare, vec![large], whole).unwrap();
    assert_ne!(large.blocks[0].as_ptr(), place);
    drop(large);
    let next = encode_in(&spare, vec![values], columns(Frame::Plp)).unwrap();
    assert_eq!(next.blocks[0].as_ptr(), place, "the memory of a huge row is not kept");
}

#[test]
fn a_column_of_another_type_than_announced_is_a_defect() {
    let text = || vec![Arc::new(StringArray::from(vec!["x"])) as ArrayRef];
    let wrong = encode(text(), vec![column(0, DataType::Utf8, makes::int, Frame::Short)]);
    assert_eq!(wrong.err().map(|error| error.kind()), Some(ErrorKind::Bug));
    let mut short = column(0, DataType::Utf8, makes::wide, Frame::Short);
    short.form.most_bytes = 1;
    let error = encode(text(), vec![short]).err().unwrap();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("column=c0"), "{error}");
}
