//! Accounts and groups: names, the last administrator, circles; and that nothing changes without the audit knowing.

use std::time::Duration;

use gatehouse::audit::{Actor, verify};
use gatehouse::domain::{Event, MailAddress, Role, Scopes, Secret};
use gatehouse::identity::password::PasswordError;
use gatehouse::identity::web::{Begun, Origin, Step};
use gatehouse::identity::{Alteration, IdentityError, Member, NewAccount};

use crate::support::house::{House, PASSWORD, is_wrong, name, nobody};

const CONSOLE: Actor = Actor::Console;

#[tokio::test]
async fn a_name_belongs_to_one_account_or_device_whatever_its_case() {
    let house = House::build();
    let ada = house.member("Ada").await;
    let again = house.identity().add_account(&CONSOLE, NewAccount::member(name("ADA"))).await;
    assert!(matches!(again, Err(IdentityError::NameTaken(_))));
    let device = house.identity().add_device(&CONSOLE, name("ada"), ada.id).await;
    assert!(matches!(device, Err(IdentityError::NameTaken(_))));
    house.identity().add_device(&CONSOLE, name("desk"), ada.id).await.unwrap();
    let taken = house.identity().add_account(&CONSOLE, NewAccount::member(name("Desk"))).await;
    assert!(matches!(taken, Err(IdentityError::NameTaken(_))));
    house.identity().remove_account(&CONSOLE, ada.id).await.unwrap();
    house.member("desk").await;
    house.member("ada").await;
}

#[tokio::test]
async fn an_account_is_found_by_its_name_and_by_its_id() {
    let house = House::build();
    let ada = house.member("ada").await;
    assert_eq!(house.identity().account("ADA").unwrap().id, ada.id);
    assert_eq!(house.identity().account(&ada.id.to_string()).unwrap().id, ada.id);
    assert!(matches!(house.identity().account("eve"), Err(IdentityError::NoSuch { kind: "account", .. })));
}

#[tokio::test]
async fn a_weak_password_is_refused_and_nothing_is_kept_or_recorded() {
    let house = House::build();
    let weak = [
        ("short", PasswordError::TooShort),
        ("qwertyuiopasdf", PasswordError::Common),
        ("ghp_abcdefghijk", PasswordError::LikeGenerated),
    ];
    for (password, why) in weak {
        let new = NewAccount { password: Some(Secret::new(password)), ..NewAccount::member(name("ada")) };
        let outcome = house.identity().add_account(&CONSOLE, new).await;
        assert!(matches!(outcome, Err(IdentityError::Password(error)) if error == why), "{password}");
    }
    assert!(house.identity().accounts().unwrap().is_empty());
    assert!(house.audited().is_empty());
}

#[tokio::test]
async fn the_last_administrator_cannot_be_disabled_demoted_given_an_end_or_removed() {
    let house = House::build();
    let root = house.account("root", Role::Administrator).await;
    let end = house.now().after(Duration::from_secs(60));
    for alteration in [Alteration::Disable, Alteration::Role(Role::Member), Alteration::Expires(Some(end))] {
        let outcome = house.identity().alter_account(&CONSOLE, root.id, alteration.clone()).await;
        assert!(matches!(outcome, Err(IdentityError::LastAdministrator)), "{alteration:?}");
    }
    let removed = house.identity().remove_account(&CONSOLE, root.id).await;
    assert!(matches!(removed, Err(IdentityError::LastAdministrator)));
    let kept = house.identity().account("root").unwrap();
    assert!(kept.enabled && kept.role == Role::Administrator && kept.expires.is_none());

    let second = house.account("second", Role::Administrator).await;
    house.identity().alter_account(&CONSOLE, root.id, Alteration::Disable).await.unwrap();
    let outcome = house.identity().remove_account(&CONSOLE, second.id).await;
    assert!(matches!(outcome, Err(IdentityError::LastAdministrator)), "a disabled one does not count");
    house.identity().remove_account(&CONSOLE, root.id).await.unwrap();
}

#[tokio::test]
async fn two_administrators_who_remove_each_other_at_once_leave_one() {
    let house = House::build();
    let (a, b) = (house.account("a", Role::Administrator).await, house.account("b", Role::Administrator).await);
    let (first, second) =
        tokio::join!(house.identity().remove_account(&CONSOLE, a.id), house.identity().remove_account(&CONSOLE, b.id));
    assert!(first.is_ok() != second.is_ok());
    assert_eq!(house.identity().accounts().unwrap().len(), 1);
}

#[tokio::test]
async fn each_change_is_published_once_it_is_made_and_recorded_with_who_made_it() {
    let house = House::build();
    let root = house.account("root", Role::Administrator).await;
    let actor = house.actor(&root);
    let ada = house.member("ada").await;
    let identity = house.identity();
    house.take_events();
    identity.alter_account(&actor, ada.id, Alteration::Disable).await.unwrap();
    identity.alter_account(&actor, ada.id, Alteration::Enable).await.unwrap();
    identity.set_password(&actor, ada.id, Secret::new("another lantern quarry")).await.unwrap();
    let group = house.group("sales").await;
    identity.add_member(&actor, group, Member::Account(ada.id)).await.unwrap();
    identity.remove_member(&actor, group, Member::Account(ada.id)).await.unwrap();
    identity.remove_group(&actor, group).await.unwrap();
    identity.remove_account(&actor, ada.id).await.unwrap();
    let changed = Event::AccountChanged(ada.id);
    let expected = [
        changed.clone(),
        changed.clone(),
        changed,
        Event::GroupChanged(group),
        Event::GroupChanged(group),
        Event::GroupRemoved(group),
        Event::AccountRemoved(ada.id),
    ];
    assert_eq!(house.take_events(), expected);
    let actions = [
        "account.add",
        "account.add",
        "account.disable",
        "account.enable",
        "account.password",
        "group.add",
        "group.add-member",
        "group.remove-member",
        "group.remove",
        "account.remove",
    ];
    assert_eq!(house.audited_actions(), actions);
    let disabled = &house.audited()[2];
    assert_eq!((&disabled["actor"]["name"], &disabled["subject"]), (&"root".into(), &"ada".into()));
    assert_eq!(disabled["outcome"], "done");
    assert!(verify(&house.folder.path().join("data/audit")).is_ok());
}

#[tokio::test]
async fn what_changes_nothing_ends_nothing_is_not_published_and_is_recorded_as_asked_for() {
    let house = House::build();
    let ada = house.member("ada").await;
    let mail: MailAddress = "ada@corp.example".parse().unwrap();
    house.mail("ada", mail.as_str()).await;
    let link = house.identity().issue_reset_link(&CONSOLE, ada.id).await.unwrap().0;
    let (principal, begun) = (house.principal("ada").await, browser(&house).await);
    let before = house.identity().account("ada").unwrap();
    house.take_events();
    let as_it_is = [
        (Alteration::Enable, "account.enable"),
        (Alteration::Role(Role::Member), "account.role"),
        (Alteration::PasswordAtGateway(true), "account.password-at-gateway"),
        (Alteration::Expires(None), "account.expires"),
        (Alteration::DefaultDatabase(None), "account.default-database"),
        (Alteration::Mail(Some(mail)), "account.mail"),
    ];
    for (alteration, action) in as_it_is {
        let account = house.identity().alter_account(&CONSOLE, ada.id, alteration.clone()).await.unwrap();
        assert_eq!(account, before, "{alteration:?}");
        let recorded = house.audited().pop().unwrap();
        assert_eq!((&recorded["action"], &recorded["details"]["change"]), (&action.into(), &"none".into()));
    }
    assert_eq!(house.identity().account("ada").unwrap(), before);
    assert!(house.identity().still_valid(&principal) && is_in(&house, &begun).await);
    assert!(house.take_events().is_empty());
    house.identity().reset_password(&link, Secret::new("another lantern quarry"), &there()).await.unwrap();
}

#[tokio::test]
async fn what_gives_more_ends_nothing_and_what_takes_away_ends_whatever_is_signed_in() {
    let house = House::build();
    let ada = house.member("ada").await;
    let in_days = |days: u64| Some(house.now().after(Duration::from_secs(days * 24 * 3600)));
    let steps = [
        (Alteration::Mail(Some("ada@corp.example".parse().unwrap())), true),
        (Alteration::Expires(in_days(7)), false),
        (Alteration::Expires(in_days(9)), true),
        (Alteration::Expires(in_days(8)), false),
        (Alteration::Expires(None), true),
        // A higher role has rules of its own for who is signed in.
        (Alteration::Role(Role::Operator), false),
        (Alteration::Role(Role::Member), false),
        (Alteration::Disable, false),
    ];
    for (alteration, goes_on) in steps {
        let (principal, begun) = (house.principal("ada").await, browser(&house).await);
        house.identity().alter_account(&CONSOLE, ada.id, alteration.clone()).await.unwrap();
        assert_eq!(house.identity().still_valid(&principal), goes_on, "{alteration:?}");
        assert_eq!(is_in(&house, &begun).await, goes_on, "{alteration:?}");
        if matches!(alteration, Alteration::Disable) {
            house.identity().alter_account(&CONSOLE, ada.id, Alteration::Enable).await.unwrap();
            assert!(!house.identity().still_valid(&principal), "what a disabled account had does not come back");
        }
    }
    let begun = browser(&house).await;
    house.identity().alter_account(&CONSOLE, ada.id, Alteration::PasswordAtGateway(false)).await.unwrap();
    assert!(!is_in(&house, &begun).await);
    let begun = browser(&house).await;
    house.identity().alter_account(&CONSOLE, ada.id, Alteration::PasswordAtGateway(true)).await.unwrap();
    assert!(is_in(&house, &begun).await);
}

#[tokio::test]
async fn what_ended_with_its_account_s_time_does_not_begin_again_when_there_is_more_time() {
    let house = House::build();
    let ada = house.member("ada").await;
    let end = house.now().after(Duration::from_secs(60));
    house.identity().alter_account(&CONSOLE, ada.id, Alteration::Expires(Some(end))).await.unwrap();
    let (principal, begun) = (house.principal("ada").await, browser(&house).await);
    house.wait(60);
    assert!(!house.identity().still_valid(&principal) && !is_in(&house, &begun).await);
    house.identity().alter_account(&CONSOLE, ada.id, Alteration::Expires(None)).await.unwrap();
    assert!(!house.identity().still_valid(&principal) && !is_in(&house, &begun).await);
    assert!(is_in(&house, &browser(&house).await).await);
}

#[tokio::test]
async fn when_the_audit_cannot_be_written_nothing_changes_and_nothing_is_published() {
    let house = House::build();
    let ada = house.member("ada").await;
    house.principal("ada").await;
    house.take_events();
    let audit = house.folder.path().join("data/audit");
    let aside = house.folder.path().join("audit aside");
    std::fs::rename(&audit, &aside).unwrap();
    std::fs::write(&audit, "in the way").unwrap();

    let outcome = house.identity().alter_account(&CONSOLE, ada.id, Alteration::Disable).await;
    assert!(matches!(outcome, Err(IdentityError::Audit(_))), "{outcome:?}");
    let added = house.identity().add_account(&CONSOLE, NewAccount::member(name("bob"))).await;
    assert!(matches!(added, Err(IdentityError::Audit(_))));
    let issued = house.identity().issue_pass(&CONSOLE, ada.id, None, Duration::from_secs(3600)).await;
    assert!(matches!(issued, Err(IdentityError::Audit(_))));
    assert!(house.identity().account("ada").unwrap().enabled);
    assert!(house.identity().account("bob").is_err());
    assert!(house.identity().passes().unwrap().is_empty());
    assert!(house.take_events().is_empty());

    std::fs::remove_file(&audit).unwrap();
    std::fs::rename(&aside, &audit).unwrap();
    house.identity().alter_account(&CONSOLE, ada.id, Alteration::Disable).await.unwrap();
    assert_eq!(house.audited_actions(), ["account.add", "account.disable"]);
}

#[tokio::test]
async fn a_group_cannot_contain_itself_however_long_the_way() {
    let house = House::build();
    let identity = house.identity();
    let mut chain = Vec::new();
    for n in 0..20 {
        chain.push(house.group(&format!("g{n}")).await);
    }
    for pair in chain.windows(2) {
        identity.add_member(&CONSOLE, pair[0], Member::Group(pair[1])).await.unwrap();
    }
    for inner in [chain[0], chain[7]] {
        let circle = identity.add_member(&CONSOLE, chain[19], Member::Group(inner)).await;
        assert!(matches!(circle, Err(IdentityError::Cycle)));
    }
    let itself = identity.add_member(&CONSOLE, chain[3], Member::Group(chain[3])).await;
    assert!(matches!(itself, Err(IdentityError::Cycle)));
    let ada = house.member("ada").await;
    identity.add_member(&CONSOLE, chain[19], Member::Account(ada.id)).await.unwrap();
    assert_eq!(identity.groups_of(ada.id).unwrap().len(), 20);
    identity.remove_group(&CONSOLE, chain[10]).await.unwrap();
    assert_eq!(identity.groups_of(ada.id).unwrap().len(), 9);
}

#[tokio::test]
async fn a_membership_is_made_once_and_only_between_what_is_there() {
    let house = House::build();
    let (ada, group) = (house.member("ada").await, house.group("sales").await);
    let identity = house.identity();
    let not_yet = identity.remove_member(&CONSOLE, group, Member::Account(ada.id)).await;
    assert!(matches!(not_yet, Err(IdentityError::Membership { is_member: false })));
    identity.add_member(&CONSOLE, group, Member::Account(ada.id)).await.unwrap();
    let again = identity.add_member(&CONSOLE, group, Member::Account(ada.id)).await;
    assert!(matches!(again, Err(IdentityError::Membership { is_member: true })));
    let ghost = identity.add_member(&CONSOLE, group, Member::Account(nobody())).await;
    assert!(matches!(ghost, Err(IdentityError::NoSuch { kind: "account", .. })));
    identity.remove_account(&CONSOLE, ada.id).await.unwrap();
    assert!(identity.members(group).unwrap().is_empty());
}

#[tokio::test]
async fn who_may_not_sign_in_gets_no_devices_passes_or_tokens() {
    let house = House::build();
    let ada = house.member("ada").await;
    let hour = Duration::from_secs(3600);
    house.identity().alter_account(&CONSOLE, ada.id, Alteration::Disable).await.unwrap();
    let device = house.identity().add_device(&CONSOLE, name("desk"), ada.id).await;
    let pass = house.identity().issue_pass(&CONSOLE, ada.id, None, hour).await;
    let token = house.identity().issue_token(&CONSOLE, ada.id, String::new(), Scopes::sql(), hour).await;
    assert!(matches!(device, Err(IdentityError::NotActive)));
    assert!(matches!(pass, Err(IdentityError::NotActive)));
    assert!(matches!(token, Err(IdentityError::NotActive)));
}

#[tokio::test]
async fn a_pass_lives_a_minute_to_seven_days_and_for_a_device_of_the_same_account_only() {
    let house = House::build();
    let (ada, bob) = (house.member("ada").await, house.member("bob").await);
    for seconds in [0, 59, 7 * 24 * 3600 + 1] {
        let outcome = house.identity().issue_pass(&CONSOLE, ada.id, None, Duration::from_secs(seconds)).await;
        assert!(matches!(outcome, Err(IdentityError::Lifetime(_))), "{seconds}");
    }
    let (desk, _) = house.identity().add_device(&CONSOLE, name("desk"), bob.id).await.unwrap();
    let foreign = house.identity().issue_pass(&CONSOLE, ada.id, Some(desk.id), Duration::from_secs(60)).await;
    assert!(matches!(foreign, Err(IdentityError::NoSuch { .. })));
}

#[tokio::test]
async fn what_the_store_holds_contains_no_password_and_no_generated_secret() {
    let house = House::build();
    let ada = house.member("ada").await;
    let hour = Duration::from_secs(3600);
    let (_, device) = house.identity().add_device(&CONSOLE, name("desk"), ada.id).await.unwrap();
    let (_, pass) = house.identity().issue_pass(&CONSOLE, ada.id, None, hour).await.unwrap();
    let (_, token) = house.identity().issue_token(&CONSOLE, ada.id, String::new(), Scopes::sql(), hour).await.unwrap();
    house.sign_in("ada", PASSWORD).await.unwrap();
    assert!(is_wrong(&house.sign_in("ada", "wrong and still secret").await));
    let secrets = [PASSWORD, device.expose(), pass.expose(), token.expose(), "wrong and still secret"];
    let mut looked_at = 0;
    for entry in walkdir::WalkDir::new(house.folder.path()) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            looked_at += 1;
            let bytes = std::fs::read(entry.path()).unwrap();
            for secret in secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds a secret", entry.path().display());
            }
        }
    }
    assert!(looked_at > 3);
}

fn there() -> Origin {
    Origin::new([192, 0, 2, 7].into(), "Firefox")
}

async fn browser(house: &House) -> Begun {
    let Step::Done(begun) = house.web_sign_in("ada", PASSWORD, &there()).await.unwrap() else {
        panic!("another stage")
    };
    begun
}

async fn is_in(house: &House, begun: &Begun) -> bool {
    house.identity().visit(&begun.cookie, &there()).await.unwrap().is_some()
}
