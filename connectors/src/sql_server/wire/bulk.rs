//! Bulk load: `INSERT BULK`, then rows as our encoder made them.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use mssql_tds::{
    connection::{
        bulk_copy::{BulkCopy, BulkLoadRow},
        tds_client::TdsClient,
    },
    core::TdsResult,
    datatypes::{
        bulk_copy_metadata::{BulkCopyColumnMetadata, TypeLength},
        sqldatatypes::TdsDataType,
    },
    message::bulk_load::StreamingBulkLoadWriter,
    query::metadata::ColumnMetadata,
    test_client_support::MetadataRetriever,
};
use ropeway_engine::Result;
use tokio::sync::{Mutex, mpsc};

use super::{super::sink::encode::decimal_bytes, Session};

/// Where rows go.
#[derive(Clone, Debug)]
pub(crate) struct BulkLoad {
    /// The table, quoted.
    pub(crate) table: String,
    /// The columns of every row, in order, each with the name of its collation.
    pub(crate) columns: Vec<(ColumnMetadata, Option<String>)>,
    /// Whether the whole table is locked.
    pub(crate) table_lock: bool,
    /// Whether an identity column takes the values that are given; a stage has none.
    pub(crate) gives_identity: bool,
}

impl Session {
    /// Loads rows in the transaction that is open. There is at least one row: `first` and the blocks of `rest` are rows of
    /// these columns, each with its token. Ends when the channel does; `moved` counts bytes.
    pub(crate) async fn load(
        &mut self,
        load: &BulkLoad,
        first: Bytes,
        rest: mpsc::Receiver<Bytes>,
        moved: &AtomicU64,
    ) -> Result<()> {
        let described = |(column, collation): &(ColumnMetadata, Option<String>)| {
            let described = described(column, collation.as_deref());
            if load.gives_identity { described } else { described.with_identity(false) }
        };
        let columns = load.columns.iter().map(described).collect();
        let rows = Rows { first, rest: Mutex::new(rest), columns: load.columns.len(), moved };
        let loaded = BulkCopy::with_retriever(&mut self.client, load.table.clone(), Box::new(Known(columns)))
            // Who stands still is the engine's to notice.
            .timeout(std::time::Duration::ZERO)
            // What the source says is what is stored: no default in place of a null, no new key.
            .keep_identity(true)
            .keep_nulls(true)
            .check_constraints(true)
            .table_lock(load.table_lock)
            .write_to_server_zerocopy(std::iter::once(rows))
            .await;
        loaded.map(drop).map_err(|error| self.failed(error))
    }
}

/// The column as the load announces it. Numbers and dates always have their length in front, as in our rows.
fn described(column: &ColumnMetadata, collation: Option<&str>) -> BulkCopyColumnMetadata {
    let mut described = BulkCopyColumnMetadata::from(column);
    if matches!(
        column.data_type,
        TdsDataType::Decimal | TdsDataType::DecimalN | TdsDataType::Numeric | TdsDataType::NumericN
    ) {
        let length = i32::from(decimal_bytes(column.get_precision().unwrap_or(38)));
        described = described.with_length(length, TypeLength::Variable(length));
    }
    match collation {
        Some(name) => described.with_collation_name(name),
        None => described,
    }
}

/// Columns that are known already.
struct Known(Vec<BulkCopyColumnMetadata>);

#[async_trait]
impl MetadataRetriever for Known {
    async fn retrieve_metadata(
        &mut self,
        _: &mut TdsClient,
        _: &str,
        _: u32,
    ) -> TdsResult<Vec<BulkCopyColumnMetadata>> {
        Ok(std::mem::take(&mut self.0))
    }
}

/// All rows, as the one row that the session layer believes them to be.
struct Rows<'a> {
    first: Bytes,
    rest: Mutex<mpsc::Receiver<Bytes>>,
    columns: usize,
    moved: &'a AtomicU64,
}

#[async_trait]
impl BulkLoadRow for Rows<'_> {
    async fn write_to_packet(&self, writer: &mut StreamingBulkLoadWriter<'_>, column: &mut usize) -> TdsResult<()> {
        // The session layer wrote the token of the first row.
        writer.write_raw_bytes(self.first.get(1..).unwrap_or_default()).await?;
        self.moved.fetch_add(self.first.len() as u64, Ordering::Relaxed);
        let mut rest = self.rest.lock().await;
        while let Some(block) = rest.recv().await {
            writer.write_raw_bytes(&block).await?;
            self.moved.fetch_add(block.len() as u64, Ordering::Relaxed);
        }
        *column = self.columns;
        Ok(())
    }
}
