//! Statements, one after the other, with or without semicolons.

use super::super::ast::{Argument, Expr, From, Item, Kind, Source, Statement};
use super::super::error::SqlError;
use super::super::lexer::Token;
use super::super::value::Value;
use super::Parser;

impl Parser {
    /// Statements up to the end of the text or to one of these words.
    pub(super) fn statements(&mut self, until: &[&str]) -> Result<Vec<Statement>, SqlError> {
        let mut found = Vec::new();
        loop {
            while self.sign(";") {}
            if self.peek() == &Token::End || until.iter().any(|word| self.is_word(word)) {
                return Ok(found);
            }
            found.push(self.statement()?);
        }
    }

    fn statement(&mut self) -> Result<Statement, SqlError> {
        let line = self.line();
        let first = found_word(self.peek());
        let bare_call = found_call(self.peek());
        let kind = match first.as_str() {
            "select" | "with" => self.nested(Self::query_or_change)?,
            "insert" | "update" | "delete" => self.change()?,
            "if" => self.nested(Self::if_statement)?,
            "while" => self.nested(Self::while_statement)?,
            "begin" => self.begin()?,
            "declare" | "set" | "create" | "drop" | "truncate" | "alter" => self.definition(&first)?,
            "exec" | "execute" => self.exec()?,
            _ if self.at == 0 && bare_call => self.exec_named(None)?,
            _ => self.simple(&first)?,
        };
        Ok(Statement { kind, line })
    }

    /// Statements of a word and its few arguments.
    fn simple(&mut self, first: &str) -> Result<Kind, SqlError> {
        self.at += 1;
        Ok(match first {
            "print" => Kind::Print(self.expression()?),
            "raiserror" => self.raiserror()?,
            "throw" => {
                if matches!(self.peek(), Token::Number(_) | Token::Variable(_)) {
                    let number = self.expression()?;
                    self.need_sign(",")?;
                    let message = self.expression()?;
                    self.need_sign(",")?;
                    Kind::Throw(Some((number, message, self.expression()?)))
                } else {
                    Kind::Throw(None)
                }
            }
            "waitfor" => {
                self.need_word("delay")?;
                Kind::WaitForDelay(self.expression()?)
            }
            "commit" => {
                self.transaction_word();
                self.transaction_name();
                Kind::Commit
            }
            "rollback" => {
                self.transaction_word();
                Kind::Rollback { name: self.transaction_name() }
            }
            "save" => {
                if !self.word("tran") && !self.word("transaction") {
                    return Err(self.unexpected());
                }
                Kind::Save { name: self.transaction_name().ok_or_else(|| self.unexpected())? }
            }
            "use" => Kind::Use(self.name()?),
            "kill" => Kind::Kill(self.expression()?),
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "return" => {
                let valued = matches!(self.peek(), Token::Number(_) | Token::Variable(_) | Token::Sign("(" | "-"));
                Kind::Return(if valued { Some(self.expression()?) } else { None })
            }
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        })
    }

    fn transaction_word(&mut self) {
        let _ = self.word("tran") || self.word("transaction") || self.word("work");
    }

    fn transaction_name(&mut self) -> Option<String> {
        match self.peek().clone() {
            Token::Variable(name) => {
                self.at += 1;
                Some(name)
            }
            _ if self.line_has_name() => self.name().ok(),
            _ => None,
        }
    }

    /// Whether the next word is a name rather than the next statement.
    fn line_has_name(&self) -> bool {
        match self.peek() {
            Token::Quoted(_) => true,
            Token::Word(word) => !super::is_reserved(word),
            _ => false,
        }
    }

    fn if_statement(&mut self) -> Result<Kind, SqlError> {
        self.need_word("if")?;
        let condition = self.expression()?;
        let then = Box::new(self.statement()?);
        while self.is_sign(";") && self.peek_at(1) != &Token::End && self.is_word_at(1, "else") {
            self.at += 1;
        }
        let otherwise = if self.word("else") { Some(Box::new(self.statement()?)) } else { None };
        Ok(Kind::If { condition, then, otherwise })
    }

    fn while_statement(&mut self) -> Result<Kind, SqlError> {
        self.need_word("while")?;
        let condition = self.expression()?;
        Ok(Kind::While { condition, body: Box::new(self.statement()?) })
    }

    fn begin(&mut self) -> Result<Kind, SqlError> {
        self.need_word("begin")?;
        if self.word("tran") || self.word("transaction") {
            let name = self.transaction_name();
            return Ok(Kind::Begin { name });
        }
        if self.word("try") {
            let body = self.nested(|p| p.statements(&["end"]))?;
            for word in ["end", "try"] {
                self.need_word(word)?;
            }
            self.sign(";");
            for word in ["begin", "catch"] {
                self.need_word(word)?;
            }
            let handler = self.nested(|p| p.statements(&["end"]))?;
            for word in ["end", "catch"] {
                self.need_word(word)?;
            }
            return Ok(Kind::Try { body, handler });
        }
        let body = self.nested(|p| p.statements(&["end"]))?;
        if body.is_empty() {
            return Err(self.unexpected());
        }
        self.need_word("end")?;
        Ok(Kind::Block(body))
    }

    fn raiserror(&mut self) -> Result<Kind, SqlError> {
        self.need_sign("(")?;
        let mut given = self.expressions()?.into_iter();
        self.need_sign(")")?;
        let mut log = false;
        if self.word("with") {
            loop {
                log |= self.is_word("log");
                if !self.word("log") && !self.word("nowait") && !self.word("seterror") {
                    return Err(self.unexpected());
                }
                if !self.sign(",") {
                    break;
                }
            }
        }
        match (given.next(), given.next(), given.next()) {
            (Some(message), Some(severity), Some(state)) => {
                Ok(Kind::RaisError { message, severity, state, arguments: given.collect(), log })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn query_or_change(&mut self) -> Result<Kind, SqlError> {
        self.query().map(Kind::Select)
    }

    fn change(&mut self) -> Result<Kind, SqlError> {
        if self.word("insert") {
            if self.word("bulk") {
                return self.insert_bulk();
            }
            return self.insert();
        }
        if self.is_word("update") { self.update() } else { self.delete() }
    }

    fn insert(&mut self) -> Result<Kind, SqlError> {
        self.word("into");
        let table = self.object_name()?;
        self.table_hints()?;
        let columns = if self.is_sign("(") && !self.is_word_at(1, "select") { self.names()? } else { Vec::new() };
        let output = self.output()?;
        let source = if self.words(&["default", "values"]) {
            Source::DefaultValues
        } else if self.word("values") {
            let mut rows = Vec::new();
            loop {
                self.need_sign("(")?;
                let mut row = Vec::new();
                loop {
                    row.push(if self.word("default") { None } else { Some(self.expression()?) });
                    if !self.sign(",") {
                        break;
                    }
                }
                self.need_sign(")")?;
                rows.push(row);
                if !self.sign(",") {
                    break;
                }
            }
            if rows.len() > 1000 {
                return Err(SqlError::new(
                    10738,
                    15,
                    "The number of row value expressions in the INSERT statement exceeds the maximum allowed number of 1000 row values.",
                ));
            }
            Source::Values(rows)
        } else if self.is_word("exec") || self.is_word("execute") {
            let line = self.line();
            Source::Exec(Box::new(Statement { kind: self.exec()?, line }))
        } else {
            Source::Query(Box::new(self.nested(Self::query)?))
        };
        Ok(Kind::Insert { table, columns, output, source })
    }

    fn output(&mut self) -> Result<Vec<Item>, SqlError> {
        if !self.word("output") {
            return Ok(Vec::new());
        }
        let items = self.items()?;
        if self.is_word("into") { Err(SqlError::unsupported("OUTPUT INTO").at(self.line())) } else { Ok(items) }
    }

    fn update(&mut self) -> Result<Kind, SqlError> {
        self.need_word("update")?;
        let top = self.top()?;
        let table = self.object_name()?;
        self.table_hints()?;
        self.need_word("set")?;
        let mut set = Vec::new();
        loop {
            let mut column = self.name()?;
            while self.sign(".") {
                column = self.name()?;
            }
            let operator = ["=", "+=", "-=", "*=", "/=", "%="]
                .into_iter()
                .find(|sign| self.sign(sign))
                .ok_or_else(|| self.unexpected())?;
            let value = if self.word("default") { None } else { Some(self.expression()?) };
            set.push((column.clone(), value.map(|value| compound(Expr::Column(vec![column]), operator, value))));
            if !self.sign(",") {
                break;
            }
        }
        let output = self.output()?;
        let (from, filter) = self.sources_and_filter()?;
        Ok(Kind::Update { table, top, set, output, from, filter })
    }

    fn delete(&mut self) -> Result<Kind, SqlError> {
        self.need_word("delete")?;
        let top = self.top()?;
        self.word("from");
        let table = self.object_name()?;
        self.table_hints()?;
        let output = self.output()?;
        let (from, filter) = self.sources_and_filter()?;
        Ok(Kind::Delete { table, top, output, from, filter })
    }

    fn sources_and_filter(&mut self) -> Result<(Option<From>, Option<Expr>), SqlError> {
        let from = if self.word("from") { Some(self.sources()?) } else { None };
        let filter = if self.word("where") { Some(self.expression()?) } else { None };
        self.option_clause()?;
        Ok((from, filter))
    }

    /// INSERT BULK table (column type [COLLATE …] [NULL | NOT NULL], …) [WITH (hints)].
    fn insert_bulk(&mut self) -> Result<Kind, SqlError> {
        let table = self.object_name()?;
        let mut columns = Vec::new();
        if self.sign("(") {
            loop {
                let name = self.name()?;
                let ty = self.data_type()?;
                if self.word("collate") {
                    self.name()?;
                }
                self.word("not");
                self.word("null");
                columns.push((name, ty));
                if !self.sign(",") {
                    break;
                }
            }
            self.need_sign(")")?;
        }
        if self.word("with") {
            self.need_sign("(")?;
            let mut open = 1;
            while open > 0 {
                match self.next() {
                    Token::Sign("(") => open += 1,
                    Token::Sign(")") => open -= 1,
                    Token::Word(_) | Token::Sign("," | "=") | Token::Number(_) => {}
                    _ => return Err(self.unexpected_before()),
                }
            }
        }
        Ok(Kind::InsertBulk { table, columns })
    }

    fn exec(&mut self) -> Result<Kind, SqlError> {
        self.at += 1;
        if self.sign("(") {
            let text = self.expression()?;
            self.need_sign(")")?;
            return Ok(Kind::ExecText(text));
        }
        let mut result = None;
        if let (Token::Variable(name), Token::Sign("=")) = (self.peek().clone(), self.peek_at(1)) {
            self.at += 2;
            result = Some(name);
        }
        self.exec_named(result)
    }

    fn exec_named(&mut self, result: Option<String>) -> Result<Kind, SqlError> {
        let name = self.object_name()?;
        let mut arguments = Vec::new();
        while !matches!(self.peek(), Token::End | Token::Sign(";")) {
            let mut argument = Argument { name: None, value: None, output: false };
            if let (Token::Variable(name), Token::Sign("=")) = (self.peek().clone(), self.peek_at(1)) {
                self.at += 2;
                argument.name = Some(name);
            }
            argument.value = match self.peek().clone() {
                Token::Word(word) if word.eq_ignore_ascii_case("default") => {
                    self.at += 1;
                    None
                }
                Token::Word(word)
                    if arguments.is_empty()
                        && argument.name.is_none()
                        && super::is_reserved(&word)
                        && !word.eq_ignore_ascii_case("null") =>
                {
                    break;
                }
                Token::Word(word) if !word.eq_ignore_ascii_case("null") => {
                    // A bare word is a text here.
                    self.at += 1;
                    Some(Expr::Literal(Value::text(word), super::super::types::SqlType::NVarChar(128)))
                }
                _ => Some(self.expression()?),
            };
            argument.output = self.word("output") || self.word("out");
            arguments.push(argument);
            if !self.sign(",") {
                break;
            }
        }
        Ok(Kind::Exec { result, name, arguments })
    }
}

/// `a += b` is `a = a + b`.
pub(super) fn compound(target: Expr, operator: &str, value: Expr) -> Expr {
    use super::super::ast::Operator as O;
    let operator = match operator {
        "+=" => O::Add,
        "-=" => O::Subtract,
        "*=" => O::Multiply,
        "/=" => O::Divide,
        "%=" => O::Modulo,
        "&=" => O::BitAnd,
        "|=" => O::BitOr,
        "^=" => O::BitXor,
        _ => return value,
    };
    Expr::Binary(Box::new(target), operator, Box::new(value))
}

fn found_word(token: &Token) -> String {
    match token {
        Token::Word(word) => word.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// A batch may begin with a procedure's name alone.
fn found_call(token: &Token) -> bool {
    const BARE: [&str; 14] = [
        "print",
        "raiserror",
        "throw",
        "waitfor",
        "commit",
        "rollback",
        "save",
        "use",
        "kill",
        "break",
        "continue",
        "return",
        "go",
        "dbcc",
    ];
    match token {
        Token::Quoted(_) => true,
        Token::Word(word) => !super::is_reserved(word) && !BARE.iter().any(|bare| bare.eq_ignore_ascii_case(word)),
        _ => false,
    }
}
