//! SELECT: sources, select list, grouping, order.

use super::super::SqlError;
use super::super::catalogue::quoted;
use super::super::sql_type::SqlType;
use super::super::syntax::{Expression, Item, Literal, Name, Ordering, Query, Select};
use super::super::token::{Column, Origin};
use super::expression::wider;
use super::{Binder, Bound, Scope, ScopeTable, convert_sql, same_form};

/// A query for SQLite and its columns.
#[derive(Clone, Debug)]
pub(crate) struct BoundQuery {
    pub(crate) sql: String,
    pub(crate) columns: Vec<Column>,
    /// `SELECT @a = ...`: the variables, one per column.
    pub(crate) assigned: Vec<String>,
}

/// Where a query stands: ORDER BY is bound to TOP or OFFSET inside of another query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Inside,
}

impl Binder<'_> {
    /// A query that is a statement of its own.
    pub(crate) fn query(&mut self, query: &Query) -> Result<BoundQuery, SqlError> {
        self.bind_query(query, Place::Top)
    }

    pub(super) fn subquery(&mut self, query: &Query) -> Result<BoundQuery, SqlError> {
        self.bind_query(query, Place::Inside)
    }

    fn bind_query(&mut self, query: &Query, place: Place) -> Result<BoundQuery, SqlError> {
        if place == Place::Inside && !query.order.is_empty() && query.first.top.is_none() && query.offset.is_none() {
            return Err(SqlError::new(
                1033,
                15,
                "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is also specified.",
            ));
        }
        let named = self.named.len();
        self.named.extend(query.tables.iter().cloned());
        let is_single = query.more.is_empty();
        let mut bound = self.select(&query.first, if is_single { &query.order } else { &[] })?;
        for (operator, select) in &query.more {
            let next = self.select(select, &[])?;
            bound = united_queries(operator, bound, next)?;
        }
        if !is_single && !query.order.is_empty() {
            bound.sql = format!("{} ORDER BY {}", bound.sql, order_of_columns(&query.order, &bound.columns)?);
        }
        if let Some((skip, take)) = &query.offset {
            let (_, skip) = self.evaluate(skip, Some(SqlType::BigInt))?;
            let take = take.as_ref().map(|take| self.evaluate(take, Some(SqlType::BigInt))).transpose()?;
            let take = take.map_or("-1".to_owned(), |(_, take)| super::literal_sql(&take));
            bound.sql = format!("{} LIMIT {take} OFFSET {}", bound.sql, super::literal_sql(&skip));
        }
        self.named.truncate(named);
        Ok(bound)
    }

    fn select(&mut self, select: &Select, order: &[Ordering]) -> Result<BoundQuery, SqlError> {
        self.scopes.push(Scope::default());
        let bound = self.select_in_scope(select, order);
        self.scopes.pop();
        bound
    }

    fn select_in_scope(&mut self, select: &Select, order: &[Ordering]) -> Result<BoundQuery, SqlError> {
        if select.into.is_some() {
            return Err(SqlError::not_taught("SELECT ... INTO"));
        }
        let touched_none = self.touches_no_rows;
        self.touches_no_rows |= is_zero(select.top.as_ref());
        let from = self.sources(&select.from);
        self.touches_no_rows = touched_none;
        let from = from?;
        let condition = select.condition.as_ref().map(|condition| self.condition(condition)).transpose()?;
        let mut groups = Vec::new();
        for group in &select.group {
            let bound = self.value(group)?;
            if !bound.of.is_comparable() {
                return Err(incomparable(&bound));
            }
            groups.push(bound);
        }
        let aggregated = !groups.is_empty() || select.having.is_some() || select.items.iter().any(has_aggregate);
        if aggregated {
            let keys = groups.iter().map(|group| group.sql.clone()).collect();
            self.last_scope().groups = Some(keys);
        }
        let (values, assigned) = self.items(select)?;
        let having = select.having.as_ref().map(|having| self.condition(having)).transpose()?;
        let order = self.order(order, &values)?;
        let top = match &select.top {
            Some(top) => Some(self.evaluate(top, Some(SqlType::BigInt))?.1),
            None => None,
        };
        let columns: Vec<Column> = values.iter().map(|(bound, name)| column(bound, name)).collect();
        let list: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(index, (bound, name))| {
                let label = if name.is_empty() { format!(" {index}") } else { name.clone() };
                format!("{} AS {}", bound.sql, quoted(&label))
            })
            .collect();
        let mut sql = format!("SELECT {}{}{from}", if select.distinct { "DISTINCT " } else { "" }, list.join(", "));
        if let Some(condition) = condition {
            sql += &format!(" WHERE {condition}");
        }
        if !groups.is_empty() {
            sql += &format!(" GROUP BY {}", groups.iter().map(Bound::key).collect::<Vec<_>>().join(", "));
        }
        if let Some(having) = having {
            sql += &format!(" HAVING {having}");
        }
        if !order.is_empty() {
            sql += &format!(" ORDER BY {order}");
        }
        if let Some(top) = top {
            if let rusqlite::types::Value::Integer(..0) = top {
                return Err(SqlError::new(
                    1060,
                    15,
                    "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.",
                ));
            }
            sql = format!("SELECT * FROM ({sql} LIMIT {})", super::literal_sql(&top));
        }
        Ok(BoundQuery { sql, columns, assigned })
    }

    pub(super) fn last_scope(&mut self) -> &mut Scope {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::default());
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    #[expect(clippy::type_complexity, reason = "the select list and the variables it assigns")]
    fn items(&mut self, select: &Select) -> Result<(Vec<(Bound, String)>, Vec<String>), SqlError> {
        let (mut values, mut assigned) = (Vec::new(), Vec::new());
        for item in &select.items {
            match item {
                Item::Star(of) => {
                    if select.from.is_empty() {
                        return Err(SqlError::new(263, 16, "Must specify table to select from."));
                    }
                    values.extend(self.star(of)?);
                }
                Item::Value { value, alias } => {
                    let bound = self.value(value)?;
                    if select.distinct && !bound.of.is_comparable() {
                        return Err(SqlError::new(
                            421,
                            16,
                            format!(
                                "The {} data type cannot be selected as DISTINCT because it is not comparable.",
                                bound.of.name()
                            ),
                        ));
                    }
                    let name = alias.clone().or_else(|| bound.name.clone()).unwrap_or_default();
                    values.push((bound, name));
                }
                Item::Assign(variable, value) => {
                    let variable_type = self.context.variables.get(&variable.to_lowercase()).map(|known| known.of);
                    let of = variable_type.ok_or_else(|| SqlError::undeclared_variable(variable))?;
                    let bound = self.value(value)?;
                    let sql = self.converted(&bound, of)?;
                    values.push((Bound { sql, of, ..bound }, String::new()));
                    assigned.push(variable.to_lowercase());
                }
            }
        }
        if !assigned.is_empty() && assigned.len() != values.len() {
            return Err(SqlError::new(
                141,
                15,
                "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.",
            ));
        }
        Ok((values, assigned))
    }

    fn star(&mut self, of: &Name) -> Result<Vec<(Bound, String)>, SqlError> {
        let names: Vec<Name> = {
            let scope = self.last_scope();
            let tables: Vec<&ScopeTable> = scope.tables.iter().filter(|table| table.answers_to(of)).collect();
            if tables.is_empty() {
                return Err(SqlError::new(
                    107,
                    15,
                    format!(
                        "The column prefix '{}' does not match with a table name or alias name used in the query.",
                        of.join(".")
                    ),
                ));
            }
            let names = tables
                .iter()
                .flat_map(|table| table.columns.iter().map(|column| vec![table.alias.clone(), column.name.clone()]));
            names.collect()
        };
        let mut values = Vec::new();
        for name in names {
            let bound = self.value(&Expression::Column(name.clone()))?;
            values.push((bound, name[1].clone()));
        }
        Ok(values)
    }

    /// ORDER BY names an output column, an ordinal or any expression.
    fn order(&mut self, order: &[Ordering], values: &[(Bound, String)]) -> Result<String, SqlError> {
        let mut terms = Vec::new();
        for (index, ordering) in order.iter().enumerate() {
            let bound = match &ordering.by {
                Expression::Literal(Literal::Integer(text)) => {
                    let ordinal: usize = text.parse().unwrap_or(0);
                    let found = ordinal.checked_sub(1).and_then(|at| values.get(at));
                    found.map(|(bound, _)| bound.clone()).ok_or_else(|| {
                        SqlError::new(108, 16, format!("The ORDER BY position number {ordinal} is out of range of the number of items in the select list."))
                    })?
                }
                Expression::Literal(_) | Expression::Variable(_) => {
                    return Err(SqlError::new(
                        408,
                        16,
                        format!("A constant expression was encountered in the ORDER BY list, position {}.", index + 1),
                    ));
                }
                Expression::Column(name) if name.len() == 1 => {
                    match values.iter().find(|(_, alias)| alias.eq_ignore_ascii_case(&name[0])) {
                        Some((bound, _)) => bound.clone(),
                        None => self.value(&ordering.by)?,
                    }
                }
                other => self.value(other)?,
            };
            if !bound.of.is_comparable() {
                return Err(incomparable(&bound));
            }
            terms.push(format!("{}{}", bound.key(), if ordering.descending { " DESC" } else { "" }));
        }
        Ok(terms.join(", "))
    }

    pub(super) fn window(&mut self, partition: &[Expression], order: &[Ordering]) -> Result<String, SqlError> {
        let mut keys = Vec::new();
        for expression in partition {
            keys.push(self.value(expression)?.key());
        }
        let partition = if keys.is_empty() { String::new() } else { format!("PARTITION BY {} ", keys.join(", ")) };
        if let Some(Expression::Literal(Literal::Integer(_))) = order.first().map(|ordering| &ordering.by) {
            return Err(SqlError::new(
                5308,
                16,
                "Windowed functions, aggregates and NEXT VALUE FOR functions do not support integer indices as ORDER BY clause expressions.",
            ));
        }
        // ORDER BY (SELECT NULL) is how T-SQL says that any order will do.
        let constant = matches!(order.first().map(|ordering| &ordering.by), Some(Expression::Scalar(_)));
        let order = if constant { String::new() } else { self.order(order, &[])? };
        Ok(if order.is_empty() { partition } else { format!("{partition}ORDER BY {order}") })
    }
}

fn is_zero(top: Option<&Expression>) -> bool {
    matches!(top, Some(Expression::Literal(Literal::Integer(count))) if count == "0")
}

fn column(bound: &Bound, name: &str) -> Column {
    Column {
        name: name.to_owned(),
        of: bound.of,
        nullable: bound.nullable || bound.is_null,
        origin: bound.origin,
        is_null: bound.is_null,
        table: bound.table.clone(),
    }
}

fn incomparable(bound: &Bound) -> SqlError {
    SqlError::new(
        306,
        16,
        format!(
            "The {} data type cannot be compared or sorted, except when using IS NULL or LIKE operator.",
            bound.of.name()
        ),
    )
    .state(2)
}

fn has_aggregate(item: &Item) -> bool {
    match item {
        Item::Value { value, .. } | Item::Assign(_, value) => contains_aggregate(value),
        Item::Star(_) => false,
    }
}

fn contains_aggregate(expression: &Expression) -> bool {
    match expression {
        Expression::Call(call) => {
            call.over.is_none() && super::call::is_aggregate(&call.name)
                || call.arguments.iter().any(contains_aggregate)
        }
        Expression::Unary(_, inside) | Expression::Not(inside) | Expression::Collate(inside, _) => {
            contains_aggregate(inside)
        }
        Expression::Convert { value, .. } | Expression::Partition(_, value) | Expression::IsNull(value, _) => {
            contains_aggregate(value)
        }
        Expression::Arithmetic(_, left, right)
        | Expression::Compare(_, left, right)
        | Expression::Logic(_, left, right) => contains_aggregate(left) || contains_aggregate(right),
        Expression::Case { operand, branches, otherwise } => {
            operand.iter().chain(otherwise).any(|inside| contains_aggregate(inside))
                || branches.iter().any(|(condition, value)| contains_aggregate(condition) || contains_aggregate(value))
        }
        _ => false,
    }
}

/// Two queries under a set operator, both converted to the common types.
fn united_queries(operator: &str, left: BoundQuery, right: BoundQuery) -> Result<BoundQuery, SqlError> {
    if left.columns.len() != right.columns.len() {
        return Err(SqlError::new(
            205,
            16,
            "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.",
        ));
    }
    let mut columns = Vec::new();
    for (a, b) in left.columns.iter().zip(&right.columns) {
        let of = match (a.is_null, b.is_null) {
            (true, _) => b.of,
            (_, true) => a.of,
            _ => wider(a.of, b.of)?,
        };
        columns.push(Column {
            of,
            is_null: a.is_null && b.is_null,
            nullable: a.nullable || b.nullable,
            origin: Origin::Expression,
            table: Vec::new(),
            ..a.clone()
        });
    }
    let side = |query: &BoundQuery, name: &str| {
        let list: Vec<String> = query
            .columns
            .iter()
            .zip(&columns)
            .enumerate()
            .map(|(index, (had, wanted))| {
                let label = if had.name.is_empty() { format!(" {index}") } else { had.name.clone() };
                let out = if wanted.name.is_empty() { format!(" {index}") } else { wanted.name.clone() };
                let sql = format!("{name}.{}", quoted(&label));
                let sql = if had.is_null || same_form(had.of, wanted.of) {
                    sql
                } else {
                    convert_sql(&sql, had.of, wanted.of)
                };
                format!("{sql} AS {}", quoted(&out))
            })
            .collect();
        format!("SELECT {} FROM ({}) AS {name}", list.join(", "), query.sql)
    };
    let sql = format!("{} {operator} {}", side(&left, "l"), side(&right, "r"));
    Ok(BoundQuery { sql: format!("SELECT * FROM ({sql})"), columns, assigned: Vec::new() })
}

fn order_of_columns(order: &[Ordering], columns: &[Column]) -> Result<String, SqlError> {
    let mut terms = Vec::new();
    for ordering in order {
        let index = match &ordering.by {
            Expression::Literal(Literal::Integer(text)) => {
                text.parse::<usize>().ok().and_then(|ordinal| ordinal.checked_sub(1))
            }
            Expression::Column(name) => columns
                .iter()
                .position(|column| name.last().is_some_and(|last| last.eq_ignore_ascii_case(&column.name))),
            _ => None,
        };
        let index = index.filter(|index| *index < columns.len()).ok_or_else(|| SqlError::new(104, 16, "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT operator."))?;
        terms.push(format!("{}{}", index + 1, if ordering.descending { " DESC" } else { "" }));
    }
    Ok(terms.join(", "))
}
