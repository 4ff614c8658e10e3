//! The statements that hand the rows of a stage to a stored procedure.
//!
//! They run in the transaction that ends with the chunk's row of the ledger, so what the procedure does and that row are
//! there together or not at all. A second BEGIN TRANSACTION stands around the calls: a procedure that commits more than it
//! began ends that one, and nothing is kept yet. Every error of the procedure ends the batch, also one that SET
//! XACT_ABORT does not reach (RAISERROR). A procedure that rolls back, or swallows an error after which nothing can be
//! committed, and returns as if all was well is found by the state, the number and the id of the transaction.

use super::{
    procedure::{Procedure, ROWS},
    statements::{COMMITTED, NOT_TAKEN, SPOILT},
};

/// The session's own table in which the rows of a chunk arrive.
pub(crate) const STAGE: &str = "#ropeway_stage";
/// It is made in the transaction, so that it is gone if that was rolled back.
const MARK: &str = "#ropeway_mark";

/// Calls the procedure with `rows` rows of the stage. `number` is the column that counts them from 1, where there is one.
pub(crate) fn calls(procedure: &Procedure, columns: &str, number: Option<&str>, rows: u64) -> String {
    let Procedure { call, of, batch, .. } = procedure;
    let (size, part) = match (batch, number) {
        (Some(size), Some(number)) => {
            (size.get(), format!(" WHERE {number} > @ropeway_done AND {number} <= @ropeway_done + {size}"))
        }
        _ => (rows, String::new()),
    };
    format!(
        "DECLARE {ROWS} {of}; DECLARE @ropeway_done bigint = 0; DECLARE @ropeway_taken bigint = 0; \
         DECLARE @ropeway_kept bit = 0; DECLARE @ropeway_transaction bigint = CURRENT_TRANSACTION_ID(); \
         BEGIN TRANSACTION; CREATE TABLE {MARK} (n int NULL); \
         BEGIN TRY \
         WHILE @ropeway_done < {rows} BEGIN \
         DELETE FROM {ROWS}; \
         INSERT INTO {ROWS} ({columns}) SELECT {columns} FROM {STAGE}{part}; \
         SET @ropeway_taken = @ropeway_taken + @@ROWCOUNT; \
         SET @ropeway_done = @ropeway_done + {size}; \
         {call}; \
         IF XACT_STATE() <> 1 OR @@TRANCOUNT <> 2 OR CURRENT_TRANSACTION_ID() <> @ropeway_transaction \
         THROW {SPOILT}, N'the procedure spoilt the transaction of the chunk', 1; \
         END; \
         IF @ropeway_taken <> {rows} THROW {NOT_TAKEN}, N'the procedure was not given every row', 1; \
         END TRY \
         BEGIN CATCH \
         IF OBJECT_ID(N'tempdb..{MARK}') IS NOT NULL AND CURRENT_TRANSACTION_ID() <> @ropeway_transaction \
         SET @ropeway_kept = 1; \
         IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; \
         IF @ropeway_kept = 1 THROW {COMMITTED}, N'the procedure committed the transaction of the chunk', 1; \
         THROW; \
         END CATCH; \
         DROP TABLE {MARK}; COMMIT TRANSACTION; "
    )
}
