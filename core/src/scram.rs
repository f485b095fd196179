//! What is kept of a user's password in its place (SCRAM, RFC 5802 and RFC 7677), as Kafka's `ScramFormatter` makes it.
//!
//! ```text
//! password ──salt, iterations──▶ salted password ──▶ client key ──▶ stored key
//!                                               └──▶ server key
//! ```
//!
//! Whoever knows the password salts it; whoever keeps the credential never sees it.

use alloc::vec::Vec;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

/// The hash that credentials are of (`org.apache.kafka.clients.admin.ScramMechanism`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScramMechanism {
    /// `SCRAM-SHA-256`.
    Sha256,
    /// `SCRAM-SHA-512`.
    Sha512,
}

impl ScramMechanism {
    /// All, by number.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];
    /// The fewest iterations that are taken.
    pub const MIN_ITERATIONS: i32 = 4096;
    /// The most iterations that are taken.
    pub const MAX_ITERATIONS: i32 = 16_384;

    /// Its number on the wire and in records.
    pub const fn code(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    /// The mechanism of this number.
    pub fn from_code(code: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.code() == code)
    }

    /// Its name as SASL knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// Its name as Java's constants have it.
    pub const fn constant(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM_SHA_256",
            Self::Sha512 => "SCRAM_SHA_512",
        }
    }

    /// The mechanism of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// What a server tells that a client knows the password by.
    pub fn stored_key(self, salted_password: &[u8]) -> Vec<u8> {
        let client_key = Keyed::new(self, salted_password).mac(&[b"Client Key"]);
        match self {
            Self::Sha256 => Sha256::digest(client_key).to_vec(),
            Self::Sha512 => Sha512::digest(client_key).to_vec(),
        }
    }

    /// What a server shows with that it knows the credential.
    pub fn server_key(self, salted_password: &[u8]) -> Vec<u8> {
        Keyed::new(self, salted_password).mac(&[b"Server Key"])
    }
}

/// HMAC with a key.
#[derive(Clone, Debug)]
enum Keyed {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Keyed {
    fn new(mechanism: ScramMechanism, key: &[u8]) -> Self {
        // A key that is longer than a block is hashed: none is of a wrong length.
        fn keyed<M: KeyInit>(key: &[u8]) -> M {
            M::new_from_slice(key).unwrap_or_else(|_| M::new(&hmac::digest::Key::<M>::default()))
        }
        match mechanism {
            ScramMechanism::Sha256 => Self::Sha256(keyed(key)),
            ScramMechanism::Sha512 => Self::Sha512(keyed(key)),
        }
    }

    fn mac(&self, parts: &[&[u8]]) -> Vec<u8> {
        fn of<M: Mac + Clone>(keyed: &M, parts: &[&[u8]]) -> Vec<u8> {
            let mut mac = keyed.clone();
            for part in parts {
                mac.update(part);
            }
            mac.finalize().into_bytes().to_vec()
        }
        match self {
            Self::Sha256(keyed) => of(keyed, parts),
            Self::Sha512(keyed) => of(keyed, parts),
        }
    }
}

/// A password on its way to be salted (`Hi` of RFC 5802, PBKDF2 with one block). In steps: who asks for a billion iterations
/// shall not hold up everybody else.
#[derive(Clone, Debug)]
pub struct Salting {
    keyed: Keyed,
    last: Vec<u8>,
    salted: Vec<u8>,
    left: u32,
}

impl Salting {
    /// Begins; the first of the iterations is done.
    pub fn new(mechanism: ScramMechanism, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let keyed = Keyed::new(mechanism, password);
        let first = keyed.mac(&[salt, &1_u32.to_be_bytes()]);
        Self { keyed, last: first.clone(), salted: first, left: iterations.saturating_sub(1) }
    }

    /// Does some more iterations, at most so many: the salted password once none is left.
    pub fn step(&mut self, iterations: u32) -> Option<Vec<u8>> {
        let now = self.left.min(iterations);
        for _ in 0..now {
            self.last = self.keyed.mac(&[&self.last]);
            self.salted.iter_mut().zip(&self.last).for_each(|(byte, other)| *byte ^= other);
        }
        self.left -= now;
        (self.left == 0).then(|| self.salted.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn hex(bytes: &[u8]) -> String {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    fn salted(mechanism: ScramMechanism, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        Salting::new(mechanism, password, salt, iterations).step(u32::MAX).expect("all at once")
    }

    #[test]
    fn salted_passwords_are_those_of_pbkdf2() {
        for (mechanism, password, salt, iterations, expect) in [
            (
                ScramMechanism::Sha256,
                "password",
                "salt",
                1,
                "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b",
            ),
            (
                ScramMechanism::Sha256,
                "password",
                "salt",
                4096,
                "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a",
            ),
            (
                ScramMechanism::Sha512,
                "password",
                "salt",
                4096,
                "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5",
            ),
        ] {
            assert_eq!(hex(&salted(mechanism, password.as_bytes(), salt.as_bytes(), iterations)), expect);
        }
    }

    #[test]
    fn steps_add_up() {
        let mut salting = Salting::new(ScramMechanism::Sha512, b"secret", b"salt", 10);
        assert_eq!((salting.step(4), salting.step(4)), (None, None));
        assert_eq!(salting.step(4), Some(salted(ScramMechanism::Sha512, b"secret", b"salt", 10)));
    }

    /// The example of RFC 7677: user `user`, password `pencil`. A client's proof is its key, hidden by a signature with
    /// the stored key; a server's signature is made with the server key.
    #[test]
    fn keys_prove_what_the_rfc_proves() {
        let mechanism = ScramMechanism::Sha256;
        let salt = *b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
        let password = salted(mechanism, b"pencil", &salt, 4096);
        let message = b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let server = Keyed::new(mechanism, &mechanism.server_key(&password)).mac(&[message]);
        assert_eq!(hex(&server), "eabae24d1062db75a9451ff0b6ea7e98c8546549ff741e672d3251b2397de46e");
        let proof = *b"\x74\x7c\xdb\x65\xaa\x56\x22\x4e\x23\x52\x13\x7e\x52\xd7\xbd\xca\
            \xd6\xa0\xf7\x38\xdf\x30\x78\x2c\xaa\x69\xa2\xcf\xb0\x27\x75\x54";
        let stored_key = mechanism.stored_key(&password);
        let signature = Keyed::new(mechanism, &stored_key).mac(&[message]);
        let client_key: Vec<u8> = signature.iter().zip(proof).map(|(one, other)| one ^ other).collect();
        assert_eq!(Sha256::digest(client_key).to_vec(), stored_key);
    }

    #[test]
    fn mechanisms_have_kafkas_numbers() {
        for (code, name) in [(1, "SCRAM-SHA-256"), (2, "SCRAM-SHA-512")] {
            let mechanism = ScramMechanism::from_code(code).unwrap();
            assert_eq!((mechanism.code(), mechanism.name()), (code, name));
            assert_eq!(ScramMechanism::from_name(name), Some(mechanism));
        }
        assert_eq!((ScramMechanism::from_code(0), ScramMechanism::from_name("SCRAM-SHA-1")), (None, None));
    }
}
