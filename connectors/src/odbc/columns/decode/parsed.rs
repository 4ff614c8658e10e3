//! Values that arrive as text and are something else.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanBuilder, PrimitiveBuilder},
    datatypes::ArrowPrimitiveType,
};
use odbc_api::handles::StatementRef;

use super::{
    super::{
        Column,
        misfits::Misfits,
        parse::{self, Reason},
    },
    Cells, Decoder, Fault, Raw, lossy,
};

/// Values that are parsed from text.
struct Parsed<T: ArrowPrimitiveType, P> {
    raw: Raw,
    builder: PrimitiveBuilder<T>,
    parse: P,
    value: Vec<u8>,
}

/// The decoder of a column whose values `parse` understands.
pub(super) fn parsed<T: ArrowPrimitiveType>(
    raw: Raw,
    column: &Column,
    parse: impl Fn(&[u8]) -> Result<T::Native, Reason> + Send + 'static,
) -> Box<dyn Decoder> {
    let builder = PrimitiveBuilder::<T>::new().with_data_type(column.kind.arrow());
    Box::new(Parsed { raw, builder, parse, value: Vec::new() })
}

impl<T, P> Decoder for Parsed<T, P>
where
    T: ArrowPrimitiveType,
    P: Fn(&[u8]) -> Result<T::Native, Reason> + Send,
{
    fn append(&mut self, cells: Cells<'_>, misfits: &mut Misfits) -> Result<(), Fault> {
        let Self { builder, parse, .. } = self;
        self.raw.each(cells, misfits, |value| {
            builder.append_option(value.map(&*parse).transpose()?);
            Ok(())
        })
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16, misfits: &mut Misfits) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        let parsed = present.then(|| (self.parse)(&self.value)).transpose();
        let done = parsed.map(|value| self.builder.append_option(value)).map_err(Fault::from);
        if misfits.took(done, 0, || lossy(Some(&self.value)))? {
            self.builder.append_null();
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(self.builder.values_slice())
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

/// Values that are true or false.
pub(super) struct Truths {
    raw: Raw,
    builder: BooleanBuilder,
    value: Vec<u8>,
}

impl Truths {
    pub(super) fn new(raw: Raw) -> Self {
        Self { raw, builder: BooleanBuilder::new(), value: Vec::new() }
    }
}

impl Decoder for Truths {
    fn append(&mut self, cells: Cells<'_>, misfits: &mut Misfits) -> Result<(), Fault> {
        let builder = &mut self.builder;
        self.raw.each(cells, misfits, |value| {
            builder.append_option(value.map(parse::boolean).transpose()?);
            Ok(())
        })
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16, misfits: &mut Misfits) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        let parsed = present.then(|| parse::boolean(&self.value)).transpose();
        let done = parsed.map(|value| self.builder.append_option(value)).map_err(Fault::from);
        if misfits.took(done, 0, || lossy(Some(&self.value)))? {
            self.builder.append_null();
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        arrow::array::ArrayBuilder::len(&self.builder) / 8
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}
