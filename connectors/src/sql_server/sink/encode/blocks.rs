//! Rows laid out in blocks: their lengths are added up, and each column writes its values at the places of its rows.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use bytes::Bytes;

use super::cells::Cells;

/// The token in front of every row.
pub(super) const ROW: u8 = 0xD1;
/// Rows of a block.
pub(super) const BLOCK_ROWS: usize = 2_048;
/// Bytes of a block, unless a single row has more.
pub(super) const BLOCK_BYTES: usize = 1 << 20;
/// Rows that are laid out together: few enough to stay in the first-level cache while each column writes its values.
const TILE_ROWS: usize = 128;

/// The memory of blocks that went, for those to come: fresh memory costs a fault for each of its pages. There is as much as
/// the blocks of a batch once had.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    /// Empty memory, with room for so many bytes.
    fn take(&self, bytes: usize) -> Vec<u8> {
        if bytes > BLOCK_BYTES {
            return Vec::with_capacity(bytes);
        }
        // A panic elsewhere is no reason to fail here.
        let mut spare = self.0.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default();
        spare.reserve(bytes);
        spare
    }

    /// The memory of a row that was larger than a block is not kept.
    fn put_back(&self, mut bytes: Vec<u8>) {
        if bytes.len() <= BLOCK_BYTES
            && let Ok(mut spare) = self.0.lock()
        {
            bytes.clear();
            spare.push(bytes);
        }
    }
}

/// All rows of these columns, each with its token.
pub(super) fn of(cells: &[Box<dyn Cells + '_>], rows: usize, spare: &Spare) -> Vec<Bytes> {
    let lengths = lengths(cells, rows);
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < rows {
        let end = end_of_block(&lengths, start);
        let bytes = block(cells, &lengths[start..end], start, spare);
        blocks.push(Bytes::from_owner(Block { bytes, spare: spare.clone() }));
        start = end;
    }
    blocks
}

/// A block whose memory is used again.
struct Block {
    bytes: Vec<u8>,
    spare: Spare,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.spare.put_back(mem::take(&mut self.bytes));
    }
}

fn lengths(cells: &[Box<dyn Cells + '_>], rows: usize) -> Vec<u32> {
    let fixed: u32 = cells.iter().filter_map(|column| column.width()).sum();
    let mut lengths = vec![1 + fixed; rows];
    for column in cells.iter().filter(|column| column.width().is_none()) {
        column.measure(&mut lengths);
    }
    lengths
}

fn end_of_block(lengths: &[u32], start: usize) -> usize {
    let mut bytes = 0;
    let within = |length: &&u32| {
        bytes += **length as usize;
        bytes <= BLOCK_BYTES
    };
    start + lengths[start..].iter().take(BLOCK_ROWS).take_while(within).count().max(1)
}

/// The rows from `first` on, as many as there are lengths.
fn block(cells: &[Box<dyn Cells + '_>], lengths: &[u32], first: usize, spare: &Spare) -> Vec<u8> {
    let mut bytes = spare.take(lengths.iter().map(|length| *length as usize).sum());
    let mut places = [0; TILE_ROWS];
    let tiles = (first..).step_by(TILE_ROWS).zip(lengths.chunks(TILE_ROWS));
    for (first, lengths) in tiles {
        let start = bytes.len();
        let places = &mut places[..lengths.len()];
        let mut end = 0;
        for (place, length) in places.iter_mut().zip(lengths) {
            *place = end;
            end += length;
        }
        bytes.resize(start + end as usize, 0);
        let tile = &mut bytes[start..];
        for place in &mut *places {
            tile[*place as usize] = ROW;
            *place += 1;
        }
        for column in cells {
            column.put(first..first + lengths.len(), tile, places);
        }
    }
    bytes
}
