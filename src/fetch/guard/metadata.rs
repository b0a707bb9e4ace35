//! The addresses of the clouds' metadata services, which hand out credentials to whoever asks from
//! within.
//!
//! Some of them are outside of every range that is refused anyway, and all of them should stay
//! refused when the network around them is let through. Only addresses that belong to the services
//! themselves are here; a name of one (`metadata.google.internal`) is judged by what it resolves to.

use std::net::IpAddr;

/// Whether `ip`, which is not IPv4-mapped, is a metadata service.
pub(super) fn is_metadata(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => matches!(
            ip.octets(),
            // AWS, Azure, Google, Oracle, OpenStack, DigitalOcean, Hetzner, IBM, Vultr and many more.
            [169, 254, 169, 254]
            // AWS: the credentials of ECS tasks and of EKS pods.
            | [169, 254, 170, 2 | 23]
            // Tencent, Scaleway.
            | [169, 254, 0, 23] | [169, 254, 42, 42]
            // Alibaba, in the space of carrier-grade NAT.
            | [100, 100, 100, 200]
            // Oracle Cloud Classic, in the space of protocol assignments.
            | [192, 0, 0, 192]
            // Azure's wire server, a public address.
            | [168, 63, 129, 16]
        ),
        IpAddr::V6(ip) => matches!(
            ip.segments(),
            // AWS: instances, and EKS pods.
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254 | 0x23]
            // Google.
            | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
            // Scaleway.
            | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42]
            // OpenStack.
            | [0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
        ),
    }
}
