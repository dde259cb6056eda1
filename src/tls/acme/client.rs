//! By which authorities the directory's own HTTPS is believed.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::error::AcmeError;
use crate::platform::Pool;
use crate::tls::policy;

/// The TLS settings for asking the directory: with the given root alone; else with the operating system's; else, where it has none (a small
/// container), with the browsers'. Read anew for each order, so that a root that was added counts without a restart.
pub(super) async fn client(root_file: Option<&Path>, pool: &Pool) -> Result<Arc<ClientConfig>, AcmeError> {
    let root_file = root_file.map(Path::to_owned);
    let read = pool.run(move || roots(root_file.as_deref())).await;
    let roots = read.map_err(|error| AcmeError::Library(error.to_string()))??;
    let config = ClientConfig::builder_with_provider(policy::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| AcmeError::Library(error.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, AcmeError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        return Ok(roots);
    };
    let unusable = |reason: String| AcmeError::RootFile { path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let given: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let given = given.map_err(|_| unusable("it is not in PEM form".to_owned()))?;
    for certificate in given {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}
