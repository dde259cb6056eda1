//! What is printed for a programmer's eyes shows no secret.

use gatehouse::admin::{AccountRequest, AdminRequest, GrantRequest, GranteeName, SentSecret};
use gatehouse::app::control::ControlRequest;
use gatehouse::audit::SigningKey;
use gatehouse::domain::{AccessLevel, Name, Role, Secret, Timestamp};
use gatehouse::estate::SqlLogin;
use gatehouse::identity::Presented;
use gatehouse::tds::login7::{Feature, FeatureId, Login7};

use super::traces::find;

const CANARY: &str = "canary-correct-horse-4711";

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let secret = || Secret::new(CANARY);
    let name = Name::parse("ada").unwrap();
    let account = AdminRequest::Account(AccountRequest::Add {
        name: name.clone(),
        role: Role::Member,
        password: Some(SentSecret(secret())),
        password_at_gateway: true,
        default_database: None,
        expires: None,
        mail: None,
    });
    let grant = AdminRequest::Grant(GrantRequest::Add {
        grantee: GranteeName::Account("ada".to_owned()),
        database: "sales".to_owned(),
        access: AccessLevel::Read,
        login: "login".to_owned(),
        password: SentSecret(secret()),
        check: false,
    });
    let login = Login7 {
        user_name: "ada".to_owned(),
        password: secret(),
        change_password: secret(),
        features: vec![Feature { id: FeatureId::FED_AUTH, data: CANARY.as_bytes().to_vec() }],
        ..Login7::default()
    };
    let root = gatehouse::tls::Root::create("canary", Timestamp::from_millis(0)).unwrap();
    let root_key = root.key_pem();
    let printed = [
        format!("{:?} {:#?}", secret(), Some(secret())),
        format!("{:?}", Presented::Password { name: "ada".to_owned(), secret: secret() }),
        format!("{:?}", Presented::Token(secret())),
        format!("{:?}", SqlLogin { user: CANARY.to_owned(), password: secret() }),
        format!("{login:?} {login:#?}"),
        format!("{account:?} {:?}", ControlRequest::Admin(Box::new(account.clone()))),
        format!("{grant:#?}"),
        format!("{:?}", SigningKey::new(b"canary-correct-horse-4711-------")),
        format!("{root:?}"),
    ];
    let key_line = root_key.expose().lines().nth(1).unwrap();
    for text in printed {
        assert_eq!(find(text.as_bytes(), &[CANARY, key_line]), Vec::<String>::new());
    }
}
