//! The answer to a PRELOGIN (MS-TDS 2.2.6.5, 3.3.5.1): what drivers need to hear so that all of them encrypt all.

use crate::tds::prelogin::{Encryption, PreLogin};

/// Where TLS comes from on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// TDS 7.x: TLS follows, inside PRELOGIN packets.
    Tunnel,
    /// TDS 8.0: TLS came first; this PRELOGIN travels in it already.
    Strict,
}

/// What a driver's PRELOGIN is answered.
///
/// The instance always matches: drivers that hear otherwise look for another address. FEDAUTHREQUIRED is echoed where
/// it was asked about. MARS is granted as asked: the SQL Server, which is not known yet, has the last word.
pub(super) fn answer(asked: &PreLogin, transport: Transport) -> PreLogin {
    PreLogin {
        version: VERSION,
        encryption: Some(encryption(asked.encryption, transport)),
        instance: Some(vec![0]),
        mars: Some(asked.mars.unwrap_or(false)),
        fed_auth_required: asked.fed_auth_required,
        ..PreLogin::default()
    }
}

fn encryption(asked: Option<Encryption>, transport: Transport) -> Encryption {
    match (transport, asked) {
        // Drivers that cannot encrypt close by themselves when they hear that they have to, and say why.
        (Transport::Tunnel, Some(Encryption::On | Encryption::Required)) => Encryption::On,
        (Transport::Tunnel, _) => Encryption::Required,
        // Without meaning here, but some drivers still compare it with what they sent.
        (Transport::Strict, Some(Encryption::On | Encryption::Required)) => Encryption::On,
        (Transport::Strict, _) => Encryption::NotSupported,
    }
}

/// SQL Server 2022: the databases' own version is not known yet, and drivers refuse what looks too old.
const VERSION: [u8; 6] = [16, 0, 0x03, 0xE8, 0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(encryption: Encryption) -> PreLogin {
        PreLogin { version: [18, 6, 0, 2, 0, 0], encryption: Some(encryption), ..PreLogin::default() }
    }

    #[test]
    fn whatever_a_driver_asks_for_it_is_told_to_encrypt_everything() {
        for (asked, told) in [
            (Encryption::Off, Encryption::Required),
            (Encryption::On, Encryption::On),
            (Encryption::Required, Encryption::On),
            (Encryption::NotSupported, Encryption::Required),
            (Encryption::Other(0x80), Encryption::Required),
        ] {
            assert_eq!(answer(&asking(asked), Transport::Tunnel).encryption, Some(told), "{asked:?}");
        }
        assert_eq!(answer(&PreLogin::default(), Transport::Tunnel).encryption, Some(Encryption::Required));
    }

    #[test]
    fn a_strict_driver_that_expects_no_second_encryption_is_offered_none() {
        let told = answer(&asking(Encryption::NotSupported), Transport::Strict);
        assert_eq!(told.encryption, Some(Encryption::NotSupported));
    }

    #[test]
    fn the_instance_always_matches_and_nothing_is_answered_that_was_not_asked() {
        let asked =
            PreLogin { instance: Some(b"SQLEXPRESS\0".to_vec()), trace_id: Some([1; 36]), ..asking(Encryption::On) };
        let told = answer(&asked, Transport::Tunnel);
        assert_eq!(told.instance, Some(vec![0]));
        assert_eq!((told.trace_id, told.nonce, told.fed_auth_required, told.thread_id), (None, None, None, None));
        let told = answer(&PreLogin { fed_auth_required: Some(true), mars: Some(true), ..asked }, Transport::Tunnel);
        assert_eq!((told.fed_auth_required, told.mars), (Some(true), Some(true)));
    }
}
