//! Rows of a bulk load into their table: one statement, done whole or not at all.

use super::super::SqlError;
use super::super::bind::Binder;
use super::super::catalogue::quoted;
use super::super::constraint;
use super::super::functions::assign;
use super::super::response::{Response, Stop};
use super::super::state::State;
use super::super::write::kept;
use super::Announced;
use super::order::Sorted;
use super::stream::Stream;
use std::collections::HashMap;

/// An attention is looked for between so many rows.
const ATTENTION_ROWS: u64 = 256;

impl State {
    /// Returns how many rows.
    pub(super) fn load(
        &mut self,
        announced: &Announced,
        body: &[u8],
        response: &mut Response<'_>,
    ) -> Result<u64, Stop> {
        let stream = Stream::open(body, &announced.targets)?;
        self.sqlite.execute_batch("SAVEPOINT bulk_load").map_err(SqlError::from)?;
        if !announced.definition.checks {
            self.sqlite.pragma_update(None, "ignore_check_constraints", true)?;
        }
        let result = self.insert_all(announced, stream, response);
        self.sqlite.pragma_update(None, "ignore_check_constraints", false)?;
        self.sqlite.execute_batch(if result.is_ok() {
            "RELEASE bulk_load"
        } else {
            "ROLLBACK TO bulk_load; RELEASE bulk_load"
        })?;
        result
    }

    fn insert_all(
        &self,
        announced: &Announced,
        mut stream: Stream<'_>,
        response: &mut Response<'_>,
    ) -> Result<u64, Stop> {
        let entry = &announced.entry;
        let table = format!("{}.{}.{}", entry.database, entry.schema, entry.name);
        let mut sorted = Sorted::new(&self.sqlite, announced)?;
        let mut statement = self.sqlite.prepare(&self.insert_statement(announced)?)?;
        let types: Vec<_> = stream.types.iter().map(|declared| declared.of).collect();
        let mut rows = 0;
        while let Some(row) = stream.next()? {
            let mut values = Vec::with_capacity(row.len());
            for ((value, of), target) in row.iter().zip(&types).zip(&announced.targets) {
                let to = target.column.of;
                values.push(if *of == to {
                    value.clone()
                } else {
                    assign(value.into(), *of, to, (&table, &target.column.name))?
                });
            }
            if let Some(sorted) = &mut sorted {
                sorted.see(&values)?;
            }
            for (index, value) in values.iter().enumerate() {
                statement.raw_bind_parameter(index + 1, value)?;
            }
            statement.raw_execute().map_err(|error| constraint::violated(&self.sqlite, error, entry))?;
            rows += 1;
            if rows % ATTENTION_ROWS == 0 {
                response.check_attention()?;
            }
        }
        response.check_attention()?;
        Ok(rows)
    }

    /// A NULL takes the default of its column, unless nulls are kept; columns that are not announced are filled as by INSERT.
    fn insert_statement(&self, announced: &Announced) -> Result<String, SqlError> {
        let entry = &announced.entry;
        let variables = HashMap::new();
        let context = self.context(&variables);
        let mut binder = Binder::new(&context);
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (index, target) in announced.targets.iter().enumerate() {
            let default = if announced.definition.keeps_nulls {
                None
            } else {
                self.default_of(&target.column, entry, &mut binder)?
            };
            let place = format!("?{}", index + 1);
            let value = default.map_or(place.clone(), |default| format!("coalesce({place}, {default})"));
            names.push(quoted(&target.column.name));
            values.push(kept(value, &target.column, entry));
        }
        let announced_names = |name: &str| announced.targets.iter().any(|target| target.column.name == name);
        for column in entry.columns.iter().filter(|column| !announced_names(&column.name)) {
            if let Some(value) = self.filled(column, entry, &mut binder)? {
                names.push(quoted(&column.name));
                values.push(value);
            }
        }
        Ok(format!("INSERT INTO {} ({}) VALUES ({})", entry.physical(), names.join(", "), values.join(", ")))
    }
}
