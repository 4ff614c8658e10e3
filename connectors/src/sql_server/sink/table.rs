//! The table that a copy writes to, as the server describes it.

use mssql_tds::{
    datatypes::{sql_string::EncodingType, sqldatatypes::TdsDataType, sqltypes::SqlType},
    query::metadata::ColumnMetadata,
};
use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    super::{
        declaration::declaration,
        statements::{self, TABLE},
        types::Kind,
        wire::{Limits, Query, Session, TextRow, text},
    },
    encode::Frame,
    statements::{OBJECT, TABLE_COLUMNS, TABLE_INDEXES, TABLE_KEYS},
};

/// The user type that tells a rowversion from other binaries.
const ROWVERSION: u32 = 0x50;

/// A table that exists.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Quoted: `[dbo].[orders]`.
    pub(crate) name: String,
    /// In the order of the table.
    pub(crate) columns: Vec<TableColumn>,
    /// What its rows are kept in.
    pub(crate) shape: Shape,
    /// The columns of its primary key.
    pub(crate) key: Vec<String>,
    /// Those of every unique key that all its rows have, the primary one included.
    pub(crate) unique: Vec<Vec<String>>,
}

/// What the rows of a table are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No index at all: loads side by side under a table lock.
    Heap,
    /// A clustered columnstore: the same.
    Columnstore,
    /// A B-tree, of its rows or beside them.
    Indexed,
}

/// One column.
#[derive(Clone, Debug)]
pub(crate) struct TableColumn {
    pub(crate) metadata: ColumnMetadata,
    pub(crate) kind: Kind,
    /// As it was declared: `decimal(18,4)`.
    pub(crate) declaration: String,
    pub(crate) collation: Option<String>,
    pub(crate) is_identity: bool,
    has_default: bool,
    is_computed: bool,
}

impl Table {
    /// Looks at the table; `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a column of a type that Ropeway does not know, and for an index that drops rows.
    pub(crate) async fn look(session: &mut Session, name: &str) -> Result<Option<Self>> {
        let found = session.rows(Query::new(OBJECT, [(TABLE, text(name))])).await?;
        match found.first().and_then(|row| row.number("object_id")) {
            Some(object) => Self::of(session, name, object, statements::select("TOP (0) *", name, "")).await,
            None => Ok(None),
        }
    }

    /// Looks at the table that a variable of a type would be. It takes no values of identity columns.
    ///
    /// # Errors
    /// As for [`Self::look`].
    pub(crate) async fn of_type(session: &mut Session, name: &str, object: i32) -> Result<Self> {
        let empty = format!("DECLARE @rows {name}; {}", statements::select("TOP (0) *", "@rows", ""));
        let mut table = Self::of(session, name, object, empty).await?.ok_or_else(|| {
            Error::new(
                ErrorKind::Spec,
                "the login may not see the columns of the table type; GRANT EXECUTE and REFERENCES on it",
            )
            .with("type", name)
        })?;
        for column in &mut table.columns {
            column.is_computed |= std::mem::take(&mut column.is_identity);
        }
        Ok(table)
    }

    /// The columns of an object: what the catalogue says, and what an empty result of it has.
    async fn of(session: &mut Session, name: &str, object: i32, empty: String) -> Result<Option<Self>> {
        let of_object = |sql: &'static str| Query::new(sql, [("@object", SqlType::Int(Some(object)))]);
        let facts = session.rows(of_object(TABLE_COLUMNS)).await?;
        if facts.is_empty() {
            return Ok(None);
        }
        let found = session.start(Query::new(empty, []), Limits::default()).await?;
        session.finish().await?;
        let columns = found.into_iter().map(|column| TableColumn::of(column, &facts)).collect::<Result<_>>()?;
        let indexes = session.rows(of_object(TABLE_INDEXES)).await?;
        if indexes.iter().any(|index| index.is_set("ignore_dup_key")) {
            return Err(Error::new(
                ErrorKind::Spec,
                "an index of the table drops rows with a key that is there already, and says nothing (IGNORE_DUP_KEY); \
                 switch that off to copy into the table",
            )
            .with("table", name));
        }
        let keys = session.rows(of_object(TABLE_KEYS)).await?;
        let primary: Vec<_> = keys.iter().filter(|row| row.is_set("is_primary_key")).collect();
        let of_all: Vec<_> = keys.iter().filter(|row| !row.is_set("has_filter")).collect();
        let unique = of_all.chunk_by(|a, b| a.text("index_id") == b.text("index_id"));
        let unique = unique.map(names).collect::<Result<_>>()?;
        Ok(Some(Self { name: name.to_owned(), columns, shape: shape(&indexes), key: names(&primary)?, unique }))
    }
}

fn names(rows: &[&TextRow]) -> Result<Vec<String>> {
    rows.iter().map(|row| row.required("column_name").map(str::to_owned)).collect()
}

fn shape(indexes: &[TextRow]) -> Shape {
    let types: Vec<u8> = indexes.iter().filter_map(|index| index.number("index_type")).collect();
    match types.as_slice() {
        [] | [0] => Shape::Heap,
        [5] => Shape::Columnstore,
        _ => Shape::Indexed,
    }
}

impl TableColumn {
    fn of(metadata: ColumnMetadata, facts: &[TextRow]) -> Result<Self> {
        let kind = Kind::of(&metadata)?;
        let known = facts.iter().find(|fact| fact.text("column_name") == Some(&metadata.column_name));
        let is_set = |fact| known.is_some_and(|known| known.is_set(fact));
        Ok(Self {
            kind,
            declaration: declaration(kind, &metadata),
            collation: known.and_then(|known| known.text("collation_name")).map(str::to_owned),
            is_identity: is_set("is_identity"),
            has_default: known.and_then(|known| known.number("default_object_id")).is_some_and(|id: i64| id != 0),
            is_computed: is_set("is_computed"),
            metadata,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.metadata.column_name
    }

    /// True if the server makes the values and takes none.
    pub(crate) fn is_the_servers(&self) -> bool {
        self.is_computed || self.kind == Kind::Binary && self.metadata.user_type == ROWVERSION
    }

    /// True if a row needs a value for it.
    pub(crate) fn is_required(&self) -> bool {
        !self.metadata.is_nullable() && !self.has_default && !self.is_identity && !self.is_the_servers()
    }

    /// True if its texts are compared by a collation of its own. The name comes from the server's catalogue.
    pub(crate) fn has_collation(&self) -> bool {
        self.collation
            .as_ref()
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    }

    /// True for texts in UTF-16.
    pub(crate) fn is_wide(&self) -> bool {
        matches!(
            self.metadata.data_type,
            TdsDataType::NChar | TdsDataType::NVarChar | TdsDataType::NText | TdsDataType::Xml | TdsDataType::Json
        )
    }

    /// What stands around its values, where their length varies.
    pub(crate) fn frame(&self) -> Frame {
        match self.metadata.data_type {
            TdsDataType::Text | TdsDataType::NText | TdsDataType::Image => Frame::Pointer,
            _ if self.metadata.is_plp() => Frame::Plp,
            _ => Frame::Short,
        }
    }

    /// The most bytes of a value, where their length varies.
    pub(crate) fn most_bytes(&self) -> usize {
        match self.frame() {
            Frame::Short => self.metadata.type_info.length,
            Frame::Plp | Frame::Pointer => i32::MAX as usize,
        }
    }

    /// What stands behind its type where it is declared: ` COLLATE Latin1_General_CI_AS NOT NULL`.
    pub(crate) fn collated(&self) -> String {
        let collate = self.collation.as_deref().filter(|_| self.has_collation());
        let collate = collate.map_or_else(String::new, |name| format!(" COLLATE {name}"));
        format!("{collate}{}", if self.metadata.is_nullable() { " NULL" } else { " NOT NULL" })
    }

    /// How its texts are encoded, where they are not UTF-16.
    pub(crate) fn encoding(&self) -> Option<EncodingType> {
        self.metadata.get_collation().map(EncodingType::LcidBased)
    }
}
