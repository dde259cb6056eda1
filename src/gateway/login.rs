//! LOGIN7: read whole within its limit, and sorted: who, through what, to which database (MS-TDS 2.2.6.4, 3.3.5.5).

use tokio::io::AsyncRead;
use zeroize::Zeroize as _;

use super::refusal::Refusal;
use crate::identity::Presented;
use crate::tds::login7::{FeatureId, FedAuth, FedAuthLibrary, OptionFlags2, OptionFlags3};
use crate::tds::{Login7, PacketType};
use crate::wire::{PacketReader, WireError};

/// A login that may be tried.
#[derive(Debug)]
pub(super) struct Wish {
    /// The login as it came, with the password taken out of it.
    pub login: Login7,
    /// What to sign in with.
    pub presented: Presented,
    /// Whether that came as a FEDAUTH token.
    pub fed_auth: bool,
}

/// Why there is no login to try.
#[derive(Debug)]
pub(super) enum NoLogin {
    /// The workstation closed.
    Gone,
    /// What it sent is refused.
    Refused(Refusal),
}

/// Reads the login message and closes off what cannot be granted.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S, limit: usize) -> Result<Login7, NoLogin> {
    let mut reader = PacketReader::new(stream);
    let mut message = match reader.read_message(limit).await {
        Ok(Some(message)) => message,
        Ok(None) => return Err(NoLogin::Gone),
        Err(WireError::MessageSize(limit)) => return Err(NoLogin::Refused(Refusal::TooLarge { limit })),
        Err(error) if error.is_hang_up() => return Err(NoLogin::Gone),
        Err(_) => return Err(NoLogin::Refused(Refusal::Malformed)),
    };
    let login = match message.kind == PacketType::Login7 as u8 {
        true => Login7::decode(&message.payload).ok(),
        false => None,
    };
    message.payload.zeroize();
    login.filter(names_fit).ok_or(NoLogin::Refused(Refusal::Malformed))
}

/// What a login says of itself is logged, audited, listed and kept with its session: each text within the 128 characters
/// that SQL Server and all drivers allow (MS-TDS 2.2.6.4). Its secrets are only bounded by the message.
fn names_fit(login: &Login7) -> bool {
    let Login7 { user_name, host_name, app_name, server_name, library, language, database, .. } = login;
    let texts = [user_name, host_name, app_name, server_name, library, language, database];
    texts.iter().all(|text| text.encode_utf16().count() <= LONGEST_NAME)
}

const LONGEST_NAME: usize = 128;

/// Sorts a login: what is presented, or why it is refused.
pub(super) fn sort(mut login: Login7) -> Result<Wish, Refusal> {
    let user = || login.user_name.clone();
    if login.options2.contains(OptionFlags2::INTEGRATED) || !login.sspi.is_empty() {
        return Err(Refusal::Integrated);
    }
    if login.options3.contains(OptionFlags3::CHANGE_PASSWORD) {
        return Err(Refusal::ChangePassword { user: user() });
    }
    if login.options3.contains(OptionFlags3::USER_INSTANCE) || !login.attach_db_file.is_empty() {
        return Err(Refusal::AttachFile);
    }
    let token = login.features.iter().find(|feature| feature.id == FeatureId::FED_AUTH);
    let (presented, fed_auth) = match token.map(|feature| FedAuth::decode(&feature.data)) {
        None => {
            let secret = std::mem::replace(&mut login.password, String::new().into());
            (Presented::Password { name: login.user_name.clone(), secret }, false)
        }
        Some(Ok(FedAuth { library: FedAuthLibrary::SecurityToken, token: Some(token), .. })) => {
            (Presented::Token(token), true)
        }
        Some(Ok(_)) => return Err(Refusal::FederatedFlow),
        Some(Err(_)) => return Err(Refusal::Malformed),
    };
    for feature in login.features.iter_mut().filter(|feature| feature.id == FeatureId::FED_AUTH) {
        feature.data.zeroize();
    }
    Ok(Wish { login, presented, fed_auth })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;
    use crate::tds::login7::Feature;

    fn login() -> Login7 {
        Login7 { user_name: "ada".into(), password: Secret::new("correct horse"), ..Login7::default() }
    }

    fn with_token(library: FedAuthLibrary, token: Option<Secret>) -> Login7 {
        let fed_auth = FedAuth { library, echo: true, token, nonce: None, workflow: None };
        Login7 { features: vec![fed_auth.encode().unwrap()], ..Login7::default() }
    }

    #[test]
    fn a_password_leaves_the_login_when_it_is_presented() {
        let wish = sort(login()).unwrap();
        let Presented::Password { name, secret } = wish.presented else { panic!() };
        assert_eq!((name.as_str(), secret.expose()), ("ada", "correct horse"));
        assert!(wish.login.password.is_empty() && !wish.fed_auth);
    }

    #[test]
    fn a_security_token_is_presented_as_it_is_and_wiped_from_the_login() {
        let wish = sort(with_token(FedAuthLibrary::SecurityToken, Some(Secret::new("ght_abc")))).unwrap();
        assert!(matches!(wish.presented, Presented::Token(token) if token.expose() == "ght_abc"));
        assert!(wish.fed_auth && wish.login.features.iter().all(|feature| feature.data.is_empty()));
    }

    #[test]
    fn what_is_not_granted_is_refused_by_name() {
        let mut integrated = login();
        integrated.options2.set(OptionFlags2::INTEGRATED, true);
        assert_eq!(sort(integrated).unwrap_err(), Refusal::Integrated);
        assert_eq!(sort(Login7 { sspi: vec![1], ..login() }).unwrap_err(), Refusal::Integrated);
        let mut change = login();
        change.options3.set(OptionFlags3::CHANGE_PASSWORD, true);
        assert_eq!(sort(change).unwrap_err(), Refusal::ChangePassword { user: "ada".into() });
        let mut instance = login();
        instance.options3.set(OptionFlags3::USER_INSTANCE, true);
        assert_eq!(sort(instance).unwrap_err(), Refusal::AttachFile);
        assert_eq!(sort(Login7 { attach_db_file: "x.mdf".into(), ..login() }).unwrap_err(), Refusal::AttachFile);
        assert_eq!(sort(with_token(FedAuthLibrary::Adal, None)).unwrap_err(), Refusal::FederatedFlow);
        let garbage = Feature { id: FeatureId::FED_AUTH, data: vec![] };
        assert_eq!(sort(Login7 { features: vec![garbage], ..login() }).unwrap_err(), Refusal::Malformed);
    }
}
