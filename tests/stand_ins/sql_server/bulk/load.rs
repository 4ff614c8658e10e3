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
    pub(in super::super) fn load(
        &self,
        announced: &Announced,
        body: &[u8],
        response: &mut Response<'_>,
    ) -> Result<u64, Stop> {
        let mut stream = Stream::open(body, &announced.targets)?;
        if self.shared.options.swallows {
            let mut rows = 0;
            while stream.next()?.is_some() {
                rows += 1;
            }
            return Ok(rows);
        }
        self.writing(|| {
            let before = self.storage.last_place(&announced.entry.physical())?;
            let unchecked = !announced.definition.checks;
            self.storage.sqlite.pragma_update(None, "ignore_check_constraints", unchecked)?;
            let result = self.insert_all(announced, stream, response);
            self.storage.sqlite.pragma_update(None, "ignore_check_constraints", false)?;
            let rows = result?;
            self.keep_inserted(&announced.entry, before)?;
            Ok(rows)
        })
    }

    fn insert_all(
        &self,
        announced: &Announced,
        mut stream: Stream<'_>,
        response: &mut Response<'_>,
    ) -> Result<u64, Stop> {
        let entry = &announced.entry;
        let table = format!("{}.{}.{}", entry.database, entry.schema, entry.name);
        let mut sorted = Sorted::new(&self.storage.sqlite, announced)?;
        let mut statement = self.storage.sqlite.prepare(&self.insert_statement(announced)?)?;
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
            if let Err(error) = statement.raw_execute() {
                let error = constraint::violated(&self.storage.sqlite, error, entry);
                return Err(self.duplicate(error, entry, || statement.raw_execute().is_ok()).into());
            }
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
        for column in entry.columns.iter().filter(|column| column.computed.is_none() && !announced_names(&column.name))
        {
            if let Some(value) = self.filled(column, entry, &mut binder)? {
                names.push(quoted(&column.name));
                values.push(value);
            }
        }
        Ok(format!("INSERT INTO {} ({}) VALUES ({})", entry.physical(), names.join(", "), values.join(", ")))
    }
}
