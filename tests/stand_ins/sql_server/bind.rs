//! Names and types of a statement looked up, and the statement written anew for SQLite. What T-SQL would refuse is refused here
//! with its error; SQLite never gets to be lenient about it.

mod call;
mod expression;
mod hints;
mod query;
mod source;

pub(super) use call::name_of;
pub(super) use query::BoundQuery;

use super::catalogue::{self, TableEntry, quoted};
use super::functions::type_number;
use super::locks::{Locks, Mode, Until};
use super::sql_type::SqlType;
use super::storage::Storage;
use super::syntax::{Expression, Query};
use super::token::Origin;
use super::{SqlError, rights, syntax, temporary};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::cell::RefCell;
use std::collections::HashMap;

/// A declared variable or parameter.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) of: SqlType,
    pub(super) value: Value,
}

/// What a statement can see of its session. Variable names are in lower case.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) sqlite: &'a Connection,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
    pub(super) variables: &'a HashMap<String, Variable>,
    /// None where nobody is waited for.
    pub(super) turn: Option<Turn<'a>>,
}

/// A session among others.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) locks: &'a Locks,
    pub(super) storage: &'a Storage,
    pub(super) owner: i64,
    /// As [`Statement::SetIsolation`](syntax::Statement::SetIsolation) has it.
    pub(super) isolation: u8,
    /// How long what is changed stays locked.
    pub(super) until: Until,
    /// Takes the tables whose rows are read.
    pub(super) looked_at: &'a RefCell<Vec<TableEntry>>,
}

/// An expression for SQLite, with its T-SQL type.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) sql: String,
    pub(super) of: SqlType,
    pub(super) nullable: bool,
    pub(super) origin: Origin,
    /// A condition, which T-SQL does not take for a value.
    pub(super) is_condition: bool,
    /// The word NULL, which takes the type of what it meets.
    pub(super) is_null: bool,
    /// Name of a bare column.
    pub(super) name: Option<String>,
    pub(super) table: Vec<String>,
}

impl Bound {
    fn value(sql: String, of: SqlType, nullable: bool) -> Bound {
        Bound {
            sql,
            of,
            nullable,
            origin: Origin::Expression,
            is_condition: false,
            is_null: false,
            name: None,
            table: Vec::new(),
        }
    }

    fn condition(sql: String) -> Bound {
        Bound { is_condition: true, ..Bound::value(sql, SqlType::Bit, true) }
    }

    /// For ORDER BY, GROUP BY, comparisons: what SQLite compares rightly.
    fn key(&self) -> String {
        match self.of {
            SqlType::DateTimeOffset(_) => format!("substr({}, 1, 8)", self.sql),
            _ => match self.of.collation() {
                Some(collation) => format!("({}) COLLATE {}", self.sql, quoted(collation.name)),
                None => self.sql.clone(),
            },
        }
    }
}

/// One column that a FROM clause offers.
#[derive(Clone, Debug)]
struct ScopeColumn {
    name: String,
    of: SqlType,
    nullable: bool,
    origin: Origin,
    table: Vec<String>,
}

/// One table of a FROM clause.
#[derive(Clone, Debug)]
struct ScopeTable {
    /// How the statement calls it.
    alias: String,
    /// Schema, where it is named without alias.
    schema: Option<String>,
    /// Its name in the SQLite statement.
    sql_alias: String,
    columns: Vec<ScopeColumn>,
}

#[derive(Default)]
struct Scope {
    tables: Vec<ScopeTable>,
    /// SQLite text of the GROUP BY expressions, while they restrict what may be named.
    groups: Option<Vec<String>>,
    in_aggregate: bool,
}

/// Binds one statement.
pub(super) struct Binder<'a> {
    pub(super) context: &'a Context<'a>,
    /// Values of `?1`, `?2`, ...
    pub(super) parameters: Vec<Value>,
    scopes: Vec<Scope>,
    /// Common table expressions in sight.
    named: Vec<(String, Query)>,
    next_alias: usize,
    /// The plan touches no rows, as with TOP 0 or FMTONLY.
    touches_no_rows: bool,
}

impl<'a> Binder<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Binder<'a> {
        Binder {
            context,
            parameters: Vec::new(),
            scopes: Vec::new(),
            named: Vec::new(),
            next_alias: 0,
            touches_no_rows: false,
        }
    }

    /// Only the columns of the statement are asked for.
    pub(super) fn for_columns_only(mut self) -> Binder<'a> {
        self.touches_no_rows = true;
        self
    }

    fn fresh_alias(&mut self) -> String {
        self.next_alias += 1;
        format!("s{}", self.next_alias)
    }

    fn parameter(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("?{}", self.parameters.len())
    }

    /// Puts the columns of one table in sight, for UPDATE and DELETE.
    pub(super) fn see_table(&mut self, entry: &TableEntry) {
        let table = scope_table(entry, entry.name.clone(), Some(entry.schema.clone()), entry.physical());
        self.scopes.push(Scope { tables: vec![table], ..Scope::default() });
    }

    /// A value expression, or the error that it is a condition.
    pub(super) fn value(&mut self, expression: &Expression) -> Result<Bound, SqlError> {
        let bound = self.expression(expression)?;
        if bound.is_condition {
            return Err(SqlError::syntax(condition_sign(expression)));
        }
        Ok(bound)
    }

    /// A condition, or error 4145.
    pub(super) fn condition(&mut self, expression: &Expression) -> Result<String, SqlError> {
        let bound = self.expression(expression)?;
        if !bound.is_condition {
            return Err(SqlError::new(
                4145,
                15,
                "An expression of non-boolean type specified in a context where a condition is expected, near ';'.",
            ));
        }
        Ok(bound.sql)
    }

    /// The value of an expression without columns, converted.
    pub(super) fn evaluate(
        &mut self,
        expression: &Expression,
        to: Option<SqlType>,
    ) -> Result<(SqlType, Value), SqlError> {
        let bound = self.value(expression)?;
        let of = to.unwrap_or(bound.of);
        let sql = self.converted(&bound, of)?;
        let value = self.run_scalar(&sql)?;
        Ok((of, value))
    }

    fn run_scalar(&self, sql: &str) -> Result<Value, SqlError> {
        let mut statement = self.context.sqlite.prepare(&format!("SELECT {sql}"))?;
        Ok(bound_query(&mut statement, &self.parameters)?.next()?.map_or(Ok(Value::Null), |row| row.get(0))?)
    }

    /// Implicit conversion.
    pub(super) fn converted(&self, bound: &Bound, to: SqlType) -> Result<String, SqlError> {
        if bound.is_null || same_form(bound.of, to) {
            return Ok(bound.sql.clone());
        }
        check_implicit(bound.of, to)?;
        Ok(convert_sql(&bound.sql, bound.of, to))
    }
}

/// The call that converts a canonical value.
fn convert_sql(sql: &str, from: SqlType, to: SqlType) -> String {
    format!("tds_convert({sql}, {}, {})", type_number(from), type_number(to))
}

/// Binds as many parameters as the statement has: parts of a statement that were written and dropped leave theirs behind.
pub(super) fn bound_query<'s>(
    statement: &'s mut rusqlite::Statement<'_>,
    parameters: &[Value],
) -> Result<rusqlite::Rows<'s>, SqlError> {
    let count = statement.parameter_count().min(parameters.len());
    for (index, value) in parameters[..count].iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    Ok(statement.raw_query())
}

/// Whether a canonical value of one type is one of the other as it stands.
fn same_form(from: SqlType, to: SqlType) -> bool {
    use super::sql_type::Length;
    if from == to || from.is_integer() && to.is_integer() && from.precedence() <= to.precedence() {
        return true;
    }
    match (from, to) {
        (SqlType::Real, SqlType::Float) => true,
        (SqlType::NVarChar(Length::Of(had), _), SqlType::NVarChar(Length::Of(wanted), _)) => had <= wanted,
        (SqlType::VarChar(Length::Of(had), _), SqlType::NVarChar(Length::Of(wanted), _)) => had <= wanted,
        (_, SqlType::NVarChar(Length::Max, _)) => from.is_text(),
        (SqlType::VarBinary(_), SqlType::VarBinary(Length::Max)) => true,
        _ => false,
    }
}

/// Error 206, 257 or 402 family: types that do not mix without CAST.
pub(super) fn check_implicit(from: SqlType, to: SqlType) -> Result<(), SqlError> {
    let clash = || SqlError::operand_clash(from.name(), to.name());
    let is_moment = |of: SqlType| (23..=28).contains(&of.precedence());
    if from == to {
        return Ok(());
    }
    if from == SqlType::SqlVariant && to != SqlType::SqlVariant {
        return Err(SqlError::new(257, 16, format!("Implicit conversion from data type sql_variant to {} is not allowed. Use the CONVERT function to run this query.", to.name())).state(3));
    }
    if is_moment(from) && to.is_number() || from.is_number() && is_moment(to) {
        return Err(clash());
    }
    if from == SqlType::UniqueIdentifier && !(to.is_text() || to == SqlType::SqlVariant)
        || to == SqlType::UniqueIdentifier
            && !(from.is_text() || to == from || matches!(from, SqlType::Binary(_) | SqlType::VarBinary(_)))
    {
        return Err(clash());
    }
    if from.is_text() && matches!(to, SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::Image | SqlType::RowVersion)
    {
        return Err(SqlError::new(257, 16, format!("Implicit conversion from data type {} to {} is not allowed. Use the CONVERT function to run this query.", from.name(), to.name())).state(3));
    }
    if (from.is_legacy_large() || from == SqlType::Xml) && !(to.is_text() || from == to) {
        return Err(clash());
    }
    Ok(())
}

fn condition_sign(expression: &Expression) -> &'static str {
    match expression {
        Expression::Compare(sign, ..) => sign,
        Expression::Logic(word, ..) => word,
        _ => ",",
    }
}

/// A canonical value as SQLite text.
pub(super) fn literal_sql(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(n) => n.to_string(),
        Value::Real(n) => format!("{n:e}"),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Blob(bytes) => format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

fn scope_table(entry: &TableEntry, alias: String, schema: Option<String>, sql_alias: String) -> ScopeTable {
    let columns = entry.columns.iter().map(|column| ScopeColumn {
        name: column.name.clone(),
        of: column.of,
        nullable: column.nullable,
        origin: match (&column.identity, &column.computed) {
            (Some(_), _) => Origin::Identity,
            (_, Some(_)) => Origin::Expression,
            _ => Origin::Table,
        },
        table: vec![entry.schema.clone(), entry.name.clone()],
    });
    ScopeTable { alias, schema, sql_alias, columns: columns.collect() }
}

impl Context<'_> {
    /// How long what the statement changes stays locked.
    pub(super) fn until(&self) -> Until {
        self.turn.map_or(Until::StatementEnds, |turn| turn.until)
    }
}

/// Locks a schema of the current database.
pub(super) fn lock_schema(context: &Context<'_>, schema: &str, mode: Mode) -> Result<(), SqlError> {
    let Some(turn) = context.turn else { return Ok(()) };
    turn.locks.take(turn.owner, &format!("schema {}.{schema}", context.database).to_lowercase(), mode, turn.until)
}

/// What a statement does to a table; with the hints of the table.
#[derive(Clone, Copy)]
pub(super) enum Action<'a> {
    Insert(&'a [String]),
    Update(&'a [String]),
    Delete(&'a [String]),
    Alter,
}

/// The table that a statement changes, or error 208; whoever may not do that gets error 229 or 1088.
pub(super) fn target(context: &Context<'_>, name: &syntax::Name, action: Action<'_>) -> Result<TableEntry, SqlError> {
    let (permission, mode) = match action {
        Action::Insert(hints) if hints::locks_the_table(hints) => ("INSERT", Mode::Change),
        Action::Insert(_) => ("INSERT", Mode::Insert),
        Action::Update(_) => ("UPDATE", Mode::Change),
        Action::Delete(_) => ("DELETE", Mode::Change),
        Action::Alter => ("ALTER", Mode::Schema),
    };
    if let Action::Insert(hints) | Action::Update(hints) | Action::Delete(hints) = action {
        hints::check_target(hints)?;
    }
    if let [variable] = name.as_slice()
        && context.variables.contains_key(&temporary::read_only_key(variable))
    {
        let message = format!("The table-valued parameter \"{variable}\" is READONLY and cannot be modified.");
        return Err(SqlError::new(10700, 16, message));
    }
    let entry = table(context, name, mode, context.until())?;
    rights::check(context, permission, &entry)?;
    Ok(entry)
}

/// The table of this name, or error 208, as soon as nobody is in the way.
pub(super) fn table(
    context: &Context<'_>,
    name: &syntax::Name,
    mode: Mode,
    until: Until,
) -> Result<TableEntry, SqlError> {
    lock(context, name, mode, until)?;
    catalogue::table(context.sqlite, &temporary::place(context, name)?, context.database)
}

/// Locks a name, whether there is a table of that name or not.
pub(super) fn lock(context: &Context<'_>, name: &syntax::Name, mode: Mode, until: Until) -> Result<(), SqlError> {
    let Some(turn) = context.turn else { return Ok(()) };
    let (database, schema, object) = catalogue::resolve(name, context.database)?;
    // Nobody else can name what is temporary.
    if schema.eq_ignore_ascii_case("sys") || object.starts_with(['#', '@']) {
        return Ok(());
    }
    turn.locks.take(turn.owner, &catalogue::resource(&database, &schema, &object), mode, until)
}
