//! SELECT.

use super::super::SqlError;
use super::super::lexer::Kind;
use super::super::syntax::{Expression, Item, Join, Query, Select, Source, Table};
use super::Parser;

/// Table hints of the reference, in upper case.
static HINTS: &[&str] = &[
    "NOLOCK",
    "READUNCOMMITTED",
    "READCOMMITTED",
    "READCOMMITTEDLOCK",
    "REPEATABLEREAD",
    "SERIALIZABLE",
    "HOLDLOCK",
    "ROWLOCK",
    "PAGLOCK",
    "TABLOCK",
    "TABLOCKX",
    "UPDLOCK",
    "XLOCK",
    "NOWAIT",
    "READPAST",
    "FORCESEEK",
    "FORCESCAN",
    "NOEXPAND",
    "SNAPSHOT",
];

impl Parser {
    pub(super) fn query_in_parentheses(&mut self) -> Result<Query, SqlError> {
        self.expect("(")?;
        let query = self.query()?;
        self.expect(")")?;
        Ok(query)
    }

    pub(super) fn query(&mut self) -> Result<Query, SqlError> {
        let mut tables = Vec::new();
        if self.accept("WITH") {
            loop {
                let name = self.identifier()?;
                self.expect("AS")?;
                tables.push((name, self.query_in_parentheses()?));
                if !self.accept(",") {
                    break;
                }
            }
        }
        let first = self.select()?;
        let mut more = Vec::new();
        loop {
            let operator = if self.accept_all(&["UNION", "ALL"]) {
                "UNION ALL"
            } else if let Some(operator) =
                ["UNION", "EXCEPT", "INTERSECT"].into_iter().find(|operator| self.accept(operator))
            {
                operator
            } else {
                break;
            };
            more.push((operator, self.select()?));
        }
        let order = self.order_by()?;
        let offset = if !order.is_empty() && self.accept("OFFSET") { Some(self.offset()?) } else { None };
        if self.accept("OPTION") {
            self.option_clause()?;
        }
        if self.sees("FOR") {
            return Err(SqlError::not_taught("SELECT ... FOR"));
        }
        Ok(Query { first, more, order, offset, tables })
    }

    fn offset(&mut self) -> Result<(Expression, Option<Expression>), SqlError> {
        let skip = self.expression()?;
        self.rows_word()?;
        if !self.accept("FETCH") {
            return Ok((skip, None));
        }
        if !self.accept("NEXT") {
            self.expect("FIRST")?;
        }
        let take = self.expression()?;
        self.rows_word()?;
        self.expect("ONLY")?;
        Ok((skip, Some(take)))
    }

    fn rows_word(&mut self) -> Result<(), SqlError> {
        if self.accept("ROW") { Ok(()) } else { self.expect("ROWS") }
    }

    fn option_clause(&mut self) -> Result<(), SqlError> {
        self.expect("(")?;
        loop {
            let known: [&[&str]; 8] = [
                &["RECOMPILE"],
                &["FORCE", "ORDER"],
                &["KEEP", "PLAN"],
                &["KEEPFIXED", "PLAN"],
                &["HASH", "JOIN"],
                &["LOOP", "JOIN"],
                &["OPTIMIZE", "FOR", "UNKNOWN"],
                &["ORDER", "GROUP"],
            ];
            if self.accept("MAXDOP") || self.accept("FAST") {
                if self.advance().kind != Kind::Integer {
                    self.at -= 1;
                    return Err(self.unexpected());
                }
            } else if !known.into_iter().any(|words| self.accept_all(words)) {
                return Err(self.unexpected());
            }
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")
    }

    fn select(&mut self) -> Result<Select, SqlError> {
        self.expect("SELECT")?;
        let distinct = self.accept("DISTINCT");
        if !distinct {
            self.accept("ALL");
        }
        let top = if self.accept("TOP") { Some(self.top()?) } else { None };
        let mut items = vec![self.item()?];
        while self.accept(",") {
            items.push(self.item()?);
        }
        let into = if self.accept("INTO") { Some(self.name()?) } else { None };
        let from = if self.accept("FROM") { self.sources()? } else { Vec::new() };
        let condition = self.where_clause()?;
        let group = if self.accept_all(&["GROUP", "BY"]) { self.expressions()? } else { Vec::new() };
        let having = if self.accept("HAVING") { Some(self.expression()?) } else { None };
        Ok(Select { distinct, top, items, into, from, condition, group, having })
    }

    pub(super) fn top(&mut self) -> Result<Expression, SqlError> {
        let count = if self.accept("(") {
            let count = self.expression()?;
            self.expect(")")?;
            count
        } else {
            self.constant()?
        };
        if self.sees("PERCENT") || self.sees("WITH") && self.sees_ahead(1, "TIES") {
            return Err(SqlError::not_taught("TOP with PERCENT or WITH TIES"));
        }
        Ok(count)
    }

    fn item(&mut self) -> Result<Item, SqlError> {
        if self.accept("*") {
            return Ok(Item::Star(Vec::new()));
        }
        if self.peek().kind == Kind::Variable && self.sees_ahead(1, "=") {
            let variable = self.variable()?;
            self.expect("=")?;
            return Ok(Item::Assign(variable, self.expression()?));
        }
        if self.sees_identifier() && self.sees_ahead(1, "=") {
            let alias = Some(self.identifier()?);
            self.expect("=")?;
            return Ok(Item::Value { value: self.expression()?, alias });
        }
        let mut ahead = 0;
        while self.sees_ahead(ahead + 1, ".") {
            ahead += 2;
        }
        if ahead > 0 && self.sees_ahead(ahead, "*") && self.sees_identifier() {
            let mut of = vec![self.identifier()?];
            while self.accept(".") && !self.accept("*") {
                of.push(self.identifier()?);
            }
            return Ok(Item::Star(of));
        }
        let value = self.expression()?;
        let named = self.accept("AS") || self.sees_identifier() || matches!(self.peek().kind, Kind::Text { .. });
        let alias = if named { Some(self.alias()?) } else { None };
        Ok(Item::Value { value, alias })
    }

    /// A column alias may also be a text literal.
    fn alias(&mut self) -> Result<String, SqlError> {
        if let Kind::Text { value, .. } = self.peek().kind.clone() {
            self.advance();
            return Ok(value);
        }
        self.identifier()
    }

    pub(super) fn sources(&mut self) -> Result<Vec<Source>, SqlError> {
        let mut sources = vec![self.source(Join::First)?];
        loop {
            let joins: [(&[&str], Join); 11] = [
                (&[","], Join::First),
                (&["INNER", "JOIN"], Join::Inner),
                (&["JOIN"], Join::Inner),
                (&["LEFT", "OUTER", "JOIN"], Join::Left),
                (&["LEFT", "JOIN"], Join::Left),
                (&["RIGHT", "OUTER", "JOIN"], Join::Right),
                (&["RIGHT", "JOIN"], Join::Right),
                (&["FULL", "OUTER", "JOIN"], Join::Full),
                (&["CROSS", "JOIN"], Join::Cross),
                (&["CROSS", "APPLY"], Join::CrossApply),
                (&["OUTER", "APPLY"], Join::OuterApply),
            ];
            let Some((_, join)) = joins.into_iter().find(|(words, _)| self.accept_all(words)) else {
                return Ok(sources);
            };
            let mut source = self.source(join)?;
            if matches!(join, Join::Inner | Join::Left | Join::Right | Join::Full) {
                self.expect("ON")?;
                source.on = Some(self.expression()?);
            }
            sources.push(source);
        }
    }

    fn source(&mut self, join: Join) -> Result<Source, SqlError> {
        let what = if self.sees("(") && self.sees_ahead(1, "VALUES") {
            self.advance();
            self.advance();
            let rows = self.value_rows()?;
            self.expect(")")?;
            Table::Values(rows, Vec::new())
        } else if self.sees("(") {
            Table::Derived(Box::new(self.query_in_parentheses()?))
        } else if self.peek().kind == Kind::Variable {
            Table::Named(vec![self.variable()?])
        } else {
            let name = self.name()?;
            if self.accept("(") {
                let arguments = if self.sees(")") { Vec::new() } else { self.function_arguments()? };
                self.expect(")")?;
                Table::Function(name, arguments)
            } else {
                Table::Named(name)
            }
        };
        let named = self.accept("AS");
        let alias = if named || self.sees_identifier() { Some(self.identifier()?) } else { None };
        let what = match what {
            // A derived table must have a name.
            Table::Derived(_) | Table::Values(..) if alias.is_none() => return Err(self.unexpected()),
            Table::Values(rows, _) => Table::Values(rows, self.names_in_parentheses()?),
            other => other,
        };
        let mut hints = Vec::new();
        if self.sees("WITH") && self.sees_ahead(1, "(") {
            if !matches!(what, Table::Named(_)) {
                return Err(self.unexpected());
            }
            hints = self.hints()?;
        } else if matches!(what, Table::Named(_)) && self.sees("(") && self.sees_ahead(1, "NOLOCK") {
            hints = self.hint_list()?;
        }
        if self.sees("TABLESAMPLE") || self.sees("PIVOT") || self.sees("UNPIVOT") {
            return Err(SqlError::not_taught(format!("{} in FROM", self.peek().text)));
        }
        Ok(Source { join, what, alias, on: None, hints })
    }

    /// Arguments of a table-valued function may be DEFAULT.
    fn function_arguments(&mut self) -> Result<Vec<Expression>, SqlError> {
        self.expressions()
    }

    /// `WITH (hint, hint)`, in upper case.
    pub(super) fn hints(&mut self) -> Result<Vec<String>, SqlError> {
        self.expect("WITH")?;
        self.hint_list()
    }

    fn hint_list(&mut self) -> Result<Vec<String>, SqlError> {
        self.expect("(")?;
        let mut hints = Vec::new();
        loop {
            let hint = self.advance();
            if hint.text.eq_ignore_ascii_case("INDEX") {
                return Err(SqlError::not_taught("the table hint INDEX"));
            }
            if !HINTS.contains(&hint.text.to_ascii_uppercase().as_str()) {
                return Err(SqlError::new(
                    321,
                    15,
                    format!(
                        "\"{}\" is not a recognized table hints option. If it is intended as a parameter to a table-valued function or to the CHANGETABLE function, ensure that your database compatibility mode is set to 90.",
                        hint.text
                    ),
                ));
            }
            hints.push(hint.text.to_ascii_uppercase());
            if !self.accept(",") && self.sees(")") {
                break;
            }
        }
        self.expect(")")?;
        Ok(hints)
    }
}
