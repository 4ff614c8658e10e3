//! FROM: tables, derived tables, functions, and how they are joined.

use super::super::catalogue::{self, TableEntry};
use super::super::locks::{Mode, Until, is_blocked};
use super::super::sql_type::SqlType;
use super::super::syntax::{Expression, Item, Join, Name, Query, Select, Source, Table};
use super::super::token::Origin;
use super::super::undo::PLACE;
use super::super::{SqlError, rights, temporary};
use super::query::BoundQuery;
use super::{Binder, Scope, ScopeColumn, ScopeTable, hints, scope_table};

impl Binder<'_> {
    /// The rows of a join for UPDATE and DELETE: the place of a row of the target, and what is said of it beside.
    pub(crate) fn places(
        &mut self,
        (from, target): (&[Source], usize),
        values: impl FnOnce(&mut Self) -> Result<Vec<String>, SqlError>,
        condition: Option<&Expression>,
        top: Option<&Expression>,
    ) -> Result<String, SqlError> {
        self.scopes.push(Scope::default());
        let sources = self.sources(from)?;
        let mut list = vec![format!("{}.{PLACE} AS place", self.last_scope().tables[target].sql_alias)];
        list.extend(values(self)?);
        let mut sql = format!("SELECT {}{sources}", list.join(", "));
        if let Some(condition) = condition {
            sql += &format!(" WHERE {}", self.condition(condition)?);
        }
        if let Some(top) = top {
            let (_, top) = self.evaluate(top, Some(SqlType::BigInt))?;
            sql += &format!(" LIMIT {}", super::literal_sql(&top));
        }
        self.scopes.pop();
        Ok(sql)
    }

    pub(super) fn sources(&mut self, sources: &[Source]) -> Result<String, SqlError> {
        let mut sql = String::new();
        for source in sources {
            let alias = self.fresh_alias();
            let (text, table) = self.source(source, &alias)?;
            let names_twice = self
                .last_scope()
                .tables
                .iter()
                .any(|other| other.alias.eq_ignore_ascii_case(&table.alias) && other.schema == table.schema);
            if names_twice {
                return Err(SqlError::new(
                    1013,
                    16,
                    format!(
                        "The objects \"{0}\" and \"{0}\" in the FROM clause have the same exposed names. Use correlation names to distinguish them.",
                        table.alias
                    ),
                ));
            }
            self.last_scope().tables.push(table);
            let join = match source.join {
                Join::First if sql.is_empty() => " FROM ",
                Join::First | Join::Cross | Join::CrossApply => " CROSS JOIN ",
                Join::Inner => " JOIN ",
                Join::Left | Join::OuterApply => " LEFT JOIN ",
                Join::Right => " RIGHT JOIN ",
                Join::Full => " FULL JOIN ",
            };
            sql += &format!("{join}{text}");
            if let Some(on) = &source.on {
                sql += &format!(" ON {}", self.condition(on)?);
            }
        }
        let outer = sources
            .iter()
            .any(|source| matches!(source.join, Join::Left | Join::Right | Join::Full | Join::OuterApply));
        if outer {
            self.last_scope()
                .tables
                .iter_mut()
                .flat_map(|table| &mut table.columns)
                .for_each(|column| column.nullable = true);
        }
        Ok(sql)
    }

    fn source(&mut self, source: &Source, sql_alias: &str) -> Result<(String, ScopeTable), SqlError> {
        match &source.what {
            Table::Named(name) => self.named_source(name, source, sql_alias),
            Table::Derived(query) => {
                let alias = source.alias.clone().unwrap_or_default();
                let outer = std::mem::take(&mut self.scopes);
                let bound = self.subquery(query);
                self.scopes = outer;
                derived(bound?, alias, sql_alias)
            }
            Table::Values(rows, names) => {
                let mut selects = Vec::new();
                for row in rows {
                    let items = row
                        .iter()
                        .zip(names)
                        .map(|(value, name)| Item::Value { value: value.clone(), alias: Some(name.clone()) });
                    selects.push(Select {
                        distinct: false,
                        top: None,
                        items: items.collect(),
                        into: None,
                        from: Vec::new(),
                        condition: None,
                        group: Vec::new(),
                        having: None,
                    });
                }
                let first = selects.remove(0);
                let query = Query {
                    first,
                    more: selects.into_iter().map(|select| ("UNION ALL", select)).collect(),
                    order: Vec::new(),
                    offset: None,
                    tables: Vec::new(),
                };
                derived(self.subquery(&query)?, source.alias.clone().unwrap_or_default(), sql_alias)
            }
            Table::Function(name, arguments) => self.function_source(name, arguments, source, sql_alias),
        }
    }

    fn named_source(
        &mut self,
        name: &Name,
        source: &Source,
        sql_alias: &str,
    ) -> Result<(String, ScopeTable), SqlError> {
        let alias = source.alias.clone();
        if let [single] = name.as_slice()
            && let Some((_, query)) =
                self.named.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(single)).cloned()
        {
            let outer = std::mem::take(&mut self.scopes);
            let bound = self.subquery(&query);
            self.scopes = outer;
            return derived(bound?, alias.unwrap_or_else(|| single.clone()), sql_alias);
        }
        let (entry, waits) = self.read_table(name, &source.hints)?;
        if entry.schema == "sys" && entry.name == "dm_db_stats_histogram" {
            return Err(SqlError::new(
                216,
                16,
                "Parameters were not supplied for the function 'sys.dm_db_stats_histogram'.",
            ));
        }
        let counted = if entry.schema == "sys" {
            catalogue::partition_rows(self.context.sqlite, &entry.database, &entry.name)?
        } else {
            None
        };
        let rows = if waits {
            format!("(SELECT * FROM {} WHERE tds_seen({}, {PLACE}))", entry.physical(), entry.object_id)
        } else {
            counted.unwrap_or_else(|| entry.physical())
        };
        let text = format!("{rows} AS {sql_alias}");
        let schema = if alias.is_none() { Some(entry.schema.clone()) } else { None };
        let alias = alias.unwrap_or_else(|| entry.name.clone());
        let mut table = scope_table(&entry, alias, schema, sql_alias.to_owned());
        if entry.schema == "sys" {
            table.columns.iter_mut().for_each(|column| column.origin = Origin::Expression);
        }
        Ok((text, table))
    }

    /// A table that is read, and whether it has rows that must be waited for.
    fn read_table(&self, name: &Name, hints: &[String]) -> Result<(TableEntry, bool), SqlError> {
        let name = &temporary::place(self.context, name)?;
        let Some(turn) = &self.context.turn else {
            return Ok((catalogue::table(self.context.sqlite, name, self.context.database)?, false));
        };
        let mut locks = hints::of_reading(hints, turn)?;
        if self.touches_no_rows {
            locks = vec![(Mode::Definition, Until::StatementEnds)];
        }
        for (mode, until) in &locks {
            super::lock(self.context, name, *mode, *until).map_err(|error| {
                let nowait = is_blocked(&error) && hints.iter().any(|hint| hint == "NOWAIT");
                if nowait { SqlError::lock_timeout() } else { error }
            })?;
        }
        let entry = catalogue::table(self.context.sqlite, name, self.context.database)?;
        if entry.schema != "sys" {
            rights::check(self.context, "SELECT", &entry)?;
            if !self.touches_no_rows && !entry.name.starts_with(['#', '@']) {
                turn.looked_at.borrow_mut().push(entry.clone());
            }
        }
        let waits = locks.iter().any(|(mode, _)| *mode != Mode::Definition);
        let foreign = waits && turn.storage.has_foreign_rows(entry.object_id);
        Ok((entry, foreign))
    }

    fn function_source(
        &mut self,
        name: &Name,
        arguments: &[Expression],
        source: &Source,
        sql_alias: &str,
    ) -> Result<(String, ScopeTable), SqlError> {
        let full = name.join(".").to_ascii_lowercase();
        let alias = source.alias.clone().unwrap_or_else(|| name.last().cloned().unwrap_or_default());
        match (full.as_str(), arguments) {
            ("sys.dm_db_stats_histogram", [object, stats]) => {
                let entry = catalogue::table(self.context.sqlite, name, self.context.database)?;
                let (object, stats) = (self.value(object)?, self.value(stats)?);
                let (object, stats) = (self.converted(&object, SqlType::Int)?, self.converted(&stats, SqlType::Int)?);
                let table = scope_table(&entry, alias, None, sql_alias.to_owned());
                if !matches!(source.join, Join::CrossApply | Join::OuterApply) {
                    let text = format!("(SELECT * FROM {} WHERE object_id = {object} AND stats_id = {stats}) AS {sql_alias}", entry.physical());
                    return Ok((text, table));
                }
                let text = format!("{} AS {sql_alias} ON {sql_alias}.object_id = {object} AND {sql_alias}.stats_id = {stats}", entry.physical());
                Ok((text, table))
            }
            ("sys.dm_db_stats_histogram", _) => Err(SqlError::new(313, 16, "An insufficient number of arguments were supplied for the procedure or function sys.dm_db_stats_histogram.").state(3)),
            ("sys.dm_exec_describe_first_result_set", [query, parameters, _]) => {
                let (_, query) = self.evaluate(query, None)?;
                let (_, parameters) = self.evaluate(parameters, None)?;
                let (sql, columns) = super::super::describe::as_source(self.context, &query, &parameters)?;
                let columns = columns.into_iter().map(|(name, of)| ScopeColumn { name, of, nullable: true, origin: Origin::Expression, table: Vec::new() });
                Ok((format!("({sql}) AS {sql_alias}"), ScopeTable { alias, schema: None, sql_alias: sql_alias.to_owned(), columns: columns.collect() }))
            }
            _ => Err(SqlError::invalid_object(&name.join("."))),
        }
    }
}

impl ScopeTable {
    pub(super) fn answers_to(&self, qualifier: &[String]) -> bool {
        match qualifier {
            [] => true,
            [alias] => alias.eq_ignore_ascii_case(&self.alias),
            [.., schema, name] => {
                name.eq_ignore_ascii_case(&self.alias)
                    && self.schema.as_ref().is_some_and(|own| schema.is_empty() || own.eq_ignore_ascii_case(schema))
            }
        }
    }

    pub(super) fn full_name(&self) -> String {
        self.schema.as_ref().map_or(self.alias.clone(), |schema| format!("{schema}.{}", self.alias))
    }
}

/// A query as a table: every column needs a name of its own.
fn derived(bound: BoundQuery, alias: String, sql_alias: &str) -> Result<(String, ScopeTable), SqlError> {
    let mut columns: Vec<ScopeColumn> = Vec::new();
    for (index, column) in bound.columns.iter().enumerate() {
        if column.name.is_empty() {
            return Err(SqlError::new(
                8155,
                16,
                format!("No column name was specified for column {} of '{alias}'.", index + 1),
            )
            .state(2));
        }
        if columns.iter().any(|other| other.name.eq_ignore_ascii_case(&column.name)) {
            return Err(SqlError::new(
                8156,
                16,
                format!("The column '{}' was specified multiple times for '{alias}'.", column.name),
            ));
        }
        columns.push(ScopeColumn {
            name: column.name.clone(),
            of: column.of,
            nullable: column.nullable,
            origin: column.origin,
            table: column.table.clone(),
        });
    }
    Ok((
        format!("({}) AS {sql_alias}", bound.sql),
        ScopeTable { alias, schema: None, sql_alias: sql_alias.to_owned(), columns },
    ))
}
