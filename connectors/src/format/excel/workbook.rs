//! Opens a workbook and takes the cells of one sheet out of it. Nothing is unpacked beyond what the memory allows, whatever
//! a file says of itself.

use std::io::{Cursor, Read};

use calamine::{Data, DataRef, Reader, Xls, Xlsx};
use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    cell, damaged,
    range::{Area, Position},
};
use crate::format::{survived::survived, text_input::unreadable};

/// How a file of Excel 97 begins.
const OLE: [u8; 4] = [0xD0, 0xCF, 0x11, 0xE0];

/// Files within a workbook at most.
const MOST_ENTRIES: usize = 10_000;

/// Which sheet.
#[derive(Clone, Debug)]
pub(super) enum Sheet {
    Name(String),
    /// From 0.
    Index(usize),
}

/// The bytes of a workbook.
///
/// # Errors
/// They are more than the memory allows.
pub(super) fn bytes(from: impl Read, memory: u64) -> Result<Vec<u8>> {
    let most = memory / 4;
    let mut bytes = Vec::new();
    let read = from.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if read as u64 > most { Err(too_large(most)) } else { Ok(bytes) }
}

/// The cells of the area that hold something, with their texts.
///
/// # Errors
/// A file that is no workbook, or has no such sheet.
pub(super) fn cells(bytes: Vec<u8>, sheet: &Sheet, area: Area, memory: u64) -> Result<Vec<(Position, String)>> {
    if bytes.starts_with(&OLE) {
        return survived(gave_up, || old(bytes, sheet, area))?;
    }
    bounded(&bytes, memory / 2)?;
    survived(gave_up, || new(bytes, sheet, area))?
}

fn gave_up() -> Error {
    damaged("its reader gave up")
}

fn new(bytes: Vec<u8>, sheet: &Sheet, area: Area) -> Result<Vec<(Position, String)>> {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
    let name = named(&workbook.sheet_names(), sheet)?;
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(|error| damaged(error.to_string()))?;
    let mut cells = Vec::new();
    while let Some(found) = reader.next_cell().map_err(|error| damaged(error.to_string()))? {
        if area.holds(found.get_position())
            && let Some(text) = cell::text(found.get_value())
        {
            cells.push((found.get_position(), text));
        }
    }
    Ok(cells)
}

fn old(bytes: Vec<u8>, sheet: &Sheet, area: Area) -> Result<Vec<(Position, String)>> {
    let mut workbook = Xls::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
    let name = named(&workbook.sheet_names(), sheet)?;
    let range = workbook.worksheet_range(&name).map_err(|error| damaged(error.to_string()))?;
    let (row, column) = range.start().unwrap_or_default();
    let used = range.used_cells().map(|(down, right, value)| ((row + down as u32, column + right as u32), value));
    let texts = used.filter(|(position, _)| area.holds(*position));
    Ok(texts.filter_map(|(position, value)| Some((position, cell::text(&borrowed(value))?))).collect())
}

fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::Empty => DataRef::Empty,
        Data::String(text) => DataRef::SharedString(text),
        Data::DateTimeIso(text) | Data::DurationIso(text) => DataRef::SharedString(text),
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::Bool(value) => DataRef::Bool(*value),
        Data::DateTime(moment) => DataRef::DateTime(*moment),
        Data::Error(error) => DataRef::Error(error.clone()),
    }
}

fn named(names: &[String], sheet: &Sheet) -> Result<String> {
    let found = match sheet {
        Sheet::Name(name) => names.iter().find(|known| known.to_lowercase() == name.to_lowercase()),
        Sheet::Index(index) => names.get(*index),
    };
    found.cloned().ok_or_else(|| {
        let known: Vec<_> = names.iter().take(20).map(|name| name.escape_debug().to_string()).collect();
        let wanted = match sheet {
            Sheet::Name(name) => name.escape_debug().to_string(),
            Sheet::Index(index) => index.to_string(),
        };
        Error::new(
            ErrorKind::Data,
            "the workbook has no such sheet; correct sheetName or sheetIndex, which begins at 0",
        )
        .with("sheet", wanted)
        .with("sheets", known.join(", "))
    })
}

/// Unpacks everything once and counts: what the file says of its sizes may be wrong.
fn bounded(bytes: &[u8], most: u64) -> Result<()> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
    if archive.len() > MOST_ENTRIES {
        return Err(damaged("it has too many parts"));
    }
    let mut left = most;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| damaged(error.to_string()))?;
        let unpacked = std::io::copy(&mut entry.take(left + 1), &mut std::io::sink())
            .map_err(|error| damaged(error.to_string()))?;
        left = left.checked_sub(unpacked).ok_or_else(|| too_large(most))?;
    }
    Ok(())
}

fn too_large(most: u64) -> Error {
    Error::new(
        ErrorKind::Data,
        "the workbook is larger than its share of the memory; give more by --memory, copy fewer files at once by --parallel, \
         or save the sheet as text",
    )
    .with("limit in bytes", most)
}
