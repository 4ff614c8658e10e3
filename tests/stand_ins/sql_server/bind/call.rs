//! Built-in functions: aggregates, ranking, the catalogue's own, scalars.

use super::super::catalogue;
use super::super::functions::type_number;
use super::super::locks::{Mode, Until};
use super::super::sql_type::{Length, SqlType};
use super::super::syntax::{Call, DatabaseOption, Expression, Name};
use super::super::{SqlError, collation, modules, temporary};
use super::expression::united;
use super::{Binder, Bound, convert_sql, literal_sql};
use rusqlite::types::Value;

const AGGREGATES: [&str; 6] = ["COUNT", "COUNT_BIG", "MIN", "MAX", "SUM", "AVG"];
const RANKINGS: [&str; 4] = ["ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE"];

pub(super) fn is_aggregate(name: &Name) -> bool {
    matches!(name.as_slice(), [name] if AGGREGATES.contains(&name.to_ascii_uppercase().as_str()))
}

impl Binder<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Result<Bound, SqlError> {
        let [name] = call.name.as_slice() else {
            return Err(SqlError::new(
                4121,
                16,
                format!(
                    "Cannot find either column \"{}\" or the user-defined function or aggregate \"{}\", or the name is ambiguous.",
                    call.name[0],
                    call.name.join(".")
                ),
            ));
        };
        let upper = name.to_ascii_uppercase();
        if AGGREGATES.contains(&upper.as_str()) {
            return self.aggregate(&upper, call);
        }
        if RANKINGS.contains(&upper.as_str()) {
            return self.ranking(&upper, call);
        }
        if call.star || call.distinct || call.over.is_some() {
            return Err(SqlError::syntax(if call.star { "*" } else { "OVER" }));
        }
        if let Some(bound) = self.catalogue_call(&upper, &call.arguments)? {
            return Ok(bound);
        }
        self.scalar_call(&upper, name, &call.arguments)
    }

    fn aggregate(&mut self, name: &str, call: &Call) -> Result<Bound, SqlError> {
        let argument = match call.arguments.as_slice() {
            [] if call.star && name.starts_with("COUNT") => None,
            [argument] if !call.star => {
                let was_inside = std::mem::replace(&mut self.last_scope().in_aggregate, call.over.is_none());
                let bound = self.value(argument);
                self.last_scope().in_aggregate = was_inside;
                Some(bound?)
            }
            _ => return Err(arguments(name, 1)),
        };
        if let Some(bound) = argument
            .as_ref()
            .filter(|bound| !bound.of.is_comparable() || bound.of == SqlType::Bit && !name.starts_with("COUNT"))
        {
            return Err(SqlError::new(
                8117,
                16,
                format!("Operand data type {} is invalid for {} operator.", bound.of.name(), name.to_lowercase()),
            ));
        }
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        let (sql, of) = match (name, &argument) {
            (_, None) => ("count(*)".to_owned(), if name == "COUNT" { SqlType::Int } else { SqlType::BigInt }),
            ("COUNT" | "COUNT_BIG", Some(bound)) => (
                format!("count({distinct}{})", bound.key()),
                if name == "COUNT" { SqlType::Int } else { SqlType::BigInt },
            ),
            ("MIN" | "MAX", Some(bound)) => (format!("{}({})", name.to_lowercase(), plain_key(bound)), bound.of),
            (_, Some(bound)) => {
                let of = sum_type(name, bound.of)?;
                (
                    format!(
                        "tds_{}({distinct}{}, {}, {})",
                        name.to_lowercase(),
                        bound.sql,
                        type_number(bound.of),
                        type_number(of)
                    ),
                    of,
                )
            }
        };
        let Some(over) = &call.over else { return Ok(Bound::value(sql, of, true)) };
        if sql.starts_with("tds_") {
            return Err(SqlError::not_taught(format!("{name} with OVER")));
        }
        let window = self.window(&over.partition, &over.order)?;
        Ok(Bound::value(format!("{sql} OVER ({window})"), of, true))
    }

    fn ranking(&mut self, name: &str, call: &Call) -> Result<Bound, SqlError> {
        let Some(over) = &call.over else {
            return Err(SqlError::new(10753, 15, format!("The function '{name}' must have an OVER clause.")));
        };
        if over.order.is_empty() {
            return Err(SqlError::new(
                4112,
                15,
                format!("The function '{name}' must have an OVER clause with ORDER BY."),
            ));
        }
        let argument = match (name, call.arguments.as_slice()) {
            ("NTILE", [count]) => literal_sql(&self.evaluate(count, Some(SqlType::BigInt))?.1),
            ("NTILE", _) => return Err(arguments(name, 1)),
            (_, []) => String::new(),
            _ => return Err(arguments(name, 0)),
        };
        let window = self.window(&over.partition, &over.order)?;
        Ok(Bound::value(format!("{}({argument}) OVER ({window})", name.to_lowercase()), SqlType::BigInt, true))
    }

    /// Functions of the catalogue and the session: known when the statement is bound.
    fn catalogue_call(&mut self, name: &str, arguments: &[Expression]) -> Result<Option<Bound>, SqlError> {
        let (of, value) = match (name, arguments) {
            ("OBJECT_ID", [object]) => (SqlType::Int, self.object_id(object, None)?),
            ("OBJECT_ID", [object, kind]) => (SqlType::Int, self.object_id(object, Some(kind))?),
            ("PARSENAME", [name, part]) => (SqlType::sysname(), self.part_of_name(name, part)?),
            ("DATABASEPROPERTYEX", [database, property]) => {
                (SqlType::SqlVariant, self.database_property(database, property)?)
            }
            ("OBJECT_NAME", [id]) => {
                let (_, id) = self.evaluate(id, Some(SqlType::Int))?;
                let name = match id {
                    Value::Integer(id) => catalogue::object_name(self.context.sqlite, self.context.database, id)?,
                    _ => None,
                };
                (SqlType::sysname(), name.map_or(Value::Null, Value::Text))
            }
            ("DB_NAME", []) => (SqlType::sysname(), Value::Text(self.context.database.to_owned())),
            ("DB_ID", []) => {
                let id = self.context.sqlite.query_row(
                    "SELECT id FROM ropeway_databases WHERE name = ?1",
                    [self.context.database],
                    |row| row.get(0),
                )?;
                (SqlType::SmallInt, id)
            }
            ("SCHEMA_NAME", []) => (SqlType::sysname(), Value::Text("dbo".to_owned())),
            ("SCHEMA_NAME" | "SCHEMA_ID", [_]) => return self.schema_call(name, &arguments[0]).map(Some),
            ("SUSER_SNAME" | "ORIGINAL_LOGIN" | "SYSTEM_USER", []) => {
                (SqlType::sysname(), Value::Text(self.context.user.to_owned()))
            }
            ("CURRENT_USER" | "USER_NAME" | "SESSION_USER", []) => (SqlType::sysname(), Value::Text("dbo".to_owned())),
            ("HAS_PERMS_BY_NAME", [securable, class, permission]) => {
                (SqlType::Int, self.has_permission([securable, class, permission])?)
            }
            ("CURRENT_TRANSACTION_ID", []) => (SqlType::BigInt, self.of_session("@@transaction id")),
            ("XACT_STATE", []) => (SqlType::SmallInt, self.of_session("@@xact state")),
            ("ERROR_NUMBER", []) => (SqlType::Int, self.of_session("@@error number")),
            ("ERROR_SEVERITY", []) => (SqlType::Int, self.of_session("@@error severity")),
            ("ERROR_STATE", []) => (SqlType::Int, self.of_session("@@error state")),
            ("ERROR_LINE", []) => (SqlType::Int, self.of_session("@@error line")),
            ("ERROR_MESSAGE", []) => (SqlType::nvarchar(4000), self.of_session("@@error message")),
            ("SERVERPROPERTY", [property]) => (SqlType::SqlVariant, self.server_property(property)?),
            _ => return Ok(None),
        };
        Ok(Some(Bound::value(literal_sql(&value), of, true)))
    }

    fn has_permission(&mut self, arguments: [&Expression; 3]) -> Result<Value, SqlError> {
        let mut texts = Vec::new();
        for argument in arguments {
            let (_, value) = self.evaluate(argument, Some(SqlType::nvarchar(4000)))?;
            texts.push(if let Value::Text(text) = value { Some(text) } else { None });
        }
        let [securable, class, Some(permission)] = texts.as_slice() else { return Ok(Value::Null) };
        let class = class.as_deref().unwrap_or_default();
        let has = super::super::rights::has(self.context, securable.as_deref(), class, permission)?;
        Ok(has.map_or(Value::Null, |has| Value::Integer(i64::from(has))))
    }

    /// What the session says of itself; NULL where it says nothing, as outside of a CATCH.
    fn of_session(&self, name: &str) -> Value {
        self.context.variables.get(name).map_or(Value::Null, |known| known.value.clone())
    }

    /// PARSENAME: the parts are counted from the last one, which is 1.
    fn part_of_name(&mut self, name: &Expression, part: &Expression) -> Result<Value, SqlError> {
        let (_, name) = self.evaluate(name, Some(SqlType::nvarchar(4000)))?;
        let (_, part) = self.evaluate(part, Some(SqlType::Int))?;
        let (Value::Text(name), Value::Integer(part @ 1..=4)) = (name, part) else { return Ok(Value::Null) };
        let part = name_of(&name).and_then(|parts| parts.into_iter().rev().nth(part as usize - 1));
        Ok(part.filter(|part| !part.is_empty()).map_or(Value::Null, Value::Text))
    }

    fn database_property(&mut self, database: &Expression, property: &Expression) -> Result<Value, SqlError> {
        let (_, database) = self.evaluate(database, Some(SqlType::sysname()))?;
        let (_, property) = self.evaluate(property, Some(SqlType::nvarchar(128)))?;
        let (Value::Text(database), Value::Text(property)) = (database, property) else { return Ok(Value::Null) };
        if catalogue::has_database(self.context.sqlite, &database)?.is_none() {
            return Ok(Value::Null);
        }
        if !property.eq_ignore_ascii_case("Updateability") {
            return Err(SqlError::not_taught(format!("the property {property} of a database")));
        }
        let is_read_only = catalogue::is_on(self.context.sqlite, &database, DatabaseOption::ReadOnly)?;
        let value = Value::Text(if is_read_only { "READ_ONLY" } else { "READ_WRITE" }.to_owned());
        super::super::convert::convert((&value).into(), SqlType::sysname(), SqlType::SqlVariant)
    }

    fn object_id(&mut self, object: &Expression, kind: Option<&Expression>) -> Result<Value, SqlError> {
        let (_, Value::Text(text)) = self.evaluate(object, Some(SqlType::nvarchar(4000)))? else {
            return Ok(Value::Null);
        };
        let kind = match kind {
            None => None,
            Some(kind) => match self.evaluate(kind, Some(SqlType::nvarchar(2)))?.1 {
                Value::Text(kind) => Some(kind.trim_end().to_ascii_uppercase()),
                _ => return Ok(Value::Null),
            },
        };
        let wanted = |own: &str| kind.as_ref().is_none_or(|kind| kind == own);
        let Some(mut name) = name_of(&text) else { return Ok(Value::Null) };
        if let ([database, _, object], Some(turn)) = (name.as_mut_slice(), &self.context.turn)
            && object.starts_with('#')
            && database.eq_ignore_ascii_case("tempdb")
        {
            *object = temporary::own(object, turn.owner);
        }
        super::lock(self.context, &name, Mode::Definition, Until::StatementEnds)?;
        let found = catalogue::find(self.context.sqlite, &name, self.context.database)?;
        let found = match found {
            Some(entry) => {
                let own = if entry.schema == "sys" { "V" } else { "U" };
                Some(entry.object_id).filter(|_| wanted(own))
            }
            None => modules::find(self.context.sqlite, &name, self.context.database, modules::PROCEDURE)?
                .map(|module| module.object_id)
                .filter(|_| wanted("P")),
        };
        Ok(found.map_or(Value::Null, Value::Integer))
    }

    fn schema_call(&mut self, name: &str, argument: &Expression) -> Result<Bound, SqlError> {
        let bound = self.value(argument)?;
        let table = catalogue::table(
            self.context.sqlite,
            &vec!["sys".to_owned(), "schemas".to_owned()],
            self.context.database,
        )?
        .physical();
        Ok(if name == "SCHEMA_NAME" {
            Bound::value(
                format!("(SELECT name FROM {table} WHERE schema_id = {})", self.converted(&bound, SqlType::Int)?),
                SqlType::sysname(),
                true,
            )
        } else {
            let sql = self.converted(&bound, SqlType::sysname())?;
            Bound::value(
                format!("(SELECT schema_id FROM {table} WHERE name = {sql} COLLATE NOCASE)"),
                SqlType::Int,
                true,
            )
        })
    }

    fn server_property(&mut self, property: &Expression) -> Result<Value, SqlError> {
        let (_, Value::Text(property)) = self.evaluate(property, Some(SqlType::varchar(128)))? else {
            return Ok(Value::Null);
        };
        let text = |value: &str| (Value::Text(value.to_owned()), SqlType::sysname());
        let (value, of) = match property.to_ascii_lowercase().as_str() {
            "productversion" => text("16.0.4135.4"),
            "productlevel" => text("RTM"),
            "edition" => text("Developer Edition (64-bit)"),
            "engineedition" => (Value::Integer(3), SqlType::Int),
            "productmajorversion" => text("16"),
            "servername" | "machinename" => text("ropeway"),
            "collation" => text(collation::DEFAULT.name),
            "ishadrenabled" | "isclustered" => (Value::Integer(0), SqlType::Int),
            _ => return Ok(Value::Null),
        };
        super::super::convert::convert((&value).into(), of, SqlType::SqlVariant)
    }

    #[expect(clippy::too_many_lines, reason = "one arm per function of T-SQL")]
    fn scalar_call(&mut self, upper: &str, name: &str, expressions: &[Expression]) -> Result<Bound, SqlError> {
        let mut bound = Vec::new();
        for expression in expressions {
            bound.push(self.value(expression)?);
        }
        let max = SqlType::NVarChar(Length::Max, collation::DEFAULT);
        match (upper, bound.as_slice()) {
            ("ISNULL", [left, right]) => {
                let of = if left.is_null { right.of } else { left.of };
                let (a, b) = (self.converted(left, of)?, self.converted(right, of)?);
                Ok(Bound::value(format!("coalesce({a}, {b})"), of, right.nullable))
            }
            ("COALESCE", [_, _, ..]) => {
                let (of, _) = united(&bound.iter().collect::<Vec<_>>())?;
                let parts = bound.iter().map(|part| self.converted(part, of)).collect::<Result<Vec<_>, _>>()?;
                Ok(Bound::value(format!("coalesce({})", parts.join(", ")), of, bound.iter().all(|part| part.nullable)))
            }
            ("NULLIF", [left, right]) => {
                let condition = self.compare("=", left, right)?;
                Ok(Bound::value(format!("(CASE WHEN {condition} THEN NULL ELSE {} END)", left.sql), left.of, true))
            }
            ("LEN", [text]) if text.of.is_text() => {
                Ok(Bound::value(format!("length(rtrim({}, ' '))", text.sql), SqlType::Int, true))
            }
            ("DATALENGTH", [value]) => Ok(Bound::value(
                format!("tds_datalength({}, {})", value.sql, type_number(value.of)),
                SqlType::Int,
                true,
            )),
            ("UPPER" | "LOWER" | "LTRIM" | "RTRIM", [text]) if text.of.is_text() => {
                let function = upper.to_lowercase();
                let sql = if upper.ends_with("TRIM") {
                    format!("{function}({}, ' ')", text.sql)
                } else {
                    format!("tds_{function}({})", text.sql)
                };
                Ok(Bound::value(sql, varying(text.of), true))
            }
            ("REPLICATE", [text, count]) if text.of.is_text() => {
                let count = self.converted(count, SqlType::BigInt)?;
                Ok(Bound::value(
                    format!("tds_replicate({}, {count}, {})", text.sql, type_number(replicated(text.of))),
                    replicated(text.of),
                    true,
                ))
            }
            ("SUBSTRING", [text, start, length]) if text.of.is_text() => {
                let (start, length) =
                    (self.converted(start, SqlType::BigInt)?, self.converted(length, SqlType::BigInt)?);
                let sql = format!("substr({}, max({start}, 1), max(0, {length} + min({start}, 1) - 1))", text.sql);
                Ok(Bound::value(sql, varying(text.of), true))
            }
            ("QUOTENAME", [text]) => {
                let sql = self.converted(text, SqlType::sysname())?;
                Ok(Bound::value(format!("('[' || replace({sql}, ']', ']]') || ']')"), SqlType::nvarchar(258), true))
            }
            ("CONCAT", [_, _, ..]) => {
                let parts = bound.iter().map(|part| {
                    if part.of.is_text() { part.sql.clone() } else { convert_sql(&part.sql, part.of, max) }
                });
                let parts: Vec<String> = parts.map(|part| format!("coalesce({part}, '')")).collect();
                Ok(Bound::value(format!("({})", parts.join(" || ")), max, false))
            }
            ("ABS", [value]) if value.of.is_integer() => {
                Ok(Bound::value(format!("abs({})", value.sql), value.of, true))
            }
            ("BINARY_CHECKSUM", [_, ..]) => {
                // What cannot be compared does not count.
                let counted: Vec<&Bound> = bound.iter().filter(|value| value.of.is_comparable()).collect();
                if counted.is_empty() {
                    return Err(SqlError::not_taught("BINARY_CHECKSUM of nothing that can be compared"));
                }
                let with =
                    |sum, value: &&Bound| format!("tds_checksum({sum}, {}, {})", value.sql, type_number(value.of));
                Ok(Bound::value(counted.iter().fold("0".to_owned(), with), SqlType::Int, false))
            }
            ("NEWID", []) => Ok(Bound::value("tds_newid()".to_owned(), SqlType::UniqueIdentifier, false)),
            ("SYSUTCDATETIME" | "SYSDATETIME", []) => {
                Ok(Bound::value("tds_now()".to_owned(), SqlType::DateTime2(7), false))
            }
            ("GETDATE" | "GETUTCDATE" | "CURRENT_TIMESTAMP", []) => Ok(Bound::value(
                convert_sql("tds_now()", SqlType::DateTime2(7), SqlType::DateTime),
                SqlType::DateTime,
                false,
            )),
            ("SQL_VARIANT_PROPERTY", [value, _]) if value.of == SqlType::SqlVariant => {
                self.evaluate(&expressions[1], None).and_then(|(_, property)| match property {
                    Value::Text(property) if property.eq_ignore_ascii_case("BaseType") => {
                        let sql = format!(
                            "tds_convert(tds_base_type({}), {}, {})",
                            value.sql,
                            type_number(SqlType::sysname()),
                            type_number(SqlType::SqlVariant)
                        );
                        Ok(Bound::value(sql, SqlType::SqlVariant, true))
                    }
                    other => Err(SqlError::not_taught(format!("SQL_VARIANT_PROPERTY {other:?}"))),
                })
            }
            ("ISNULL" | "NULLIF" | "SUBSTRING" | "LEN" | "QUOTENAME" | "COALESCE", _) => {
                Err(arguments(&upper.to_lowercase(), 2))
            }
            _ => Err(SqlError::unknown_function(name)),
        }
    }
}

fn plain_key(bound: &Bound) -> String {
    // MIN and MAX give the value, so a datetimeoffset is not cut to its key; its blob sorts by UTC first.
    if matches!(bound.of, SqlType::DateTimeOffset(_)) { bound.sql.clone() } else { bound.key() }
}

fn varying(of: SqlType) -> SqlType {
    match of {
        SqlType::Char(n, collation) => SqlType::VarChar(Length::Of(n), collation),
        SqlType::NChar(n, collation) => SqlType::NVarChar(Length::Of(n), collation),
        other => other,
    }
}

/// REPLICATE of anything but (max) ends at 8,000 bytes.
fn replicated(of: SqlType) -> SqlType {
    match of {
        SqlType::Char(_, collation) | SqlType::VarChar(Length::Of(_), collation) => {
            SqlType::VarChar(Length::Of(8000), collation)
        }
        SqlType::NChar(_, collation) | SqlType::NVarChar(Length::Of(_), collation) => {
            SqlType::NVarChar(Length::Of(4000), collation)
        }
        other => other,
    }
}

fn sum_type(name: &str, of: SqlType) -> Result<SqlType, SqlError> {
    Ok(match of {
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int => SqlType::Int,
        SqlType::BigInt => SqlType::BigInt,
        SqlType::Decimal { scale, .. } => SqlType::decimal(38, if name == "AVG" { scale.max(6) } else { scale }),
        SqlType::Money | SqlType::SmallMoney => SqlType::Money,
        SqlType::Real | SqlType::Float => SqlType::Float,
        _ => {
            return Err(SqlError::new(
                8117,
                16,
                format!("Operand data type {} is invalid for {} operator.", of.name(), name.to_lowercase()),
            ));
        }
    })
}

fn arguments(name: &str, count: usize) -> SqlError {
    SqlError::new(174, 15, format!("The {} function requires {count} argument(s).", name.to_lowercase()))
}

/// Parts of a name inside of a text, such as `[dbo].[a]]b]`.
pub(crate) fn name_of(text: &str) -> Option<Name> {
    use super::super::lexer::{Kind, tokens};
    let mut parts = Vec::new();
    let mut expects_part = true;
    for token in tokens(text).ok()? {
        match token.kind {
            Kind::Word if expects_part => parts.push(token.text),
            Kind::Quoted(name) if expects_part => parts.push(name),
            Kind::Symbol if token.text == "." && expects_part => {
                parts.push(String::new());
                continue;
            }
            Kind::Symbol if token.text == "." => {
                expects_part = true;
                continue;
            }
            Kind::End => break,
            _ => return None,
        }
        expects_part = false;
    }
    (!expects_part).then_some(parts)
}
