//! What SQLite cannot do on canonical values by itself: conversions, exact arithmetic, sums, collations.

use super::collation::Collation;
use super::convert::{convert, reshape, ten, width};
use super::datum::{DAY_TICKS, Datum, load, store};
use super::sql_type::Length;
use super::{SqlError, SqlType, checksum, text_form, variant, wire};
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error};
use std::sync::RwLock;

/// Types that SQLite statements refer to by number.
static TYPES: RwLock<Vec<SqlType>> = RwLock::new(Vec::new());

/// The number of a type.
pub(super) fn type_number(of: SqlType) -> usize {
    let mut types = TYPES.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    types.iter().position(|known| *known == of).unwrap_or_else(|| {
        types.push(of);
        types.len() - 1
    })
}

fn numbered(context: &Context<'_>, argument: usize) -> rusqlite::Result<SqlType> {
    let number = context.get::<u32>(argument)? as usize;
    let types = TYPES.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    types.get(number).copied().ok_or_else(|| failed(SqlError::not_taught("an unknown type number")))
}

/// The error on its way through SQLite.
pub(super) fn failed(error: SqlError) -> Error {
    Error::UserFunctionError(error.pack().into())
}

/// Registers collations and functions with a connection.
pub(super) fn register(sqlite: &Connection) -> rusqlite::Result<()> {
    for collation in Collation::all() {
        sqlite.create_collation(collation.name, |left, right| collation.compare(left, right))?;
    }
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    sqlite.create_scalar_function("tds_convert", 3, pure, |context| {
        convert(context.get_raw(0), numbered(context, 1)?, numbered(context, 2)?).map_err(failed)
    })?;
    sqlite.create_scalar_function("tds_assign", 5, pure, |context| {
        assign(
            context.get_raw(0),
            numbered(context, 1)?,
            numbered(context, 2)?,
            (context.get_raw(3).as_str()?, context.get_raw(4).as_str()?),
        )
        .map_err(failed)
    })?;
    sqlite.create_scalar_function("tds_style", 4, pure, |context| {
        styled(context.get_raw(0), numbered(context, 1)?, numbered(context, 2)?, context.get(3)?).map_err(failed)
    })?;
    sqlite.create_scalar_function("tds_arithmetic", 6, pure, |context| {
        let sign: String = context.get(0)?;
        let left = load(context.get_raw(1), numbered(context, 2)?).map_err(failed)?;
        let right = load(context.get_raw(3), numbered(context, 4)?).map_err(failed)?;
        let sides = [(left, numbered(context, 2)?), (right, numbered(context, 4)?)];
        let of = numbered(context, 5)?;
        calculate(&sign, sides, of).and_then(|datum| store(datum, of)).map_err(failed)
    })?;
    sqlite.create_scalar_function("tds_like", 3, pure, |context| {
        if context.get_raw(0) == ValueRef::Null || context.get_raw(1) == ValueRef::Null {
            return Ok(None);
        }
        let (mut text, mut pattern): (String, String) = (context.get(0)?, context.get(1)?);
        if context.get::<i64>(2)? == 0 {
            (text, pattern) = (text.to_uppercase(), pattern.to_uppercase());
        }
        Ok(Some(like(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>())))
    })?;
    sqlite.create_scalar_function("tds_datalength", 2, pure, |context| {
        let datum = load(context.get_raw(0), numbered(context, 1)?).map_err(failed)?;
        if datum == Datum::Null {
            return Ok(None);
        }
        wire::data(&datum, numbered(context, 1)?).map(|data| Some(data.len() as i64)).map_err(failed)
    })?;
    sqlite.create_scalar_function("tds_checksum", 3, pure, |context| {
        let of = numbered(context, 2)?;
        load(context.get_raw(1), of).and_then(|datum| checksum::with(context.get(0)?, &datum, of)).map_err(failed)
    })?;
    sqlite.create_scalar_function("tds_replicate", 3, pure, |context| {
        if context.get_raw(0) == ValueRef::Null || context.get_raw(1) == ValueRef::Null {
            return Ok(Value::Null);
        }
        let (text, count): (String, i64) = (context.get(0)?, context.get(1)?);
        let of = numbered(context, 2)?;
        let repeated = text.repeat(usize::try_from(count).unwrap_or(0));
        reshape(Datum::Text(repeated), of, of).and_then(|datum| store(datum, of)).map_err(failed)
    })?;
    sqlite.create_scalar_function("tds_upper", 1, pure, |context| {
        Ok(context.get::<Option<String>>(0)?.map(|text| text.to_uppercase()))
    })?;
    sqlite.create_scalar_function("tds_lower", 1, pure, |context| {
        Ok(context.get::<Option<String>>(0)?.map(|text| text.to_lowercase()))
    })?;
    sqlite.create_scalar_function("tds_base_type", 1, pure, |context| {
        if context.get_raw(0) == ValueRef::Null {
            return Ok(None);
        }
        variant::unpack(context.get_raw(0)).map(|(_, of)| Some(of.name())).map_err(failed)
    })?;
    sqlite.create_scalar_function("tds_newid", 0, FunctionFlags::SQLITE_UTF8, |_| {
        store(Datum::Guid(uuid::Uuid::new_v4().to_bytes_le()), SqlType::UniqueIdentifier).map_err(failed)
    })?;
    sqlite.create_scalar_function("tds_now", 0, FunctionFlags::SQLITE_UTF8, |_| {
        let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(719_162 * DAY_TICKS + (since_1970.as_nanos() / 100) as i64)
    })?;
    sqlite.create_aggregate_function("tds_sum", 3, pure, Sum { average: false })?;
    sqlite.create_aggregate_function("tds_avg", 3, pure, Sum { average: true })
}

/// Into a column: text and bytes that do not fit are refused; blanks at the end do not count.
pub(super) fn assign(
    value: ValueRef<'_>,
    from: SqlType,
    to: SqlType,
    (table, column): (&str, &str),
) -> Result<Value, SqlError> {
    if value == ValueRef::Null {
        return Ok(Value::Null);
    }
    if from != SqlType::SqlVariant || to == SqlType::SqlVariant {
        super::bind::check_implicit(from, to)?;
    }
    let room = match to {
        SqlType::Char(n, _) | SqlType::NChar(n, _) | SqlType::Binary(n) => Some(n),
        SqlType::VarChar(Length::Of(n), _)
        | SqlType::NVarChar(Length::Of(n), _)
        | SqlType::VarBinary(Length::Of(n)) => Some(n),
        _ => None,
    };
    let shown = match (load(value, from)?, room) {
        (Datum::Text(text), Some(room))
            if to.is_text() && width(text.trim_end_matches(' '), to) > usize::from(room) =>
        {
            Some(text)
        }
        (Datum::Bytes(bytes), Some(room)) if !to.is_text() && bytes.len() > usize::from(room) => Some(String::new()),
        _ => None,
    };
    let Some(shown) = shown else { return convert(value, from, to) };
    let start: String = shown.chars().take(room.map_or(0, usize::from)).collect();
    Err(SqlError::new(
        2628,
        16,
        format!(
            "String or binary data would be truncated in table '{table}', column '{column}'. Truncated value: '{start}'."
        ),
    ))
}

fn styled(value: ValueRef<'_>, from: SqlType, to: SqlType, style: i64) -> Result<Value, SqlError> {
    let datum = load(value, from)?;
    let text = match (&datum, style) {
        (Datum::Null, _) => return Ok(Value::Null),
        (Datum::Float(n), 3) => {
            let text = format!("{n:.16e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            format!("{mantissa}e{:+04}", exponent.parse::<i32>().unwrap_or(0))
        }
        (Datum::Bytes(bytes), style) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            if style == 1 { format!("0x{digits}") } else { digits }
        }
        (Datum::Moment { .. }, 126 | 121 | 120) => {
            let scale = match (from, style) {
                (_, 120) => 0,
                (SqlType::DateTime, _) => 3,
                (SqlType::SmallDateTime, _) => 0,
                (SqlType::DateTime2(scale), _) => scale,
                (SqlType::Date | SqlType::Time(_) | SqlType::DateTimeOffset(_), _) => return convert(value, from, to),
                _ => 7,
            };
            let text = text_form::text(&reshape(datum, from, SqlType::DateTime2(scale))?, SqlType::DateTime2(scale))?;
            if style == 126 { text.replacen(' ', "T", 1) } else { text }
        }
        _ => return Err(SqlError::not_taught(format!("CONVERT from {from} with style {style}"))),
    };
    store(reshape(Datum::Text(text), SqlType::varchar(8000), to)?, to)
}

fn calculate(sign: &str, sides: [(Datum, SqlType); 2], of: SqlType) -> Result<Datum, SqlError> {
    let [(left, left_of), (right, right_of)] = sides;
    if left == Datum::Null || right == Datum::Null {
        return Ok(Datum::Null);
    }
    let overflow = || SqlError::overflow_to(if matches!(of, SqlType::Decimal { .. }) { "numeric" } else { of.name() });
    let by_zero = || SqlError::new(8134, 16, "Divide by zero error encountered.");
    if matches!(of, SqlType::Float | SqlType::Real) {
        let (Datum::Float(a), Datum::Float(b)) =
            (reshape(left, left_of, SqlType::Float)?, reshape(right, right_of, SqlType::Float)?)
        else {
            return Err(overflow());
        };
        let result = match sign {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            _ if b == 0.0 => return Err(by_zero()),
            "/" => a / b,
            _ => a % b,
        };
        return reshape(Datum::Float(result), SqlType::Float, of);
    }
    let (Some((a, s1)), Some((b, s2))) = (exact(&left), exact(&right)) else {
        return Err(SqlError::not_taught(format!("{sign} on {left_of} and {right_of}")));
    };
    let target = of.exact_shape().map_or(0, |(_, scale)| scale);
    let result = match sign {
        "*" => (a.checked_mul(b).ok_or_else(overflow)?, s1 + s2),
        "/" | "%" if b == 0 => return Err(by_zero()),
        "/" => {
            let up = ten(target).checked_mul(ten(s2)).and_then(|up| a.checked_mul(up)).ok_or_else(overflow)?;
            (up / b.checked_mul(ten(s1)).ok_or_else(overflow)?, target)
        }
        _ => {
            let scale = s1.max(s2);
            let (a, b) = (
                a.checked_mul(ten(scale - s1)).ok_or_else(overflow)?,
                b.checked_mul(ten(scale - s2)).ok_or_else(overflow)?,
            );
            let result = match sign {
                "+" => a.checked_add(b),
                "-" => a.checked_sub(b),
                _ => a.checked_rem(b),
            };
            (result.ok_or_else(overflow)?, scale)
        }
    };
    reshape(Datum::Decimal { units: result.0, scale: result.1 }, SqlType::decimal(38, 0), of)
}

fn exact(datum: &Datum) -> Option<(i128, u8)> {
    match datum {
        Datum::Int(n) => Some((i128::from(*n), 0)),
        Datum::Decimal { units, scale } => Some((*units, *scale)),
        _ => None,
    }
}

/// `%`, `_`, `[set]`, `[^set]`.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.iter().all(|character| *character == ' '),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['[', rest @ ..] => {
            let Some(end) = rest.iter().position(|character| *character == ']') else { return false };
            let (negated, set) = match &rest[..end] {
                ['^', set @ ..] => (true, set),
                set => (false, set),
            };
            let Some(first) = text.first() else { return false };
            let within = set.windows(3).any(|window| window[1] == '-' && (window[0]..=window[2]).contains(first))
                || set.contains(first);
            within != negated && like(&text[1..], &rest[end + 1..])
        }
        [letter, rest @ ..] => text.first() == Some(letter) && like(&text[1..], rest),
    }
}

struct Sum {
    average: bool,
}

#[derive(Default)]
struct Running {
    exact: i128,
    float: f64,
    scale: u8,
    rows: i64,
    of: Option<SqlType>,
}

impl Aggregate<Running, Value> for Sum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Running> {
        Ok(Running::default())
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Running) -> rusqlite::Result<()> {
        let of = numbered(context, 2)?;
        sum.of = Some(of);
        match load(context.get_raw(0), numbered(context, 1)?).map_err(failed)? {
            Datum::Null => return Ok(()),
            Datum::Float(n) => sum.float += n,
            other => {
                let (units, scale) =
                    exact(&other).ok_or_else(|| failed(SqlError::not_taught("a sum of no numbers")))?;
                sum.exact = sum.exact.checked_add(units).ok_or_else(|| failed(SqlError::overflow_to("numeric")))?;
                sum.scale = scale;
            }
        }
        sum.rows += 1;
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Running>) -> rusqlite::Result<Value> {
        let Some((sum, of)) = sum.and_then(|sum| sum.of.map(|of| (sum, of))) else { return Ok(Value::Null) };
        if sum.rows == 0 {
            return Ok(Value::Null);
        }
        let total = if of == SqlType::Float {
            Datum::Float(sum.float)
        } else {
            Datum::Decimal { units: sum.exact, scale: sum.scale }
        };
        let from = if of == SqlType::Float { SqlType::Float } else { SqlType::decimal(38, sum.scale) };
        let result = if self.average {
            calculate("/", [(total, from), (Datum::Int(sum.rows), SqlType::BigInt)], of)
        } else {
            reshape(total, from, of)
        };
        result.and_then(|datum| store(datum, of)).map_err(failed)
    }
}
