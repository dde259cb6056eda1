//! What a token is for: databases, the workstation's configuration, administration; and nothing else.

use std::time::Duration;

use gatehouse::audit::Actor;
use gatehouse::domain::{AccountId, Credential, Scope, Scopes, Secret};
use gatehouse::identity::{IdentityError, Presented, SignInError};

use crate::support::house::{HERE, House, THERE, name};

const HOUR: Duration = Duration::from_secs(3600);

async fn token(house: &House, account: AccountId, scopes: &[Scope]) -> Secret {
    let scopes = Scopes::of(scopes.iter().copied());
    house.identity().issue_token(&Actor::Console, account, "t".into(), scopes, HOUR).await.unwrap().1
}

#[tokio::test]
async fn a_token_is_for_its_scopes_alone() {
    let house = House::build();
    let ada = house.member("ada").await;
    for scope in Scope::ALL {
        let token = token(&house, ada.id, &[scope]).await;
        for needed in Scope::ALL {
            let outcome = house.identity().bearer(&token, needed, HERE).await;
            assert_eq!(outcome.is_ok(), scope == needed, "{scope} for {needed}");
            assert!(outcome.is_ok() || matches!(outcome, Err(SignInError::Scope)));
        }
        let gateway = house.identity().sign_in(Presented::Token(token.clone()), HERE).await;
        assert_eq!(gateway.is_ok(), scope == Scope::Sql, "{scope}");
        assert_eq!(house.sign_in("ada", token.expose()).await.is_ok(), scope == Scope::Sql, "{scope}");
    }
    let none = house.identity().issue_token(&Actor::Console, ada.id, "t".into(), Scopes::default(), HOUR).await;
    assert!(matches!(none, Err(IdentityError::NoScope)));
}

#[tokio::test]
async fn a_device_fetches_its_configuration_and_a_pass_or_a_cookie_does_not() {
    let house = House::build();
    let ada = house.member("ada").await;
    let (device, secret) = house.identity().add_device(&Actor::Console, name("desk-1"), ada.id).await.unwrap();
    let caller = house.identity().bearer(&secret, Scope::WorkstationConfig, HERE).await.unwrap();
    assert_eq!((caller.principal.account, caller.principal.credential), (ada.id, Credential::Device(device.id)));
    assert!(matches!(house.identity().bearer(&secret, Scope::AdminRead, HERE).await, Err(SignInError::Scope)));
    house.identity().bind_device(&Actor::Console, device.id, vec!["192.0.2.0/24".parse().unwrap()]).await.unwrap();
    let elsewhere = house.identity().bearer(&secret, Scope::WorkstationConfig, THERE).await;
    assert!(matches!(elsewhere, Err(SignInError::Address)));
    let (_, pass) = house.identity().issue_pass(&Actor::Console, ada.id, None, HOUR).await.unwrap();
    for strange in [pass.expose(), "", "Bearer x", &"x".repeat(9000), &format!("ghs_{}", "0".repeat(43))] {
        let outcome = house.identity().bearer(&Secret::new(strange), Scope::WorkstationConfig, THERE).await;
        assert!(matches!(outcome, Err(SignInError::Wrong | SignInError::Throttled { .. })), "{strange}");
    }
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_its_account() {
    let house = House::build();
    let ada = house.member("ada").await;
    let token = token(&house, ada.id, &[Scope::AdminRead]).await;
    assert!(house.identity().bearer(&token, Scope::AdminRead, HERE).await.is_ok());
    house.identity().alter_account(&Actor::Console, ada.id, gatehouse::identity::Alteration::Disable).await.unwrap();
    assert!(matches!(house.identity().bearer(&token, Scope::AdminRead, HERE).await, Err(SignInError::Disabled)));
    house.identity().alter_account(&Actor::Console, ada.id, gatehouse::identity::Alteration::Enable).await.unwrap();
    house.wait(3600);
    assert!(matches!(house.identity().bearer(&token, Scope::AdminRead, HERE).await, Err(SignInError::Expired)));
}

#[tokio::test]
async fn each_refused_bearer_is_in_the_audit_with_its_account_and_without_its_token() {
    let house = House::build();
    let ada = house.member("ada").await;
    let token = token(&house, ada.id, &[Scope::AdminRead]).await;
    let (device, bound) = house.identity().add_device(&Actor::Console, name("desk-1"), ada.id).await.unwrap();
    house.identity().bind_device(&Actor::Console, device.id, vec!["192.0.2.0/24".parse().unwrap()]).await.unwrap();
    let made_up = Secret::new(format!("ght_{}", "0".repeat(43)));
    let refused = async |secret: &Secret| {
        house.wait(60);
        house.identity().bearer(secret, Scope::WorkstationConfig, THERE).await.unwrap_err();
    };
    refused(&made_up).await;
    refused(&token).await;
    refused(&bound).await;
    house.identity().alter_account(&Actor::Console, ada.id, gatehouse::identity::Alteration::Disable).await.unwrap();
    house.wait(60);
    house.identity().bearer(&token, Scope::AdminRead, THERE).await.unwrap_err();
    house.identity().alter_account(&Actor::Console, ada.id, gatehouse::identity::Alteration::Enable).await.unwrap();
    house.wait(3600);
    for _ in 0..3 {
        house.identity().bearer(&token, Scope::AdminRead, THERE).await.unwrap_err();
    }
    let entries: Vec<_> = house.audited().into_iter().filter(|entry| entry["action"] == "api.sign-in").collect();
    let told = entries.iter().map(|entry| (entry["reason"].as_str().unwrap(), entry["actor"]["claimed"].as_str()));
    let expected = [
        ("wrong-secret", None),
        ("scope-missing", Some("ada")),
        ("address-not-allowed", Some("ada")),
        ("account-disabled", Some("ada")),
        ("expired", Some("ada")),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    for entry in &entries {
        assert_eq!((&entry["outcome"], &entry["peer"]), (&"refused".into(), &THERE.to_string().into()));
        for secret in [&made_up, &token, &bound] {
            assert!(!entry.to_string().contains(secret.expose()));
        }
    }
}
