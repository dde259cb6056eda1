//! Programs that people let in: by a code, by a device flow; refreshed, reused, revoked, looked at.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use futures_util::future::join_all;
use gatehouse::audit::Actor;
use gatehouse::domain::{Credential, Event, Scope, Scopes, Secret};
use gatehouse::identity::oauth::{
    Authorization, AuthorizationRequest, AuthorizeError, CONNECTOR, Issued, NewClient, OAuthError,
};
use gatehouse::identity::web::{Begun, Origin, Step, Visit};
use gatehouse::identity::{Alteration, IdentityError, Presented, SignInError};

use crate::support::house::{HERE, House, OTHER_PASSWORD, PASSWORD, name};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT: &str = "http://127.0.0.1:49152/callback";
const DAY: u64 = 24 * 3600;

/// What makes a good request a wrong one.
type Change = fn(&mut AuthorizationRequest);

fn here() -> Origin {
    Origin::new(HERE, "connector")
}

async fn signed_in(house: &House) -> Visit {
    house.member("ada").await;
    again(house).await.0
}

async fn again(house: &House) -> (Visit, Begun) {
    let Step::Done(begun) = house.web_sign_in("ada", PASSWORD, &here()).await.unwrap() else { panic!("another stage") };
    (house.identity().visit(&begun.cookie, &here()).await.unwrap().unwrap(), begun)
}

fn request() -> AuthorizationRequest {
    let challenge = digest(&SHA256, VERIFIER.as_bytes());
    AuthorizationRequest {
        client_id: CONNECTOR.into(),
        redirect_uri: REDIRECT.into(),
        response_type: "code".into(),
        scope: Some("sql workstation.config".into()),
        code_challenge: Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(challenge)),
        code_challenge_method: Some("S256".into()),
    }
}

fn asked(house: &House) -> Authorization {
    house.identity().authorization(&request()).unwrap()
}

async fn exchange(house: &House, code: &Secret) -> Result<Issued, OAuthError> {
    house.identity().exchange_code(CONNECTOR, code, REDIRECT, VERIFIER, None, &here()).await
}

async fn let_in(house: &House, visit: &Visit) -> Issued {
    let code = house.identity().authorize(visit, &asked(house)).await.unwrap();
    exchange(house, &code).await.unwrap()
}

async fn refresh(house: &House, token: &Secret) -> Result<Issued, OAuthError> {
    house.identity().refresh(CONNECTOR, token, None, &here()).await
}

async fn works(house: &House, access: &Secret) -> bool {
    house.identity().bearer(access, Scope::WorkstationConfig, HERE).await.is_ok()
}

#[tokio::test]
async fn a_code_gives_tokens_for_what_the_person_agreed_to() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let asked = asked(&house);
    assert_eq!(asked.client.name.as_str(), "Gatehouse connector");
    let issued = let_in(&house, &visit).await;
    assert_eq!(issued.scopes, Scopes::of([Scope::Sql, Scope::WorkstationConfig]));
    let caller = house.identity().bearer(&issued.access, Scope::WorkstationConfig, HERE).await.unwrap();
    assert_eq!(caller.principal.credential, Credential::Program(issued.program));
    assert!(matches!(house.identity().bearer(&issued.access, Scope::AdminRead, HERE).await, Err(SignInError::Scope)));
    assert!(!works(&house, &issued.refresh).await, "a refresh token opens nothing itself");
    let sql = house.identity().sign_in(Presented::Token(issued.access.clone()), HERE).await.unwrap();
    house.wait(15 * 60);
    assert!(!works(&house, &issued.access).await);
    assert!(house.identity().still_valid(&sql), "a session lasts as long as its program is let in");
    let programs = house.identity().programs(visit.principal.account).unwrap();
    assert_eq!((programs.len(), programs[0].id, programs[0].peer), (1, issued.program, HERE));
    house.identity().revoke_program(&visit.actor(), visit.principal.account, issued.program).await.unwrap();
    assert!(!house.identity().still_valid(&sql));
    assert!(refresh(&house, &issued.refresh).await.is_err());
    let actions = house.audited_actions();
    assert!(["oauth.consent", "program.let-in", "program.revoke"].iter().all(|one| actions.iter().any(|a| a == one)));
}

#[tokio::test]
async fn a_request_that_is_wrong_is_shown_or_sent_as_the_rfc_says() {
    let house = House::build();
    let look = |change: Change| {
        let mut request = request();
        change(&mut request);
        house.identity().authorization(&request).unwrap_err()
    };
    let shown: [Change; 4] = [
        |r| r.client_id = "nobody".into(),
        |r| r.client_id = "x".repeat(100_000),
        |r| r.redirect_uri = "https://evil.example.org/callback".into(),
        |r| r.redirect_uri = "http://127.0.0.1:1/other".into(),
    ];
    assert!(shown.into_iter().all(|change| matches!(look(change), AuthorizeError::Shown(_))));
    let sent: [(Change, &str); 7] = [
        (|r| r.response_type = "token".into(), "unsupported_response_type"),
        (|r| r.response_type.clear(), "invalid_request"),
        (|r| r.code_challenge = None, "invalid_request"),
        (|r| r.code_challenge = Some("short".into()), "invalid_request"),
        (|r| r.code_challenge_method = Some("plain".into()), "invalid_request"),
        (|r| r.code_challenge_method = None, "invalid_request"),
        (|r| r.scope = Some("admin.write".into()), "invalid_scope"),
    ];
    for (change, code) in sent {
        let AuthorizeError::Sent { redirect_uri, error } = look(change) else { panic!("shown") };
        assert_eq!((redirect_uri.as_str(), error.code()), (REDIRECT, code));
    }
}

#[tokio::test]
async fn a_code_is_used_up_by_whoever_presents_it_wrongly_and_ends_with_its_minute_and_its_session() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let new = || async { house.identity().authorize(&visit, &asked(&house)).await.unwrap() };
    let other = NewClient {
        name: name("Reports"),
        redirect_uris: vec!["https://reports.example.org/done".into()],
        device_flow: false,
        scopes: Scopes::sql(),
    };
    let other = house.identity().add_client(&Actor::Console, other).await.unwrap();
    let identity = house.identity();
    let wrong_verifier = "a".repeat(43);
    for (client, redirect, verifier) in [
        (other.id.as_str(), REDIRECT, VERIFIER),
        (CONNECTOR, "http://127.0.0.1:1/callback", VERIFIER),
        (CONNECTOR, REDIRECT, wrong_verifier.as_str()),
    ] {
        let code = new().await;
        let outcome = identity.exchange_code(client, &code, redirect, verifier, None, &here()).await;
        assert!(matches!(outcome, Err(OAuthError::InvalidGrant)), "{client} {redirect} {verifier}");
        assert!(exchange(&house, &code).await.is_err(), "it is used up");
    }
    let late = new().await;
    house.wait(60);
    assert!(exchange(&house, &late).await.is_err());
    let orphan = new().await;
    identity.end_web_session(&visit.actor(), visit.principal.account, visit.session.id).await.unwrap();
    assert!(exchange(&house, &orphan).await.is_err());
    assert!(identity.programs(visit.principal.account).unwrap().is_empty());
}

#[tokio::test]
async fn a_code_that_is_presented_twice_puts_out_what_it_let_in() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let code = house.identity().authorize(&visit, &asked(&house)).await.unwrap();
    let issued = exchange(&house, &code).await.unwrap();
    assert!(works(&house, &issued.access).await);
    house.take_events();
    assert!(matches!(exchange(&house, &code).await, Err(OAuthError::InvalidGrant)));
    assert_eq!(house.take_events(), [Event::ProgramRevoked(issued.program)]);
    assert!(!works(&house, &issued.access).await);
    assert!(refresh(&house, &issued.refresh).await.is_err());
}

#[tokio::test]
async fn however_many_present_a_code_at_once_no_program_stays_let_in() {
    let house = House::build();
    let visit = signed_in(&house).await;
    for _ in 0..5 {
        let code = house.identity().authorize(&visit, &asked(&house)).await.unwrap();
        let outcomes = join_all((0..8).map(|_| exchange(&house, &code))).await;
        let given: Vec<&Issued> = outcomes.iter().flatten().collect();
        assert!(given.len() <= 1);
        for issued in &given {
            assert!(!works(&house, &issued.access).await);
        }
        assert!(house.identity().programs(visit.principal.account).unwrap().is_empty());
    }
}

#[tokio::test]
async fn each_refresh_gives_another_token_and_one_used_twice_puts_the_program_out() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let first = let_in(&house, &visit).await;
    let mut tokens = vec![first.refresh.clone()];
    let mut last = first;
    for _ in 0..10 {
        house.wait(15 * 60);
        last = refresh(&house, &last.refresh).await.unwrap();
        assert!(works(&house, &last.access).await);
        tokens.push(last.refresh.clone());
    }
    assert_eq!(house.identity().programs(visit.principal.account).unwrap().len(), 1);
    house.take_events();
    let reused = refresh(&house, &tokens[3]).await;
    assert!(matches!(reused, Err(OAuthError::InvalidGrant)));
    assert_eq!(house.take_events(), [Event::ProgramRevoked(last.program)]);
    assert!(!works(&house, &last.access).await);
    for token in tokens {
        assert!(refresh(&house, &token).await.is_err(), "the whole family ends");
    }
}

#[tokio::test]
async fn a_token_is_used_up_by_the_first_use_of_either_token_that_it_gave() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let identity = house.identity();
    for by_access in [true, false] {
        let issued = let_in(&house, &visit).await;
        let next = refresh(&house, &issued.refresh).await.unwrap();
        let last = if by_access {
            assert!(works(&house, &next.access).await);
            next
        } else {
            refresh(&house, &next.refresh).await.unwrap()
        };
        assert!(identity.introspect(&issued.refresh).unwrap().is_none());
        assert!(identity.introspect(&last.refresh).unwrap().is_some());
        house.take_events();
        assert!(matches!(refresh(&house, &issued.refresh).await, Err(OAuthError::InvalidGrant)), "{by_access}");
        assert_eq!(house.take_events(), [Event::ProgramRevoked(issued.program)]);
        assert!(!works(&house, &last.access).await && refresh(&house, &last.refresh).await.is_err(), "{by_access}");
    }
    // A login at the gateway is a use, too.
    let issued = let_in(&house, &visit).await;
    let next = refresh(&house, &issued.refresh).await.unwrap();
    identity.sign_in(Presented::Token(next.access), HERE).await.unwrap();
    assert!(refresh(&house, &issued.refresh).await.is_err());
}

#[tokio::test]
async fn where_the_answer_is_lost_the_program_asks_again_and_goes_on() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let issued = let_in(&house, &visit).await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        house.wait(15 * 60);
        answers.push(refresh(&house, &issued.refresh).await.unwrap());
        assert!(house.identity().introspect(&issued.refresh).unwrap().is_some());
    }
    let again =
        |entry: &serde_json::Value| entry["action"] == "program.refresh" && entry["details"]["again"].is_string();
    assert_eq!(house.audited().iter().filter(|entry| again(entry)).count(), 2, "it is written down");
    let arrived = answers.pop().unwrap();
    assert!(works(&house, &arrived.access).await && works(&house, &arrived.access).await);
    for lost in &answers {
        assert!(!works(&house, &lost.access).await, "what did not arrive opens nothing");
        assert!(house.identity().introspect(&lost.refresh).unwrap().is_none());
    }
    let last = refresh(&house, &arrived.refresh).await.unwrap();
    assert!(works(&house, &last.access).await);
    assert_eq!(house.identity().programs(visit.principal.account).unwrap().len(), 1);
    // An answer that turns up late is nobody's.
    assert!(matches!(refresh(&house, &answers[1].refresh).await, Err(OAuthError::InvalidGrant)));
    assert!(house.identity().programs(visit.principal.account).unwrap().is_empty());
}

#[tokio::test]
async fn a_token_is_not_asked_with_again_a_day_after_it_was_answered() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let issued = let_in(&house, &visit).await;
    let mut last = refresh(&house, &issued.refresh).await.unwrap();
    for _ in 0..2 {
        // Asking again does not make it longer.
        house.wait(DAY / 2 - 1);
        last = refresh(&house, &issued.refresh).await.unwrap();
    }
    house.wait(2);
    assert!(matches!(refresh(&house, &issued.refresh).await, Err(OAuthError::InvalidGrant)));
    assert!(refresh(&house, &last.refresh).await.is_err(), "the whole family ends");
    assert!(house.identity().programs(visit.principal.account).unwrap().is_empty());

    // What arrived, and was not used for a day, goes on.
    let visit = again(&house).await.0;
    let issued = let_in(&house, &visit).await;
    let next = refresh(&house, &issued.refresh).await.unwrap();
    house.wait(3 * DAY);
    assert!(works(&house, &refresh(&house, &next.refresh).await.unwrap().access).await);
}

#[tokio::test]
async fn of_those_who_refresh_at_once_one_goes_on_whichever_answer_it_took() {
    let house = House::build();
    let visit = signed_in(&house).await;
    for taken in 0..3 {
        let issued = let_in(&house, &visit).await;
        let outcomes = join_all((0..3).map(|_| refresh(&house, &issued.refresh))).await;
        let given: Vec<Issued> = outcomes.into_iter().map(Result::unwrap).collect();
        let next = refresh(&house, &given[taken].refresh).await.unwrap();
        assert!(works(&house, &next.access).await);
        for other in (0..3).filter(|one| *one != taken) {
            assert!(!works(&house, &given[other].access).await);
        }
        assert!(works(&house, &next.access).await, "an access token that ended puts nobody out");
        // Somebody else has the other answer, and comes with it: a thief, or the program is one's own.
        house.take_events();
        assert!(refresh(&house, &given[(taken + 1) % 3].refresh).await.is_err());
        assert_eq!(house.take_events(), [Event::ProgramRevoked(issued.program)]);
        assert!(!works(&house, &next.access).await);
    }
    // However many ask, the last of them are those that may have arrived.
    let issued = let_in(&house, &visit).await;
    let outcomes = join_all((0..9).map(|_| refresh(&house, &issued.refresh))).await;
    let given: Vec<Issued> = outcomes.into_iter().map(Result::unwrap).collect();
    assert!(works(&house, &issued.access).await, "the access token before goes on meanwhile");
    let identity = house.identity();
    let counts: Vec<&Issued> =
        given.iter().filter(|one| identity.introspect(&one.refresh).unwrap().is_some()).collect();
    assert_eq!(counts.len(), 3);
    assert!(works(&house, &counts[0].access).await);
}

#[tokio::test]
async fn a_thief_with_the_token_before_is_found_out_whoever_is_faster() {
    let house = House::build();
    let visit = signed_in(&house).await;
    for thief_is_faster in [true, false] {
        let issued = let_in(&house, &visit).await;
        let owners = refresh(&house, &issued.refresh).await.unwrap();
        let thiefs = refresh(&house, &issued.refresh).await.unwrap();
        let (first, second) = if thief_is_faster { (&thiefs, &owners) } else { (&owners, &thiefs) };
        assert!(works(&house, &first.access).await);
        assert!(!works(&house, &second.access).await, "so the second one refreshes");
        assert!(refresh(&house, &second.refresh).await.is_err());
        assert!(!works(&house, &first.access).await && refresh(&house, &first.refresh).await.is_err());
    }
}

#[tokio::test]
async fn a_program_ends_with_inactivity_and_with_any_change_of_the_account() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let account = visit.principal.account;
    let idle = let_in(&house, &visit).await;
    let visit = again(&house).await.0;
    let busy = let_in(&house, &visit).await;
    house.wait(20 * DAY);
    let busy = refresh(&house, &busy.refresh).await.unwrap();
    house.wait(10 * DAY);
    assert!(refresh(&house, &idle.refresh).await.is_err());
    let busy = refresh(&house, &busy.refresh).await.unwrap();
    let password = Secret::new(OTHER_PASSWORD);
    house.identity().set_password(&Actor::Console, account, password).await.unwrap();
    assert!(!works(&house, &busy.access).await && refresh(&house, &busy.refresh).await.is_err());
    house.identity().set_password(&Actor::Console, account, Secret::new(PASSWORD)).await.unwrap();
    let visit = again(&house).await.0;
    let issued = let_in(&house, &visit).await;
    house.identity().alter_account(&Actor::Console, account, Alteration::Disable).await.unwrap();
    house.identity().alter_account(&Actor::Console, account, Alteration::Enable).await.unwrap();
    assert!(!works(&house, &issued.access).await && refresh(&house, &issued.refresh).await.is_err());
}

#[tokio::test]
async fn a_device_is_let_in_by_the_code_on_its_screen() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let identity = house.identity();
    let begun = identity.begin_device_flow(CONNECTOR, Some("workstation.config"), &here()).await.unwrap();
    let from = here();
    let ask = || identity.exchange_device_code(CONNECTOR, &begun.device_code, None, &from);
    assert!(matches!(ask().await, Err(OAuthError::AuthorizationPending)));
    assert!(matches!(ask().await, Err(OAuthError::SlowDown)));
    let typed = begun.user_code.expose().to_lowercase().replace('-', " ");
    let request = identity.device_request(&visit, &typed).await.unwrap().unwrap();
    assert_eq!((request.client.id.as_str(), request.peer), (CONNECTOR, HERE));
    assert!(identity.answer_device(&visit, &typed, true).await.unwrap());
    assert!(!identity.answer_device(&visit, &typed, false).await.unwrap(), "the first answer counts");
    house.wait(10);
    let issued = ask().await.unwrap();
    assert_eq!(issued.scopes, Scopes::of([Scope::WorkstationConfig]));
    assert!(works(&house, &issued.access).await);
    house.wait(10);
    assert!(matches!(ask().await, Err(OAuthError::InvalidGrant)), "granted once");
}

#[tokio::test]
async fn a_device_flow_is_denied_expires_and_is_not_another_clients() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let identity = house.identity();
    let denied = identity.begin_device_flow(CONNECTOR, None, &here()).await.unwrap();
    assert!(identity.answer_device(&visit, denied.user_code.expose(), false).await.unwrap());
    let ask = |code: &Secret| {
        let (identity, code) = (identity.clone(), code.clone());
        async move { identity.exchange_device_code(CONNECTOR, &code, None, &here()).await }
    };
    assert!(matches!(ask(&denied.device_code).await, Err(OAuthError::AccessDenied)));
    let late = identity.begin_device_flow(CONNECTOR, None, &here()).await.unwrap();
    house.wait(15 * 60);
    assert!(identity.device_request(&visit, late.user_code.expose()).await.unwrap().is_none());
    assert!(matches!(ask(&late.device_code).await, Err(OAuthError::ExpiredToken)));
    let stranger = Secret::new(format!("ghv_{}", "0".repeat(43)));
    assert!(matches!(ask(&stranger).await, Err(OAuthError::InvalidGrant)));
    let pages = NewClient {
        name: name("Pages"),
        redirect_uris: vec!["https://pages.example.org/done".into()],
        device_flow: false,
        scopes: Scopes::sql(),
    };
    let pages = identity.add_client(&Actor::Console, pages).await.unwrap();
    let refused = identity.begin_device_flow(&pages.id, None, &here()).await;
    assert!(matches!(refused, Err(OAuthError::UnauthorizedClient)));
    let refused = identity.begin_device_flow(CONNECTOR, Some("admin.read"), &here()).await;
    assert!(matches!(refused, Err(OAuthError::InvalidScope)));
}

#[tokio::test]
async fn guessing_user_codes_is_slowed_down() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let begun = house.identity().begin_device_flow(CONNECTOR, None, &here()).await.unwrap();
    for _ in 0..5 {
        assert!(house.identity().device_request(&visit, "AAAA-AAAA").await.unwrap().is_none());
    }
    let held = house.identity().device_request(&visit, begun.user_code.expose()).await;
    assert!(matches!(held, Err(OAuthError::Throttled { .. })));
}

#[tokio::test]
async fn a_code_of_ones_own_forgives_no_guesses_at_those_of_others() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let begun = house.identity().begin_device_flow(CONNECTOR, None, &here()).await.unwrap();
    for _ in 0..4 {
        assert!(house.identity().device_request(&visit, "AAAA-AAAA").await.unwrap().is_none());
        assert!(house.identity().device_request(&visit, begun.user_code.expose()).await.unwrap().is_some());
    }
    assert!(house.identity().device_request(&visit, "AAAA-AAAA").await.unwrap().is_none());
    let held = house.identity().device_request(&visit, begun.user_code.expose()).await;
    assert!(matches!(held, Err(OAuthError::Throttled { .. })));
}

#[tokio::test]
async fn a_token_is_revoked_by_its_own_client_and_looked_at() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let identity = house.identity();
    let issued = let_in(&house, &visit).await;
    let seen = identity.introspect(&issued.access).unwrap().unwrap();
    assert_eq!((seen.username.as_str(), seen.client.as_deref()), ("ada", Some(CONNECTOR)));
    assert_eq!(seen.expires, Some(house.now().after(Duration::from_secs(15 * 60))));
    assert_eq!(identity.introspect(&issued.refresh).unwrap().unwrap().token_type, "refresh_token");
    assert!(matches!(identity.revoke_oauth_token("nobody", &issued.refresh).await, Err(OAuthError::InvalidClient)));
    let other = NewClient { name: name("Other"), redirect_uris: Vec::new(), device_flow: true, scopes: Scopes::sql() };
    let other = identity.add_client(&Actor::Console, other).await.unwrap();
    identity.revoke_oauth_token(&other.id, &issued.refresh).await.unwrap();
    assert!(works(&house, &issued.access).await, "another client's word counts nothing");
    identity.revoke_oauth_token(CONNECTOR, &issued.access).await.unwrap();
    assert!(!works(&house, &issued.access).await && identity.introspect(&issued.access).unwrap().is_none());
    let next = refresh(&house, &issued.refresh).await.unwrap();
    identity.revoke_oauth_token(CONNECTOR, &next.refresh).await.unwrap();
    assert!(!works(&house, &next.access).await && identity.introspect(&next.refresh).unwrap().is_none());
    for strange in ["", "ghr_", "x", &format!("gha_{}", "0".repeat(43))] {
        identity.revoke_oauth_token(CONNECTOR, &Secret::new(strange)).await.unwrap();
        assert!(identity.introspect(&Secret::new(strange)).unwrap().is_none());
    }
}

#[tokio::test]
async fn one_program_more_than_an_account_may_have_puts_out_the_one_used_least_lately_and_says_so() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let mut issued = Vec::new();
    for _ in 0..50 {
        issued.push(let_in(&house, &visit).await);
        house.wait(1);
    }
    let first = issued.remove(0);
    house.take_events();
    assert!(works(&house, &first.access).await);
    let last = let_in(&house, &visit).await;
    assert!(house.take_events().contains(&Event::ProgramRevoked(first.program)), "its sessions end");
    assert!(!works(&house, &first.access).await && works(&house, &last.access).await);
    assert!(works(&house, &issued[0].access).await);
    let audited = house.audited();
    let written = audited.iter().rfind(|entry| entry["action"] == "program.let-in").unwrap();
    assert_eq!(written["details"]["put_out"], first.program.to_string());
}

#[tokio::test]
async fn clients_are_registered_with_good_addresses_alone_and_lose_their_programs_when_they_go() {
    let house = House::build();
    let visit = signed_in(&house).await;
    let identity = house.identity();
    let new = |redirects: &[&str], device_flow, scopes| NewClient {
        name: name("Reports"),
        redirect_uris: redirects.iter().map(|one| (*one).to_owned()).collect(),
        device_flow,
        scopes,
    };
    for bad in [
        new(&["http://reports.example.org/"], true, Scopes::sql()),
        new(&["javascript:alert(1)"], true, Scopes::sql()),
        new(&["https://reports.example.org/", "https://*.example.org/"], true, Scopes::sql()),
    ] {
        let refused = identity.add_client(&Actor::Console, bad).await;
        assert!(matches!(refused, Err(IdentityError::Redirect { .. })));
    }
    let unreachable = identity.add_client(&Actor::Console, new(&[], false, Scopes::sql())).await;
    assert!(matches!(unreachable, Err(IdentityError::NoRedirect)));
    let nothing = identity.add_client(&Actor::Console, new(&[], true, Scopes::default())).await;
    assert!(matches!(nothing, Err(IdentityError::NoScope)));
    let client = identity.add_client(&Actor::Console, new(&[], true, Scopes::sql())).await.unwrap();
    assert_eq!(identity.clients().unwrap().iter().map(|c| c.id.clone()).collect::<Vec<_>>(), [CONNECTOR, &client.id]);
    let begun = identity.begin_device_flow(&client.id, None, &here()).await.unwrap();
    identity.answer_device(&visit, begun.user_code.expose(), true).await.unwrap();
    let issued = identity.exchange_device_code(&client.id, &begun.device_code, None, &here()).await.unwrap();
    for taken in ["REPORTS", "gatehouse connector"] {
        let taken = NewClient { name: name(taken), ..new(&[], true, Scopes::sql()) };
        let refused = identity.add_client(&Actor::Console, taken).await;
        assert!(matches!(refused, Err(IdentityError::NameTaken(_))), "nobody looks like another");
    }
    let other = let_in(&house, &visit).await;
    let late = identity.begin_device_flow(&client.id, None, &here()).await.unwrap();
    identity.answer_device(&visit, late.user_code.expose(), true).await.unwrap();
    house.take_events();
    identity.remove_client(&Actor::Console, "reports").await.unwrap();
    assert_eq!(house.take_events(), [Event::ProgramRevoked(issued.program)]);
    assert!(!works(&house, &issued.access).await && works(&house, &other.access).await);
    assert!(identity.refresh(&client.id, &issued.refresh, None, &here()).await.is_err());
    let late = identity.exchange_device_code(&client.id, &late.device_code, None, &here()).await;
    assert!(matches!(late, Err(OAuthError::InvalidClient)), "a yes from before lets nobody in");
    assert_eq!(identity.programs(visit.principal.account).unwrap().len(), 1);
    for built_in in [CONNECTOR, "Gatehouse Connector"] {
        let refused = identity.remove_client(&Actor::Console, built_in).await;
        assert!(matches!(refused, Err(IdentityError::BuiltIn(_))));
    }
    assert!(matches!(identity.remove_client(&Actor::Console, "nobody").await, Err(IdentityError::NoSuch { .. })));
}
