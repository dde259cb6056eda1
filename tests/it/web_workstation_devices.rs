//! Devices: enrolled by whoever is signed in, or by who has a one-time code; their secrets rotated; revoked.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use gatehouse::admin::{AdminRequest, AdminResponse, DeviceRequest};
use gatehouse::audit::Actor;
use gatehouse::domain::Secret;
use gatehouse::identity::Alteration;

use crate::support::house::{HERE, House, THERE, is_wrong, name};
use crate::support::pages::{Answer, Pages, Tab};

const CONFIG: &str = "/api/v1/workstation/config";
const WEEK: Duration = Duration::from_secs(7 * 86_400);

async fn open() -> (House, Pages) {
    let house = House::build();
    house.member("ada").await;
    let pages = Pages::open(&house).await;
    (house, pages)
}

/// Codes for ada, as an administrator gets them.
async fn codes(house: &House, count: usize) -> Vec<String> {
    let request = DeviceRequest::Codes { accounts: vec!["ada".into()], count, lifetime: WEEK, networks: Vec::new() };
    match house.admin(None).handle(&Actor::Console, AdminRequest::Device(request)).await.unwrap() {
        AdminResponse::EnrolmentCodes(views) => views.into_iter().map(|view| view.code.0.expose().to_owned()).collect(),
        other => panic!("{other:?}"),
    }
}

async fn enrol(program: &mut Tab, code: &str, device: &str) -> Answer {
    let body = serde_json::json!({ "code": code, "name": device }).to_string();
    program.send(Method::POST, "/api/v1/devices/enrol", Some("application/json"), &body).await
}

fn secret(answer: &Answer) -> String {
    answer.json()["secret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_code_enrols_one_device_whose_secret_opens_the_gateway_and_the_configuration() {
    let (house, pages) = open().await;
    let code = codes(&house, 1).await.remove(0);
    let mut program = pages.stranger();
    let answer = enrol(&mut program, &code.to_lowercase().replace('-', " "), "till-7").await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::CREATED, "no-store"));
    assert_eq!((&answer.json()["device"]["name"], &answer.json()["account"]), (&"till-7".into(), &"ada".into()));
    let secret = secret(&answer);
    assert!(house.sign_in("till-7", &secret).await.is_ok());
    assert!(is_wrong(&house.sign_in("ada", &secret).await), "it is bound to the device's name");
    assert_eq!(pages.program(&secret).get(CONFIG).await.json()["account"]["device"], "till-7");
    let again = enrol(&mut program, &code, "till-8").await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    let (enrolled, refused): (Vec<_>, Vec<_>) = house
        .audited()
        .into_iter()
        .filter(|entry| entry["action"] == "device.enrol")
        .partition(|entry| entry["outcome"] != "refused");
    assert_eq!((enrolled.len(), refused.len()), (1, 1));
    assert!(house.audited_actions().iter().any(|action| action == "device.codes"));
    let files =
        walkdir::WalkDir::new(house.folder.path()).into_iter().flatten().filter(|entry| entry.file_type().is_file());
    for file in files {
        let bytes = std::fs::read(file.path()).unwrap();
        let plain = code.replace('-', "");
        for planted in [code.as_bytes(), plain.as_bytes(), secret.as_bytes()] {
            assert!(!bytes.windows(planted.len()).any(|window| window == planted), "{}", file.path().display());
        }
    }
}

#[tokio::test]
async fn a_taken_name_leaves_the_code_as_it_was_and_of_two_at_once_one_is_enrolled() {
    let (house, pages) = open().await;
    let codes = codes(&house, 2).await;
    let mut program = pages.stranger();
    let taken = enrol(&mut program, &codes[0], "ADA").await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(taken.json()["detail"].as_str().unwrap().contains("taken"), "{}", taken.text());
    assert_eq!(enrol(&mut program, &codes[0], "till-1").await.status, StatusCode::CREATED);
    let (mut one, mut two) = (pages.stranger(), pages.stranger());
    let (one, two) = tokio::join!(enrol(&mut one, &codes[1], "till-2"), enrol(&mut two, &codes[1], "till-3"));
    let made = [&one, &two].iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(made, 1);
    assert_eq!(house.identity().devices().unwrap().len(), 2);
}

#[tokio::test]
async fn codes_that_wait_are_listed_without_the_code_and_count_no_more_once_withdrawn() {
    let (house, pages) = open().await;
    house.member("bob").await;
    let root = house.identity().account("root").unwrap();
    let admin = house.admin(None);
    let ask = async |request: DeviceRequest| {
        let answer = admin.handle(&house.actor(&root), AdminRequest::Device(request)).await;
        answer.map(|answer| match answer {
            AdminResponse::WaitingCodes(views) => views,
            other => panic!("{other:?}"),
        })
    };
    let codes = codes(&house, 3).await;
    let lifetime = WEEK / 7;
    let bobs = DeviceRequest::Codes { accounts: vec!["bob".into()], count: 2, lifetime, networks: Vec::new() };
    admin.handle(&house.actor(&root), AdminRequest::Device(bobs)).await.unwrap();
    let listed = ask(DeviceRequest::ListCodes).await.unwrap();
    let of = |who: &str| listed.iter().filter(|view| view.account == who).cloned().collect::<Vec<_>>();
    assert_eq!((of("bob").len(), of("ada").len(), listed.len()), (2, 3, 5));
    assert!(of("bob").iter().all(|view| view.made_by.as_deref() == Some("root")));
    assert!(of("ada").iter().all(|view| view.made_by.as_deref() == Some("the command line")));
    let told = format!("{listed:?}");
    assert!(codes.iter().all(|code| !told.contains(code.as_str()) && !told.contains(&code.replace('-', ""))));

    // An id that is not there leaves the others as they are.
    let one = of("ada").remove(0).id;
    assert!(ask(DeviceRequest::WithdrawCodes(vec![one.clone(), "0123456789ab".into()])).await.is_err());
    assert_eq!(ask(DeviceRequest::ListCodes).await.unwrap().len(), 5);
    assert_eq!(ask(DeviceRequest::WithdrawCodes(vec![one.to_uppercase()])).await.unwrap(), of("ada")[..1]);
    assert!(ask(DeviceRequest::WithdrawCodes(vec![one])).await.is_err(), "it is gone");
    let mut made = 0;
    for (number, code) in codes.iter().enumerate() {
        let answer = enrol(&mut pages.stranger(), code, &format!("till-{number}")).await;
        made += usize::from(answer.status == StatusCode::CREATED);
    }
    assert_eq!(made, 2, "two of three are left");
    assert_eq!(ask(DeviceRequest::WithdrawCodesOf("bob".into())).await.unwrap().len(), 2);
    assert_eq!(ask(DeviceRequest::ListCodes).await.unwrap(), []);
    let withdrawn = house.audited_actions().iter().filter(|action| *action == "device.codes-withdraw").count();
    assert_eq!(withdrawn, 2);

    let bobs = DeviceRequest::Codes { accounts: vec!["bob".into()], count: 1, lifetime, networks: Vec::new() };
    admin.handle(&Actor::Console, AdminRequest::Device(bobs.clone())).await.unwrap();
    house.wait(2 * 86_400);
    assert_eq!(ask(DeviceRequest::ListCodes).await.unwrap(), [], "past its time");
    admin.handle(&Actor::Console, AdminRequest::Device(bobs)).await.unwrap();
    let bob = house.identity().account("bob").unwrap();
    house.identity().remove_account(&Actor::Console, bob.id).await.unwrap();
    assert_eq!(ask(DeviceRequest::ListCodes).await.unwrap(), [], "its account is gone");
}

#[tokio::test]
async fn codes_end_and_guessing_them_is_slowed_down_by_address() {
    let (house, pages) = open().await;
    let code = codes(&house, 1).await.remove(0);
    let mut program = pages.stranger();
    let mut met = Vec::new();
    for number in 0..30 {
        met.push(enrol(&mut program, &format!("BBBB-CCCC-{number}"), "till").await);
    }
    let slowed = met.iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).unwrap();
    assert!(!slowed.header("retry-after").is_empty());
    let mut elsewhere = pages.stranger();
    elsewhere.peer = THERE;
    house.wait(8 * 86_400);
    assert_eq!(enrol(&mut elsewhere, &code, "till").await.status, StatusCode::UNPROCESSABLE_ENTITY, "past its time");
    house.identity().sweep().await.unwrap();
    let ada = house.identity().account("ada").unwrap();
    let long = house.identity().issue_enrolment_codes(&Actor::Console, ada.id, 1, 91 * WEEK / 7, Vec::new()).await;
    assert!(long.is_err(), "no code lives for ever");
    let many = house.identity().issue_enrolment_codes(&Actor::Console, ada.id, 101, WEEK, Vec::new()).await;
    assert!(many.is_err());
}

#[tokio::test]
async fn a_rotated_secret_takes_over_when_it_is_first_used_and_not_before() {
    let (house, pages) = open().await;
    let code = codes(&house, 1).await.remove(0);
    let first = secret(&enrol(&mut pages.stranger(), &code, "till").await);
    let rotate = async |with: &str| pages.program(with).send(Method::POST, "/api/v1/devices/rotate", None, "").await;
    let lost = secret(&rotate(&first).await);
    let second = secret(&rotate(&first).await);
    let works = async |with: &str| pages.program(with).get(CONFIG).await.status == StatusCode::OK;
    assert!(works(&first).await, "whoever lost the answer goes on with what it has");
    assert!(!works(&lost).await, "the answer before is void");
    assert!(works(&second).await);
    assert!(!works(&first).await, "its time is over now");
    assert!(is_wrong(&house.sign_in("till", &first).await));
    let third = secret(&rotate(&second).await);
    assert!(house.sign_in("till", &third).await.is_ok(), "a sign-in at the gateway is a use as well");
    assert!(!works(&second).await && works(&third).await);
    let ada = house.identity().account("ada").unwrap();
    let (_, token) = house
        .identity()
        .issue_token(&Actor::Console, ada.id, String::new(), "workstation.config".parse().unwrap(), WEEK)
        .await
        .unwrap();
    assert_eq!(rotate(token.expose()).await.status, StatusCode::FORBIDDEN, "a token is no device");
    let fourth = secret(&rotate(&third).await);
    let device = house.identity().device("till").unwrap();
    house.identity().revoke_device(&Actor::Console, device.id).await.unwrap();
    assert!(!works(&third).await && !works(&fourth).await, "revoked is revoked, whatever was about to count");
}

#[tokio::test]
async fn a_device_gives_itself_back_and_nothing_else_does_that_for_it() {
    let (house, pages) = open().await;
    let codes = codes(&house, 2).await;
    let (first, other) = (enrol(&mut pages.stranger(), &codes[0], "till-1").await, "till-2");
    enrol(&mut pages.stranger(), &codes[1], other).await;
    let leave = async |with: &str| pages.program(with).send(Method::POST, "/api/v1/devices/leave", None, "").await;
    let ada = house.identity().account("ada").unwrap();
    let scopes = "workstation.config".parse().unwrap();
    let (_, token) = house.identity().issue_token(&Actor::Console, ada.id, String::new(), scopes, WEEK).await.unwrap();
    assert_eq!(leave(token.expose()).await.status, StatusCode::FORBIDDEN, "a token is no device");
    let secret = secret(&first);
    assert_eq!(leave(&secret).await.status, StatusCode::NO_CONTENT);
    assert_eq!(leave(&secret).await.status, StatusCode::UNAUTHORIZED);
    assert!(is_wrong(&house.sign_in("till-1", &secret).await));
    let left: Vec<String> = house.identity().devices().unwrap().iter().map(|one| one.name.to_string()).collect();
    assert_eq!(left, [other]);
    let audited = house.audited();
    let revoked = audited.iter().find(|entry| entry["action"] == "device.revoke").unwrap();
    assert_eq!((&revoked["subject"], &revoked["actor"]["name"]), (&"till-1".into(), &"ada".into()));
}

#[tokio::test]
async fn whoever_is_signed_in_enrols_a_device_and_revokes_it() {
    let (house, pages) = open().await;
    let mut tab = pages.signed_in(&house, "ada").await;
    assert_eq!(tab.get("/workstations/enrol").await.status, StatusCode::OK);
    let form = [("name", "desk <1>"), ("networks", "192.0.2.0/24, 10.0.0.0/8")];
    let page = tab.post("/workstations/enrol", &form).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let secret = page.text().split("ghd_").nth(1).unwrap().chars().take(43).collect::<String>();
    let secret = format!("ghd_{secret}");
    assert!(page.text().contains("desk &#60;1&#62;") && page.text().contains("only this once"));
    assert!(house.sign_in("desk <1>", &secret).await.is_ok());
    assert!(house.sign_in_from("desk <1>", &secret, THERE).await.is_err(), "from its networks alone");
    let wrong = tab.post("/workstations/enrol", &[("name", "desk <1>"), ("networks", "")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("is taken") && wrong.text().contains("value=\"desk &#60;1&#62;\""));
    let wrong = tab.post("/workstations/enrol", &[("name", "x"), ("networks", "somewhere")]).await;
    assert!(wrong.text().contains("is no network") && wrong.text().contains("value=\"somewhere\""));
    assert_eq!(house.identity().devices().unwrap().len(), 1);
    let device = house.identity().device("desk <1>").unwrap();
    let path = format!("/workstations/devices/{}/revoke", device.id);
    house.member("bob").await;
    let other = pages.signed_in(&house, "bob").await.post(&path, &[]).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "nobody revokes another's");
    assert!(tab.get("/workstations").await.text().contains("192.0.2.0/24"));
    assert_eq!(tab.post(&path, &[]).await.leads_to(), "/workstations");
    assert!(house.sign_in("desk <1>", &secret).await.is_err());
    house.wait(6 * 60);
    assert!(tab.get("/workstations/enrol").await.leads_to().starts_with("/confirm?"));
}

#[tokio::test]
async fn a_code_is_typed_into_a_page_as_well_and_signs_nobody_in() {
    let (house, pages) = open().await;
    let code = codes(&house, 1).await.remove(0);
    let mut tab = pages.browser();
    assert_eq!(tab.get("/device/enrol").await.status, StatusCode::OK);
    let wrong = tab.post("/device/enrol", &[("code", "BCDF-GHJK-LMNP"), ("name", "till")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("counts no more") && !wrong.text().contains("BCDF-GHJK-LMNP"));
    let page = tab.post("/device/enrol", &[("code", &code), ("name", "till")]).await;
    assert!(page.text().contains("ghd_") && page.text().contains("ada"), "{}", page.text());
    assert_eq!(tab.cookie, None);
}

#[tokio::test]
async fn what_is_no_enrolment_is_a_problem_document_and_uses_no_code_up() {
    let (house, pages) = open().await;
    let code = codes(&house, 1).await.remove(0);
    let mut program = pages.stranger();
    let long = format!("{{\"code\":\"{}\",\"name\":\"x\"}}", "x".repeat(70_000));
    let extra = format!("{{\"code\":\"{code}\",\"name\":\"till\",\"admin\":true}}");
    let unnamed = format!("{{\"code\":\"{code}\",\"name\":\"\"}}");
    for (kind, body, status) in [
        (Some("application/json"), "{", 400),
        (Some("application/json"), "[]", 400),
        (Some("application/json"), extra.as_str(), 400),
        (Some("application/json"), unnamed.as_str(), 400),
        (Some("text/plain"), "{}", 415),
        (None, "", 415),
        (Some("application/json"), long.as_str(), 413),
    ] {
        let answer = program.send(Method::POST, "/api/v1/devices/enrol", kind, body).await;
        assert_eq!(answer.status.as_u16(), status, "{kind:?} {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(!answer.text().contains(&code));
    }
    assert!(
        house.audited().iter().any(|entry| entry["action"] == "web.malformed" && entry["peer"] == HERE.to_string())
    );
    assert_eq!(enrol(&mut program, &code, "till").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_code_for_an_account_that_may_not_come_in_enrols_nothing() {
    let (house, pages) = open().await;
    let code = codes(&house, 1).await.remove(0);
    let ada = house.identity().account("ada").unwrap();
    house.identity().alter_account(&Actor::Console, ada.id, gatehouse::identity::Alteration::Disable).await.unwrap();
    let answer = enrol(&mut pages.stranger(), &code, "till").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let direct = house
        .identity()
        .enrol_device(&Secret::new(&*code), name("till"), &gatehouse::identity::web::Origin::new(THERE, ""))
        .await;
    assert!(direct.is_err());
}

#[tokio::test]
async fn a_device_is_bound_from_its_first_moment_and_what_cannot_be_done_whole_leaves_nothing() {
    let (house, pages) = open().await;
    let mut tab = pages.signed_in(&house, "ada").await;
    let networks: Vec<String> = (0..33).map(|n| format!("10.{n}.0.0/16")).collect();
    let wrong = tab.post("/workstations/enrol", &[("name", "desk"), ("networks", &networks.join(" "))]).await;
    assert!(wrong.status.is_client_error() && house.identity().devices().unwrap().is_empty(), "{}", wrong.text());

    let bob = house.member("bob").await;
    house.identity().alter_account(&Actor::Console, bob.id, Alteration::Disable).await.unwrap();
    let request = |accounts: &[&str]| {
        let accounts = accounts.iter().map(|one| (*one).to_owned()).collect();
        let networks = vec!["10.0.0.0/8".parse().unwrap()];
        AdminRequest::Device(DeviceRequest::Codes { accounts, count: 2, lifetime: WEEK, networks })
    };
    let admin = house.admin(None);
    assert!(admin.handle(&Actor::Console, request(&["ada", "bob"])).await.is_err());
    assert_eq!(house.identity().enrolment_codes().unwrap(), []);

    let made = admin.handle(&Actor::Console, request(&["ada"])).await.unwrap();
    let AdminResponse::EnrolmentCodes(codes) = made else { panic!("{made:?}") };
    let answer = enrol(&mut pages.stranger(), codes[0].code.0.expose(), "till").await;
    let secret = secret(&answer);
    assert!(house.sign_in_from("till", &secret, THERE).await.is_err(), "from its networks alone");
    assert!(house.sign_in_from("till", &secret, [10, 1, 2, 3].into()).await.is_ok());
}
