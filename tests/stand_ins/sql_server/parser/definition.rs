//! CREATE, ALTER, DROP.

use super::super::SqlError;
use super::super::SqlType;
use super::super::collation::Collation;
use super::super::lexer::Kind;
use super::super::syntax::{
    ColumnDefinition, DatabaseOption, Expression, IndexDefinition, Name, Statement, TableDefinition,
};
use super::Parser;

impl Parser {
    pub(super) fn definition(&mut self, verb: &str) -> Result<Statement, SqlError> {
        self.advance();
        match verb {
            "CREATE" => self.create(),
            "DROP" => {
                if self.accept("SCHEMA") {
                    let if_exists = self.accept_all(&["IF", "EXISTS"]);
                    return Ok(Statement::DropSchema { name: self.identifier()?, if_exists });
                }
                if self.accept("TYPE") {
                    return self.drop_module(super::super::modules::TYPE);
                }
                if self.accept("PROCEDURE") || self.accept("PROC") {
                    return self.drop_module(super::super::modules::PROCEDURE);
                }
                if !self.accept("TABLE") {
                    return Err(SqlError::not_taught(format!("DROP {}", self.peek().text)));
                }
                let if_exists = self.accept_all(&["IF", "EXISTS"]);
                let mut names = vec![self.name()?];
                while self.accept(",") {
                    names.push(self.name()?);
                }
                Ok(Statement::DropTable { names, if_exists })
            }
            _ => self.alter(),
        }
    }

    fn alter(&mut self) -> Result<Statement, SqlError> {
        if self.accept("DATABASE") {
            return self.alter_database();
        }
        if !self.accept("TABLE") {
            return Err(SqlError::not_taught(format!("ALTER {}", self.peek().text)));
        }
        let table = self.name()?;
        if self.accept("ADD") {
            if self.sees("CHECK")
                || self.sees("CONSTRAINT")
                    && !matches!(self.peek_ahead(2).text.to_uppercase().as_str(), "PRIMARY" | "UNIQUE")
            {
                return Err(SqlError::not_taught("ALTER TABLE ADD of a constraint that is no key"));
            }
            if self.sees("CONSTRAINT") || self.sees("PRIMARY") || self.sees("UNIQUE") {
                let constraint = if self.accept("CONSTRAINT") { Some(self.identifier()?) } else { None };
                return self.table_constraint(&table, constraint, None).map(Statement::CreateIndex);
            }
            return Ok(Statement::AddColumn(table, self.column()?.0));
        }
        if self.accept("ALTER") {
            self.expect("COLUMN")?;
            return Ok(Statement::WidenColumn(table, self.column()?.0));
        }
        self.expect("DROP")?;
        self.expect("COLUMN")?;
        Ok(Statement::DropColumn(table, self.identifier()?))
    }

    fn alter_database(&mut self) -> Result<Statement, SqlError> {
        let name = if self.accept("CURRENT") { None } else { Some(self.identifier()?) };
        self.expect("SET")?;
        let option = self.advance().text.to_ascii_uppercase();
        let (option, on) = match option.as_str() {
            "READ_ONLY" => (DatabaseOption::ReadOnly, true),
            "READ_WRITE" => (DatabaseOption::ReadOnly, false),
            "ALLOW_SNAPSHOT_ISOLATION" => {
                let on = self.accept("ON");
                if !on {
                    self.expect("OFF")?;
                }
                (DatabaseOption::AllowSnapshots, on)
            }
            other => return Err(SqlError::not_taught(format!("ALTER DATABASE SET {other}"))),
        };
        Ok(Statement::AlterDatabase { name, option, on })
    }

    fn create(&mut self) -> Result<Statement, SqlError> {
        if self.accept("TABLE") {
            return self.create_table();
        }
        if self.sees("SCHEMA") {
            self.first_in_batch("CREATE SCHEMA")?;
            self.advance();
            return self.identifier().map(Statement::CreateSchema);
        }
        let start = self.at - 1;
        if self.accept("TYPE") {
            return self.create_type(start);
        }
        if self.sees("PROCEDURE") || self.sees("PROC") {
            self.first_in_batch("CREATE/ALTER PROCEDURE")?;
            self.advance();
            return self.create_procedure(start);
        }
        if self.sees("OR") {
            return Err(SqlError::not_taught("CREATE OR ALTER"));
        }
        if self.accept("STATISTICS") {
            let name = self.identifier()?;
            self.expect("ON")?;
            let table = self.name()?;
            let columns = self.names_in_parentheses()?;
            self.accept_all(&["WITH", "FULLSCAN"]);
            return Ok(Statement::CreateStatistics { name, table, columns });
        }
        if self.accept_all(&["PARTITION", "FUNCTION"]) {
            return self.partition_function();
        }
        if self.accept_all(&["PARTITION", "SCHEME"]) {
            let name = self.identifier()?;
            self.expect("AS")?;
            self.expect("PARTITION")?;
            let function = self.identifier()?;
            self.expect("ALL")?;
            self.expect("TO")?;
            self.names_in_parentheses().or_else(|_| {
                self.at -= 1;
                self.expect("PRIMARY").map(|()| Vec::new())
            })?;
            return Ok(Statement::CreatePartitionScheme { name, function });
        }
        let unique = self.accept("UNIQUE");
        let clustered = self.clustered().unwrap_or(false);
        if !self.accept("INDEX") {
            return Err(if unique {
                self.unexpected()
            } else {
                SqlError::not_taught(format!("CREATE {}", self.peek().text))
            });
        }
        let name = self.identifier()?;
        self.expect("ON")?;
        let table = self.name()?;
        let columns = self.index_columns()?;
        if self.accept("INCLUDE") {
            self.names_in_parentheses()?;
        }
        Ok(Statement::CreateIndex(IndexDefinition {
            name,
            table,
            columns,
            unique,
            clustered,
            primary: false,
            constraint: false,
        }))
    }

    /// Whether the statement whose first word has just been read may stand where it does.
    fn first_in_batch(&self, what: &str) -> Result<(), SqlError> {
        if self.depth > 0 {
            return Err(self.unexpected());
        }
        let before = &self.tokens[..self.at - 1];
        if before.iter().all(|token| token.text == ";") {
            return Ok(());
        }
        Err(SqlError::new(111, 15, format!("'{what}' must be the first statement in a query batch.")))
    }

    fn clustered(&mut self) -> Option<bool> {
        if self.accept("CLUSTERED") {
            Some(true)
        } else if self.accept("NONCLUSTERED") {
            Some(false)
        } else {
            None
        }
    }

    pub(super) fn index_columns(&mut self) -> Result<Vec<(String, bool)>, SqlError> {
        self.expect("(")?;
        let mut columns = Vec::new();
        loop {
            let name = self.identifier()?;
            let descending = self.accept("DESC");
            if !descending {
                self.accept("ASC");
            }
            columns.push((name, descending));
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(columns)
    }

    fn partition_function(&mut self) -> Result<Statement, SqlError> {
        let name = self.identifier()?;
        self.expect("(")?;
        let of = self.data_type(false)?;
        self.expect(")")?;
        self.expect("AS")?;
        self.expect("RANGE")?;
        let right = self.accept("RIGHT");
        if !right {
            self.accept("LEFT");
        }
        self.expect("FOR")?;
        self.expect("VALUES")?;
        self.expect("(")?;
        let boundaries = if self.sees(")") { Vec::new() } else { self.expressions()? };
        self.expect(")")?;
        Ok(Statement::CreatePartitionFunction { name, of, right, boundaries })
    }

    fn create_table(&mut self) -> Result<Statement, SqlError> {
        let name = self.name()?;
        let mut definition = self.table_definition(name)?;
        if self.accept("ON") {
            let scheme = self.identifier()?;
            if self.sees("(") {
                let mut columns = self.names_in_parentheses()?;
                definition.partition = columns.pop().map(|column| (scheme, column));
            }
        }
        Ok(Statement::CreateTable(definition))
    }

    /// The columns and constraints of a table, in parentheses.
    pub(super) fn table_definition(&mut self, name: Name) -> Result<TableDefinition, SqlError> {
        self.expect("(")?;
        let (mut columns, mut indexes, mut checks) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            if let Some(check) = self.check(&name)? {
                checks.push(check);
            } else if self.sees("CONSTRAINT") || self.sees("PRIMARY") || self.sees("UNIQUE") {
                let constraint = if self.accept("CONSTRAINT") { Some(self.identifier()?) } else { None };
                indexes.push(self.table_constraint(&name, constraint, None)?);
            } else {
                let (column, inline) = self.column()?;
                for (constraint, primary, clustered) in inline {
                    let table = name.clone();
                    let columns = vec![(column.name.clone(), false)];
                    let prefix = if primary { "PK" } else { "UQ" };
                    let name = constraint.unwrap_or_else(|| default_name(prefix, &table));
                    let clustered = clustered.unwrap_or(primary);
                    indexes.push(IndexDefinition {
                        name,
                        table,
                        columns,
                        unique: true,
                        clustered,
                        primary,
                        constraint: true,
                    });
                }
                columns.push(column);
                while let Some(check) = self.check(&name)? {
                    checks.push(check);
                }
            }
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        let key_columns: Vec<&String> = indexes
            .iter()
            .filter(|index| index.primary)
            .flat_map(|index| &index.columns)
            .map(|(name, _)| name)
            .collect();
        for column in &mut columns {
            if key_columns.iter().any(|key| key.eq_ignore_ascii_case(&column.name)) {
                column.nullable = false;
            }
        }
        Ok(TableDefinition { name, columns, indexes, partition: None, checks })
    }

    /// `[CONSTRAINT name] CHECK (condition)`, if it comes next.
    fn check(&mut self, table: &Name) -> Result<Option<(String, String)>, SqlError> {
        let named = self.sees("CONSTRAINT") && self.sees_ahead(2, "CHECK");
        if !named && !self.sees("CHECK") {
            return Ok(None);
        }
        let name = if named {
            self.advance();
            self.identifier()?
        } else {
            default_name("CK", table)
        };
        self.expect("CHECK")?;
        self.expect("(")?;
        let start = self.at;
        self.expression()?;
        let condition = self.text_since(start);
        self.expect(")")?;
        Ok(Some((name, condition)))
    }

    /// What was read, as it was written.
    pub(super) fn text_since(&self, start: usize) -> String {
        let words: Vec<&str> = self.tokens[start..self.at].iter().map(|token| token.text.as_str()).collect();
        words.join(" ")
    }

    fn table_constraint(
        &mut self,
        table: &Name,
        constraint: Option<String>,
        columns: Option<Vec<(String, bool)>>,
    ) -> Result<IndexDefinition, SqlError> {
        let primary = self.accept("PRIMARY");
        if primary {
            self.expect("KEY")?;
        } else {
            self.expect("UNIQUE")?;
        }
        let clustered = self.clustered().unwrap_or(primary);
        let columns = match columns {
            Some(columns) => columns,
            None => self.index_columns()?,
        };
        let name = constraint.unwrap_or_else(|| default_name(if primary { "PK" } else { "UQ" }, table));
        Ok(IndexDefinition { name, table: table.clone(), columns, unique: true, clustered, primary, constraint: true })
    }

    /// A column and its inline keys: constraint name, whether primary, whether clustered.
    #[expect(clippy::type_complexity, reason = "a list of keys of one column, used in one place")]
    fn column(&mut self) -> Result<(ColumnDefinition, Vec<(Option<String>, bool, Option<bool>)>), SqlError> {
        let name = self.identifier()?;
        if self.accept("AS") {
            return Ok((self.computed(name)?, Vec::new()));
        }
        // A timestamp column may do without a name; with one it has one type like any other.
        let mut of = self.data_type(false)?;
        let mut keys = Vec::new();
        let (mut nullable, mut identity, mut default) = (None, None, None);
        loop {
            if self.accept("COLLATE") {
                let collation = self.identifier()?;
                of = of.collate(Collation::named(&collation)?)?;
            } else if self.accept("NULL") {
                nullable = Some(true);
            } else if self.accept_all(&["NOT", "NULL"]) {
                nullable = Some(false);
            } else if self.accept("IDENTITY") {
                identity = Some(self.identity()?);
            } else if self.sees("CONSTRAINT") && self.sees_ahead(2, "DEFAULT") {
                self.advance();
                self.identifier()?;
            } else if self.accept("DEFAULT") {
                default = Some(self.default_text()?);
            } else if (self.sees("CONSTRAINT") && !self.sees_ahead(2, "CHECK"))
                || self.sees("PRIMARY")
                || self.sees("UNIQUE")
            {
                let constraint = if self.accept("CONSTRAINT") { Some(self.identifier()?) } else { None };
                let primary = self.accept("PRIMARY");
                self.expect(if primary { "KEY" } else { "UNIQUE" })?;
                let clustered = self.clustered();
                keys.push((constraint, primary, clustered));
            } else {
                break;
            }
        }
        let nullable = nullable.unwrap_or(identity.is_none() && of != SqlType::RowVersion);
        Ok((ColumnDefinition { name, of, nullable, identity, default, computed: None }, keys))
    }

    /// `AS (expression) [PERSISTED [NOT NULL]]`. Its type is known here only where the expression says it; see
    /// `catalogue::create_table`.
    fn computed(&mut self, name: String) -> Result<ColumnDefinition, SqlError> {
        self.expect("(")?;
        let start = self.at;
        let value = self.expression()?;
        let text = self.text_since(start);
        self.expect(")")?;
        let of = if let Expression::Convert { to, .. } = value { to } else { SqlType::Int };
        let persisted = self.accept("PERSISTED");
        let nullable = !(persisted && self.accept_all(&["NOT", "NULL"]));
        Ok(ColumnDefinition { name, of, nullable, identity: None, default: None, computed: Some((text, persisted)) })
    }

    fn identity(&mut self) -> Result<(i64, i64), SqlError> {
        if !self.accept("(") {
            return Ok((1, 1));
        }
        let mut numbers = [1, 1];
        for (index, number) in numbers.iter_mut().enumerate() {
            if index == 1 {
                self.expect(",")?;
            }
            let sign = if self.accept("-") { -1 } else { 1 };
            *number = sign * self.advance().text.parse::<i64>().map_err(|_| self.unexpected())?;
        }
        self.expect(")")?;
        Ok((numbers[0], numbers[1]))
    }

    /// The text of a default: it is parsed again wherever it is used.
    fn default_text(&mut self) -> Result<String, SqlError> {
        let start = self.at;
        if self.sees("(") {
            self.advance();
            self.expression()?;
            self.expect(")")?;
        } else if self.peek().kind == Kind::Word && self.sees_ahead(1, "(") {
            self.expression()?;
        } else {
            self.constant()?;
        }
        Ok(self.text_since(start))
    }
}

/// SQL Server appends sixteen hexadecimal digits that differ every time; here they follow from the name.
fn default_name(prefix: &str, table: &Name) -> String {
    let table = table.last().map_or("", String::as_str);
    let digits = table
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    let short: String = table.chars().take(8).collect();
    format!("{prefix}__{short:_<8}__{digits:016X}")
}
