//! SELECT and what belongs to it.

use super::super::ast::{Body, Combine, Expr, From, Item, Join, Order, Query, Select};
use super::super::error::SqlError;
use super::super::lexer::Token;
use super::Parser;

impl Parser {
    /// A query, with WITH before it and ORDER BY behind it.
    pub(super) fn query(&mut self) -> Result<Query, SqlError> {
        self.nested(|p| {
            let with = p.common_tables()?;
            let body = p.combined()?;
            let order = if p.words(&["order", "by"]) { p.order_list()? } else { Vec::new() };
            let (mut offset, mut fetch) = (None, None);
            if !order.is_empty() && p.word("offset") {
                offset = Some(p.expression()?);
                p.rows_word()?;
                if p.word("fetch") {
                    if !p.word("next") && !p.word("first") {
                        return Err(p.unexpected());
                    }
                    fetch = Some(p.expression()?);
                    p.rows_word()?;
                    p.need_word("only")?;
                }
            }
            if p.word("for") {
                return Err(if p.is_word("browse") {
                    p.unexpected()
                } else {
                    SqlError::unsupported("FOR XML and FOR JSON").at(p.line())
                });
            }
            p.option_clause()?;
            Ok(Query { with, body, order, offset, fetch })
        })
    }

    fn rows_word(&mut self) -> Result<(), SqlError> {
        if self.word("rows") || self.word("row") { Ok(()) } else { Err(self.unexpected()) }
    }

    /// OPTION (…): hints to a planner that this model has not; their names alone are checked.
    pub(super) fn option_clause(&mut self) -> Result<(), SqlError> {
        if !self.word("option") {
            return Ok(());
        }
        self.need_sign("(")?;
        loop {
            let known = self.word("recompile")
                || self.words(&["keep", "plan"])
                || self.words(&["keepfixed", "plan"])
                || self.words(&["force", "order"])
                || (self.word("maxdop") || self.word("maxrecursion") || self.word("fast")) && self.integer().is_ok();
            if !known {
                return Err(self.unexpected());
            }
            if !self.sign(",") {
                return self.need_sign(")");
            }
        }
    }

    pub(super) fn common_tables(&mut self) -> Result<Vec<(String, Vec<String>, Query)>, SqlError> {
        let mut with = Vec::new();
        if !self.word("with") {
            return Ok(with);
        }
        loop {
            let name = self.name()?;
            let columns = if self.is_sign("(") { self.names()? } else { Vec::new() };
            self.need_word("as")?;
            with.push((name, columns, self.parenthesised_query()?));
            if !self.sign(",") {
                return Ok(with);
            }
        }
    }

    pub(super) fn order_list(&mut self) -> Result<Vec<Order>, SqlError> {
        let mut list = Vec::new();
        loop {
            let by = self.expression()?;
            let descending = self.word("desc");
            if !descending {
                self.word("asc");
            }
            list.push(Order { by, descending });
            if !self.sign(",") {
                return Ok(list);
            }
        }
    }

    fn combined(&mut self) -> Result<Body, SqlError> {
        let mut left = self.single()?;
        for _ in 0..100 {
            let how = if self.words(&["union", "all"]) {
                Combine::UnionAll
            } else if self.word("union") {
                Combine::Union
            } else if self.word("except") {
                Combine::Except
            } else if self.word("intersect") {
                Combine::Intersect
            } else {
                return Ok(left);
            };
            let right = self.single()?;
            left = Body::Combined { left: Box::new(left), how, right: Box::new(right) };
        }
        Err(SqlError::too_deep().at(self.line()))
    }

    fn single(&mut self) -> Result<Body, SqlError> {
        if self.sign("(") {
            let inner = self.nested(Self::combined)?;
            self.need_sign(")")?;
            return Ok(inner);
        }
        self.need_word("select")?;
        let mut select = Select { distinct: self.word("distinct"), ..Select::default() };
        if !select.distinct {
            self.word("all");
        }
        select.top = self.top()?;
        select.items = self.items()?;
        if self.word("into") {
            select.into = Some(self.object_name()?);
        }
        if self.word("from") {
            select.from = Some(self.sources()?);
        }
        if self.word("where") {
            select.filter = Some(self.expression()?);
        }
        if self.words(&["group", "by"]) {
            select.group = self.expressions()?;
        }
        if self.word("having") {
            select.having = Some(self.expression()?);
        }
        Ok(Body::Select(Box::new(select)))
    }

    pub(super) fn top(&mut self) -> Result<Option<Expr>, SqlError> {
        if !self.word("top") {
            return Ok(None);
        }
        let count = if self.sign("(") {
            let count = self.expression()?;
            self.need_sign(")")?;
            count
        } else {
            let n = self.integer()?;
            Expr::Literal(super::super::value::Value::Int(n), super::super::types::SqlType::BigInt)
        };
        if self.is_word("percent") || self.is_word("with") && self.is_word_at(1, "ties") {
            return Err(SqlError::unsupported("TOP with PERCENT or WITH TIES").at(self.line()));
        }
        Ok(Some(count))
    }

    pub(super) fn items(&mut self) -> Result<Vec<Item>, SqlError> {
        let mut items = vec![self.item()?];
        while self.sign(",") {
            items.push(self.item()?);
        }
        Ok(items)
    }

    fn item(&mut self) -> Result<Item, SqlError> {
        if self.sign("*") {
            return Ok(Item::All(None));
        }
        if let (Token::Word(table) | Token::Quoted(table), Token::Sign("."), Token::Sign("*")) =
            (self.peek().clone(), self.peek_at(1), self.peek_at(2))
        {
            self.at += 3;
            return Ok(Item::All(Some(table)));
        }
        if let (Token::Variable(variable), Token::Sign("=")) = (self.peek().clone(), self.peek_at(1)) {
            self.at += 2;
            return Ok(Item::Assign { variable, value: self.expression()? });
        }
        if let (Token::Word(alias) | Token::Quoted(alias), Token::Sign("=")) = (self.peek().clone(), self.peek_at(1)) {
            self.at += 2;
            return Ok(Item::Column { value: self.expression()?, alias: Some(alias) });
        }
        let value = self.expression()?;
        let alias = self.alias(true)?;
        Ok(Item::Column { value, alias })
    }

    /// `AS name`, or a name alone; a select item may have a text as its name.
    fn alias(&mut self, texts_too: bool) -> Result<Option<String>, SqlError> {
        let announced = self.word("as");
        match self.peek().clone() {
            Token::Text(text, _) if texts_too => {
                self.at += 1;
                Ok(Some(text))
            }
            Token::Quoted(_) => self.name().map(Some),
            Token::Word(word) if announced || !super::is_reserved(&word) && !begins_clause(&word) => {
                self.name().map(Some)
            }
            _ if announced => Err(self.unexpected()),
            _ => Ok(None),
        }
    }

    pub(super) fn sources(&mut self) -> Result<From, SqlError> {
        let mut left = self.joined()?;
        while self.sign(",") {
            let right = self.joined()?;
            left = From::Join { left: Box::new(left), kind: Join::Cross, right: Box::new(right), on: None };
        }
        Ok(left)
    }

    fn joined(&mut self) -> Result<From, SqlError> {
        let mut left = self.table()?;
        for _ in 0..64 {
            let kind = if self.words(&["cross", "join"]) {
                Join::Cross
            } else if self.word("join") || self.words(&["inner", "join"]) {
                Join::Inner
            } else if self.words(&["left", "join"]) || self.words(&["left", "outer", "join"]) {
                Join::Left
            } else if self.words(&["right", "join"]) || self.words(&["right", "outer", "join"]) {
                Join::Right
            } else if self.words(&["full", "join"]) || self.words(&["full", "outer", "join"]) {
                Join::Full
            } else if self.is_word("cross") || self.is_word("outer") {
                return Err(SqlError::unsupported("APPLY").at(self.line()));
            } else {
                return Ok(left);
            };
            let right = self.table()?;
            let on = if kind == Join::Cross {
                None
            } else {
                self.need_word("on")?;
                Some(self.expression()?)
            };
            left = From::Join { left: Box::new(left), kind, right: Box::new(right), on };
        }
        Err(SqlError::too_deep().at(self.line()))
    }

    fn table(&mut self) -> Result<From, SqlError> {
        if self.is_sign("(") {
            return self.nested(Self::derived);
        }
        if matches!(self.peek(), Token::Variable(_)) {
            return Err(SqlError::unsupported("A table variable").at(self.line()));
        }
        let name = self.object_name()?;
        if name.schema.is_none() && self.sign("(") {
            let arguments = if self.is_sign(")") { Vec::new() } else { self.expressions()? };
            self.need_sign(")")?;
            let alias = self.alias(false)?;
            let columns = if alias.is_some() && self.is_sign("(") { self.names()? } else { Vec::new() };
            return Ok(From::Function { name: name.name.to_ascii_lowercase(), arguments, alias, columns });
        }
        let alias = self.alias(false)?;
        self.table_hints()?;
        Ok(From::Table { name, alias })
    }

    fn derived(&mut self) -> Result<From, SqlError> {
        if self.is_word_at(1, "values") {
            self.at += 2;
            let rows = self.value_rows()?;
            self.need_sign(")")?;
            let alias = self.alias(false)?.ok_or_else(|| self.unexpected())?;
            let columns = self.names()?;
            return Ok(From::Values { rows, alias, columns });
        }
        let inner = (1..=super::DEEPEST).find(|ahead| !matches!(self.peek_at(*ahead), Token::Sign("("))).unwrap_or(1);
        if self.is_word_at(inner, "select") || self.is_word_at(inner, "with") {
            let query = Box::new(self.parenthesised_query()?);
            let alias = self.alias(false)?.ok_or_else(|| self.unexpected())?;
            let columns = if self.is_sign("(") { self.names()? } else { Vec::new() };
            return Ok(From::Derived { query, alias, columns });
        }
        self.need_sign("(")?;
        let inner = self.sources()?;
        self.need_sign(")")?;
        Ok(inner)
    }

    fn value_rows(&mut self) -> Result<Vec<Vec<Expr>>, SqlError> {
        let mut rows = Vec::new();
        loop {
            self.need_sign("(")?;
            rows.push(self.expressions()?);
            self.need_sign(")")?;
            if !self.sign(",") {
                return Ok(rows);
            }
        }
    }

    /// WITH (NOLOCK) and its like: this model reads committed versions and never waits to read.
    pub(super) fn table_hints(&mut self) -> Result<(), SqlError> {
        if !self.is_word("with") || !matches!(self.peek_at(1), Token::Sign("(")) {
            return Ok(());
        }
        const HINTS: [&str; 14] = [
            "nolock",
            "readuncommitted",
            "updlock",
            "holdlock",
            "rowlock",
            "tablock",
            "tablockx",
            "paglock",
            "readpast",
            "readcommitted",
            "serializable",
            "xlock",
            "repeatableread",
            "nowait",
        ];
        self.at += 2;
        loop {
            if !HINTS.iter().any(|hint| self.word(hint)) {
                return Err(self.unexpected());
            }
            if self.sign(")") {
                return Ok(());
            }
            self.sign(",");
        }
    }
}

/// Words that may be names, but behind a table or a column begin something else.
fn begins_clause(word: &str) -> bool {
    ["offset", "output", "go"].iter().any(|clause| clause.eq_ignore_ascii_case(word))
}
