//! Text and bytes.

use std::{ops::Range, sync::Arc};

use arrow::array::{ArrayRef, BinaryBuilder, StringBuilder};
use odbc_api::{buffers::AnyColumnBufferSlice, handles::StatementRef, parameter::WideText};

use super::{
    super::{parse::Reason, values},
    Decoder, Fault, Long, Raw,
};

const TOO_LARGE: Reason = "the values of one batch are longer than an Arrow array can hold (2 GiB)";

/// UTF-8 text.
pub(super) struct Texts {
    raw: Raw,
    builder: StringBuilder,
    value: Vec<u8>,
}

impl Texts {
    pub(super) fn new(raw: Raw) -> Self {
        Self { raw, builder: StringBuilder::new(), value: Vec::new() }
    }
}

fn append_text(builder: &mut StringBuilder, value: Option<&[u8]>) -> Result<(), Fault> {
    let text = value
        .map(std::str::from_utf8)
        .transpose()
        .map_err(|_| "a value is not UTF-8 text; use the Unicode driver, or cast the column to binary in the query")?;
    fits(builder.values_slice().len(), text.map_or(0, str::len))?;
    builder.append_option(text);
    Ok(())
}

fn fits(taken: usize, more: usize) -> Result<(), Reason> {
    if taken.saturating_add(more) > i32::MAX as usize { Err(TOO_LARGE) } else { Ok(()) }
}

impl Decoder for Texts {
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, long: &[Long]) -> Result<(), Fault> {
        let builder = &mut self.builder;
        self.raw.each(cells, rows, long, |value| append_text(builder, value))
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        append_text(&mut self.builder, present.then_some(&self.value))
    }

    fn bytes(&self) -> usize {
        self.builder.values_slice().len() + size_of_val(self.builder.offsets_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

/// Bytes.
pub(super) struct Binaries {
    raw: Raw,
    builder: BinaryBuilder,
    value: Vec<u8>,
}

impl Binaries {
    pub(super) fn new(raw: Raw) -> Self {
        Self { raw, builder: BinaryBuilder::new(), value: Vec::new() }
    }
}

impl Decoder for Binaries {
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, long: &[Long]) -> Result<(), Fault> {
        let builder = &mut self.builder;
        self.raw.each(cells, rows, long, |value| {
            fits(builder.values_slice().len(), value.map_or(0, <[u8]>::len))?;
            builder.append_option(value);
            Ok(())
        })
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        fits(self.builder.values_slice().len(), self.value.len())?;
        self.builder.append_option(present.then_some(&self.value));
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.builder.values_slice().len() + size_of_val(self.builder.offsets_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

/// UTF-16 text, with room for one value.
#[derive(Default)]
pub(super) struct Wide(StringBuilder, Vec<u16>);

fn append_wide(builder: &mut StringBuilder, units: &[u16]) -> Result<(), Fault> {
    let text = String::from_utf16(units).map_err(|_| "a value is not UTF-16 text: it has half of a surrogate pair")?;
    fits(builder.values_slice().len(), text.len())?;
    builder.append_value(text);
    Ok(())
}

impl Decoder for Wide {
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, _: &[Long]) -> Result<(), Fault> {
        let cells = cells.as_wide_text().ok_or(Fault::Buffer)?;
        for row in rows {
            match cells.get(row) {
                Some(units) => append_wide(&mut self.0, units)?,
                None => self.0.append_null(),
            }
        }
        Ok(())
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        if values::variable::<WideText>(statement, column, &mut self.1)? {
            append_wide(&mut self.0, &self.1)
        } else {
            self.0.append_null();
            Ok(())
        }
    }

    fn bytes(&self) -> usize {
        self.0.values_slice().len() + size_of_val(self.0.offsets_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}
