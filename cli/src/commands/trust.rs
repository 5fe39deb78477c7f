//! `trust add|lock|list`: the keys that the loaded kernel module trusts.

use crate::args::Trust;
use crate::error::Result;
use crate::kernel::{explain, open, text};
use crate::output::emit;
use crate::sign::read_cert;
use crate::signer::{Identity, described};
use serde_json::{Value, json};
use std::fmt;

/// Does one of the three.
pub fn run(args: &Trust, json: bool) -> Result<()> {
    match args {
        Trust::Add { certs } => {
            // All are read before any is added.
            let certs: Vec<_> = certs.iter().map(|c| read_cert(c)).collect::<Result<_>>()?;
            let device = open()?;
            let mut added = Vec::new();
            for cert in &certs {
                let identity = Identity::of(cert)?;
                device.trust_add(&cert.to_der()?).map_err(|e| explain(e).context(&identity))?;
                added.push(identity);
            }
            let values: Vec<_> = added.iter().map(Identity::value).collect();
            emit(json, &json!({ "trusted": values }), || added.iter().map(|i| format!("trusted: {i}\n")).collect())
        }
        Trust::Lock => {
            open()?.trust_lock().map_err(explain)?;
            emit(json, &json!({ "locked": true }), || {
                "locked: no key can be added until the module is loaded anew\n".into()
            })
        }
        Trust::List => {
            let device = open()?;
            let keys = device.trust_list().map_err(explain)?;
            let keys: Vec<_> = keys.iter().map(|k| Listed::of(&k.description)).collect();
            let locked = device.info().map_err(explain)?.trust_locked != 0;
            let values: Vec<_> = keys.iter().map(Listed::value).collect();
            emit(json, &json!({ "keys": values, "locked": locked }), || {
                let state = if locked { "locked" } else { "open: `wasmkc trust lock` closes it" };
                let lines: String = keys.iter().map(|k| format!("{k}\n")).collect();
                format!("{lines}trusted keys: {}, {state}\n", keys.len())
            })
        }
    }
}

/// A key as the kernel describes it.
struct Listed {
    description: String,
    room: usize,
}

impl Listed {
    fn of(field: &[u8]) -> Self {
        Self { description: text(field), room: field.len() }
    }

    fn parts(&self) -> Option<(&str, &str)> {
        described(&self.description, self.room)
    }

    fn value(&self) -> Value {
        let (name, key_id) = self.parts().unzip();
        json!({ "description": self.description, "name": name, "key_id": key_id })
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Some((name, id)) => write!(f, "{name}, key id {id}"),
            None => f.write_str(&self.description),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_key_has_the_id_that_its_certificate_shows() {
        let signer = crate::sign::generate("Filters of example.org", 1).unwrap();
        let identity = Identity::of(signer.cert()).unwrap();
        // x509_key_preparse() of the kernel makes "common name: subject key identifier".
        let mut field = [0; 128];
        let description = format!("Filters of example.org: {}", identity.key_id);
        field[..description.len()].copy_from_slice(description.as_bytes());
        let listed = Listed::of(&field);
        assert_eq!(listed.to_string(), identity.to_string().replace("CN=", "").replace(", id ", ", key id "));
        assert_eq!(listed.value()["key_id"], identity.value()["id"]);
    }
}
