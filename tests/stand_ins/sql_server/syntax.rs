//! What T-SQL statements say, before names and types are looked up.

use super::SqlType;
use super::collation::Collation;

/// Parts of a name, outermost first: `[server.][database.][schema.]object`. An empty part is one left out.
pub(super) type Name = Vec<String>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Column(Name),
    Literal(Literal),
    Variable(String),
    Unary(&'static str, Box<Expression>),
    Arithmetic(&'static str, Box<Expression>, Box<Expression>),
    Compare(&'static str, Box<Expression>, Box<Expression>),
    Logic(&'static str, Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    IsNull(Box<Expression>, bool),
    Between {
        of: Box<Expression>,
        low: Box<Expression>,
        high: Box<Expression>,
        negated: bool,
    },
    InList {
        of: Box<Expression>,
        list: Vec<Expression>,
        negated: bool,
    },
    InQuery {
        of: Box<Expression>,
        query: Box<Query>,
        negated: bool,
    },
    Like {
        of: Box<Expression>,
        pattern: Box<Expression>,
        negated: bool,
    },
    Exists(Box<Query>),
    Scalar(Box<Query>),
    Case {
        operand: Option<Box<Expression>>,
        branches: Vec<(Expression, Expression)>,
        otherwise: Option<Box<Expression>>,
    },
    Convert {
        to: SqlType,
        value: Box<Expression>,
        style: Option<i64>,
        or_null: bool,
    },
    Call(Call),
    Collate(Box<Expression>, &'static Collation),
    /// `$PARTITION.function(value)`.
    Partition(String, Box<Expression>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Integer(String),
    Decimal(String),
    Float(String),
    Money(String),
    Text { value: String, wide: bool },
    Binary(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) name: Name,
    pub(super) arguments: Vec<Expression>,
    pub(super) star: bool,
    pub(super) distinct: bool,
    pub(super) over: Option<Over>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Over {
    pub(super) partition: Vec<Expression>,
    pub(super) order: Vec<Ordering>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ordering {
    pub(super) by: Expression,
    pub(super) descending: bool,
}

/// One or more SELECTs joined by set operators, and their order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) first: Select,
    /// `UNION ALL`, `UNION`, `EXCEPT`, `INTERSECT`.
    pub(super) more: Vec<(&'static str, Select)>,
    pub(super) order: Vec<Ordering>,
    /// `OFFSET n ROWS FETCH NEXT m ROWS ONLY`.
    pub(super) offset: Option<(Expression, Option<Expression>)>,
    /// `WITH name AS (query)`.
    pub(super) tables: Vec<(String, Query)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Select {
    pub(super) distinct: bool,
    pub(super) top: Option<Expression>,
    pub(super) items: Vec<Item>,
    pub(super) into: Option<Name>,
    pub(super) from: Vec<Source>,
    pub(super) condition: Option<Expression>,
    pub(super) group: Vec<Expression>,
    pub(super) having: Option<Expression>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// `*` or `t.*`.
    Star(Name),
    Value {
        value: Expression,
        alias: Option<String>,
    },
    /// `@variable = value`.
    Assign(String, Expression),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub(super) join: Join,
    pub(super) what: Table,
    pub(super) alias: Option<String>,
    pub(super) on: Option<Expression>,
    /// Table hints in upper case.
    pub(super) hints: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// The first one, or behind a comma.
    First,
    Inner,
    Left,
    Right,
    Full,
    Cross,
    CrossApply,
    OuterApply,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Table {
    Named(Name),
    Derived(Box<Query>),
    Function(Name, Vec<Expression>),
    Values(Vec<Vec<Expression>>, Vec<String>),
}

#[expect(clippy::large_enum_variant, reason = "a statement is made once and run once")]
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    Query(Query),
    Insert {
        into: Name,
        hints: Vec<String>,
        columns: Vec<String>,
        rows: InsertRows,
    },
    ChangeRows(RowChange),
    Truncate(Name),
    CreateTable(TableDefinition),
    CreateType {
        definition: TableDefinition,
        text: String,
    },
    CreateProcedure(Procedure),
    /// `kind` is that of `sys.objects`.
    DropModule {
        kind: &'static str,
        name: Name,
        if_exists: bool,
    },
    DeclareTable(String, TableOf),
    DropTable {
        names: Vec<Name>,
        if_exists: bool,
    },
    /// The current database if none is named.
    AlterDatabase {
        name: Option<String>,
        option: DatabaseOption,
        on: bool,
    },
    AddColumn(Name, ColumnDefinition),
    /// ALTER COLUMN.
    WidenColumn(Name, ColumnDefinition),
    DropColumn(Name, String),
    CreateSchema(String),
    DropSchema {
        name: String,
        if_exists: bool,
    },
    CreateIndex(IndexDefinition),
    CreateStatistics {
        name: String,
        table: Name,
        columns: Vec<String>,
    },
    UpdateStatistics(Name),
    CreatePartitionFunction {
        name: String,
        of: SqlType,
        right: bool,
        boundaries: Vec<Expression>,
    },
    CreatePartitionScheme {
        name: String,
        function: String,
    },
    Declare(Vec<(String, SqlType, Option<Expression>)>),
    SetVariable(String, Expression),
    SetOption(String, String),
    SetIsolation(u8),
    SetIdentityInsert(Name, bool),
    /// GRANT, DENY and REVOKE.
    Permit(Permit),
    Use(String),
    Begin,
    Commit,
    Rollback(Option<String>),
    Save(String),
    If {
        condition: Expression,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    While {
        condition: Expression,
        body: Vec<Statement>,
    },
    Block(Vec<Statement>),
    Try {
        attempt: Vec<Statement>,
        handler: Vec<Statement>,
    },
    Execute {
        /// `EXECUTE @status = procedure`.
        status: Option<String>,
        procedure: Name,
        arguments: Vec<Argument>,
    },
    ExecuteText(Expression),
    /// Number, message, state; nothing where a CATCH throws on what it caught.
    Throw(Vec<Expression>),
    RaiseError(Vec<Expression>),
    Print(Expression),
    InsertBulk(BulkDefinition),
    /// Session id.
    Kill(i64),
    Return,
}

/// What ALTER DATABASE switches on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DatabaseOption {
    AllowSnapshots,
    ReadOnly,
}

/// UPDATE or DELETE.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RowChange {
    /// A table, or an alias of FROM.
    pub(super) table: Name,
    pub(super) hints: Vec<String>,
    pub(super) top: Option<Expression>,
    /// None for DELETE.
    pub(super) set: Option<Vec<Assignment>>,
    pub(super) from: Vec<Source>,
    pub(super) condition: Option<Expression>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assignment {
    pub(super) column: String,
    /// `+` of `+=`, `-` of `-=`.
    pub(super) operator: Option<&'static str>,
    pub(super) value: Expression,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Permit {
    pub(super) denies: bool,
    /// In upper case.
    pub(super) permissions: Vec<String>,
    pub(super) on: Option<Securable>,
    pub(super) user: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Securable {
    Schema(String),
    Object(Name),
}

/// What a table variable is declared as.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TableOf {
    Columns(TableDefinition),
    Type(Name),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Procedure {
    pub(super) name: Name,
    pub(super) parameters: Vec<Parameter>,
    /// Statements with their lines.
    pub(super) body: Vec<(u32, Statement)>,
    /// The whole definition.
    pub(super) text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) of: ParameterType,
    pub(super) default: Option<Expression>,
    pub(super) output: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ParameterType {
    Scalar(SqlType),
    Table(Name),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum InsertRows {
    Values(Vec<Vec<Expression>>),
    Query(Box<Query>),
    Defaults,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Argument {
    pub(super) name: Option<String>,
    pub(super) value: Expression,
    pub(super) output: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct TableDefinition {
    pub(super) name: Name,
    pub(super) columns: Vec<ColumnDefinition>,
    pub(super) indexes: Vec<IndexDefinition>,
    /// `ON scheme(column)`.
    pub(super) partition: Option<(String, String)>,
    /// Name and condition of each CHECK.
    pub(super) checks: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ColumnDefinition {
    pub(super) name: String,
    pub(super) of: SqlType,
    pub(super) nullable: bool,
    /// Seed and increment.
    pub(super) identity: Option<(i64, i64)>,
    pub(super) default: Option<String>,
    /// What it is computed from, and whether it is PERSISTED.
    pub(super) computed: Option<(String, bool)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct IndexDefinition {
    pub(super) name: String,
    pub(super) table: Name,
    /// Name and whether descending.
    pub(super) columns: Vec<(String, bool)>,
    pub(super) unique: bool,
    pub(super) clustered: bool,
    pub(super) primary: bool,
    pub(super) constraint: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct BulkDefinition {
    pub(super) table: Name,
    pub(super) columns: Vec<(String, SqlType)>,
    /// `CHECK_CONSTRAINTS`.
    pub(super) checks: bool,
    /// `TABLOCK`.
    pub(super) locks_table: bool,
    /// `KEEP_NULLS`.
    pub(super) keeps_nulls: bool,
    /// `ORDER (...)`: name and whether descending.
    pub(super) order: Vec<(String, bool)>,
}
