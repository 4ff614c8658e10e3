//! INSERT BULK: the grammar of the BULK INSERT reference, "external tools only". It has no KEEP_IDENTITY: whoever lists an
//! identity column keeps its values.

use super::super::SqlError;
use super::super::collation::Collation;
use super::super::lexer::Kind;
use super::super::syntax::{BulkDefinition, Statement};
use super::Parser;

impl Parser {
    pub(super) fn insert_bulk(&mut self) -> Result<Statement, SqlError> {
        let table = self.name()?;
        self.expect("(")?;
        let mut columns = Vec::new();
        loop {
            let name = self.identifier()?;
            let mut of = self.data_type(false)?;
            if self.accept("COLLATE") {
                let collation = self.identifier()?;
                of = of.collate(Collation::named(&collation)?)?;
            }
            if !self.accept("NULL") {
                self.accept_all(&["NOT", "NULL"]);
            }
            columns.push((name, of));
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        let mut definition =
            BulkDefinition { table, columns, checks: false, locks_table: false, keeps_nulls: false, order: Vec::new() };
        if self.accept("WITH") {
            self.expect("(")?;
            loop {
                self.bulk_option(&mut definition)?;
                if !self.accept(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        Ok(Statement::InsertBulk(definition))
    }

    fn bulk_option(&mut self, definition: &mut BulkDefinition) -> Result<(), SqlError> {
        if self.accept("CHECK_CONSTRAINTS") {
            definition.checks = true;
        } else if self.accept("KEEP_NULLS") {
            definition.keeps_nulls = true;
        } else if self.accept("ORDER") {
            definition.order = self.index_columns()?;
        } else if self.accept("ROWS_PER_BATCH") || self.accept("KILOBYTES_PER_BATCH") {
            self.expect("=")?;
            if self.peek().kind != Kind::Integer {
                return Err(self.unexpected());
            }
            self.advance();
        } else if self.accept("TABLOCK") {
            definition.locks_table = true;
        } else if !self.accept("FIRE_TRIGGERS") {
            // There are no triggers that could fire.
            return Err(self.unexpected());
        }
        Ok(())
    }
}
