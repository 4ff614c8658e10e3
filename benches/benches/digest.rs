//! The cost of the row digest, which every row pays twice: one item is one row.
#![expect(clippy::expect_used, reason = "the rows of a benchmark are made here")]

use std::{hint::black_box, sync::Arc};

use arrow::{
    array::{
        ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
        StringViewArray,
    },
    buffer::NullBuffer,
};
use divan::{Bencher, counter::ItemsCount};
use ropeway_engine::digest::RowDigester;

const ROWS: usize = 64 * 1024;

fn main() {
    divan::main();
}

/// The 16 columns of lineitem.
#[divan::bench]
fn lineitem(bencher: Bencher<'_, '_>) {
    digest(bencher, lineitem_columns(|texts| Arc::new(StringArray::from_iter_values(texts))));
}

/// The same with string views.
#[divan::bench]
fn lineitem_views(bencher: Bencher<'_, '_>) {
    digest(bencher, lineitem_columns(|texts| Arc::new(StringViewArray::from_iter_values(texts))));
}

/// 16 columns of doubles, every third cell null.
#[divan::bench]
fn nullable_numbers(bencher: Bencher<'_, '_>) {
    let nulls = NullBuffer::from_iter((0..ROWS).map(|row| row % 3 != 0));
    let column: ArrayRef = Arc::new(Float64Array::new((0..ROWS).map(|row| row as f64).collect(), Some(nulls)));
    digest(bencher, vec![column; 16]);
}

fn digest(bencher: Bencher<'_, '_>, columns: Vec<ArrayRef>) {
    let named = columns.into_iter().enumerate().map(|(i, column)| (format!("c{i}"), column));
    let batch = RecordBatch::try_from_iter(named).expect("columns of one length");
    let digester = RowDigester::new(&batch.schema()).expect("types with a digest");
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| digester.digest(black_box(&batch)));
}

fn lineitem_columns(text: impl Fn(Vec<String>) -> ArrayRef) -> Vec<ArrayRef> {
    let ints =
        |step: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|row| row * step))) };
    let money = |step: i128| -> ArrayRef {
        let column = Decimal128Array::from_iter_values((0..ROWS as i128).map(|row| row * step));
        Arc::new(column.with_precision_and_scale(15, 2).expect("a valid precision"))
    };
    let date = |first: i32| -> ArrayRef { Arc::new(Date32Array::from_iter_values(first..first + ROWS as i32)) };
    let words = |words: &[&str]| text((0..ROWS).map(|row| words[row * 7 % words.len()].to_owned()).collect());
    let comments =
        (0..ROWS).map(|row| format!("{row} carefully final deposits cajole furiously")[..10 + row % 30].to_owned());
    vec![
        ints(1),
        ints(31),
        ints(7),
        Arc::new(Int32Array::from_iter_values((0..ROWS as i32).map(|row| row % 7))),
        money(100),
        money(90_411),
        money(4),
        money(8),
        words(&["A", "N", "R"]),
        words(&["F", "O"]),
        date(8_000),
        date(8_030),
        date(8_060),
        words(&["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"]),
        words(&["TRUCK", "MAIL", "REG AIR", "AIR", "FOB", "RAIL", "SHIP"]),
        text(comments.collect()),
    ]
}
