//! The engine as its statements see it: texts in, rows out.

use std::collections::HashMap;
use std::sync::Arc;

use super::ast::Kind;
use super::convert::cast;
use super::error::SqlError;
use super::server::{Access, Login, Server};
use super::types::{MAX, SqlType};
use super::value::Value;
use super::world::{Facts, Variables, World};
use super::{parse, plan, run, seed};
use crate::domain::{Secret, Timestamp};
use crate::platform::ManualClock;

fn world() -> World {
    let login = Login {
        name: "ada".into(),
        password: Secret::new("x"),
        database: "Nordwind".into(),
        access: Access::Owner,
        administrator: false,
    };
    let databases = seed::databases().into_iter().map(Arc::new).collect();
    let clock = ManualClock::starting_at(Timestamp::from_millis(1_795_000_000_000));
    let server = Arc::new(Server::new("SAMPLE".into(), databases, vec![login.clone()], 1 << 30, clock));
    let database = Arc::clone(server.database("Nordwind").unwrap());
    let facts = Facts {
        spid: 51,
        host_name: "here".into(),
        program_name: "test".into(),
        depth: 0,
        rowcount: 0,
        error: 0,
        identity: None,
        language: "us_english".into(),
        lock_timeout: -1,
        encrypted: true,
        client: "127.0.0.1".into(),
        context: HashMap::new(),
        caught: None,
        nest_level: 0,
    };
    World {
        tables: database.committed(),
        temporary: Arc::default(),
        written: HashMap::new(),
        variables: Variables::from([("@n".to_owned(), (SqlType::Int, Value::Int(3)))]),
        now: server.now(),
        server,
        login,
        facts,
        database,
    }
}

/// The rows of a query, each as its values' texts with a bar between.
fn rows(text: &str) -> Result<Vec<String>, SqlError> {
    let world = world();
    let statements = parse::batch(text)?;
    let Some(Kind::Select(query)) = statements.first().map(|statement| &statement.kind) else { panic!("{text}") };
    let planned = plan::plan(&world, query)?;
    let shown = |value: &Value, ty: SqlType| match cast(value, ty, SqlType::NVarChar(MAX), 121).unwrap() {
        Value::Text(text) => text.to_string(),
        _ => "NULL".to_owned(),
    };
    let rows = run::collect(&planned.plan, &None)?;
    Ok(rows
        .iter()
        .map(|row| {
            row.iter()
                .zip(&planned.columns)
                .map(|(value, column)| shown(value, column.ty))
                .collect::<Vec<_>>()
                .join("|")
        })
        .collect())
}

fn one(text: &str) -> String {
    rows(text).unwrap_or_else(|error| panic!("{text}: {error}")).join("/")
}

fn number(text: &str) -> i32 {
    rows(text).expect_err(text).number
}

#[test]
fn expressions_have_the_values_and_types_that_sql_server_gives_them() {
    for (text, value) in [
        ("SELECT 1 + 2 * 3", "7"),
        ("SELECT 7 / 2, 7 % 2, -7 / 2", "3|1|-3"),
        ("SELECT 7.0 / 2", "3.500000"),
        ("SELECT 1.10 + 2.2, 1.5 * 1.5", "3.30|2.25"),
        ("SELECT CAST(10 AS money) / 3", "3.33"),
        ("SELECT 'a' + 'b' + N'ü'", "abü"),
        ("SELECT '5' + 1", "6"),
        ("SELECT CASE WHEN 1 = 1 THEN 'yes' ELSE 'no' END", "yes"),
        ("SELECT CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
        ("SELECT ISNULL(NULL, 'x'), COALESCE(NULL, NULL, 3), NULLIF(1, 1)", "x|3|NULL"),
        ("SELECT LEN('abc  '), DATALENGTH(N'abc'), UPPER('aé'), REPLACE('aba', 'a', 'x')", "3|6|AÉ|xbx"),
        ("SELECT SUBSTRING('abcdef', 2, 3), LEFT('abc', 2), RIGHT('abc', 2), CHARINDEX('c', 'abc')", "bcd|ab|bc|3"),
        ("SELECT CONVERT(varchar(10), CAST('2026-11-21' AS date), 104)", "21.11.2026"),
        (
            "SELECT DATEADD(month, 1, CAST('2026-01-31' AS date)), DATEDIFF(day, '2026-01-01', '2026-03-01')",
            "2026-02-28|59",
        ),
        ("SELECT YEAR('2026-11-21'), DATEPART(weekday, '2026-11-21')", "2026|7"),
        ("SELECT TRY_CAST('x' AS int), CAST('true' AS bit), CAST(0x0102 AS int)", "NULL|1|258"),
        ("SELECT ROUND(2.567, 1), FLOOR(-1.5), ABS(-3), POWER(2, 10)", "2.600|-2|3|1024"),
        ("SELECT @n * 2, DB_NAME(), HOST_NAME(), @@SPID", "6|Nordwind|here|51"),
        ("SELECT 1 WHERE NOT (NULL = NULL)", ""),
        ("SELECT 1 WHERE 'a' LIKE '[a-c]' AND 5 BETWEEN 1 AND 9 AND 2 IN (1, 2) AND NULL IS NULL", "1"),
        ("SELECT 1 WHERE 1 NOT IN (2, NULL)", ""),
        ("SELECT IIF(1 > 2, 'a', 'b'), CONCAT('a', NULL, 1)", "b|a1"),
        ("SELECT CAST(1 AS float) / 3", "0.333333"),
    ] {
        assert_eq!(one(text), value, "{text}");
    }
}

#[test]
fn queries_join_group_sort_and_combine() {
    for (text, value) in [
        ("SELECT TOP 2 ProductID FROM Products ORDER BY ProductID DESC", "24/23"),
        ("SELECT COUNT(*), MIN(OrderID), MAX(OrderID) FROM Orders", "240|10001|10240"),
        (
            "SELECT Category, COUNT(*) AS n FROM Products GROUP BY Category HAVING COUNT(*) > 5 ORDER BY n DESC, Category",
            "",
        ),
        ("SELECT COUNT(*) FROM Customers c JOIN Orders o ON o.CustomerID = c.CustomerID", "240"),
        ("SELECT COUNT(*) FROM (VALUES (1), (2)) a(x) LEFT JOIN (VALUES (2), (3)) b(y) ON x = y WHERE y IS NULL", "1"),
        (
            "SELECT x, y FROM (VALUES (1), (2)) a(x) FULL JOIN (VALUES (2), (3)) b(y) ON x = y ORDER BY ISNULL(x, y)",
            "1|NULL/2|2/NULL|3",
        ),
        ("SELECT DISTINCT x FROM (VALUES (2), (1), (2)) a(x) ORDER BY x", "1/2"),
        ("SELECT value FROM GENERATE_SERIES(1, 10) ORDER BY value OFFSET 3 ROWS FETCH NEXT 2 ROWS ONLY", "4/5"),
        ("SELECT 1 UNION ALL SELECT 1 UNION SELECT 2 ORDER BY 1", "1/2"),
        ("SELECT value FROM GENERATE_SERIES(1, 5) EXCEPT SELECT 3", "1/2/4/5"),
        ("SELECT SUM(value), AVG(value), COUNT(DISTINCT value % 2) FROM GENERATE_SERIES(1, 4)", "10|2|2"),
        ("SELECT value % 2, SUM(value) FROM GENERATE_SERIES(1, 4) GROUP BY value % 2 ORDER BY 1", "0|6/1|4"),
        ("WITH big AS (SELECT value AS v FROM GENERATE_SERIES(1, 100)) SELECT COUNT(*) FROM big WHERE v > 90", "10"),
        (
            "SELECT COUNT(*) FROM Customers c WHERE EXISTS (SELECT 1 FROM Orders o WHERE o.CustomerID = c.CustomerID AND o.Status = 'never')",
            "0",
        ),
        (
            "SELECT (SELECT MAX(LineNumber) FROM OrderLines l WHERE l.OrderID = o.OrderID) FROM Orders o WHERE o.OrderID IN (SELECT MIN(OrderID) FROM Orders)",
            "*",
        ),
        ("SELECT ROW_NUMBER() OVER (ORDER BY x DESC), x FROM (VALUES (1), (2)) a(x) ORDER BY x", "2|1/1|2"),
        ("SELECT name FROM sys.tables ORDER BY name", "Customers/OrderLines/Orders/Products"),
        (
            "SELECT DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'Products' AND COLUMN_NAME = 'UnitPrice'",
            "decimal",
        ),
        ("SELECT name FROM sys.databases ORDER BY database_id", "master/tempdb/Nordwind"),
        ("SELECT COUNT(*) FROM Nordwind.dbo.Orders", "240"),
    ] {
        let found = one(text);
        assert!(value == "*" && !found.is_empty() || found == value, "{text}: {found}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_sql_servers_numbers() {
    for (text, expected) in [
        ("SELECT 1 = 1", 102),
        ("SELECT * FROM Orders WHERE OrderID", 4145),
        ("SELECT OrderID, COUNT(*) FROM Orders", 8120),
        ("SELECT Name FROM Customers, Products", 209),
        ("SELECT x.Name FROM Customers", 4104),
        ("SELECT *", 263),
        ("SELECT 1 UNION SELECT 1, 2", 205),
        ("SELECT 'a' - 'b'", 8117),
        ("SELECT SUM(Name) FROM Customers", 8117),
        ("SELECT nosuch(1)", 195),
        ("SELECT LEN()", 174),
        ("SELECT CAST(1 AS nosuch)", 2715),
        ("SELECT * FROM Suedsee.dbo.Orders", 916),
        ("SELECT * FROM nowhere.dbo.Orders", 911),
        ("SELECT (SELECT 1, 2)", 116),
        ("SELECT (SELECT value FROM GENERATE_SERIES(1, 2))", 512),
        ("SELECT CAST(GETDATE() AS date) + 1", 8117),
        ("SELECT COUNT(*) OVER (ORDER BY 1) FROM Orders", 40000),
        ("SELECT CAST('2026-11-21' AS date) WHERE NEWID() = 1", 206),
    ] {
        assert_eq!(number(text), expected, "{text}");
    }
}

#[test]
fn statements_need_no_semicolons_between_them() {
    let text = "SET NOCOUNT ON SELECT 1 AS a SELECT 2 b DECLARE @x int = 1 IF @x = 1 PRINT 'one' ELSE PRINT 'two' BEGIN TRAN COMMIT EXEC sp_who";
    assert_eq!(parse::batch(text).unwrap().len(), 8);
    let tedious = "set textsize 2147483647\nset quoted_identifier on\nset arithabort off\nset transaction isolation level read committed\nset xact_abort off";
    assert_eq!(parse::batch(tedious).unwrap().len(), 5);
}

#[test]
fn no_nesting_exhausts_the_stack() {
    for text in [
        format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT 1{}", " + 1".repeat(5_000)),
        format!("SELECT {}1", " -".repeat(5_000)),
        format!("SELECT * FROM {}x{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT 1 WHERE {} 1 = 1", "NOT ".repeat(5_000)),
        format!("{}SELECT 1", "IF 1 = 1 ".repeat(5_000)),
        format!("{}SELECT 1{}", "BEGIN ".repeat(5_000), " END".repeat(5_000)),
        format!("SELECT {}1{}", "CASE WHEN 1 = 1 THEN ".repeat(5_000), " END".repeat(5_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(5_000)),
    ] {
        assert!(parse::batch(&text).is_err(), "{}", &text[..40]);
    }
    // As deep as is allowed, an expression is still carried out.
    assert_eq!(one(&format!("SELECT 1{}", " + 1".repeat(240))), "241");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..30)) {
        let _ = parse::batch(&words.join(" "));
    }
}

const WORDS: &[&str] = &[
    "SELECT", "FROM", "WHERE", "(", ")", ",", "a", "[b]", "1", "'x'", "@v", "=", "+", "-", "*", "IN", "LIKE",
    "BETWEEN", "AND", "NOT", "NULL", "CASE", "WHEN", "THEN", "END", "INSERT", "INTO", "VALUES", "UPDATE", "SET",
    "DELETE", "CREATE", "TABLE", "int", "DECLARE", "IF", "ELSE", "BEGIN", "TRAN", "COMMIT", "EXEC", "UNION", "ALL",
    "ORDER", "BY", "GROUP", "JOIN", "ON", "AS", ".", ";", "TOP", "WITH", "OVER", "BULK", "DISTINCT", "{", "}", "fn",
];
