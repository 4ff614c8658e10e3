//! The values of one column of a batch, as they stand in the rows of a bulk load.

use std::ops::Range;

use arrow::buffer::NullBuffer;

/// The values of a column. They have been checked: putting them down cannot fail.
pub(crate) trait Cells {
    /// The bytes of a value if all have the same.
    fn width(&self) -> Option<u32>;
    /// Adds the bytes of each value of the batch to the length of its row.
    fn measure(&self, lengths: &mut [u32]);
    /// Writes the values of these rows, each at the place of its row, and moves the places on.
    fn put(&self, rows: Range<usize>, block: &mut [u8], places: &mut [u32]);
}

/// Values of `N` bytes behind their length; a null is the length 0.
pub(super) struct Fixed<const N: usize, F> {
    nulls: Option<NullBuffer>,
    bytes: F,
}

impl<const N: usize, F: Fn(usize) -> [u8; N]> Fixed<N, F> {
    /// `bytes` gives the value of a row that is not null.
    pub(super) fn new(nulls: Option<&NullBuffer>, bytes: F) -> Self {
        Self { nulls: nulls.filter(|nulls| nulls.null_count() > 0).cloned(), bytes }
    }

    #[inline]
    fn put_one(&self, row: usize, block: &mut [u8], place: &mut u32) {
        let at = *place as usize;
        let cell = &mut block[at..at + 1 + N];
        cell[0] = N as u8;
        cell[1..].copy_from_slice(&(self.bytes)(row));
        *place += 1 + N as u32;
    }
}

impl<const N: usize, F: Fn(usize) -> [u8; N]> Cells for Fixed<N, F> {
    fn width(&self) -> Option<u32> {
        self.nulls.is_none().then_some(1 + N as u32)
    }

    fn measure(&self, lengths: &mut [u32]) {
        let Some(nulls) = &self.nulls else { return lengths.iter_mut().for_each(|length| *length += 1 + N as u32) };
        for (length, valid) in lengths.iter_mut().zip(nulls) {
            *length += 1 + if valid { N as u32 } else { 0 };
        }
    }

    fn put(&self, rows: Range<usize>, block: &mut [u8], places: &mut [u32]) {
        let Some(nulls) = &self.nulls else {
            for (row, place) in rows.zip(places) {
                self.put_one(row, block, place);
            }
            return;
        };
        for (row, place) in rows.zip(places) {
            if nulls.is_valid(row) {
                self.put_one(row, block, place);
            } else {
                block[*place as usize] = 0;
                *place += 1;
            }
        }
    }
}

/// What stands around a value of variable length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Two bytes of length; all ones are a null.
    Short,
    /// The `(max)` types: eight bytes of length, one piece, and an end.
    Plp,
    /// text, ntext and image: a pointer and a timestamp that the server does not look at, then the length.
    Pointer,
}

impl Frame {
    /// The bytes around a value of this length.
    fn around(self, length: usize) -> usize {
        match self {
            Self::Short => 2,
            Self::Plp if length == 0 => 12,
            Self::Plp => 16,
            Self::Pointer => 29,
        }
    }

    fn null(self) -> &'static [u8] {
        match self {
            Self::Short => &[0xFF; 2],
            Self::Plp => &[0xFF; 8],
            Self::Pointer => &[0],
        }
    }

    /// What stands before a value, at the start of `cell`; its length.
    fn open(self, length: usize, cell: &mut [u8]) -> usize {
        match self {
            Self::Short => {
                cell[..2].copy_from_slice(&(length as u16).to_le_bytes());
                2
            }
            Self::Plp => {
                cell[..8].copy_from_slice(&(length as u64).to_le_bytes());
                cell[8..12].copy_from_slice(&(length as u32).to_le_bytes());
                if length == 0 { 8 } else { 12 }
            }
            Self::Pointer => {
                cell[0] = 16;
                cell[25..29].copy_from_slice(&(length as u32).to_le_bytes());
                29
            }
        }
    }
}

/// Values of variable length, end to end.
pub(super) struct Variable<'a> {
    /// The bytes of all values.
    pub(super) data: std::borrow::Cow<'a, [u8]>,
    /// Where each value starts, and the last one ends.
    pub(super) offsets: Vec<u32>,
    pub(super) nulls: Option<NullBuffer>,
    pub(super) frame: Frame,
}

impl Variable<'_> {
    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Compiled for each frame by itself: its loop asks nothing about it.
    #[inline(always)]
    fn put_framed(&self, frame: Frame, rows: Range<usize>, block: &mut [u8], places: &mut [u32]) {
        let ends = self.offsets[rows.start..=rows.end].windows(2);
        for ((row, ends), place) in rows.zip(ends).zip(places) {
            let cell = &mut block[*place as usize..];
            if self.is_null(row) {
                let null = frame.null();
                cell[..null.len()].copy_from_slice(null);
                *place += null.len() as u32;
                continue;
            }
            let value = &self.data[ends[0] as usize..ends[1] as usize];
            let start = frame.open(value.len(), cell);
            copy(value, &mut cell[start..start + value.len()]);
            // The end of a `(max)` value is four zeros, which are there already.
            *place += (value.len() + frame.around(value.len())) as u32;
        }
    }
}

impl Cells for Variable<'_> {
    fn width(&self) -> Option<u32> {
        None
    }

    fn measure(&self, lengths: &mut [u32]) {
        for (row, (length, ends)) in lengths.iter_mut().zip(self.offsets.windows(2)).enumerate() {
            let value = (ends[1] - ends[0]) as usize;
            let cell = if self.is_null(row) { self.frame.null().len() } else { value + self.frame.around(value) };
            *length += cell as u32;
        }
    }

    fn put(&self, rows: Range<usize>, block: &mut [u8], places: &mut [u32]) {
        match self.frame {
            Frame::Short => self.put_framed(Frame::Short, rows, block, places),
            Frame::Plp => self.put_framed(Frame::Plp, rows, block, places),
            Frame::Pointer => self.put_framed(Frame::Pointer, rows, block, places),
        }
    }
}

/// Copies all bytes to as many others. A call for a few bytes costs more than they do: short values go as two pieces of
/// one size that may overlap.
#[inline]
fn copy(from: &[u8], to: &mut [u8]) {
    match from.len() {
        4..8 => ends::<4>(from, to),
        8..16 => ends::<8>(from, to),
        16..32 => ends::<16>(from, to),
        32..=64 => ends::<32>(from, to),
        1 => to[0] = from[0],
        _ => to.copy_from_slice(from),
    }
}

#[inline]
fn ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    to[..N].copy_from_slice(&from[..N]);
    let last = from.len() - N;
    to[last..].copy_from_slice(&from[last..]);
}
