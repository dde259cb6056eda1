//! `gatehouse discover`: look for an appliance from a workstation. Exit code 0 if one was found that is believed.

use std::sync::Arc;

use anyhow::Context as _;

use super::output;
use crate::connector::discovery::{Fetcher, Found, Outcome, Search, SystemLookup, discover};
use crate::platform::{SystemClock, SystemResolver};
use crate::tls::anchor::{grouped, parse_fingerprint};

#[derive(Debug, clap::Args)]
pub(super) struct Discover {
    /// The appliance's URL or host, where it is known: then it is looked at, and nothing else
    url: Option<String>,
    /// A domain to search in; may be given several times [default: those of this machine]
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Ask around in the local network, too, by multicast DNS
    #[arg(long)]
    multicast: bool,
    /// The SHA-256 of the appliance's own authority, as its administrator tells it
    #[arg(long, value_name = "SHA-256")]
    fingerprint: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Discover {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let fingerprint = self
            .fingerprint
            .as_deref()
            .map(|text| parse_fingerprint(text).with_context(|| format!("{text:?} is not a SHA-256 in hexadecimal")));
        let search = Search {
            given: self.url.clone(),
            domains: self.domains.clone(),
            multicast: self.multicast,
            fingerprint: fingerprint.transpose()?,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let outcome = runtime.block_on(async {
            // Made where a runtime is: the resolver asks on it.
            let (lookup, fetcher) = (SystemLookup::new(), Fetcher::new(Arc::new(SystemResolver::new())));
            discover(&search, &lookup, &fetcher, &*SystemClock::new()).await
        });
        // A look-up that hangs in the system's resolver is not waited for.
        runtime.shutdown_background();
        if self.json {
            output::json(&as_json(&outcome));
        } else {
            outcome.tried.iter().for_each(|tried| output::note(format_args!("not {}: {}", tried.what, tried.why)));
            outcome.found.iter().for_each(show);
        }
        let found = outcome.found.context("no appliance was found")?;
        anyhow::ensure!(found.ground.is_given(), "an appliance was found, and is not to be believed yet");
        Ok(())
    }
}

/// Whether an appliance that was found may be connected to. One that only the network speaks for is named, and a person asked;
/// where there is nobody to ask, it is refused.
pub(super) fn agree(found: &Found, ask: Option<impl FnOnce(&str) -> anyhow::Result<bool>>) -> anyhow::Result<()> {
    let (url, ground) = (found.candidate.advert.url(), &found.ground);
    anyhow::ensure!(ground.is_given(), "{url}: {ground}");
    if !ground.is_networks_word() {
        return Ok(());
    }
    let ask = ask.with_context(|| {
        format!("{url} was found ({ground}), and there is no terminal to ask whether it is meant: give its URL, or --fingerprint")
    })?;
    let question = format!("{url} was found: {ground}. Is that the appliance that is meant?");
    anyhow::ensure!(ask(&question)?, "not connected to {url}: give the URL of the one that is meant");
    Ok(())
}

fn show(found: &Found) {
    let appliance = &found.document.appliance;
    output::line(format_args!("url          {}", found.candidate.advert.url()));
    output::line(format_args!("found        {}", found.candidate.how));
    output::line(format_args!("appliance    {:?}, {}", appliance.name, appliance.id));
    output::line(format_args!("ground       {}", found.ground));
    if let Some(authority) = &found.document.authority {
        output::line(format_args!("authority    SHA-256 {}", grouped(&authority.sha256)));
    }
    compared(found).iter().for_each(output::note);
}

/// What the fingerprint that was announced is worth beside the one of the document; nothing where there are not both. A document
/// names no authority while its certificate is another's: ACME's, a company's.
fn compared(found: &Found) -> Option<String> {
    let announced = found.candidate.advert.authority_sha256.as_ref()?;
    let own = found.document.authority.as_ref()?;
    Some(match *announced == own.sha256 {
        true => "the fingerprint in the DNS is the same; that proves as much as your DNS does".to_owned(),
        false => format!("the DNS names another authority: SHA-256 {}", grouped(announced)),
    })
}

fn as_json(outcome: &Outcome) -> serde_json::Value {
    let tried: Vec<_> =
        outcome.tried.iter().map(|one| serde_json::json!({ "what": one.what, "why": one.why })).collect();
    let found = outcome.found.as_ref().map(|found| {
        serde_json::json!({
            "url": found.candidate.advert.url(),
            "how": found.candidate.how.to_string(),
            "believed": found.ground.is_given(),
            "ground": found.ground.to_string(),
            "announced_sha256": found.candidate.advert.authority_sha256,
            "document": found.document,
        })
    });
    serde_json::json!({ "found": found, "tried": tried })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::discovery::{Candidate, Ground, How};
    use crate::workstation::dns::Advert;
    use crate::workstation::documents::Discovery;

    fn found(ground: Ground) -> Found {
        let advert = Advert { host: "sql.corp.example".into(), port: 443, authority_sha256: None };
        let candidate = Candidate { how: How::Dns("corp.example".into()), advert };
        Found { candidate, document: Discovery::new("1", "Contoso", None), ground, authority: None }
    }

    #[test]
    fn an_announced_fingerprint_is_compared_where_the_document_names_an_authority() {
        let (one, two) = ("ab".repeat(32), "cd".repeat(32));
        let told = |announced: Option<&String>, own: Option<&String>| {
            let mut found = found(Ground::System);
            found.candidate.advert.authority_sha256 = announced.cloned();
            found.document = Discovery::new("1", "Contoso", own.map(String::as_str));
            compared(&found)
        };
        assert!(told(Some(&one), Some(&one)).unwrap().contains("is the same"));
        assert!(told(Some(&one), Some(&two)).unwrap().contains("another authority"));
        // A certificate of ACME or of a company.
        assert_eq!((told(Some(&one), None), told(None, Some(&one)), told(None, None)), (None, None, None));
    }

    #[test]
    fn what_only_the_network_speaks_for_is_connected_to_when_a_person_says_so() {
        let searched = found(Ground::Searched("corp.example".into()));
        let says = |answer| {
            Some(move |question: &str| {
                assert!(question.contains("https://sql.corp.example") && question.contains("DHCP"), "{question}");
                Ok(answer)
            })
        };
        let nobody = None::<fn(&str) -> anyhow::Result<bool>>;
        agree(&searched, says(true)).unwrap();
        assert!(agree(&searched, says(false)).unwrap_err().to_string().contains("not connected"));
        let refused = agree(&searched, nobody).unwrap_err().to_string();
        assert!(refused.contains("https://sql.corp.example") && refused.contains("--fingerprint"), "{refused}");
        // What was given needs no more words, and what is not believed is not made so by any.
        agree(&found(Ground::System), nobody).unwrap();
        agree(&found(Ground::Fingerprint), nobody).unwrap();
        assert!(agree(&found(Ground::Nothing("why".into())), says(true)).is_err());
    }
}
