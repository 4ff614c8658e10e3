//! Expressions: types by T-SQL's rules of precedence, comparisons under the right collation.

use super::super::catalogue::{partition_function, quoted};
use super::super::convert::ten;
use super::super::datum::{Datum, store};
use super::super::functions::type_number;
use super::super::sql_type::{Length, SqlType};
use super::super::syntax::{Expression, Literal, Name, Query};
use super::super::token::Origin;
use super::super::{SqlError, collation, text_form};
use super::{Binder, Bound, check_implicit, convert_sql, literal_sql};

impl Binder<'_> {
    pub(super) fn expression(&mut self, expression: &Expression) -> Result<Bound, SqlError> {
        if let Some(bound) = self.as_group(expression) {
            return Ok(bound);
        }
        match expression {
            Expression::Column(name) => self.column(name),
            Expression::Literal(literal) => literal_bound(literal),
            Expression::Variable(name) => self.variable(name),
            Expression::Unary(sign, value) => self.unary(sign, value),
            Expression::Arithmetic(sign, left, right) => self.arithmetic(sign, left, right),
            Expression::Compare(sign, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.compare(sign, &left, &right).map(Bound::condition)
            }
            Expression::Logic(word, left, right) => {
                let (left, right) = (self.condition(left)?, self.condition(right)?);
                Ok(Bound::condition(format!("({left} {word} {right})")))
            }
            Expression::Not(inside) => Ok(Bound::condition(format!("(NOT {})", self.condition(inside)?))),
            Expression::IsNull(value, negated) => {
                let value = self.value(value)?;
                Ok(Bound::condition(format!("({} IS {}NULL)", value.sql, if *negated { "NOT " } else { "" })))
            }
            Expression::Between { of, low, high, negated } => {
                let (of, low, high) = (self.value(of)?, self.value(low)?, self.value(high)?);
                let (low, high) = (self.compare(">=", &of, &low)?, self.compare("<=", &of, &high)?);
                Ok(Bound::condition(negate(format!("({low} AND {high})"), *negated)))
            }
            Expression::InList { of, list, negated } => {
                let of = self.value(of)?;
                let mut terms = Vec::new();
                for item in list {
                    let item = self.value(item)?;
                    terms.push(self.compare("=", &of, &item)?);
                }
                Ok(Bound::condition(negate(format!("({})", terms.join(" OR ")), *negated)))
            }
            Expression::InQuery { of, query, negated } => self.in_query(of, query, *negated),
            Expression::Like { of, pattern, negated } => self.like(of, pattern, *negated),
            Expression::Exists(query) => {
                let query = self.subquery(query)?;
                Ok(Bound::condition(format!("EXISTS ({})", query.sql)))
            }
            Expression::Scalar(query) => {
                let query = self.subquery(query)?;
                let [column] = query.columns.as_slice() else {
                    return Err(SqlError::new(
                        116,
                        16,
                        "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
                    ));
                };
                Ok(Bound::value(format!("({})", query.sql), column.of, true))
            }
            Expression::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref())
            }
            Expression::Convert { to, value, style, or_null } => self.convert(*to, value, *style, *or_null),
            Expression::Call(call) => self.call(call),
            Expression::Collate(value, collation) => {
                let value = self.value(value)?;
                let of = value.of.collate(collation)?;
                Ok(Bound { of, origin: Origin::Expression, name: None, ..value })
            }
            Expression::Partition(function, value) => self.partition(function, value),
        }
    }

    /// In a grouped query, an expression that is one of GROUP BY stands for itself.
    fn as_group(&mut self, expression: &Expression) -> Option<Bound> {
        let scope = self.scopes.last_mut()?;
        if scope.in_aggregate || matches!(expression, Expression::Literal(_) | Expression::Variable(_)) {
            return None;
        }
        let groups = scope.groups.take()?;
        let parameters = self.parameters.len();
        let bound = self.expression(expression).ok().filter(|bound| groups.contains(&bound.sql));
        if bound.is_none() {
            self.parameters.truncate(parameters);
        }
        self.scopes.last_mut()?.groups = Some(groups);
        bound
    }

    fn column(&mut self, name: &Name) -> Result<Bound, SqlError> {
        let written = name.join(".");
        let (column, qualifier) = name.split_last().ok_or_else(|| SqlError::syntax(""))?;
        let mut qualifier_known = qualifier.is_empty();
        for (depth, scope) in self.scopes.iter().rev().enumerate() {
            let mut found = None;
            for table in scope.tables.iter().filter(|table| table.answers_to(qualifier)) {
                qualifier_known = true;
                for candidate in table.columns.iter().filter(|candidate| candidate.name.eq_ignore_ascii_case(column)) {
                    if found.is_some() {
                        return Err(SqlError::ambiguous_column(column));
                    }
                    found = Some((table, candidate));
                }
            }
            let Some((table, candidate)) = found else { continue };
            if depth == 0 && scope.groups.is_some() && !scope.in_aggregate {
                let message = format!(
                    "Column '{}.{}' is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause.",
                    table.full_name(),
                    candidate.name
                );
                return Err(SqlError::new(8120, 16, message));
            }
            return Ok(Bound {
                sql: format!("{}.{}", table.sql_alias, quoted(&candidate.name)),
                origin: candidate.origin,
                name: Some(candidate.name.clone()),
                table: candidate.table.clone(),
                ..Bound::value(String::new(), candidate.of, candidate.nullable)
            });
        }
        Err(if qualifier_known { SqlError::invalid_column(column) } else { SqlError::unbound(&written) })
    }

    fn variable(&mut self, name: &str) -> Result<Bound, SqlError> {
        let found = self.context.variables.get(&name.to_lowercase()).cloned();
        let Some(variable) = found else {
            return Err(if name.starts_with("@@") {
                SqlError::syntax(name)
            } else {
                SqlError::undeclared_variable(name)
            });
        };
        Ok(Bound::value(self.parameter(variable.value), variable.of, true))
    }

    fn unary(&mut self, sign: &str, value: &Expression) -> Result<Bound, SqlError> {
        if let (true, Expression::Literal(literal)) = (sign == "-", value) {
            let negative = match literal {
                Literal::Integer(text) => Some(Literal::Integer(format!("-{text}"))),
                Literal::Decimal(text) => Some(Literal::Decimal(format!("-{text}"))),
                Literal::Float(text) => Some(Literal::Float(format!("-{text}"))),
                Literal::Money(text) => Some(Literal::Money(format!("-{text}"))),
                _ => None,
            };
            if let Some(negative) = negative {
                return literal_bound(&negative);
            }
        }
        let value = self.value(value)?;
        match sign {
            "+" if value.of.is_number() => Ok(value),
            "-" if value.of.is_number() => {
                let zero = Bound { is_null: false, ..literal_bound(&Literal::Integer("0".to_owned()))? };
                self.calculate("-", &zero, &value)
            }
            _ => Err(SqlError::new(
                8117,
                16,
                format!(
                    "Operand data type {} is invalid for {} operator.",
                    value.of.name(),
                    if sign == "-" { "minus" } else { "'~'" }
                ),
            )),
        }
    }

    fn arithmetic(&mut self, sign: &str, left: &Expression, right: &Expression) -> Result<Bound, SqlError> {
        let (left, right) = (self.value(left)?, self.value(right)?);
        if sign == "+" && (left.of.is_text() || right.of.is_text()) && !(left.of.is_number() || right.of.is_number()) {
            return self.concatenated(&left, &right);
        }
        self.calculate(sign, &left, &right)
    }

    fn concatenated(&mut self, left: &Bound, right: &Bound) -> Result<Bound, SqlError> {
        let of = joined_text(left.of, right.of)?;
        let (left_sql, right_sql) =
            (self.converted(left, left_as_text(left.of, of))?, self.converted(right, left_as_text(right.of, of))?);
        Ok(Bound::value(format!("({left_sql} || {right_sql})"), of, left.nullable || right.nullable))
    }

    fn calculate(&mut self, sign: &str, left: &Bound, right: &Bound) -> Result<Bound, SqlError> {
        let is_whole = |side: &Bound| side.of.is_integer() && side.of != SqlType::Bit;
        if sign == "&" && is_whole(left) && is_whole(right) {
            let of = if left.of.precedence() >= right.of.precedence() { left.of } else { right.of };
            return Ok(Bound::value(format!("({} & {})", left.sql, right.sql), of, true));
        }
        let words = match sign {
            "+" => "add",
            "-" => "subtract",
            "*" => "multiply",
            "/" => "divide",
            "%" => "modulo",
            _ => return Err(SqlError::not_taught(format!("the operator {sign}"))),
        };
        let wider = if left.of.precedence() >= right.of.precedence() { left.of } else { right.of };
        if !wider.is_number() || wider == SqlType::Bit {
            return Err(SqlError::new(
                8117,
                16,
                format!("Operand data type {} is invalid for {words} operator.", wider.name()),
            ));
        }
        let of = result_of(sign, wider, left.of, right.of);
        let side = |bound: &Bound| -> Result<(String, SqlType), SqlError> {
            // Text takes the other side's type; numbers keep their own, the function works on values.
            if bound.of.is_text() {
                Ok((self.converted(bound, wider)?, wider))
            } else {
                Ok((bound.sql.clone(), bound.of))
            }
        };
        let ((left_sql, left_of), (right_sql, right_of)) = (side(left)?, side(right)?);
        let sql = format!(
            "tds_arithmetic('{sign}', {left_sql}, {}, {right_sql}, {}, {})",
            type_number(left_of),
            type_number(right_of),
            type_number(of)
        );
        Ok(Bound::value(sql, of, true))
    }

    pub(super) fn compare(&mut self, sign: &str, left: &Bound, right: &Bound) -> Result<String, SqlError> {
        let to = if left.of.precedence() >= right.of.precedence() { left.of } else { right.of };
        let to = common(left.of, right.of, to)?;
        for side in [left, right] {
            if !side.of.is_comparable() && !side.is_null {
                return Err(SqlError::new(
                    402,
                    16,
                    format!(
                        "The data types {} and {} are incompatible in the {} operator.",
                        left.of.name(),
                        right.of.name(),
                        operator_words(sign)
                    ),
                ));
            }
        }
        let (left_sql, right_sql) = (self.converted(left, to)?, self.converted(right, to)?);
        Ok(match to {
            SqlType::DateTimeOffset(_) => format!("(substr({left_sql}, 1, 8) {sign} substr({right_sql}, 1, 8))"),
            _ => match to.collation() {
                Some(collation) => format!("({left_sql} {sign} {right_sql} COLLATE {})", quoted(collation.name)),
                None => format!("({left_sql} {sign} {right_sql})"),
            },
        })
    }

    fn in_query(&mut self, of: &Expression, query: &Query, negated: bool) -> Result<Bound, SqlError> {
        let of = self.value(of)?;
        let query = self.subquery(query)?;
        let [column] = query.columns.as_slice() else {
            return Err(SqlError::new(
                116,
                16,
                "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
            ));
        };
        let inner = Bound::value("q.c".to_owned(), column.of, true);
        let condition = self.compare("=", &of, &inner)?;
        // Three-valued: unknown where no row matches and some row is null.
        let sql = format!(
            "(SELECT CASE WHEN count(*) = 0 THEN 0 ELSE max({condition}) END FROM (SELECT \"{}\" AS c FROM ({})) AS q)",
            column.name.replace('"', "\"\""),
            query.sql
        );
        Ok(Bound::condition(negate(sql, negated)))
    }

    fn like(&mut self, of: &Expression, pattern: &Expression, negated: bool) -> Result<Bound, SqlError> {
        let (of, pattern) = (self.value(of)?, self.value(pattern)?);
        if !of.of.is_text() || !pattern.of.is_text() {
            return Err(SqlError::new(
                8116,
                16,
                format!("Argument data type {} is invalid for argument 1 of like function.", of.of.name()),
            ));
        }
        let minds_case = of.of.collation().is_some_and(collation::Collation::minds_case);
        Ok(Bound::condition(negate(
            format!("tds_like({}, {}, {})", of.sql, pattern.sql, u8::from(minds_case)),
            negated,
        )))
    }

    fn case(
        &mut self,
        operand: Option<&Expression>,
        branches: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
    ) -> Result<Bound, SqlError> {
        let operand = operand.map(|operand| self.value(operand)).transpose()?;
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        for (condition, value) in branches {
            conditions.push(match &operand {
                Some(operand) => {
                    let with = self.value(condition)?;
                    self.compare("=", operand, &with)?
                }
                None => self.condition(condition)?,
            });
            values.push(self.value(value)?);
        }
        let otherwise = otherwise.map(|value| self.value(value)).transpose()?;
        let all: Vec<&Bound> = values.iter().chain(&otherwise).collect();
        let (of, nullable) = united(&all)?;
        let mut sql = "CASE".to_owned();
        for (condition, value) in conditions.iter().zip(&values) {
            sql += &format!(" WHEN {condition} THEN {}", self.converted(value, of)?);
        }
        if let Some(value) = &otherwise {
            sql += &format!(" ELSE {}", self.converted(value, of)?);
        }
        Ok(Bound::value(format!("({sql} END)"), of, nullable || otherwise.is_none()))
    }

    fn convert(
        &mut self,
        to: SqlType,
        value: &Expression,
        style: Option<i64>,
        or_null: bool,
    ) -> Result<Bound, SqlError> {
        let value = self.value(value)?;
        let is_moment = (23..=28).contains(&value.of.precedence());
        let iso = matches!(style, Some(120 | 121 | 126)) && (is_moment || (23..=28).contains(&to.precedence()));
        let hexadecimal = matches!(style, Some(1 | 2))
            && matches!(value.of, SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::RowVersion);
        let to = match (to, value.of.collation()) {
            (to, Some(collation)) if to.is_text() => to.collate(collation)?,
            (to, _) => to,
        };
        let sql = match style {
            _ if value.is_null => "NULL".to_owned(),
            None | Some(0) => convert_sql(&value.sql, value.of, to),
            Some(3) if value.of == SqlType::Float || value.of == SqlType::Real => {
                format!("tds_style({}, {}, {}, 3)", value.sql, type_number(value.of), type_number(to))
            }
            Some(style) if iso && to.is_text() || hexadecimal => {
                format!("tds_style({}, {}, {}, {style})", value.sql, type_number(value.of), type_number(to))
            }
            Some(_) if iso => convert_sql(&value.sql, value.of, to),
            Some(style) => {
                return Err(SqlError::not_taught(format!("CONVERT from {} to {to} with style {style}", value.of)));
            }
        };
        let sql = if or_null { format!("tds_try({sql})") } else { sql };
        Ok(Bound::value(sql, to, value.nullable || value.is_null || or_null))
    }

    fn partition(&mut self, function: &str, value: &Expression) -> Result<Bound, SqlError> {
        let found = partition_function(self.context.sqlite, self.context.database, function)?;
        let function = found.ok_or_else(|| SqlError::new(208, 16, format!("Invalid object name '{function}'.")))?;
        let value = self.value(value)?;
        let sql = self.converted(&value, function.of)?;
        Ok(Bound::value(function.number_of(&sql), SqlType::Int, true))
    }
}

fn negate(sql: String, negated: bool) -> String {
    if negated { format!("(NOT {sql})") } else { sql }
}

fn operator_words(sign: &str) -> &'static str {
    match sign {
        "=" => "equal to",
        "<>" => "not equal to",
        "<" => "less than",
        ">" => "greater than",
        "<=" => "less than or equal to",
        _ => "greater than or equal to",
    }
}

/// The type two sides are compared in: that of higher precedence, wide enough for both.
fn common(left: SqlType, right: SqlType, higher: SqlType) -> Result<SqlType, SqlError> {
    if let (Some((p1, s1)), Some((p2, s2)), SqlType::Decimal { .. }) = (left.exact_shape(), right.exact_shape(), higher)
    {
        let scale = s1.max(s2);
        let precision = (p1 - s1).max(p2 - s2) + scale;
        return Ok(SqlType::decimal(precision.min(38), scale));
    }
    if left.is_text() && right.is_text() {
        return joined_text(left, right);
    }
    match (left, right) {
        (SqlType::Time(a), SqlType::Time(b)) => Ok(SqlType::Time(a.max(b))),
        (SqlType::DateTime2(a), SqlType::DateTime2(b)) => Ok(SqlType::DateTime2(a.max(b))),
        (SqlType::DateTimeOffset(a), SqlType::DateTimeOffset(b)) => Ok(SqlType::DateTimeOffset(a.max(b))),
        (SqlType::Binary(_) | SqlType::VarBinary(_), SqlType::Binary(_) | SqlType::VarBinary(_)) => {
            Ok(SqlType::VarBinary(Length::Max))
        }
        _ => Ok(higher),
    }
}

/// The type of two texts side by side: `n` if one of them is, as long as both. A column's collation wins over a literal's.
fn joined_text(left: SqlType, right: SqlType) -> Result<SqlType, SqlError> {
    let wide =
        [left, right].iter().any(|of| matches!(of, SqlType::NChar(..) | SqlType::NVarChar(..) | SqlType::NText(_)));
    let (a, b) = (left.collation(), right.collation());
    let collation = match (a, b) {
        (Some(a), Some(b)) if a != b && a != collation::DEFAULT && b != collation::DEFAULT => {
            return Err(SqlError::new(
                468,
                16,
                format!(
                    "Cannot resolve the collation conflict between \"{}\" and \"{}\" in the equal to operation.",
                    a.name, b.name
                ),
            )
            .state(9));
        }
        (Some(a), Some(b)) => {
            if a == collation::DEFAULT {
                b
            } else {
                a
            }
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => collation::DEFAULT,
    };
    let length = match (text_length(left), text_length(right)) {
        (Some(a), Some(b)) if a + b <= if wide { 4000 } else { 8000 } => Length::Of(a + b),
        (Some(_), Some(_)) => Length::Of(if wide { 4000 } else { 8000 }),
        _ => Length::Max,
    };
    Ok(if wide { SqlType::NVarChar(length, collation) } else { SqlType::VarChar(length, collation) })
}

fn text_length(of: SqlType) -> Option<u16> {
    match of {
        SqlType::Char(n, _) | SqlType::NChar(n, _) => Some(n),
        SqlType::VarChar(Length::Of(n), _) | SqlType::NVarChar(Length::Of(n), _) => Some(n),
        _ => None,
    }
}

/// A `char` stays padded when it is joined.
fn left_as_text(had: SqlType, joined: SqlType) -> SqlType {
    if had.is_text() { had } else { joined }
}

/// The type of CASE, COALESCE, UNION: the highest precedence of all, wide enough for all; and whether one can be null.
pub(super) fn united(all: &[&Bound]) -> Result<(SqlType, bool), SqlError> {
    let nullable = all.iter().any(|bound| bound.nullable || bound.is_null);
    let mut of = None;
    for bound in all.iter().filter(|bound| !bound.is_null) {
        of = Some(match of {
            None => bound.of,
            Some(of) => wider(of, bound.of)?,
        });
    }
    Ok((of.unwrap_or(SqlType::Int), nullable))
}

pub(super) fn wider(left: SqlType, right: SqlType) -> Result<SqlType, SqlError> {
    if left == right {
        return Ok(left);
    }
    let higher = if left.precedence() >= right.precedence() { left } else { right };
    if left.is_text() && right.is_text() {
        let length = match (text_length(left), text_length(right)) {
            (Some(a), Some(b)) => Length::Of(a.max(b)),
            _ => Length::Max,
        };
        return Ok(match joined_text(left, right)? {
            SqlType::NVarChar(_, collation) => SqlType::NVarChar(length, collation),
            SqlType::VarChar(_, collation) => SqlType::VarChar(length, collation),
            other => other,
        });
    }
    check_implicit(if higher == left { right } else { left }, higher)?;
    common(left, right, higher)
}

/// Precision and scale of arithmetic, as the reference's table has them.
fn result_of(sign: &str, wider: SqlType, left: SqlType, right: SqlType) -> SqlType {
    let (SqlType::Decimal { .. }, Some((p1, s1)), Some((p2, s2))) = (wider, left.exact_shape(), right.exact_shape())
    else {
        return wider;
    };
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let (precision, scale) = match sign {
        "*" => (p1 + p2 + 1, s1 + s2),
        "/" => (p1 - s1 + s2 + 6.max(s1 + p2 + 1), 6.max(s1 + p2 + 1)),
        "%" => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
        _ => ((p1 - s1).max(p2 - s2) + s1.max(s2) + 1, s1.max(s2)),
    };
    if precision <= 38 {
        return SqlType::decimal(precision as u8, scale as u8);
    }
    let whole = precision - scale;
    let scale = if matches!(sign, "+" | "-") {
        scale.min(38 - whole.min(38)).max(0)
    } else {
        scale.min((38 - whole).max(6.min(scale)))
    };
    SqlType::decimal(38, scale as u8)
}

pub(super) fn literal_bound(literal: &Literal) -> Result<Bound, SqlError> {
    let (datum, of) = match literal {
        Literal::Null => return Ok(Bound { is_null: true, ..Bound::value("NULL".to_owned(), SqlType::Int, true) }),
        Literal::Integer(text) => match text.parse::<i32>() {
            Ok(n) => (Datum::Int(i64::from(n)), SqlType::Int),
            Err(_) => decimal_literal(text)?,
        },
        Literal::Decimal(text) => decimal_literal(text)?,
        Literal::Float(text) => {
            let too_big = || {
                SqlError::new(
                    168,
                    15,
                    format!(
                        "The floating point value '{text}' is out of the range of computer representation (8 bytes)."
                    ),
                )
            };
            let number: f64 = text.parse().map_err(|_| SqlError::syntax(text))?;
            if !number.is_finite() {
                return Err(too_big());
            }
            (Datum::Float(number), SqlType::Float)
        }
        Literal::Money(text) => {
            let (units, scale) = text_form::parse_decimal(text).ok_or_else(|| SqlError::syntax(text))?;
            let units = if scale <= 4 { units * ten(4 - scale) } else { units / ten(scale - 4) };
            (Datum::Decimal { units, scale: 4 }, SqlType::Money)
        }
        Literal::Text { value, wide } => {
            let units = value.encode_utf16().count();
            let of = if *wide {
                let length = if units > 4000 { Length::Max } else { Length::Of((units as u16).max(1)) };
                SqlType::NVarChar(length, collation::DEFAULT)
            } else {
                let bytes = collation::DEFAULT.encode(value).len();
                let length = if bytes > 8000 { Length::Max } else { Length::Of((bytes as u16).max(1)) };
                SqlType::VarChar(length, collation::DEFAULT)
            };
            // Without N, what the code page of the database lacks is lost here, as on the server.
            let value =
                if *wide { value.clone() } else { collation::DEFAULT.decode(&collation::DEFAULT.encode(value)) };
            (Datum::Text(value), of)
        }
        Literal::Binary(bytes) => {
            let length = if bytes.len() > 8000 { Length::Max } else { Length::Of((bytes.len() as u16).max(1)) };
            (Datum::Bytes(bytes.clone()), SqlType::VarBinary(length))
        }
    };
    Ok(Bound::value(literal_sql(&store(datum, of)?), of, false))
}

fn decimal_literal(text: &str) -> Result<(Datum, SqlType), SqlError> {
    let too_big = || {
        SqlError::new(
            1007,
            15,
            format!("The number '{text}' is out of the range for numeric representation (maximum precision 38)."),
        )
    };
    let (units, scale) = text_form::parse_decimal(text).ok_or_else(too_big)?;
    let digits = units.unsigned_abs().to_string().len().max(usize::from(scale)).max(1);
    if digits > 38 {
        return Err(too_big());
    }
    Ok((Datum::Decimal { units, scale }, SqlType::Decimal { precision: digits as u8, scale, numeric: true }))
}
