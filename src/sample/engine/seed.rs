//! The databases that a sample server begins with: two small trading companies, the same at every start.

use super::ast::{ColumnDefinition, Kind};
use super::convert::cast;
use super::server::Database;
use super::storage::{Column, Identity, PrimaryKey, Table, Tables, same_name};
use super::types::{MAX, SqlType};
use super::value::{Row, Value};
use super::{calendar, parse};

/// The definitions of each company's tables.
const TABLES: &str = "
CREATE TABLE dbo.Customers (CustomerID int IDENTITY(1,1) NOT NULL PRIMARY KEY, Name nvarchar(80) NOT NULL, City nvarchar(40) NOT NULL,
  Country nvarchar(40) NOT NULL, Email varchar(120) NULL, Since date NOT NULL, CreditLimit money NOT NULL);
CREATE TABLE dbo.Products (ProductID int IDENTITY(1,1) NOT NULL PRIMARY KEY, Name nvarchar(80) NOT NULL, Category nvarchar(40) NOT NULL,
  UnitPrice decimal(10,2) NOT NULL, InStock int NOT NULL, Discontinued bit NOT NULL DEFAULT 0);
CREATE TABLE dbo.Orders (OrderID int IDENTITY(10001,1) NOT NULL PRIMARY KEY, CustomerID int NOT NULL, OrderedAt datetime2(0) NOT NULL,
  ShippedOn date NULL, Status varchar(12) NOT NULL, Remark nvarchar(200) NULL);
CREATE TABLE dbo.OrderLines (OrderID int NOT NULL, LineNumber smallint NOT NULL, ProductID int NOT NULL, Quantity int NOT NULL,
  UnitPrice decimal(10,2) NOT NULL, PRIMARY KEY (OrderID, LineNumber));";

struct Company {
    id: i16,
    name: &'static str,
    places: [(&'static str, &'static str); 8],
    first: [&'static str; 10],
    second: [&'static str; 6],
    products: [(&'static str, &'static str, i64); 24],
}

/// `master`, `tempdb`, `Nordwind` and `Suedsee`.
pub fn databases() -> Vec<Database> {
    let mut databases =
        vec![Database::new(1, "master", Tables::default()), Database::new(2, "tempdb", Tables::default())];
    databases
        .extend([NORDWIND, SUEDSEE].iter().map(|company| Database::new(company.id, company.name, tables(company))));
    databases
}

fn tables(company: &Company) -> Tables {
    let mut tables = Tables::default();
    for (number, statement) in parse::batch(TABLES).unwrap_or_default().into_iter().enumerate() {
        if let Kind::CreateTable { name, columns, primary_key, .. } = statement.kind {
            let id = i32::from(company.id) * 100_000 + i32::try_from(number).unwrap_or(0) * 16;
            tables.add(empty(id, &name.name, &columns, &primary_key));
        }
    }
    for (table, row) in rows(company) {
        if let Some(table) = tables.table_mut(table) {
            // The rows are made to fit; one that did not would be missing, and the tests count them.
            let _ = typed(table, &row).map(|row| table.insert(row, "INSERT", company.name));
        }
    }
    tables
}

fn empty(id: i32, name: &str, columns: &[ColumnDefinition], key: &[String]) -> Table {
    let column = |column: &ColumnDefinition| Column {
        name: column.name.clone(),
        ty: column.ty,
        nullable: column.nullable == Some(true),
        default: column.default.clone(),
        identity: column.identity.map(|(seed, increment)| Identity::new(seed, increment)),
    };
    let places = key.iter().filter_map(|key| columns.iter().position(|column| same_name(&column.name, key))).collect();
    let key = PrimaryKey { name: format!("PK_{name}"), columns: places };
    let created = calendar::join(calendar::days(2024, 1, 2).unwrap_or(0), 0);
    Table::new(id, name, columns.iter().map(column).collect(), Some(key), created)
}

fn typed(table: &Table, row: &[Value]) -> Option<Row> {
    let value = |(column, value): (&Column, &Value)| {
        if let (Some(identity), Some(n)) = (&column.identity, value.as_int()) {
            identity.passed(n);
        }
        let from = match value {
            Value::Int(_) => SqlType::BigInt,
            _ => SqlType::NVarChar(MAX),
        };
        cast(value, from, column.ty, 0).ok()
    };
    table.columns.iter().zip(row).map(value).collect::<Option<Vec<_>>>().map(Row::from)
}

/// A number that looks random and is the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % sides.unsigned_abs().max(1)).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let place = self.roll(i64::try_from(from.len()).unwrap_or(1));
        usize::try_from(place).ok().and_then(|place| from.get(place)).copied()
    }
}

fn money(cents: i64) -> Value {
    Value::text(format!("{}.{:02}", cents / 100, cents % 100))
}

fn rows(company: &Company) -> Vec<(&'static str, Vec<Value>)> {
    let mut dice = Dice(company.id.unsigned_abs().into());
    let mut rows = Vec::new();
    let day = |n: i64| calendar::date_text(calendar::days(2024, 1, 2).unwrap_or(0) + i32::try_from(n).unwrap_or(0));
    let mut customer = 0;
    for second in company.second {
        for first in company.first {
            customer += 1;
            let (city, country) = dice.pick(&company.places).unwrap_or(("", ""));
            let name = format!("{first} {second}");
            let mail: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
            let mail = if dice.roll(8) == 0 { Value::Null } else { Value::text(format!("einkauf@{mail}.example")) };
            let limit = money((dice.roll(90) + 10) * 50_000);
            rows.push((
                "Customers",
                vec![
                    Value::Int(customer),
                    Value::text(name),
                    Value::text(city),
                    Value::text(country),
                    mail,
                    Value::text(day(dice.roll(300))),
                    limit,
                ],
            ));
        }
    }
    for ((name, category, price), number) in company.products.into_iter().zip(1..) {
        let gone = i64::from(dice.roll(12) == 0);
        rows.push((
            "Products",
            vec![
                Value::Int(number),
                Value::text(name),
                Value::text(category),
                money(price),
                Value::Int(dice.roll(400)),
                Value::Int(gone),
            ],
        ));
    }
    for order in 10_001..10_241 {
        let placed = (order - 10_001) * 3 + dice.roll(3);
        let at = format!("{} {:02}:{:02}:{:02}", day(placed), 8 + dice.roll(10), dice.roll(60), dice.roll(60));
        let open = order > 10_225;
        let shipped = if open { Value::Null } else { Value::text(day(placed + 1 + dice.roll(6))) };
        let status = if open {
            "open"
        } else if dice.roll(20) == 0 {
            "returned"
        } else {
            "shipped"
        };
        let remark = if dice.roll(6) == 0 { Value::text("Bitte vor 12 Uhr liefern – Tor 3") } else { Value::Null };
        rows.push((
            "Orders",
            vec![
                Value::Int(order),
                Value::Int(dice.roll(customer) + 1),
                Value::text(at),
                shipped,
                Value::text(status),
                remark,
            ],
        ));
        for line in 1..=(1 + dice.roll(4)) {
            let product = dice.roll(24);
            let price = usize::try_from(product)
                .ok()
                .and_then(|place| company.products.get(place))
                .map_or(0, |product| product.2);
            rows.push((
                "OrderLines",
                vec![
                    Value::Int(order),
                    Value::Int(line),
                    Value::Int(product + 1),
                    Value::Int(1 + dice.roll(40)),
                    money(price),
                ],
            ));
        }
    }
    rows
}

const NORDWIND: Company = Company {
    id: 5,
    name: "Nordwind",
    places: [
        ("Hamburg", "Deutschland"),
        ("Kiel", "Deutschland"),
        ("Bremen", "Deutschland"),
        ("Århus", "Danmark"),
        ("Göteborg", "Sverige"),
        ("Bergen", "Norge"),
        ("Groningen", "Nederland"),
        ("Gdańsk", "Polska"),
    ],
    first: ["Alster", "Möwen", "Deich", "Fjord", "Anker", "Hanse", "Leuchtturm", "Strand", "Wattwurm", "Brise"],
    second: ["Handel", "Kontor", "Versand", "Werft", "Lager", "Reederei"],
    products: [
        ("Ölzeug Jacke gelb", "Kleidung", 12_990),
        ("Südwester", "Kleidung", 3_450),
        ("Troyer marine", "Kleidung", 8_900),
        ("Gummistiefel", "Kleidung", 4_995),
        ("Seesack 60 l", "Gepäck", 5_900),
        ("Rolltasche wasserdicht", "Gepäck", 7_450),
        ("Kompass Messing", "Navigation", 18_900),
        ("Seekarte Ostsee West", "Navigation", 3_200),
        ("Seekarte Kattegat", "Navigation", 3_200),
        ("Fernglas 7x50", "Navigation", 24_900),
        ("Handlot", "Navigation", 2_850),
        ("Tauwerk 12 mm, 50 m", "Deck", 6_790),
        ("Fender weiß", "Deck", 2_195),
        ("Schäkel Edelstahl", "Deck", 895),
        ("Bootshaken", "Deck", 3_690),
        ("Winschkurbel", "Deck", 5_490),
        ("Petroleumlampe", "Kajüte", 4_290),
        ("Emaillebecher", "Kajüte", 990),
        ("Kaffeekanne Blech", "Kajüte", 2_490),
        ("Wolldecke grau", "Kajüte", 5_990),
        ("Labskaus, Dose", "Proviant", 549),
        ("Knäckebrot 1 kg", "Proviant", 429),
        ("Ostfriesentee 500 g", "Proviant", 899),
        ("Kandis braun", "Proviant", 329),
    ],
};

const SUEDSEE: Company = Company {
    id: 6,
    name: "Suedsee",
    places: [
        ("Apia", "Samoa"),
        ("Suva", "Fidschi"),
        ("Papeete", "Tahiti"),
        ("Nouméa", "Neukaledonien"),
        ("Nukuʻalofa", "Tonga"),
        ("Auckland", "Neuseeland"),
        ("Honiara", "Salomonen"),
        ("Cairns", "Australien"),
    ],
    first: ["Koralle", "Lagune", "Palme", "Perle", "Hibiskus", "Mango", "Passat", "Atoll", "Monsun", "Orchidee"],
    second: ["Trading", "Imports", "Foods", "Crafts", "Stores", "Supply"],
    products: [
        ("Kokosöl 1 l", "Öle", 1_290),
        ("Monoi 250 ml", "Öle", 1_890),
        ("Tamanu-Öl 50 ml", "Öle", 2_190),
        ("Vanilleschoten 10 Stück", "Gewürze", 2_450),
        ("Pfeffer grün 100 g", "Gewürze", 790),
        ("Kurkuma 200 g", "Gewürze", 590),
        ("Ingwer kandiert", "Gewürze", 690),
        ("Mangochutney", "Speisen", 649),
        ("Brotfruchtchips", "Speisen", 449),
        ("Papaya getrocknet", "Speisen", 899),
        ("Kaffee Hochland 1 kg", "Getränke", 2_690),
        ("Kakao 500 g", "Getränke", 1_190),
        ("Kava 100 g", "Getränke", 3_190),
        ("Pareo batik", "Textilien", 2_990),
        ("Tapa-Tuch", "Textilien", 8_900),
        ("Strohhut", "Textilien", 2_490),
        ("Hängematte", "Textilien", 6_990),
        ("Ukulele Koa", "Handwerk", 18_900),
        ("Schale Treibholz", "Handwerk", 4_590),
        ("Kette Perlmutt", "Handwerk", 3_290),
        ("Schwarze Perle AA", "Handwerk", 24_900),
        ("Paddel geschnitzt", "Handwerk", 9_900),
        ("Muschelhorn", "Handwerk", 5_490),
        ("Auslegerboot Modell", "Handwerk", 7_900),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_companies_begin_with_all_their_rows_and_the_same_each_time() {
        let count = |database: &Database, table: &str| database.committed().table(table).unwrap().len();
        let (first, second) = (databases(), databases());
        for (one, other) in first.iter().zip(&second).skip(2) {
            assert_eq!([count(one, "Customers"), count(one, "Products"), count(one, "Orders")], [60, 24, 240]);
            assert!(count(one, "OrderLines") >= 240);
            let rows = |database: &Database| {
                database.committed().table("OrderLines").unwrap().rows().cloned().collect::<Vec<_>>()
            };
            assert_eq!(rows(one), rows(other));
        }
    }
}
