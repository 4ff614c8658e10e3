//! The stream of a bulk load: COLMETADATA, ROWs, DONE, and nothing behind.

use super::super::SqlError;
use super::super::protocol::Violation;
use super::super::reader::{Reader, has_ended};
use super::super::sql_type::{Length, SqlType};
use super::super::wire::{Declared, Malformed, Origin, read_type, read_value};
use super::Target;
use rusqlite::types::Value;

/// Rows as they come, each value with its type on the wire.
pub(super) struct Stream<'a> {
    reader: Reader<'a>,
    pub(super) types: Vec<Declared>,
}

impl<'a> Stream<'a> {
    /// Reads COLMETADATA and holds it against the announced columns.
    pub(super) fn open(body: &'a [u8], targets: &[Target]) -> Result<Stream<'a>, SqlError> {
        let mut reader = Reader::new(body);
        if reader.u8().map_err(|_| torn(2))? != 0x81 {
            return Err(SqlError::new(4894, 21, "COLMETADATA must be present when using bcp."));
        }
        if usize::from(reader.u16().map_err(|_| torn(2))?) != targets.len() {
            return Err(torn(3));
        }
        let mut types = Vec::new();
        for (index, target) in targets.iter().enumerate() {
            let column = index + 1;
            let declared = read_column(&mut reader)
                .map_err(|violation| if has_ended(&violation) { torn(2) } else { wrong_type(column) })?;
            check_column(column, declared, target)?;
            types.push(Declared { of: narrower(declared.of, target.announced), nullable: declared.lengthy });
        }
        Ok(Stream { reader, types })
    }

    /// The next row; none at DONE, behind which the message must end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Value>>, SqlError> {
        match self.reader.u8().map_err(|_| torn(1))? {
            0xD1 => {}
            0xFD => {
                // Status, command, and a count of eight bytes since TDS 7.2; Microsoft's clients still send four here.
                return if matches!(self.reader.rest().len(), 8 | 12) { Ok(None) } else { Err(torn(1)) };
            }
            _ => return Err(torn(1)),
        }
        let mut row = Vec::with_capacity(self.types.len());
        for (index, declared) in self.types.iter().enumerate() {
            let value = read_value(&mut self.reader, *declared, Origin::Row);
            row.push(value.map_err(|malformed| refused(&malformed, index + 1))?);
        }
        Ok(Some(row))
    }
}

/// One column of COLMETADATA.
#[derive(Clone, Copy)]
struct Described {
    of: SqlType,
    /// Its NULLABLE flag.
    nullable: bool,
    /// Whether its values have their length in front.
    lengthy: bool,
}

fn read_column(reader: &mut Reader<'_>) -> Result<Described, Violation> {
    reader.u32()?;
    let flags = reader.u16()?;
    let declared = read_type(reader)?;
    if declared.of.is_legacy_large() {
        // To the server the name of the table is one US_VARCHAR, without the count of parts that the server itself sends.
        let units = usize::from(reader.u16()?);
        reader.utf16(units)?;
    }
    reader.short_text()?;
    Ok(Described { of: declared.of, nullable: flags & 1 != 0, lengthy: declared.nullable })
}

fn check_column(column: usize, sent: Described, target: &Target) -> Result<(), SqlError> {
    if sent.nullable != target.column.nullable || !is_form_of(sent.of, target.announced) {
        return Err(wrong_type(column));
    }
    if is_max(target.column.of) && !is_max(sent.of) || is_max(sent.of) && !takes_max(target.announced) {
        return Err(wrong_type(column).state(2));
    }
    Ok(())
}

/// Whether a type may stand on the wire for an announced one.
fn is_form_of(sent: SqlType, announced: SqlType) -> bool {
    match (sent, announced) {
        // "XMLTYPE is to be sent as NVARCHAR(N) or NVARCHAR(MAX)", "use VARBINARYTYPE to insert instances of User Defined Types".
        (SqlType::Xml | SqlType::Udt(_), _) => false,
        (SqlType::NVarChar(..), SqlType::Xml) | (SqlType::VarBinary(_), SqlType::Udt(_)) => true,
        (SqlType::Decimal { precision, scale, .. }, SqlType::Decimal { precision: p, scale: s, .. }) => {
            (precision, scale) == (p, s)
        }
        (SqlType::Time(sent), SqlType::Time(said))
        | (SqlType::DateTime2(sent), SqlType::DateTime2(said))
        | (SqlType::DateTimeOffset(sent), SqlType::DateTimeOffset(said)) => sent == said,
        _ => std::mem::discriminant(&sent) == std::mem::discriminant(&announced),
    }
}

fn is_max(of: SqlType) -> bool {
    matches!(of, SqlType::VarChar(Length::Max, _) | SqlType::NVarChar(Length::Max, _) | SqlType::VarBinary(Length::Max))
}

fn takes_max(of: SqlType) -> bool {
    is_max(of) || matches!(of, SqlType::Xml | SqlType::Udt(_))
}

/// The announced length holds too where it is the shorter one.
fn narrower(sent: SqlType, announced: SqlType) -> SqlType {
    match (sent, announced) {
        (SqlType::Char(a, of), SqlType::Char(b, _)) => SqlType::Char(a.min(b), of),
        (SqlType::NChar(a, of), SqlType::NChar(b, _)) => SqlType::NChar(a.min(b), of),
        (SqlType::Binary(a), SqlType::Binary(b)) => SqlType::Binary(a.min(b)),
        (SqlType::VarChar(Length::Of(a), of), SqlType::VarChar(Length::Of(b), _)) => {
            SqlType::VarChar(Length::Of(a.min(b)), of)
        }
        (SqlType::NVarChar(Length::Of(a), of), SqlType::NVarChar(Length::Of(b), _)) => {
            SqlType::NVarChar(Length::Of(a.min(b)), of)
        }
        (SqlType::VarBinary(Length::Of(a)), SqlType::VarBinary(Length::Of(b))) => {
            SqlType::VarBinary(Length::Of(a.min(b)))
        }
        _ => sent,
    }
}

fn torn(state: u8) -> SqlError {
    SqlError::new(4804, 21, "While reading current row from host, a premature end-of-message was encountered--an incoming data stream was interrupted when the server expected to see more data. The host program may have terminated. Ensure that you are using a supported client application programming interface (API).").state(state)
}

fn wrong_type(column: usize) -> SqlError {
    SqlError::new(4816, 16, format!("Invalid column type from bcp client for colid {column}."))
}

fn refused(malformed: &Malformed, column: usize) -> SqlError {
    match malformed {
        Malformed::Torn => torn(1),
        Malformed::Length(_) => {
            let message = format!("Received an invalid column length from the bcp client for colid {column}.");
            SqlError::new(4815, 16, message)
        }
        Malformed::Chunks(_) => {
            SqlError::new(4897, 16, format!("Received an invalid length for chunked LOB data for colid {column}."))
        }
        Malformed::OddBytes => {
            let message = format!("Unicode data is odd byte size for column {column}. Should be even byte size.");
            SqlError::new(4895, 21, message)
        }
        Malformed::Value(_) => {
            SqlError::new(4896, 16, format!("Invalid column value from bcp client for colid {column}."))
        }
        Malformed::NotTaught(what) => SqlError::not_taught(what),
    }
}
