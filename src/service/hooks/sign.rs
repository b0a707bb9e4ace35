//! How a receiver knows that it is us: the headers of the Standard Webhooks (version 1, symmetric). Pure.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use uuid::Uuid;

use crate::{clock::Timestamp, config::HookSecret};

/// The header fields of one attempt to tell `body`: id, time in seconds, and the signature of both and the body.
pub(super) fn fields(secret: &HookSecret, id: &str, at: Timestamp, body: &str) -> HeaderMap {
    let seconds = (at.0 / 1_000_000).to_string();
    let signature = signature(secret, id, &seconds, body);
    let named =
        [("webhook-id", id), ("webhook-timestamp", seconds.as_str()), ("webhook-signature", signature.as_str())];
    let field = |(name, value): (&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("ids, numbers and Base64 are ASCII"))
    };
    named.map(field).into_iter().collect()
}

fn signature(secret: &HookSecret, id: &str, seconds: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("HMAC takes keys of any length");
    for part in [id, ".", seconds, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// As receivers see it.
pub(super) fn id(event: Uuid) -> String {
    event.as_hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_standard_signs() {
        // The vector of the Standard Webhooks' own libraries.
        let secret = HookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = fields(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            Timestamp(1_614_265_330_999_999),
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(signed["webhook-timestamp"], "1614265330");
        assert_eq!(signed["webhook-id"], "msg_p5jXN8AQM9LWM0D4loKWxJek");
    }

    #[test]
    fn whatever_is_changed_changes_the_signature() {
        let secret = |n: u8| HookSecret::of(&[n; 32]).unwrap();
        let usual = signature(&secret(1), "a", "1", "x");
        let others = [
            signature(&secret(2), "a", "1", "x"),
            signature(&secret(1), "b", "1", "x"),
            signature(&secret(1), "a", "2", "x"),
            signature(&secret(1), "a", "1", "y"),
        ];
        assert!(others.iter().all(|other| *other != usual));
    }
}
