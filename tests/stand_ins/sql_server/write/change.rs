//! UPDATE and DELETE: the rows are found first, also by a join, and then changed where they are.

use super::super::bind::{self, Action, Binder};
use super::super::catalogue::{self, TableEntry, quoted};
use super::super::execute::Variables;
use super::super::sql_type::SqlType;
use super::super::state::State;
use super::super::syntax::{Assignment, Expression, Join, Name, RowChange, Source, Table};
use super::super::undo::PLACE;
use super::super::{SqlError, temporary};
use super::assigned;

impl State {
    pub(super) fn change_rows(&self, change: &RowChange, variables: &Variables) -> Result<u64, SqlError> {
        let context = self.context(variables);
        let (from, target) = self.with_target(change, variables)?;
        let Table::Named(name) = &from[target].what else {
            return Err(SqlError::not_taught("changing rows through a derived table"));
        };
        let called = from[target].alias.clone().map_or_else(|| name.clone(), |alias| vec![alias]);
        let action = if change.set.is_some() { Action::Update(&change.hints) } else { Action::Delete(&change.hints) };
        let entry = bind::target(&context, name, action)?;
        let mut binder = Binder::new(&context);
        let rows = (from.as_slice(), target);
        let (condition, top) = (change.condition.as_ref(), change.top.as_ref());
        let table = entry.physical();
        let sql = match &change.set {
            None => {
                let places = binder.places(rows, |_| Ok(Vec::new()), condition, top)?;
                format!("DELETE FROM {table} WHERE {PLACE} IN ({places})")
            }
            Some(set) => {
                let places = binder.places(rows, |binder| new_values(binder, &entry, set, &called), condition, top)?;
                let mut assignments: Vec<String> = set
                    .iter()
                    .enumerate()
                    .map(|(index, assignment)| {
                        let name = &assignment.column;
                        let name = entry.column(name).map_or(name, |column| &column.name);
                        format!("{} = q.c{index}", quoted(name))
                    })
                    .collect();
                for column in entry.columns.iter().filter(|column| column.of == SqlType::RowVersion) {
                    assignments.push(format!("{} = tds_rowversion()", quoted(&column.name)));
                }
                format!(
                    "UPDATE {table} SET {} FROM ({places}) AS q WHERE {table}.{PLACE} = q.place",
                    assignments.join(", ")
                )
            }
        };
        self.write(&sql, &binder.parameters, &entry)
    }

    /// The sources, and which of them is the one that is changed. Without FROM there is only that one.
    fn with_target(&self, change: &RowChange, variables: &Variables) -> Result<(Vec<Source>, usize), SqlError> {
        let mut from = change.from.clone();
        if let [alias] = change.table.as_slice()
            && let Some(found) =
                from.iter().position(|source| source.alias.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(alias)))
        {
            return Ok((from, found));
        }
        let resource = |name: &Name| -> Result<String, SqlError> {
            let name = temporary::place(&self.context(variables), name)?;
            let (database, schema, object) = catalogue::resolve(&name, &self.database)?;
            Ok(catalogue::resource(&database, &schema, &object))
        };
        let wanted = resource(&change.table)?;
        let mut same = Vec::new();
        for (index, source) in from.iter().enumerate() {
            if let Table::Named(name) = &source.what
                && resource(name)? == wanted
            {
                same.push(index);
            }
        }
        match same.as_slice() {
            [only] => Ok((from, *only)),
            [] => {
                let (what, hints) = (Table::Named(change.table.clone()), Vec::new());
                from.push(Source { join: Join::First, what, alias: None, on: None, hints });
                let last = from.len() - 1;
                Ok((from, last))
            }
            _ => Err(SqlError::new(8154, 16, format!("The table '{}' is ambiguous.", change.table.join(".")))),
        }
    }
}

/// What SET assigns, to the table as the statement calls it, as the columns `c0`, `c1`, ...
fn new_values(
    binder: &mut Binder<'_>,
    entry: &TableEntry,
    set: &[Assignment],
    called: &Name,
) -> Result<Vec<String>, SqlError> {
    let mut values = Vec::new();
    for (index, Assignment { column: name, operator, value }) in set.iter().enumerate() {
        let column = entry.column(name).ok_or_else(|| SqlError::invalid_column(name))?;
        if set[..index].iter().any(|other| other.column.eq_ignore_ascii_case(name)) {
            return Err(SqlError::new(
                264,
                16,
                format!(
                    "The column name '{name}' is specified more than once in the SET clause or column list of an INSERT."
                ),
            ));
        }
        if column.identity.is_some() {
            return Err(SqlError::new(8102, 16, format!("Cannot update identity column '{}'.", column.name)));
        }
        if column.of == SqlType::RowVersion {
            return Err(SqlError::new(272, 16, "Cannot update a timestamp column."));
        }
        if column.computed.is_some() {
            return Err(SqlError::computed(&column.name));
        }
        let bound = match operator {
            None => binder.value(value)?,
            Some(operator) => {
                let own = called.iter().chain([name]).cloned().collect();
                let own = Box::new(Expression::Column(own));
                binder.value(&Expression::Arithmetic(operator, own, Box::new(value.clone())))?
            }
        };
        values.push(format!("{} AS c{index}", assigned(&bound.sql, bound.of, column, entry)));
    }
    Ok(values)
}
