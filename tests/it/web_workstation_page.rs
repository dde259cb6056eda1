//! `/workstations`: the general part for everybody; databases, strings and files for who has signed in.

use axum::http::StatusCode;
use gatehouse::audit::Actor;
use gatehouse::domain::{AccessLevel, Secret};
use gatehouse::estate::{Grantee, NewGrant};
use gatehouse::upstream::Target;

use crate::support::house::{House, name};
use crate::support::pages::Pages;

/// A house where ada may use `crm & <more>`, and nobody `hr`.
async fn open() -> (House, Pages) {
    let house = House::build();
    let ada = house.member("ada").await;
    let estate = &house.state.estate;
    let server = estate.add_server(&Actor::Console, name("main"), Target::new("db.internal", 1433)).await.unwrap();
    for alias in ["crm & <more>", "hr"] {
        estate.add_database(&Actor::Console, name(alias), server.id, "prod_database".into()).await.unwrap();
    }
    let new = NewGrant {
        grantee: Grantee::Account(ada.id),
        database: estate.database("crm & <more>").unwrap().id,
        access: AccessLevel::Read,
        login_user: "canary_login".to_owned(),
        login_password: Secret::new("canary-sql-password"),
    };
    estate.add_grant(&Actor::Console, new).await.unwrap();
    let pages = Pages::open(&house).await;
    (house, pages)
}

#[tokio::test]
async fn everybody_is_told_what_to_do_and_nobody_anything_of_another() {
    let (_house, pages) = open().await;
    let page = pages.browser().get("/workstations").await;
    assert_eq!(page.status, StatusCode::OK);
    for told in [
        "https://sql.corp.example",
        "Windows",
        "macOS",
        "Linux",
        "127.0.0.1 OLDSERVER",
        "gatehouse connect https://sql.corp.example --local-token",
        "/trust/",
        "data:image/svg+xml",
        "/sign-in?next=%2Fworkstations",
    ] {
        assert!(page.text().contains(told), "{told} in {}", page.text());
    }
    for hidden in ["crm", "hr", "ada", "db.internal"] {
        assert!(!page.text().contains(&format!(">{hidden}")), "{hidden}");
    }
}

#[tokio::test]
async fn who_has_signed_in_finds_strings_and_files_without_any_password() {
    let (house, pages) = open().await;
    let mut tab = pages.signed_in(&house, "ada").await;
    let page = tab.get("/workstations").await;
    assert!(page.text().contains("crm &#38; &#60;more&#62;") && !page.text().contains("<more>"));
    assert!(
        page.text().contains("sql.corp.example,1433") && page.text().contains("Driver={ODBC Driver 18 for SQL Server}")
    );
    let hidden = ["prod_database", "db.internal", "canary", "ghp_", "ghd_", ">hr<"];
    assert!(hidden.iter().all(|text| !page.text().contains(text)), "{}", page.text());
    for (kind, media, has) in [
        ("udl", "", "P\0r\0o\0v\0i\0d\0e\0r"),
        ("dsn", "", "[ODBC]"),
        ("reg", "", "W\0i\0n\0d\0o\0w\0s\0"),
        ("ps1", "text/plain; charset=utf-8", "SqlConnection"),
    ] {
        let link = format!("/workstations/crm%20%26%20%3Cmore%3E/{kind}");
        assert!(page.text().contains(&format!("href=\"{link}\"")), "{link} in {}", page.text());
        let file = tab.get(&link).await;
        let text = String::from_utf8_lossy(&file.body);
        assert_eq!(file.status, StatusCode::OK, "{text}");
        assert!(text.contains(has) && file.header("content-type").contains(media), "{kind}: {text}");
        assert!(file.header("content-disposition").starts_with("attachment; filename=\"gatehouse-"), "{kind}");
        assert!(hidden.iter().all(|text| !file.body.windows(text.len()).any(|window| window == text.as_bytes())));
    }
    for other in ["/workstations/hr/udl", "/workstations/none/udl", "/workstations/crm%20%26%20%3Cmore%3E/exe"] {
        assert_eq!(tab.get(other).await.status, StatusCode::NOT_FOUND, "{other}");
    }
    assert!(pages.browser().get("/workstations/hr/udl").await.leads_to().starts_with("/sign-in?"));
}

#[tokio::test]
async fn a_file_that_cannot_carry_a_name_is_not_offered_and_says_why() {
    let (house, pages) = open().await;
    let estate = &house.state.estate;
    let server = estate.server("main").unwrap();
    let database = estate.add_database(&Actor::Console, name("b\u{fc}ro"), server.id, "prod".into()).await.unwrap();
    let new = NewGrant {
        grantee: Grantee::Account(house.identity().account("ada").unwrap().id),
        database: database.id,
        access: AccessLevel::Read,
        login_user: "login".to_owned(),
        login_password: Secret::new("password"),
    };
    estate.add_grant(&Actor::Console, new).await.unwrap();
    let mut tab = pages.signed_in(&house, "ada").await;
    let page = tab.get("/workstations").await;
    assert!(page.text().contains("href=\"/workstations/b%C3%BCro/udl\""), "{}", page.text());
    assert!(!page.text().contains("href=\"/workstations/b%C3%BCro/dsn\""), "{}", page.text());
    assert!(page.text().contains("powershell -ExecutionPolicy Bypass -File"), "{}", page.text());
    let refused = tab.get("/workstations/b%C3%BCro/dsn").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("ASCII"), "{}", refused.text());
    assert_eq!(tab.get("/workstations/b%C3%BCro/reg").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_asks_for_a_password_gets_one_that_ends_and_strings_with_it() {
    let (house, pages) = open().await;
    let mut tab = pages.signed_in(&house, "ada").await;
    let page = tab.post("/workstations/password", &[]).await;
    let pass = page.text().split("ghp_").nth(1).unwrap().chars().take(43).collect::<String>();
    let pass = format!("ghp_{pass}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(
        page.text().contains(&format!("PWD={{{pass}}}")) || page.text().contains(&format!("PWD={pass}")),
        "{}",
        page.text()
    );
    assert!(house.sign_in("ada", &pass).await.is_ok());
    house.wait(7 * 86_400);
    assert!(house.sign_in("ada", &pass).await.is_err());
}
