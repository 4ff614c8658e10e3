//! Expressions and conditions.

use super::super::SqlError;
use super::super::collation::Collation;
use super::super::lexer::Kind;
use super::super::syntax::{Call, Expression, Literal, Ordering, Over};
use super::Parser;

impl Parser {
    pub(super) fn expressions(&mut self) -> Result<Vec<Expression>, SqlError> {
        let mut list = vec![self.expression()?];
        while self.accept(",") {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    pub(super) fn expression(&mut self) -> Result<Expression, SqlError> {
        let mut left = self.conjunction()?;
        while self.accept("OR") {
            left = Expression::Logic("OR", Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expression, SqlError> {
        let mut left = self.negation()?;
        while self.accept("AND") {
            left = Expression::Logic("AND", Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expression, SqlError> {
        if self.accept("NOT") {
            return Ok(Expression::Not(Box::new(self.negation()?)));
        }
        if self.sees("EXISTS") {
            self.advance();
            return Ok(Expression::Exists(Box::new(self.query_in_parentheses()?)));
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Expression, SqlError> {
        let left = self.sum()?;
        for (written, meant) in [
            ("=", "="),
            ("<>", "<>"),
            ("!=", "<>"),
            ("<=", "<="),
            (">=", ">="),
            ("<", "<"),
            (">", ">"),
            ("!<", ">="),
            ("!>", "<="),
        ] {
            if self.accept(written) {
                return Ok(Expression::Compare(meant, Box::new(left), Box::new(self.sum()?)));
            }
        }
        if self.accept("IS") {
            let negated = self.accept("NOT");
            self.expect("NULL")?;
            return Ok(Expression::IsNull(Box::new(left), negated));
        }
        let negated = self.accept("NOT");
        if self.accept("BETWEEN") {
            let low = Box::new(self.sum()?);
            self.expect("AND")?;
            let high = Box::new(self.sum()?);
            return Ok(Expression::Between { of: Box::new(left), low, high, negated });
        }
        if self.accept("LIKE") {
            let pattern = Box::new(self.sum()?);
            if self.sees("ESCAPE") {
                return Err(SqlError::not_taught("LIKE with ESCAPE"));
            }
            return Ok(Expression::Like { of: Box::new(left), pattern, negated });
        }
        if self.accept("IN") {
            if self.sees_ahead(1, "SELECT") {
                let query = Box::new(self.query_in_parentheses()?);
                return Ok(Expression::InQuery { of: Box::new(left), query, negated });
            }
            self.expect("(")?;
            let list = self.expressions()?;
            self.expect(")")?;
            return Ok(Expression::InList { of: Box::new(left), list, negated });
        }
        if negated { Err(self.unexpected()) } else { Ok(left) }
    }

    fn sum(&mut self) -> Result<Expression, SqlError> {
        let mut left = self.product()?;
        loop {
            let Some(sign) = ["+", "-", "&", "|", "^"].into_iter().find(|sign| self.accept(sign)) else {
                return Ok(left);
            };
            left = Expression::Arithmetic(sign, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expression, SqlError> {
        let mut left = self.unary()?;
        loop {
            let Some(sign) = ["*", "/", "%"].into_iter().find(|sign| self.accept(sign)) else { return Ok(left) };
            left = Expression::Arithmetic(sign, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Expression, SqlError> {
        let Some(sign) = ["-", "+", "~"].into_iter().find(|sign| self.accept(sign)) else {
            let mut value = self.primary()?;
            while self.accept("COLLATE") {
                let name = self.identifier()?;
                value = Expression::Collate(Box::new(value), Collation::named(&name)?);
            }
            return Ok(value);
        };
        Ok(Expression::Unary(sign, Box::new(self.unary()?)))
    }

    /// A constant or a variable, with a sign.
    pub(super) fn constant(&mut self) -> Result<Expression, SqlError> {
        let sign = ["-", "+"].into_iter().find(|sign| self.accept(sign));
        let value = match self.peek().kind {
            Kind::Variable => Expression::Variable(self.advance().text),
            _ => Expression::Literal(self.literal()?.ok_or_else(|| self.unexpected())?),
        };
        Ok(match sign {
            Some(sign) => Expression::Unary(sign, Box::new(value)),
            None => value,
        })
    }

    fn literal(&mut self) -> Result<Option<Literal>, SqlError> {
        let token = self.peek().clone();
        let literal = match token.kind {
            Kind::Integer => Literal::Integer(token.text),
            Kind::Decimal => Literal::Decimal(token.text),
            Kind::Float => Literal::Float(token.text),
            Kind::Money => Literal::Money(token.text[1..].to_owned()),
            Kind::Text { value, wide } => Literal::Text { value, wide },
            Kind::Binary(bytes) => Literal::Binary(bytes),
            Kind::Word if self.sees("NULL") => Literal::Null,
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(literal))
    }

    fn primary(&mut self) -> Result<Expression, SqlError> {
        if let Some(literal) = self.literal()? {
            return Ok(Expression::Literal(literal));
        }
        if self.peek().kind == Kind::Variable {
            return Ok(Expression::Variable(self.advance().text));
        }
        if self.sees("(") {
            if self.sees_ahead(1, "SELECT") {
                return Ok(Expression::Scalar(Box::new(self.query_in_parentheses()?)));
            }
            self.advance();
            let inside = self.expression()?;
            self.expect(")")?;
            return Ok(inside);
        }
        if self.sees("$PARTITION") {
            return self.partition();
        }
        let word = self.peek().text.to_ascii_uppercase();
        match word.as_str() {
            "CASE" if self.peek().kind == Kind::Word => self.case(),
            "CAST" | "TRY_CAST" if self.sees_ahead(1, "(") => self.cast(word == "TRY_CAST"),
            "CONVERT" | "TRY_CONVERT" if self.sees_ahead(1, "(") => self.conversion(word == "TRY_CONVERT"),
            "LEFT" | "RIGHT" | "COALESCE" | "NULLIF" if self.sees_ahead(1, "(") => {
                let name = vec![self.advance().text];
                self.call(name)
            }
            "CURRENT_TIMESTAMP" | "CURRENT_USER" | "SESSION_USER" | "SYSTEM_USER" if self.peek().kind == Kind::Word => {
                let name = vec![self.advance().text];
                Ok(Expression::Call(Call { name, arguments: Vec::new(), star: false, distinct: false, over: None }))
            }
            _ => {
                let name = self.name()?;
                if self.sees("(") { self.call(name) } else { Ok(Expression::Column(name)) }
            }
        }
    }

    fn partition(&mut self) -> Result<Expression, SqlError> {
        self.advance();
        self.expect(".")?;
        let function = self.identifier()?;
        self.expect("(")?;
        let value = Box::new(self.expression()?);
        self.expect(")")?;
        Ok(Expression::Partition(function, value))
    }

    fn case(&mut self) -> Result<Expression, SqlError> {
        self.advance();
        let operand = if self.sees("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut branches = Vec::new();
        while self.accept("WHEN") {
            let condition = self.expression()?;
            self.expect("THEN")?;
            branches.push((condition, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.unexpected());
        }
        let otherwise = if self.accept("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        self.expect("END")?;
        Ok(Expression::Case { operand, branches, otherwise })
    }

    fn cast(&mut self, or_null: bool) -> Result<Expression, SqlError> {
        self.advance();
        self.expect("(")?;
        let value = Box::new(self.expression()?);
        self.expect("AS")?;
        let to = self.data_type(true)?;
        self.expect(")")?;
        Ok(Expression::Convert { to, value, style: None, or_null })
    }

    fn conversion(&mut self, or_null: bool) -> Result<Expression, SqlError> {
        self.advance();
        self.expect("(")?;
        let to = self.data_type(true)?;
        self.expect(",")?;
        let value = Box::new(self.expression()?);
        let style = if self.accept(",") {
            let text = self.advance();
            if text.kind != Kind::Integer {
                return Err(SqlError::not_taught("CONVERT with a style that is not a literal number"));
            }
            text.text.parse().ok()
        } else {
            None
        };
        self.expect(")")?;
        Ok(Expression::Convert { to, value, style, or_null })
    }

    fn call(&mut self, name: Vec<String>) -> Result<Expression, SqlError> {
        self.expect("(")?;
        let mut call = Call { name, arguments: Vec::new(), star: false, distinct: false, over: None };
        if self.accept("*") {
            call.star = true;
        } else if !self.sees(")") {
            call.distinct = self.accept("DISTINCT");
            call.arguments = self.expressions()?;
        }
        self.expect(")")?;
        if self.accept("OVER") {
            self.expect("(")?;
            let partition = if self.accept_all(&["PARTITION", "BY"]) { self.expressions()? } else { Vec::new() };
            let order = self.order_by()?;
            self.expect(")")?;
            call.over = Some(Over { partition, order });
        }
        Ok(Expression::Call(call))
    }

    pub(super) fn order_by(&mut self) -> Result<Vec<Ordering>, SqlError> {
        let mut order = Vec::new();
        if !self.accept_all(&["ORDER", "BY"]) {
            return Ok(order);
        }
        loop {
            let by = self.expression()?;
            let descending = self.accept("DESC");
            if !descending {
                self.accept("ASC");
            }
            order.push(Ordering { by, descending });
            if !self.accept(",") {
                return Ok(order);
            }
        }
    }
}
