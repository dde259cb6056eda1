//! What the driver programs in Rust share: the conversation with the lab, and the content that is loaded and compared (the same as in `job.py`).

use std::{collections::HashMap, fmt, io::Write};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;
pub type Answer = Result<Value, Failure>;

/// The job: a flat object.
pub struct Job(HashMap<String, Value>);

impl Job {
    /// A text field; empty when it is absent or null.
    pub fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn number(&self, field: &str) -> usize {
        self.0.get(field).and_then(Value::as_u64).unwrap_or_default() as usize
    }
}

/// What the driver cannot do, and why.
#[derive(Debug)]
struct NotApplicable(&'static str);

impl fmt::Display for NotApplicable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotApplicable {}

pub fn na(reason: &'static str) -> Answer {
    Err(Box::new(NotApplicable(reason)))
}

pub fn read() -> Job {
    Job(serde_json::from_str(&line()).expect("a job in JSON"))
}

/// Tells the lab that a step is reached, and waits for its go-ahead.
pub fn say(step: &str, rows: usize) {
    write(&json!({ "say": step, "rows": rows }));
    line();
}

pub fn answer(answer: Answer) {
    write(&match answer {
        Ok(saw) => json!({ "saw": saw }),
        Err(failure) => match failure.downcast_ref::<NotApplicable>() {
            Some(reason) => json!({ "na": reason.0 }),
            None => json!({ "error": failure.to_string() }),
        },
    });
}

fn line() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("a line from the lab");
    line
}

fn write(answer: &Value) {
    println!("{answer}");
    std::io::stdout().flush().expect("the lab reads");
}

pub const NUMBERS: &str = "dbo.gatehouse_lab_numbers";
pub const BULK_COLUMNS: &str =
    "(id int NOT NULL, name nvarchar(80) NULL, price float NULL, payload varbinary(200) NULL)";
const BULK_ROWS: i32 = 5000;

/// Count, sum and digest of rows of the numbers table.
#[derive(Default)]
pub struct Numbers {
    rows: u64,
    sum: i64,
    digest: Sha256,
}

impl Numbers {
    pub fn add(&mut self, number: i32, label: &str) {
        self.rows += 1;
        self.sum += i64::from(number);
        self.digest.update(format!("{number}:{label}\n"));
    }

    pub fn end(self) -> Value {
        json!({ "rows": self.rows, "sum": self.sum, "digest": hex(&self.digest.finalize()) })
    }
}

/// A text of `length` characters whose order can be checked.
pub fn big_text(length: usize) -> String {
    "0123456789abcdef".chars().cycle().take(length).collect()
}

pub fn digest_of_text(text: &str) -> Value {
    json!({ "length": text.chars().count(), "digest": hex(&Sha256::digest(text)) })
}

/// Rows to load in bulk: whole numbers, texts beyond ASCII, floats, bytes, and nulls of each.
pub fn bulk_rows() -> impl Iterator<Item = (i32, Option<String>, Option<f64>, Option<Vec<u8>>)> {
    (1..=BULK_ROWS).map(|number| {
        (
            number,
            (number % 7 != 0).then(|| format!("Name {number} é世")),
            (number % 11 != 0).then(|| f64::from(number) * 0.5),
            (number % 13 != 0).then(|| number.to_le_bytes().repeat(5)),
        )
    })
}

/// Count and digest of such rows, as read back.
pub fn digest_of_bulk<'a>(rows: impl Iterator<Item = (i32, Option<&'a str>, Option<f64>, Option<&'a [u8]>)>) -> Value {
    let mut count = 0;
    let mut digest = Sha256::new();
    for (number, name, price, payload) in rows {
        count += 1;
        let price = price.map_or("-".to_owned(), |price| ((price * 2.0).round() as i64).to_string());
        digest.update(format!("{number}|{}|{price}|{}\n", name.unwrap_or("-"), payload.map_or("-".to_owned(), hex)));
    }
    json!({ "rows": count, "digest": hex(&digest.finalize()) })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
