//! Values that arrive as text and are something else.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanBuilder, PrimitiveBuilder},
    datatypes::ArrowPrimitiveType,
};
use odbc_api::{buffers::AnyColumnBufferSlice, handles::StatementRef};

use super::{
    super::{
        Column,
        parse::{self, Reason},
    },
    Decoder, Fault, Long, Raw,
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
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, long: &[Long]) -> Result<(), Fault> {
        let Self { builder, parse, .. } = self;
        self.raw.each(cells, rows, long, |value| {
            builder.append_option(value.map(&*parse).transpose()?);
            Ok(())
        })
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        self.builder.append_option(present.then(|| (self.parse)(&self.value)).transpose()?);
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
    fn append(&mut self, cells: AnyColumnBufferSlice<'_>, rows: Range<usize>, long: &[Long]) -> Result<(), Fault> {
        let builder = &mut self.builder;
        self.raw.each(cells, rows, long, |value| {
            builder.append_option(value.map(parse::boolean).transpose()?);
            Ok(())
        })
    }

    fn read(&mut self, statement: &mut StatementRef<'_>, column: u16) -> Result<(), Fault> {
        let present = self.raw.read(statement, column, &mut self.value)?;
        self.builder.append_option(present.then(|| parse::boolean(&self.value)).transpose()?);
        Ok(())
    }

    fn bytes(&self) -> usize {
        arrow::array::ArrayBuilder::len(&self.builder) / 8
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}
