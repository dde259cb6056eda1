//! DECLARE, SET, CREATE, DROP, TRUNCATE.

use super::super::ast::{ColumnDefinition, Kind, SetValue};
use super::super::error::SqlError;
use super::super::lexer::Token;
use super::Parser;
use super::statement::compound;

impl Parser {
    /// A statement that begins with one of these words.
    pub(super) fn definition(&mut self, first: &str) -> Result<Kind, SqlError> {
        self.at += 1;
        match first {
            "declare" => self.declare(),
            "set" => self.set(),
            "create" => self.create(),
            "drop" => {
                self.need_word("table")?;
                let if_exists = self.words(&["if", "exists"]);
                let mut names = vec![self.object_name()?];
                while self.sign(",") {
                    names.push(self.object_name()?);
                }
                Ok(Kind::DropTable { names, if_exists })
            }
            "truncate" => {
                self.need_word("table")?;
                Ok(Kind::Truncate(self.object_name()?))
            }
            _ => Err(SqlError::unsupported(first.to_uppercase()).at(self.line())),
        }
    }

    fn declare(&mut self) -> Result<Kind, SqlError> {
        let mut variables = Vec::new();
        loop {
            let Token::Variable(name) = self.next() else { return Err(self.unexpected_before()) };
            self.word("as");
            if self.is_word("table") {
                return Err(SqlError::unsupported("A table variable").at(self.line()));
            }
            let ty = self.data_type()?;
            let value = if self.sign("=") { Some(self.expression()?) } else { None };
            variables.push((name, ty, value));
            if !self.sign(",") {
                return Ok(Kind::Declare(variables));
            }
        }
    }

    fn set(&mut self) -> Result<Kind, SqlError> {
        if let Token::Variable(name) = self.peek().clone() {
            self.at += 1;
            let operators = ["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="];
            let operator = operators.into_iter().find(|sign| self.sign(sign)).ok_or_else(|| self.unexpected())?;
            let value = self.expression()?;
            let value = compound(super::Expr::Variable(name.clone()), operator, value);
            return Ok(Kind::SetVariable { name, value });
        }
        if self.word("identity_insert") {
            let table = self.object_name()?;
            let on = self.word("on");
            if !on {
                self.need_word("off")?;
            }
            return Ok(Kind::IdentityInsert { table, on });
        }
        if self.words(&["transaction", "isolation", "level"]) {
            const LEVELS: [&[&str]; 5] = [
                &["read", "uncommitted"],
                &["read", "committed"],
                &["repeatable", "read"],
                &["serializable"],
                &["snapshot"],
            ];
            let level = LEVELS.into_iter().find(|level| self.words(level)).ok_or_else(|| self.unexpected())?;
            return Ok(Kind::SetOption { names: vec!["isolation".to_owned()], value: SetValue::Word(level.join(" ")) });
        }
        let mut names = vec![self.option_name()?];
        while self.sign(",") {
            names.push(self.option_name()?);
        }
        let value = match self.next() {
            Token::Word(word) if word.eq_ignore_ascii_case("on") => SetValue::On,
            Token::Word(word) if word.eq_ignore_ascii_case("off") => SetValue::Off,
            Token::Word(word) | Token::Quoted(word) | Token::Text(word, _) => SetValue::Word(word),
            Token::Number(n) => SetValue::Number(n.parse().map_err(|_| SqlError::syntax(n))?),
            Token::Sign("-") => SetValue::Number(-self.integer()?),
            Token::Binary(_) => SetValue::Word(String::new()),
            _ => return Err(self.unexpected_before()),
        };
        Ok(Kind::SetOption { names, value })
    }

    fn option_name(&mut self) -> Result<String, SqlError> {
        match self.next() {
            Token::Word(word) if word.eq_ignore_ascii_case("statistics") => match self.next() {
                Token::Word(what) => Ok(format!("statistics {}", what.to_ascii_lowercase())),
                _ => Err(self.unexpected_before()),
            },
            Token::Word(word) => Ok(word.to_ascii_lowercase()),
            _ => Err(self.unexpected_before()),
        }
    }

    fn create(&mut self) -> Result<Kind, SqlError> {
        let unique = self.word("unique");
        let clustered = self.word("clustered") || self.word("nonclustered");
        if self.word("index") {
            if unique {
                return Err(SqlError::unsupported("A unique index beside the primary key").at(self.line()));
            }
            let name = self.name()?;
            self.need_word("on")?;
            let table = self.object_name()?;
            let columns = self.key_columns()?;
            return Ok(Kind::CreateIndex { name, table, columns });
        }
        if clustered || unique {
            return Err(self.unexpected());
        }
        if !self.is_word("table") {
            let what = match self.peek() {
                Token::Word(word) => word.to_uppercase(),
                _ => return Err(self.unexpected()),
            };
            return Err(SqlError::unsupported(format!("CREATE {what}")).at(self.line()));
        }
        self.at += 1;
        self.create_table()
    }

    fn create_table(&mut self) -> Result<Kind, SqlError> {
        let name = self.object_name()?;
        let (mut columns, mut primary_key, mut key_name) = (Vec::new(), Vec::new(), None);
        self.need_sign("(")?;
        loop {
            let constraint = if self.word("constraint") { Some(self.name()?) } else { None };
            if self.words(&["primary", "key"]) {
                self.clustering();
                primary_key = self.key_columns()?;
                key_name = constraint;
            } else if self.is_word("unique") || self.is_word("foreign") || self.is_word("check") || constraint.is_some()
            {
                return Err(
                    SqlError::unsupported("A constraint other than PRIMARY KEY, NOT NULL and DEFAULT").at(self.line())
                );
            } else {
                let (column, named) = self.column_definition()?;
                if column.primary_key {
                    primary_key = vec![column.name.clone()];
                    key_name = named;
                }
                columns.push(column);
            }
            if !self.sign(",") || self.is_sign(")") {
                break;
            }
        }
        self.need_sign(")")?;
        if self.words(&["on", "primary"])
            || self.is_word("on")
                && matches!(self.peek_at(1), Token::Quoted(group) if group.eq_ignore_ascii_case("primary"))
        {
            self.at += usize::from(self.is_word("on")) * 2;
        }
        Ok(Kind::CreateTable { name, columns, primary_key, key_name })
    }

    fn clustering(&mut self) {
        let _ = self.word("clustered") || self.word("nonclustered");
    }

    fn key_columns(&mut self) -> Result<Vec<String>, SqlError> {
        self.need_sign("(")?;
        let mut columns = Vec::new();
        loop {
            columns.push(self.name()?);
            let _ = self.word("asc") || self.word("desc");
            if !self.sign(",") {
                break;
            }
        }
        self.need_sign(")")?;
        Ok(columns)
    }

    fn column_definition(&mut self) -> Result<(ColumnDefinition, Option<String>), SqlError> {
        let name = self.name()?;
        if self.is_word("as") {
            return Err(SqlError::unsupported("A computed column").at(self.line()));
        }
        let ty = self.data_type()?;
        let mut column =
            ColumnDefinition { name, ty, nullable: None, identity: None, default: None, primary_key: false };
        let mut constraint = None;
        loop {
            if self.word("constraint") {
                constraint = Some(self.name()?);
            } else if self.words(&["not", "null"]) {
                column.nullable = Some(false);
            } else if self.word("null") {
                column.nullable = Some(true);
            } else if self.word("identity") {
                let mut numbers = (1, 1);
                if self.sign("(") {
                    numbers.0 = self.integer()?;
                    self.need_sign(",")?;
                    numbers.1 = self.integer()?;
                    self.need_sign(")")?;
                }
                column.identity = Some(numbers);
            } else if self.word("default") {
                column.default = Some(self.expression()?);
            } else if self.words(&["primary", "key"]) {
                self.clustering();
                column.primary_key = true;
            } else if self.word("collate") {
                self.name()?;
            } else if self.is_word("unique") || self.is_word("references") || self.is_word("check") {
                return Err(
                    SqlError::unsupported("A constraint other than PRIMARY KEY, NOT NULL and DEFAULT").at(self.line())
                );
            } else {
                return Ok((column, constraint));
            }
        }
    }
}
