//! Expressions and conditions, by precedence climbing.

use super::super::ast::{Expr, Operator, Order};
use super::super::convert::parse_decimal;
use super::super::error::SqlError;
use super::super::lexer::Token;
use super::super::types::{MAX, SqlType};
use super::super::value::{Decimal, Value};
use super::{Parser, is_reserved};

/// Binding powers: OR, AND, NOT, comparison, additive, multiplicative.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const ADD: u8 = 5;
const MULTIPLY: u8 = 6;

/// The most operators of one expression, which bounds the depth of its tree.
const MOST_OPERATORS: usize = 250;

impl Parser {
    /// A condition or a value.
    pub(super) fn expression(&mut self) -> Result<Expr, SqlError> {
        if self.depth_of_expression == 0 {
            self.operators = 0;
        }
        self.depth_of_expression += 1;
        let outcome = self.nested(|p| p.climb(OR));
        self.depth_of_expression -= 1;
        outcome
    }

    fn climb(&mut self, lowest: u8) -> Result<Expr, SqlError> {
        let mut left = self.operand(lowest)?;
        // A chain of one level is read without recursion, but becomes a deep tree: operators are counted.
        while self.operators < MOST_OPERATORS {
            if COMPARE >= lowest
                && let Some(predicate) = self.predicate(&left)?
            {
                self.operators += 1;
                left = predicate;
                continue;
            }
            let Some((operator, level)) = self.operator().filter(|(_, level)| *level >= lowest) else {
                return Ok(left);
            };
            self.operators += 1;
            self.at += 1;
            let right = self.nested(|p| p.climb(level + 1))?;
            left = Expr::Binary(Box::new(left), operator, Box::new(right));
        }
        Err(SqlError::too_deep().at(self.line()))
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        use Operator as O;
        Some(match self.peek() {
            Token::Sign(sign) => match *sign {
                "=" => (O::Equal, COMPARE),
                "<>" | "!=" => (O::NotEqual, COMPARE),
                "<" => (O::Less, COMPARE),
                "<=" | "!>" => (O::LessEqual, COMPARE),
                ">" => (O::Greater, COMPARE),
                ">=" | "!<" => (O::GreaterEqual, COMPARE),
                "+" => (O::Add, ADD),
                "-" => (O::Subtract, ADD),
                "&" => (O::BitAnd, ADD),
                "|" => (O::BitOr, ADD),
                "^" => (O::BitXor, ADD),
                "*" => (O::Multiply, MULTIPLY),
                "/" => (O::Divide, MULTIPLY),
                "%" => (O::Modulo, MULTIPLY),
                _ => return None,
            },
            Token::Word(word) if word.eq_ignore_ascii_case("and") => (O::And, AND),
            Token::Word(word) if word.eq_ignore_ascii_case("or") => (O::Or, OR),
            _ => return None,
        })
    }

    /// IS NULL, IN, BETWEEN and LIKE behind a value.
    fn predicate(&mut self, left: &Expr) -> Result<Option<Expr>, SqlError> {
        let value = || Box::new(left.clone());
        if self.word("is") {
            let negated = self.word("not");
            self.need_word("null")?;
            return Ok(Some(Expr::IsNull { value: value(), negated }));
        }
        let negated = self.is_word("not") && ["in", "like", "between"].iter().any(|word| self.is_word_at(1, word));
        self.at += usize::from(negated);
        if self.word("in") {
            if self.is_sign("(") && self.is_word_at(1, "select") {
                let query = Box::new(self.parenthesised_query()?);
                return Ok(Some(Expr::InQuery { value: value(), query, negated }));
            }
            self.need_sign("(")?;
            let list = self.expressions()?;
            self.need_sign(")")?;
            return Ok(Some(Expr::In { value: value(), list, negated }));
        }
        if self.word("between") {
            let low = Box::new(self.climb(ADD)?);
            self.need_word("and")?;
            let high = Box::new(self.climb(ADD)?);
            return Ok(Some(Expr::Between { value: value(), low, high, negated }));
        }
        if self.word("like") {
            let pattern = Box::new(self.climb(ADD)?);
            let escape = if self.word("escape") { Some(Box::new(self.climb(ADD)?)) } else { None };
            return Ok(Some(Expr::Like { value: value(), pattern, escape, negated }));
        }
        Ok(None)
    }

    fn operand(&mut self, lowest: u8) -> Result<Expr, SqlError> {
        if lowest <= NOT && self.word("not") {
            return Ok(Expr::Not(Box::new(self.nested(|p| p.climb(NOT))?)));
        }
        if self.sign("-") {
            return Ok(match self.nested(|p| p.operand(MULTIPLY))? {
                Expr::Literal(Value::Int(n), ty) => Expr::Literal(Value::Int(-n), ty),
                Expr::Literal(Value::Decimal(n), ty) => {
                    Expr::Literal(Value::Decimal(Decimal { units: -n.units, ..n }), ty)
                }
                Expr::Literal(Value::Float(n), ty) => Expr::Literal(Value::Float(-n), ty),
                other => Expr::Negate(Box::new(other)),
            });
        }
        if self.sign("+") {
            return self.nested(|p| p.operand(MULTIPLY));
        }
        if self.sign("~") {
            return Ok(Expr::BitNot(Box::new(self.nested(|p| p.operand(MULTIPLY))?)));
        }
        let mut value = self.primary()?;
        while self.word("collate") {
            let collation = self.name()?;
            if !collation.to_ascii_lowercase().contains("_ci_as") {
                return Err(SqlError::unsupported(format!("The collation {collation}")).at(self.line()));
            }
            value = Expr::Binary(
                Box::new(value),
                Operator::Add,
                Box::new(Expr::Literal(Value::text(""), SqlType::VarChar(1))),
            );
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<Expr, SqlError> {
        match self.peek().clone() {
            Token::Number(text) => {
                self.at += 1;
                number(&text).ok_or_else(|| SqlError::arithmetic_overflow("numeric").at(self.line()))
            }
            Token::Text(text, national) => {
                self.at += 1;
                Ok(text_literal(&text, national))
            }
            Token::Binary(bytes) => {
                self.at += 1;
                let length = if bytes.len() > 8000 { MAX } else { u16::try_from(bytes.len().max(1)).unwrap_or(MAX) };
                Ok(Expr::Literal(Value::Bytes(bytes.into()), SqlType::VarBinary(length)))
            }
            Token::Variable(name) => {
                self.at += 1;
                Ok(Expr::Variable(name))
            }
            Token::Sign("(") => {
                if self.is_word_at(1, "select") || self.is_word_at(1, "with") {
                    return self.nested(|p| Ok(Expr::Subquery(Box::new(p.parenthesised_query()?))));
                }
                self.at += 1;
                let inner = self.expression()?;
                self.need_sign(")")?;
                Ok(inner)
            }
            Token::Sign("{") => self.escape_sequence(),
            Token::Word(word) => self.worded(&word),
            Token::Quoted(_) => self.column_or_call(),
            _ => Err(self.unexpected()),
        }
    }

    /// `{fn NAME(…)}`, `{d '…'}`, `{t '…'}`, `{ts '…'}` of ODBC.
    fn escape_sequence(&mut self) -> Result<Expr, SqlError> {
        self.need_sign("{")?;
        let value = if self.word("fn") {
            self.expression()?
        } else {
            let to = match self.next() {
                Token::Word(word) if word.eq_ignore_ascii_case("d") => SqlType::Date,
                Token::Word(word) if word.eq_ignore_ascii_case("t") => SqlType::Time(7),
                Token::Word(word) if word.eq_ignore_ascii_case("ts") => SqlType::DateTime,
                Token::Word(word) if word.eq_ignore_ascii_case("guid") => SqlType::Guid,
                _ => return Err(self.unexpected_before()),
            };
            Expr::Cast { value: Box::new(self.primary()?), to, style: None, try_it: false }
        };
        self.need_sign("}")?;
        Ok(value)
    }

    fn worded(&mut self, word: &str) -> Result<Expr, SqlError> {
        let called = matches!(self.peek_at(1), Token::Sign("("));
        match word.to_ascii_lowercase().as_str() {
            "null" => {
                self.at += 1;
                Ok(Expr::Literal(Value::Null, SqlType::Int))
            }
            "case" => self.nested(Self::case),
            "exists" => {
                self.at += 1;
                self.nested(|p| Ok(Expr::Exists(Box::new(p.parenthesised_query()?))))
            }
            "cast" | "try_cast" if called => self.cast(),
            "convert" | "try_convert" if called => self.convert(),
            "current_timestamp" | "current_user" | "system_user" | "session_user" | "user" => {
                self.at += 1;
                Ok(Expr::Call {
                    name: word.to_ascii_lowercase(),
                    arguments: Vec::new(),
                    star: false,
                    distinct: false,
                    over: None,
                })
            }
            "left" | "right" | "nullif" if called => self.column_or_call(),
            _ if is_reserved(word) => Err(self.unexpected()),
            _ => self.column_or_call(),
        }
    }

    fn case(&mut self) -> Result<Expr, SqlError> {
        self.need_word("case")?;
        let operand = if self.is_word("when") { None } else { Some(Box::new(self.expression()?)) };
        let mut branches = Vec::new();
        while self.word("when") {
            let when = self.expression()?;
            self.need_word("then")?;
            branches.push((when, self.expression()?));
        }
        let otherwise = if self.word("else") { Some(Box::new(self.expression()?)) } else { None };
        self.need_word("end")?;
        if branches.is_empty() { Err(self.unexpected()) } else { Ok(Expr::Case { operand, branches, otherwise }) }
    }

    fn cast(&mut self) -> Result<Expr, SqlError> {
        let try_it = self.is_word("try_cast");
        self.at += 2;
        let value = Box::new(self.expression()?);
        self.need_word("as")?;
        let to = as_cast_target(self.data_type()?, self.facets_were_given());
        self.need_sign(")")?;
        Ok(Expr::Cast { value, to, style: None, try_it })
    }

    fn convert(&mut self) -> Result<Expr, SqlError> {
        let try_it = self.is_word("try_convert");
        self.at += 2;
        let to = self.data_type()?;
        let to = as_cast_target(to, self.facets_were_given());
        self.need_sign(",")?;
        let value = Box::new(self.expression()?);
        let style = if self.sign(",") { Some(Box::new(self.expression()?)) } else { None };
        self.need_sign(")")?;
        Ok(Expr::Cast { value, to, style, try_it })
    }

    fn facets_were_given(&self) -> bool {
        matches!(
            self.at.checked_sub(1).and_then(|last| self.tokens.get(last)).map(|t| &t.token),
            Some(Token::Sign(")"))
        )
    }

    fn column_or_call(&mut self) -> Result<Expr, SqlError> {
        let mut parts = vec![match self.next() {
            Token::Word(name) | Token::Quoted(name) => name,
            _ => return Err(self.unexpected_before()),
        }];
        while self.is_sign(".") {
            self.at += 1;
            match self.next() {
                Token::Word(name) | Token::Quoted(name) => parts.push(name),
                Token::Sign(".") => self.at -= 1,
                _ => return Err(self.unexpected_before()),
            }
        }
        if !self.sign("(") {
            return if parts.len() > 4 { Err(self.unexpected()) } else { Ok(Expr::Column(parts)) };
        }
        let name = parts.last().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let distinct = self.word("distinct");
        let star = self.sign("*");
        let mut arguments = Vec::new();
        if !star && !self.is_sign(")") {
            if name.starts_with("date")
                && matches!(self.peek(), Token::Word(_))
                && matches!(self.peek_at(1), Token::Sign(","))
            {
                // DATEADD and its like begin with a bare word.
                if let Token::Word(part) = self.next() {
                    arguments.push(Expr::Literal(Value::text(part.to_ascii_lowercase()), SqlType::VarChar(16)));
                }
                self.at += 1;
            }
            arguments.extend(self.expressions()?);
        }
        self.need_sign(")")?;
        let over = if self.word("over") { Some(self.over()?) } else { None };
        Ok(Expr::Call { name, arguments, star, distinct, over })
    }

    fn over(&mut self) -> Result<Vec<Order>, SqlError> {
        self.need_sign("(")?;
        let order = if self.words(&["order", "by"]) { self.order_list()? } else { Vec::new() };
        self.need_sign(")")?;
        Ok(order)
    }
}

/// CAST AS varchar without a length means 30 of them.
fn as_cast_target(ty: SqlType, facets_given: bool) -> SqlType {
    match ty {
        _ if facets_given => ty,
        SqlType::Char(1) => SqlType::Char(30),
        SqlType::VarChar(1) => SqlType::VarChar(30),
        SqlType::NChar(1) => SqlType::NChar(30),
        SqlType::NVarChar(1) => SqlType::NVarChar(30),
        SqlType::Binary(1) => SqlType::Binary(30),
        SqlType::VarBinary(1) => SqlType::VarBinary(30),
        other => other,
    }
}

fn number(text: &str) -> Option<Expr> {
    if text.contains(['e', 'E']) {
        return text.parse().ok().map(|n| Expr::Literal(Value::Float(n), SqlType::Float));
    }
    if let Ok(n) = text.parse::<i32>() {
        return Some(Expr::Literal(Value::Int(i64::from(n)), SqlType::Int));
    }
    let exact = parse_decimal(text)?;
    let digits = u8::try_from(text.bytes().filter(u8::is_ascii_digit).count()).ok()?.max(1);
    let precision = Some(digits).filter(|p| *p <= 38)?;
    Some(Expr::Literal(Value::Decimal(exact), SqlType::Decimal { precision, scale: exact.scale }))
}

fn text_literal(text: &str, national: bool) -> Expr {
    let length = if national { text.encode_utf16().count() } else { text.chars().count() };
    let facet = |limit: usize| if length > limit { MAX } else { u16::try_from(length.max(1)).unwrap_or(MAX) };
    let ty = if national { SqlType::NVarChar(facet(4000)) } else { SqlType::VarChar(facet(8000)) };
    Expr::Literal(Value::text(text), ty)
}
