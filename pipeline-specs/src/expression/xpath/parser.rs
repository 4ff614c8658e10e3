//! The grammar of XPath 1.0, by rank of operators.

use super::{
    functions,
    syntax::{AXES, Axis, Expr, Operator, Start, Step, Test},
};
use crate::expression::{ExpressionError, Result, scanner::Scanner};

/// Deeper nesting of brackets is refused, so that nothing exhausts the stack.
const MAX_DEPTH: usize = 32;

/// Reads a whole XPath.
pub(super) fn parse(xpath: &str) -> Result<Expr> {
    let mut parser = Parser { scanner: Scanner::new(xpath), depth: 0 };
    let expr = parser.or()?;
    match parser.scanner.peek() {
        None => Ok(expr),
        Some(_) => Err(parser.expected("the end")),
    }
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn or(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.scanner.error(format!("brackets are nested more than {MAX_DEPTH} levels deep")));
        }
        let expr = self.list(&["or"], Self::and, Expr::Or)?;
        self.depth -= 1;
        Ok(expr)
    }

    fn and(&mut self) -> Result<Expr> {
        self.list(&["and"], Self::equality, Expr::And)
    }

    fn equality(&mut self) -> Result<Expr> {
        self.chain(&[("=", Operator::Equal), ("!=", Operator::NotEqual)], Self::relation)
    }

    fn relation(&mut self) -> Result<Expr> {
        let operators = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        self.chain(&operators, Self::sum)
    }

    fn sum(&mut self) -> Result<Expr> {
        self.chain(&[("+", Operator::Add), ("-", Operator::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<Expr> {
        let operators = [("*", Operator::Multiply), ("div", Operator::Divide), ("mod", Operator::Remainder)];
        self.chain(&operators, Self::signed)
    }

    fn signed(&mut self) -> Result<Expr> {
        let (mut is_signed, mut negative) = (false, false);
        while self.take("-") {
            (is_signed, negative) = (true, !negative);
        }
        let expr = self.list(&["|"], Self::path, Expr::Union)?;
        // Two signs leave the value as it is, but a number.
        Ok(match (is_signed, negative) {
            (false, _) => expr,
            (true, true) => Expr::Negative(Box::new(expr)),
            (true, false) => Expr::Call("number", vec![expr]),
        })
    }

    fn list(
        &mut self,
        words: &[&str],
        operand: fn(&mut Self) -> Result<Expr>,
        many: fn(Vec<Expr>) -> Expr,
    ) -> Result<Expr> {
        let first = operand(self)?;
        let mut operands = vec![first];
        while words.iter().any(|word| self.take_operator(word)) {
            operands.push(operand(self)?);
        }
        match operands.pop() {
            Some(only) if operands.is_empty() => Ok(only),
            last => {
                operands.extend(last);
                Ok(many(operands))
            }
        }
    }

    fn chain(&mut self, operators: &[(&str, Operator)], operand: fn(&mut Self) -> Result<Expr>) -> Result<Expr> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take_operator(sign)) {
            rest.push((*operator, operand(self)?));
        }
        Ok(if rest.is_empty() { first } else { Expr::Chain(Box::new(first), rest) })
    }

    /// A path, or an expression in brackets, a literal or a call, with steps behind it.
    fn path(&mut self) -> Result<Expr> {
        self.scanner.skip_space();
        if self.scanner.starts_with("//") {
            let steps = self.steps(Vec::new())?;
            return Ok(Expr::Path(Start::Root, steps));
        }
        if self.take("/") {
            let steps = if self.begins_step() { self.relative()? } else { Vec::new() };
            return Ok(Expr::Path(Start::Root, steps));
        }
        let Some(primary) = self.primary()? else {
            let steps = self.relative()?;
            return Ok(Expr::Path(Start::Here, steps));
        };
        let predicates = self.predicates()?;
        let steps = self.steps(Vec::new())?;
        if predicates.is_empty() && steps.is_empty() {
            return Ok(primary);
        }
        Ok(Expr::Path(Start::Nodes(Box::new(primary), predicates), steps))
    }

    fn primary(&mut self) -> Result<Option<Expr>> {
        self.scanner.skip_space();
        match self.scanner.peek() {
            Some('(') => {
                self.take("(");
                let expr = self.or()?;
                self.expect(")")?;
                Ok(Some(expr))
            }
            Some(quote @ ('"' | '\'')) => self.text(quote).map(Some),
            Some('$') => Err(self.scanner.error("variables ($) have no values here".to_owned())),
            Some(c) if c.is_ascii_digit() => self.number().map(Some),
            Some('.') if self.begins_number() => self.number().map(Some),
            Some(_) => self.call(),
            None => Ok(None),
        }
    }

    fn begins_number(&self) -> bool {
        let mut after = self.scanner.clone();
        after.take(".") && after.peek().is_some_and(|c| c.is_ascii_digit())
    }

    fn text(&mut self, quote: char) -> Result<Expr> {
        let start = self.scanner.clone();
        let sign = quote.to_string();
        self.scanner.take(&sign);
        let text = self.scanner.take_while(|c| c != quote).to_owned();
        if self.scanner.take(&sign) {
            return Ok(Expr::Text(text));
        }
        Err(start.error("this text has no closing quote".to_owned()))
    }

    fn number(&mut self) -> Result<Expr> {
        let start = self.scanner.clone();
        let text = self.scanner.take_while(|c| c.is_ascii_digit() || c == '.');
        text.parse().map(Expr::Number).map_err(|_| start.error(format!("'{text}' is not a number")))
    }

    /// `name(...)`, if it is no test of nodes.
    fn call(&mut self) -> Result<Option<Expr>> {
        let start = self.scanner.clone();
        let name = self.name();
        if name.is_empty() || NODE_TESTS.contains(&name) || !self.take("(") {
            self.scanner = start;
            return Ok(None);
        }
        let Some(function) = functions::find(name) else {
            return Err(start.error(format!("there is no function '{name}' here")));
        };
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.or()?);
                if !self.take(",") {
                    self.expect(")")?;
                    break;
                }
            }
        }
        if !function.arguments.contains(&arguments.len()) {
            return Err(start.error(format!("'{name}()' does not take {} arguments", arguments.len())));
        }
        Ok(Some(Expr::Call(function.name, arguments)))
    }

    fn relative(&mut self) -> Result<Vec<Step>> {
        let first = self.step()?;
        self.steps(vec![first])
    }

    /// `/step` and `//step`, as often as they come.
    fn steps(&mut self, mut steps: Vec<Step>) -> Result<Vec<Step>> {
        loop {
            if self.take("//") {
                steps.push(Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Vec::new() });
            } else if !self.take("/") {
                return Ok(steps);
            }
            steps.push(self.step()?);
        }
    }

    fn begins_step(&mut self) -> bool {
        self.scanner.skip_space();
        self.scanner.peek().is_some_and(|c| matches!(c, '@' | '.' | '*' | '_') || c.is_alphabetic())
    }

    fn step(&mut self) -> Result<Step> {
        if self.take("..") {
            return Ok(Step { axis: Axis::Parent, test: Test::Node, predicates: Vec::new() });
        }
        if self.take(".") {
            return Ok(Step { axis: Axis::This, test: Test::Node, predicates: Vec::new() });
        }
        let axis = if self.take("@") { Axis::Attribute } else { self.axis()? };
        let test = self.test()?;
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn axis(&mut self) -> Result<Axis> {
        let start = self.scanner.clone();
        let name = self.name();
        if name.is_empty() || !self.take("::") {
            self.scanner = start;
            return Ok(Axis::Child);
        }
        let known = AXES.iter().find(|(known, _)| *known == name);
        known.map(|(_, axis)| *axis).ok_or_else(|| start.error(format!("the axis '{name}' is not supported")))
    }

    fn test(&mut self) -> Result<Test> {
        if self.take("*") {
            return Ok(Test::Any);
        }
        let start = self.scanner.clone();
        let name = self.name();
        if name.is_empty() {
            return Err(self.expected("a name, '*' or a test such as 'text()'"));
        }
        if self.take("(") {
            self.expect(")")?;
            return match name {
                "node" => Ok(Test::Node),
                "text" => Ok(Test::Text),
                "comment" => Ok(Test::Comment),
                "processing-instruction" => Ok(Test::Instruction),
                _ => Err(start.error(format!("there is no test '{name}()'"))),
            };
        }
        if self.scanner.peek() == Some(':') {
            return Err(start.error(format!(
                "the prefix '{name}' stands for no namespace here; use *[name()=\"{name}:...\"], or local-name() and namespace-uri()"
            )));
        }
        Ok(Test::Name(name.to_owned()))
    }

    fn predicates(&mut self) -> Result<Vec<Expr>> {
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.or()?);
            self.expect("]")?;
        }
        Ok(predicates)
    }

    fn name(&mut self) -> &'t str {
        self.scanner.skip_space();
        if self.scanner.peek().is_some_and(|c| c.is_alphabetic() || c == '_') {
            return self.scanner.take_while(is_name);
        }
        ""
    }

    fn take(&mut self, sign: &str) -> bool {
        self.scanner.skip_space();
        self.scanner.take(sign)
    }

    /// An operator that is a word ends where a name would.
    fn take_operator(&mut self, sign: &str) -> bool {
        let before = self.scanner.clone();
        let is_word = sign.starts_with(is_name) && sign != "-";
        if self.take(sign) && !(is_word && self.scanner.peek().is_some_and(is_name)) {
            return true;
        }
        self.scanner = before;
        self.scanner.skip_space();
        false
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.take(sign) { Ok(()) } else { Err(self.expected(&format!("'{sign}'"))) }
    }

    fn expected(&self, what: &str) -> ExpressionError {
        let found = self.scanner.peek().map_or_else(|| "the end".to_owned(), |c| format!("'{c}'"));
        self.scanner.error(format!("expected {what}, found {found}"))
    }
}

const NODE_TESTS: [&str; 4] = ["node", "text", "comment", "processing-instruction"];

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}
