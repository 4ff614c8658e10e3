//! Batches without a client, for tests that prepare tables or look at them.

use super::bind::{Binder, Context, Variable, bound_query};
use super::execute::Variables;
use super::locks::is_blocked;
use super::parser::parse_in;
use super::state::State;
use super::syntax::{Query, Statement};
use super::{SqlError, undo};
use rusqlite::types::Value;

impl State {
    /// Runs a batch without a client: the rows of its last SELECT as text.
    pub(super) fn run_locally(&mut self, batch: &str) -> Result<Vec<Vec<String>>, SqlError> {
        let mut variables = self.globals();
        let mut shown = Vec::new();
        for (_, statement) in parse_in(batch, self.owner)? {
            if let Statement::Query(query) = &statement {
                shown = self.reading(|| self.storage.tentatively(|| self.committed_rows(query, &variables)))?;
                continue;
            }
            self.run_locally_changed(&statement, &mut variables)?;
        }
        Ok(shown)
    }

    fn run_locally_changed(&mut self, statement: &Statement, variables: &mut Variables) -> Result<(), SqlError> {
        match statement {
            Statement::Declare(declared) => {
                for (name, of, value) in declared {
                    let value = value.as_ref().map(|value| self.evaluate(value, Some(*of), variables)).transpose()?;
                    variables.insert(
                        name.to_lowercase(),
                        Variable { of: *of, value: value.map_or(Value::Null, |(_, value)| value) },
                    );
                }
                Ok(())
            }
            other => {
                let mut since = None;
                loop {
                    match self.writing(|| self.apply(other, variables)) {
                        Err(error) if is_blocked(&error) => self.wait_locally(&error, &mut since)?,
                        done => return done.map(drop),
                    }
                }
            }
        }
    }

    /// Rows as they are committed: nobody is waited for.
    fn committed_rows(&self, query: &Query, variables: &Variables) -> Result<Vec<Vec<String>>, SqlError> {
        undo::take_others_back(&self.storage.sqlite, self.owner)?;
        let context = Context { turn: None, ..self.context(variables) };
        let mut binder = Binder::new(&context);
        let bound = binder.query(query)?;
        let mut statement = self.storage.sqlite.prepare(&bound.sql)?;
        let mut rows = bound_query(&mut statement, &binder.parameters)?;
        let mut shown = Vec::new();
        while let Some(row) = rows.next()? {
            let mut texts = Vec::new();
            for (index, column) in bound.columns.iter().enumerate() {
                let datum = super::datum::load(row.get_ref(index)?, column.of)?;
                texts.push(match datum {
                    super::datum::Datum::Null => "NULL".to_owned(),
                    super::datum::Datum::Float(n) => n.to_string(),
                    super::datum::Datum::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
                    other => super::text_form::text(&other, column.of)?,
                });
            }
            shown.push(texts);
        }
        Ok(shown)
    }
}
