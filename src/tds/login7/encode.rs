//! Writing a LOGIN7 payload, laid out in the order of Microsoft's drivers: texts as in the fixed part, features last.

use super::{Login7, OptionFlags3, feature, obscure};
use crate::{
    domain::Secret,
    tds::{
        EncodeError,
        cursor::{Put as _, utf16_len},
    },
};

impl Login7 {
    /// The login's payload.
    ///
    /// Before TDS 7.2 the wire has no room for `change_password`, which is left out then.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let start = self.tds_version.login_fixed_len();
        let is_long = start > 86;
        let is_extended = !self.features.is_empty();
        let mut layout = Layout { fixed: Vec::new(), data: Vec::new(), start };

        layout.text("host name", &self.host_name)?;
        layout.text("user name", &self.user_name)?;
        layout.secret("password", &self.password)?;
        layout.text("application name", &self.app_name)?;
        layout.text("server name", &self.server_name)?;
        let pointer_at = layout.data.len();
        layout.bytes("feature offset", if is_extended { &[0; 4] } else { &[] })?;
        layout.text("library name", &self.library)?;
        layout.text("language", &self.language)?;
        layout.text("database name", &self.database)?;
        layout.fixed.put(&self.client_id);
        let sspi_long = layout.sspi(&self.sspi, is_long)?;
        layout.text("database file", &self.attach_db_file)?;
        if is_long {
            layout.secret("new password", &self.change_password)?;
            layout.fixed.put_u32(sspi_long);
        }
        let Layout { fixed, mut data, .. } = layout;
        if is_extended {
            let offset = u32::try_from(start + data.len()).map_err(|_| EncodeError::TooLong("LOGIN7"))?;
            if let Some(pointer) = data.get_mut(pointer_at..pointer_at + 4) {
                pointer.copy_from_slice(&offset.to_le_bytes());
            }
            feature::encode_features(&self.features, &mut data);
        }

        let length = u32::try_from(start + data.len()).map_err(|_| EncodeError::TooLong("LOGIN7"))?;
        let mut options3 = self.options3;
        options3.set(OptionFlags3::EXTENSION, is_extended);
        let mut payload = Vec::with_capacity(start + data.len());
        payload.put_u32(length);
        payload.put_u32(self.tds_version.0);
        payload.put_u32(self.packet_size);
        payload.put_u32(self.client_program_version);
        payload.put_u32(self.client_pid);
        payload.put_u32(self.connection_id);
        payload.put(&[self.options1.0, self.options2.0, self.type_flags.0, options3.0]);
        payload.put_u32(self.client_time_zone.cast_unsigned());
        payload.put_u32(self.client_lcid);
        payload.put(&fixed);
        payload.put(&data);
        Ok(payload)
    }
}

/// The offsets and lengths so far, and the data that they speak of.
struct Layout {
    fixed: Vec<u8>,
    data: Vec<u8>,
    start: usize,
}

impl Layout {
    fn field(&mut self, name: &'static str, length: usize) -> Result<(), EncodeError> {
        let too_long = |_| EncodeError::TooLong(name);
        // What is empty needs no place, and may come after data that no offset reaches over.
        let offset = u16::try_from(self.start + self.data.len());
        self.fixed.put_u16(if length == 0 { offset.unwrap_or(0) } else { offset.map_err(too_long)? });
        self.fixed.put_u16(u16::try_from(length).map_err(too_long)?);
        Ok(())
    }

    fn text(&mut self, name: &'static str, text: &str) -> Result<(), EncodeError> {
        self.field(name, utf16_len(text))?;
        self.data.put_text(text);
        Ok(())
    }

    fn secret(&mut self, name: &'static str, secret: &Secret) -> Result<(), EncodeError> {
        self.field(name, utf16_len(secret.expose()))?;
        for [low, high] in secret.expose().encode_utf16().map(u16::to_le_bytes) {
            self.data.put(&[obscure(low), obscure(high)]);
        }
        Ok(())
    }

    fn bytes(&mut self, name: &'static str, bytes: &[u8]) -> Result<(), EncodeError> {
        self.field(name, bytes.len())?;
        self.data.put(bytes);
        Ok(())
    }

    /// Places the SSPI data; what it gives back goes where the long length goes.
    fn sspi(&mut self, sspi: &[u8], is_long: bool) -> Result<u32, EncodeError> {
        let too_long = EncodeError::TooLong("SSPI data");
        if sspi.len() < 0xFFFF {
            self.bytes("SSPI data", sspi)?;
            return Ok(0);
        }
        if !is_long {
            return Err(too_long);
        }
        self.field("SSPI data", 0xFFFF)?;
        self.data.put(sspi);
        u32::try_from(sspi.len()).map_err(|_| too_long)
    }
}
