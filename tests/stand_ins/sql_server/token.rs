//! Tokens of a response (MS-TDS 2.2.7), each as the bytes that travel.

use super::sql_type::Length;
use super::wire::{long_text, short_text, write_type, write_value};
use super::{SqlError, SqlType};
use rusqlite::types::{Value, ValueRef};

pub(super) const DONE: u8 = 0xFD;
pub(super) const DONE_PROC: u8 = 0xFE;
pub(super) const DONE_IN_PROC: u8 = 0xFF;
pub(super) const MORE: u16 = 0x01;
pub(super) const ERROR: u16 = 0x02;
pub(super) const COUNT: u16 = 0x10;
pub(super) const ATTENTION: u16 = 0x20;
/// Command of a DONE behind a statement that was given up.
pub(super) const ABORT_COMMAND: u16 = 0xFD;

/// One column of a result.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) of: SqlType,
    pub(super) nullable: bool,
    pub(super) origin: Origin,
    /// The word NULL, which takes the type of what stands in the same place.
    pub(super) is_null: bool,
    /// For text, ntext and image: the table, as COLMETADATA names it.
    pub(super) table: Vec<String>,
}

/// Where a result column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Table,
    Identity,
    Expression,
}

pub(super) fn column_metadata(columns: &[Column]) -> Vec<u8> {
    let mut out = vec![0x81];
    out.extend((columns.len() as u16).to_le_bytes());
    for column in columns {
        let user_type: u32 = if column.of == SqlType::RowVersion { 0x50 } else { 0 };
        out.extend(user_type.to_le_bytes());
        out.extend(flags(column).to_le_bytes());
        write_type(&mut out, column.of, column.nullable);
        if column.of.is_legacy_large() {
            out.push(column.table.len() as u8);
            for part in &column.table {
                long_text(&mut out, part);
            }
        }
        short_text(&mut out, &column.name);
    }
    out
}

fn flags(column: &Column) -> u16 {
    let nullable = u16::from(column.nullable);
    let case = u16::from(column.of.collation().is_some_and(super::collation::Collation::minds_case)) << 1;
    let origin = match column.origin {
        Origin::Table if column.of == SqlType::RowVersion => 0,
        Origin::Table => 0x08,
        Origin::Identity => 0x10,
        Origin::Expression => 0x20,
    };
    nullable | case | origin
}

/// ROW, or NBCROW where its bitmap is shorter than the nulls it saves.
pub(super) fn row(columns: &[Column], values: &[ValueRef<'_>]) -> Result<Vec<u8>, SqlError> {
    let saved: usize = columns
        .iter()
        .zip(values)
        .filter(|(_, value)| **value == ValueRef::Null)
        .map(|(column, _)| null_size(column.of))
        .sum();
    let bitmap_size = columns.len().div_ceil(8);
    let mut out = Vec::new();
    if saved <= bitmap_size {
        out.push(0xD1);
        for (column, value) in columns.iter().zip(values) {
            write_value(&mut out, column.of, column.nullable, *value)?;
        }
        return Ok(out);
    }
    out.push(0xD2);
    let mut bitmap = vec![0_u8; bitmap_size];
    for (index, value) in values.iter().enumerate() {
        bitmap[index / 8] |= u8::from(*value == ValueRef::Null) << (index % 8);
    }
    out.extend(bitmap);
    for (column, value) in columns.iter().zip(values).filter(|(_, value)| **value != ValueRef::Null) {
        write_value(&mut out, column.of, column.nullable, *value)?;
    }
    Ok(out)
}

fn null_size(of: SqlType) -> usize {
    match of {
        SqlType::VarChar(Length::Max, _) | SqlType::NVarChar(Length::Max, _) | SqlType::VarBinary(Length::Max) => 8,
        SqlType::Xml | SqlType::Udt(_) => 8,
        SqlType::SqlVariant => 4,
        SqlType::Text(_) | SqlType::NText(_) => 1,
        _ if of.is_text() => 2,
        SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::RowVersion => 2,
        _ => 1,
    }
}

/// DONE, DONEPROC or DONEINPROC.
pub(super) fn done(token: u8, status: u16, command: u16, rows: u64) -> Vec<u8> {
    let mut out = vec![token];
    out.extend(status.to_le_bytes());
    out.extend(command.to_le_bytes());
    out.extend(rows.to_le_bytes());
    out
}

/// ERROR, or INFO for a class below 11.
pub(super) fn error(error: &SqlError, server: &str, procedure: &str, line: u32) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(error.number.to_le_bytes());
    body.extend([error.state, error.class]);
    long_text(&mut body, &error.message);
    short_text(&mut body, server);
    short_text(&mut body, procedure);
    body.extend(line.to_le_bytes());
    with_length(if error.class > 10 { 0xAA } else { 0xAB }, &body)
}

fn with_length(token: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![token];
    out.extend((body.len() as u16).to_le_bytes());
    out.extend_from_slice(body);
    out
}

/// ENVCHANGE with texts: 1 database, 2 language, 4 packet size.
pub(super) fn environment_text(kind: u8, new: &str, old: &str) -> Vec<u8> {
    let mut body = vec![kind];
    short_text(&mut body, new);
    short_text(&mut body, old);
    with_length(0xE3, &body)
}

/// ENVCHANGE with bytes: 7 collation, 8 to 10 transactions, 18 reset acknowledged.
pub(super) fn environment_bytes(kind: u8, new: &[u8], old: &[u8]) -> Vec<u8> {
    let mut body = vec![kind, new.len() as u8];
    body.extend_from_slice(new);
    body.push(old.len() as u8);
    body.extend_from_slice(old);
    with_length(0xE3, &body)
}

pub(super) fn login_acknowledged(version: u32) -> Vec<u8> {
    let mut body = vec![1];
    body.extend(version.to_be_bytes());
    short_text(&mut body, "Microsoft SQL Server");
    body.extend([16, 0, 0x10, 0x27]);
    with_length(0xAD, &body)
}

/// FEATUREEXTACK for those features of the client that the server has: UTF8_SUPPORT (0x0A).
pub(super) fn features_acknowledged(features: &[u8]) -> Vec<u8> {
    let mut out = vec![0xAE];
    if features.contains(&0x0A) {
        out.push(0x0A);
        out.extend(1_u32.to_le_bytes());
        out.push(1);
    }
    out.push(0xFF);
    out
}

pub(super) fn return_status(status: i32) -> Vec<u8> {
    let mut out = vec![0x79];
    out.extend(status.to_le_bytes());
    out
}

/// RETURNVALUE of an output parameter.
pub(super) fn return_value(ordinal: u16, name: &str, of: SqlType, value: &Value) -> Result<Vec<u8>, SqlError> {
    let mut out = vec![0xAC];
    out.extend(ordinal.to_le_bytes());
    short_text(&mut out, name);
    out.push(0x01);
    out.extend(0_u32.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    write_type(&mut out, of, true);
    write_value(&mut out, of, true, value.into())?;
    Ok(out)
}
