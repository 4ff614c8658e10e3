//! Text and bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, StringBuilder};
use odbc_api::{handles::StatementRef, parameter::WideText};

use super::{
    super::{misfits::Misfits, parse::Reason, values},
    Cells, Decoder, Fault, Raw, lossy,
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
    fn append(&mut self, cells: Cells<'_>, misfits: &mut Misfits) -> Result<(), Fault> {
        let builder = &mut self.builder;
        self.raw.each(cells, misfits, |value| append_text(builder, value))
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16, misfits: &mut Misfits) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        let done = append_text(&mut self.builder, present.then_some(&self.value));
        if misfits.took(done, 0, || lossy(Some(&self.value)))? {
            self.builder.append_null();
        }
        Ok(())
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
    fn append(&mut self, cells: Cells<'_>, misfits: &mut Misfits) -> Result<(), Fault> {
        let builder = &mut self.builder;
        self.raw.each(cells, misfits, |value| {
            fits(builder.values_slice().len(), value.map_or(0, <[u8]>::len))?;
            builder.append_option(value);
            Ok(())
        })
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16, _: &mut Misfits) -> Result<(), Fault> {
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

impl Wide {
    fn take(&mut self, units: Option<&[u16]>, row: usize, misfits: &mut Misfits) -> Result<(), Fault> {
        let Some(units) = units else {
            self.0.append_null();
            return Ok(());
        };
        if misfits.took(append_wide(&mut self.0, units), row, || String::from_utf16_lossy(units))? {
            self.0.append_null();
        }
        Ok(())
    }
}

fn append_wide(builder: &mut StringBuilder, units: &[u16]) -> Result<(), Fault> {
    let text = String::from_utf16(units).map_err(|_| "a value is not UTF-16 text: it has half of a surrogate pair")?;
    fits(builder.values_slice().len(), text.len())?;
    builder.append_value(text);
    Ok(())
}

impl Decoder for Wide {
    fn append(&mut self, cells: Cells<'_>, misfits: &mut Misfits) -> Result<(), Fault> {
        let Cells { buffer, rows, .. } = cells;
        let cells = buffer.as_wide_text().ok_or(Fault::Buffer)?;
        for row in rows {
            self.take(cells.get(row), row, misfits)?;
        }
        Ok(())
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16, misfits: &mut Misfits) -> Result<(), Fault> {
        let mut units = std::mem::take(&mut self.1);
        let present = values::variable::<WideText>(statement, column, &mut units)?;
        let taken = self.take(present.then_some(&units), 0, misfits);
        self.1 = units;
        taken
    }

    fn bytes(&self) -> usize {
        self.0.values_slice().len() + size_of_val(self.0.offsets_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}
