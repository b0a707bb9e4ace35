//! Ports that browsers block: what listens there is no web server, and a request with a chosen path and
//! chosen headers may be read as a command by what does (mail, FTP, IRC, printers, …).
//!
//! Data and a lookup. The list is the standard's, so that a crawl can reach what a browser can; the guard
//! applies it, and `fetch.allow_ports` takes ports out.

/// The "bad ports" of the Fetch standard (section "Port blocking"), ascending.
const BLOCKED: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// A port that is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("port {0} is one that browsers block")]
pub struct BlockedPort(pub u16);

/// Whether browsers block it.
pub fn is_blocked(port: u16) -> bool {
    BLOCKED.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_the_web_is_not_on_it() {
        assert!(BLOCKED.is_sorted());
        for port in [80, 81, 443, 3000, 5000, 8000, 8080, 8443, 8888, 9090, 65535] {
            assert!(!is_blocked(port), "{port}");
        }
        for port in [0, 22, 25, 6665, 6669, 10080] {
            assert!(is_blocked(port), "{port}");
        }
    }
}
