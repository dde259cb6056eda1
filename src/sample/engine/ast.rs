//! What a batch says, as a tree: the part of T-SQL that the sample server knows.

use super::types::SqlType;
use super::value::Value;

/// Up to four parts: server, database, schema, object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectName {
    /// The database, if it is named.
    pub database: Option<String>,
    /// The schema, if it is named.
    pub schema: Option<String>,
    /// The object.
    pub name: String,
}

impl ObjectName {
    /// As it would be written.
    pub fn text(&self) -> String {
        let parts = [self.database.as_deref(), self.schema.as_deref(), Some(self.name.as_str())];
        match (&self.database, &self.schema) {
            (Some(database), None) => format!("{database}..{}", self.name),
            _ => parts.into_iter().flatten().collect::<Vec<_>>().join("."),
        }
    }

    /// Whether it names a temporary table.
    pub fn is_temporary(&self) -> bool {
        self.name.starts_with('#')
    }
}

/// Operators between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    BitAnd,
    BitOr,
    BitXor,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
}

impl Operator {
    /// Whether it compares.
    pub fn compares(self) -> bool {
        use Operator as O;
        matches!(self, O::Equal | O::NotEqual | O::Less | O::LessEqual | O::Greater | O::GreaterEqual)
    }

    /// As error texts name it.
    pub fn word(self) -> &'static str {
        use Operator as O;
        match self {
            O::Add => "add",
            O::Subtract => "subtract",
            O::Multiply => "multiply",
            O::Divide => "divide",
            O::Modulo => "modulo",
            O::BitAnd => "'&'",
            O::BitOr => "'|'",
            O::BitXor => "'^'",
            O::Equal => "equal to",
            O::NotEqual => "not equal to",
            O::Less => "less than",
            O::LessEqual => "less than or equal to",
            O::Greater => "greater than",
            O::GreaterEqual => "greater than or equal to",
            O::And => "and",
            O::Or => "or",
        }
    }
}

/// An expression or a condition.
#[allow(missing_docs, reason = "the fields' names say it")]
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A literal; the untyped NULL is an `int` that is NULL.
    Literal(Value, SqlType),
    /// A column, with its prefixes.
    Column(Vec<String>),
    /// A variable `@a`, or a global `@@a`.
    Variable(String),
    /// Minus.
    Negate(Box<Expr>),
    /// Tilde.
    BitNot(Box<Expr>),
    /// NOT.
    Not(Box<Expr>),
    /// Two expressions and an operator.
    Binary(Box<Expr>, Operator, Box<Expr>),
    /// `[NOT] LIKE … [ESCAPE …]`.
    Like { value: Box<Expr>, pattern: Box<Expr>, escape: Option<Box<Expr>>, negated: bool },
    /// `[NOT] BETWEEN … AND …`.
    Between { value: Box<Expr>, low: Box<Expr>, high: Box<Expr>, negated: bool },
    /// `IS [NOT] NULL`.
    IsNull { value: Box<Expr>, negated: bool },
    /// `[NOT] IN (…, …)`.
    In { value: Box<Expr>, list: Vec<Expr>, negated: bool },
    /// `[NOT] IN (SELECT …)`.
    InQuery { value: Box<Expr>, query: Box<Query>, negated: bool },
    /// `EXISTS (SELECT …)`.
    Exists(Box<Query>),
    /// `(SELECT …)` as a value.
    Subquery(Box<Query>),
    /// CASE.
    Case { operand: Option<Box<Expr>>, branches: Vec<(Expr, Expr)>, otherwise: Option<Box<Expr>> },
    /// CAST, CONVERT, and their TRY_ forms.
    Cast { value: Box<Expr>, to: SqlType, style: Option<Box<Expr>>, try_it: bool },
    /// A function's call; `COUNT(*)` has `star`.
    Call { name: String, arguments: Vec<Expr>, star: bool, distinct: bool, over: Option<Vec<Order>> },
}

/// `ORDER BY` one expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// By what.
    pub by: Expr,
    /// DESC.
    pub descending: bool,
}

/// A query with what surrounds its body.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// WITH name [(columns)] AS (query).
    pub with: Vec<(String, Vec<String>, Query)>,
    /// What it selects.
    pub body: Body,
    /// ORDER BY.
    pub order: Vec<Order>,
    /// OFFSET … ROWS.
    pub offset: Option<Expr>,
    /// FETCH NEXT … ROWS.
    pub fetch: Option<Expr>,
}

/// One SELECT, or several combined.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Body {
    Select(Box<Select>),
    Combined { left: Box<Body>, how: Combine, right: Box<Body> },
}

/// How two queries are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Combine {
    UnionAll,
    Union,
    Except,
    Intersect,
}

/// One SELECT.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    /// DISTINCT.
    pub distinct: bool,
    /// TOP (…) [PERCENT is not known].
    pub top: Option<Expr>,
    /// What is selected.
    pub items: Vec<Item>,
    /// INTO.
    pub into: Option<ObjectName>,
    /// FROM.
    pub from: Option<From>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY.
    pub group: Vec<Expr>,
    /// HAVING.
    pub having: Option<Expr>,
}

/// One thing in a select list.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Item {
    All(Option<String>),
    Column { value: Expr, alias: Option<String> },
    Assign { variable: String, value: Expr },
}

/// What stands behind FROM.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum From {
    Table { name: ObjectName, alias: Option<String> },
    Derived { query: Box<Query>, alias: String, columns: Vec<String> },
    Values { rows: Vec<Vec<Expr>>, alias: String, columns: Vec<String> },
    Function { name: String, arguments: Vec<Expr>, alias: Option<String>, columns: Vec<String> },
    Join { left: Box<From>, kind: Join, right: Box<From>, on: Option<Expr> },
}

/// Kinds of joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Join {
    Inner,
    Left,
    Right,
    Full,
    Cross,
}

/// A column of CREATE TABLE or DECLARE @t TABLE.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// NULL, NOT NULL, or not said.
    pub nullable: Option<bool>,
    /// IDENTITY(seed, increment).
    pub identity: Option<(i64, i64)>,
    /// DEFAULT.
    pub default: Option<Expr>,
    /// PRIMARY KEY here.
    pub primary_key: bool,
}

/// Where the rows of an INSERT come from.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Source {
    /// `None` stands for DEFAULT.
    Values(Vec<Vec<Option<Expr>>>),
    Query(Box<Query>),
    DefaultValues,
    Exec(Box<Statement>),
}

/// A statement and its line.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it does.
    pub kind: Kind,
    /// Its line, from 1.
    pub line: u32,
}

/// An argument of EXEC.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// `@name =`.
    pub name: Option<String>,
    /// The value; `None` for DEFAULT.
    pub value: Option<Expr>,
    /// OUTPUT.
    pub output: bool,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Select(Query),
    Insert {
        table: ObjectName,
        columns: Vec<String>,
        output: Vec<Item>,
        source: Source,
    },
    Update {
        table: ObjectName,
        top: Option<Expr>,
        set: Vec<(String, Option<Expr>)>,
        output: Vec<Item>,
        from: Option<From>,
        filter: Option<Expr>,
    },
    Delete {
        table: ObjectName,
        top: Option<Expr>,
        output: Vec<Item>,
        from: Option<From>,
        filter: Option<Expr>,
    },
    CreateTable {
        name: ObjectName,
        columns: Vec<ColumnDefinition>,
        primary_key: Vec<String>,
        key_name: Option<String>,
    },
    CreateIndex {
        name: String,
        table: ObjectName,
        columns: Vec<String>,
    },
    DropTable {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    Truncate(ObjectName),
    Declare(Vec<(String, SqlType, Option<Expr>)>),
    SetVariable {
        name: String,
        value: Expr,
    },
    SetOption {
        names: Vec<String>,
        value: SetValue,
    },
    IdentityInsert {
        table: ObjectName,
        on: bool,
    },
    If {
        condition: Expr,
        then: Box<Statement>,
        otherwise: Option<Box<Statement>>,
    },
    While {
        condition: Expr,
        body: Box<Statement>,
    },
    Block(Vec<Statement>),
    Try {
        body: Vec<Statement>,
        handler: Vec<Statement>,
    },
    Break,
    Continue,
    Return(Option<Expr>),
    Print(Expr),
    RaisError {
        message: Expr,
        severity: Expr,
        state: Expr,
        arguments: Vec<Expr>,
        log: bool,
    },
    Throw(Option<(Expr, Expr, Expr)>),
    WaitForDelay(Expr),
    Begin {
        name: Option<String>,
    },
    Commit,
    Rollback {
        name: Option<String>,
    },
    Save {
        name: String,
    },
    Use(String),
    Exec {
        result: Option<String>,
        name: ObjectName,
        arguments: Vec<Argument>,
    },
    ExecText(Expr),
    Kill(Expr),
    InsertBulk {
        table: ObjectName,
        columns: Vec<(String, SqlType)>,
    },
    Nothing,
}

/// What SET gives to an option.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SetValue {
    On,
    Off,
    Word(String),
    Number(i64),
}
