//! `gatehouse admin account`.

use super::input::{NewPasswordSource, expiry};
use super::reach::Reach;
use super::show::{once, show, value};
use crate::admin::{AccountRequest, AdminRequest, AdminResponse, Expiry, SentSecret};
use crate::cli::output;
use crate::domain::{MailAddress, Name, Role};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make an account; its password is asked for unless an option says where it comes from
    Add {
        /// Its name
        name: Name,
        /// administrator, operator, auditor or member
        #[arg(long, default_value = "member")]
        role: Role,
        #[command(flatten)]
        password: NewPasswordSource,
        /// Without a password: it signs in by passes, devices and tokens
        #[arg(long, conflicts_with_all = ["password_stdin", "password_file", "generate"])]
        no_password: bool,
        /// Its password does not open the gateway; passes, devices and tokens do
        #[arg(long)]
        no_password_at_gateway: bool,
        /// The alias taken when a login names no database
        #[arg(long, value_name = "ALIAS")]
        default_database: Option<String>,
        /// When it ends, such as 2027-01-31T18:00:00Z
        #[arg(long, value_name = "TIME", value_parser = expiry)]
        expires: Option<Expiry>,
        /// Where its owner gets mail: links, when the password is forgotten
        #[arg(long, value_name = "ADDRESS")]
        mail: Option<MailAddress>,
    },
    /// List accounts
    List,
    /// Show an account
    Show {
        /// Its name or id
        account: String,
    },
    /// It may not sign in any more, and its sessions end at once
    Disable {
        /// Its name or id
        account: String,
    },
    /// It may sign in again
    Enable {
        /// Its name or id
        account: String,
    },
    /// Give it another password; its sessions end
    Password {
        /// Its name or id
        account: String,
        #[command(flatten)]
        password: NewPasswordSource,
    },
    /// Change its role, its default database, its end, or where its password counts
    Set {
        /// Its name or id
        account: String,
        /// administrator, operator, auditor or member
        #[arg(long)]
        role: Option<Role>,
        /// Whether its password opens the gateway
        #[arg(long, value_name = "true|false")]
        password_at_gateway: Option<bool>,
        /// The alias taken when a login names no database; empty for none
        #[arg(long, value_name = "ALIAS")]
        default_database: Option<String>,
        /// When it ends, such as 2027-01-31T18:00:00Z, or never
        #[arg(long, value_name = "TIME", value_parser = expiry)]
        expires: Option<Expiry>,
    },
    /// Give it another mail address; links that were sent to the former one count no more
    Mail {
        /// Its name or id
        account: String,
        /// Where its owner gets mail
        #[arg(required_unless_present = "none")]
        address: Option<MailAddress>,
        /// It has no mail address any more
        #[arg(long, conflicts_with = "address")]
        none: bool,
    },
    /// Make a link by which its owner chooses another password, once and within an hour
    ResetLink {
        /// Its name or id
        account: String,
    },
    /// Take its second factors and recovery codes away, and sign its browsers out
    RemoveFactors {
        /// Its name or id
        account: String,
    },
    /// Say whether it must have a second factor, whatever the setting says of its role
    RequireFactor {
        /// Its name or id
        account: String,
        /// Whether it must
        #[arg(action = clap::ArgAction::Set, value_name = "true|false")]
        required: bool,
    },
    /// Remove it, with its devices, passes, tokens and grants
    Remove {
        /// Its name or id
        account: String,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let (request, made) = self.request()?;
        let response = reach.ask(AdminRequest::Account(request))?;
        match made {
            Some(password) => show_with_password(&response, &password, json),
            None => show(&response, json),
        }
    }

    /// The request, and the password that was made for it, if one was.
    fn request(&self) -> anyhow::Result<(AccountRequest, Option<SentSecret>)> {
        let request = match self {
            Self::Add {
                name,
                role,
                password,
                no_password,
                no_password_at_gateway,
                default_database,
                expires,
                mail,
            } => {
                let chosen = if *no_password { None } else { Some(password.take("Password")?) };
                let made = chosen.as_ref().filter(|chosen| chosen.made).map(|chosen| SentSecret(chosen.secret.clone()));
                let request = AccountRequest::Add {
                    name: name.clone(),
                    role: *role,
                    password: chosen.map(|chosen| SentSecret(chosen.secret)),
                    password_at_gateway: !no_password_at_gateway,
                    default_database: default_database.clone(),
                    expires: expires.and_then(|expiry| match expiry {
                        Expiry::Never => None,
                        Expiry::At(when) => Some(when),
                    }),
                    mail: mail.clone(),
                };
                return Ok((request, made));
            }
            Self::Password { account, password } => {
                let chosen = password.take("New password")?;
                let made = chosen.made.then(|| SentSecret(chosen.secret.clone()));
                let password = SentSecret(chosen.secret);
                return Ok((AccountRequest::Password { account: account.clone(), password }, made));
            }
            Self::List => AccountRequest::List,
            Self::Show { account } => AccountRequest::Show(account.clone()),
            Self::Disable { account } => AccountRequest::Disable(account.clone()),
            Self::Enable { account } => AccountRequest::Enable(account.clone()),
            Self::Set { account, role, password_at_gateway, default_database, expires } => AccountRequest::Set {
                account: account.clone(),
                role: *role,
                password_at_gateway: *password_at_gateway,
                default_database: default_database.clone(),
                expires: *expires,
            },
            Self::Mail { account, address, .. } => {
                AccountRequest::Mail { account: account.clone(), mail: address.clone() }
            }
            Self::ResetLink { account } => AccountRequest::ResetLink(account.clone()),
            Self::RemoveFactors { account } => AccountRequest::RemoveFactors(account.clone()),
            Self::RequireFactor { account, required } => {
                AccountRequest::RequireFactor { account: account.clone(), required: *required }
            }
            Self::Remove { account } => AccountRequest::Remove(account.clone()),
        };
        Ok((request, None))
    }
}

fn show_with_password(response: &AdminResponse, password: &SentSecret, json: bool) -> anyhow::Result<()> {
    if !json {
        show(response, false)?;
        once("its password", password);
        return Ok(());
    }
    let mut account = value(response)?;
    if let Some(fields) = account.as_object_mut() {
        fields.insert("password".to_owned(), serde_json::to_value(password)?);
    }
    output::json(&account);
    Ok(())
}
