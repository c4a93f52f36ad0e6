//! Where a destination may lie: on the internet, and in the networks that the operator lets it be in.
//! A name that leads elsewhere would have this server knock at doors that only it can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use thiserror::Error;

/// Networks that may be let in for one destination.
const NETWORKS_MAX: usize = 32;

/// What is no address of the internet at large, by the registries of special-purpose addresses (RFC 6890
/// and what came after it), and whether `allow_private` lets it in. Of IPv6 all is special that is not
/// 2000::/3. The first that fits counts.
const SPECIAL: [(IpNet, &str, bool); 34] = [
    (host_v4(100, 100, 100, 200), METADATA, false),
    (host_v4(168, 63, 129, 16), METADATA, false),
    (host_v6(0xfd00, 0xec2, 0x254), METADATA, false),
    (host_v6(0xfd20, 0xce, 0x254), METADATA, false),
    (v4(0, 0, 0, 0, 8), "no host's address", false),
    (v4(10, 0, 0, 0, 8), "a private address", true),
    (v4(100, 64, 0, 0, 10), "an address behind a carrier's NAT", true),
    (v4(127, 0, 0, 0, 8), "a loopback address", true),
    (v4(169, 254, 0, 0, 16), "a link-local address", false),
    (v4(172, 16, 0, 0, 12), "a private address", true),
    (v4(192, 0, 0, 0, 24), "a reserved address", false),
    (v4(192, 0, 2, 0, 24), "an address for documentation", false),
    (v4(192, 88, 99, 0, 24), "a relay's address", false),
    (v4(192, 168, 0, 0, 16), "a private address", true),
    (v4(198, 18, 0, 0, 15), "an address for benchmarks", false),
    (v4(198, 51, 100, 0, 24), "an address for documentation", false),
    (v4(203, 0, 113, 0, 24), "an address for documentation", false),
    (v4(224, 0, 0, 0, 4), "a multicast address", false),
    (v4(240, 0, 0, 0, 4), "a reserved address", false),
    (v6(0, 0, 0, 128), "no host's address", false),
    (LOOPBACK_V6, "a loopback address", true),
    (v6(0x64, 0xff9b, 1, 48), "an address of a local translator", false),
    (v6(0x2001, 0, 0, 32), "an address of a tunnel (Teredo)", false),
    (v6(0x2001, 0, 0, 23), "a reserved address", false),
    (v6(0x2001, 0xdb8, 0, 32), "an address for documentation", false),
    (v6(0x2002, 0, 0, 16), "an address of a tunnel (6to4)", false),
    (v6(0x3fff, 0, 0, 20), "an address for documentation", false),
    (v6(0xfc00, 0, 0, 7), "a unique local address", true),
    (v6(0xfe80, 0, 0, 10), "a link-local address", false),
    (v6(0xfec0, 0, 0, 10), "a site-local address", false),
    (v6(0xff00, 0, 0, 8), "a multicast address", false),
    (v6(0, 0, 0, 3), "a reserved address", false),
    (v6(0x4000, 0, 0, 2), "a reserved address", false),
    (v6(0x8000, 0, 0, 1), "a reserved address", false),
];
/// Where clouds hand out keys, beside the link-local addresses.
const METADATA: &str = "an address at which a cloud tells its secrets";
const LOOPBACK_V6: IpNet = IpNet::new_assert(IpAddr::V6(Ipv6Addr::LOCALHOST), 128);
/// Behind it lie the addresses of IPv4, through a translator (RFC 6052).
const TRANSLATED: IpNet = v6(0x64, 0xff9b, 0, 96);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix)
}

const fn host_v4(a: u8, b: u8, c: u8, d: u8) -> IpNet {
    v4(a, b, c, d, 32)
}

const fn host_v6(a: u16, b: u16, last: u16) -> IpNet {
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, last)), 128)
}

/// Which addresses a destination may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    private: bool,
    networks: Vec<IpNet>,
}

/// An address that a destination may not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{address} is {kind}, where nothing is sent: if that is meant, write {mend}")]
pub struct Barred {
    address: IpAddr,
    kind: &'static str,
    mend: String,
}

impl Reach {
    /// # Errors
    /// Which network is none.
    pub fn new(private: bool, networks: &[String]) -> Result<Self, String> {
        if networks.len() > NETWORKS_MAX {
            return Err(format!("`allow_networks` has at most {NETWORKS_MAX} entries"));
        }
        let parse = |text: &String| {
            text.parse::<IpNet>().map_err(|_| {
                format!("`allow_networks`: `{text}` is no network: write it as \"10.20.0.0/16\"")
            })
        };
        Ok(Self { private, networks: networks.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Whether something may be sent to an address.
    ///
    /// # Errors
    /// What kind of address it is, and how to allow it.
    pub fn admits(&self, address: IpAddr) -> Result<(), Barred> {
        let meant = meant(address);
        let Some((kind, private)) = special(meant) else { return Ok(()) };
        let named = |network: &IpNet| network.contains(&address) || network.contains(&meant);
        if (private && self.private) || self.networks.iter().any(named) {
            return Ok(());
        }
        let network = IpNet::from(meant);
        let by_name = format!("allow_networks = [\"{network}\"]");
        let mend = match private {
            true => format!("allow_private = true, or {by_name}"),
            false => by_name,
        };
        Err(Barred { address, kind, mend })
    }
}

/// Whose address it is, however it is written: IPv6 has forms for the addresses of IPv4.
fn meant(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) if TRANSLATED.contains(&IpAddr::V6(six)) => {
            let [.., a, b, c, d] = six.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        canonical => canonical,
    }
}

fn special(address: IpAddr) -> Option<(&'static str, bool)> {
    let found = SPECIAL.iter().find(|(network, ..)| network.contains(&address));
    found.map(|(_, kind, private)| (*kind, *private))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(reach: &Reach, address: &str) -> Result<(), String> {
        reach.admits(address.parse().unwrap()).map_err(|barred| barred.to_string())
    }

    #[test]
    fn the_internet_is_admitted_and_nothing_else() {
        let reach = Reach::default();
        let open = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860::8888",
            "2400::",
            "3ffe::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ];
        for address in open {
            assert_eq!(admits(&reach, address), Ok(()), "{address}");
        }
        let barred = [
            ("0.0.0.0", "no host's"),
            ("0.1.2.3", "no host's"),
            ("10.0.0.7", "private"),
            ("100.64.0.1", "carrier"),
            ("100.127.255.255", "carrier"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.8", "reserved"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "relay"),
            ("192.168.1.1", "private"),
            ("198.18.0.1", "benchmarks"),
            ("198.19.255.255", "benchmarks"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.9", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "reserved"),
            ("::", "no host's"),
            ("::1", "loopback"),
            ("::7", "reserved"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:10.0.0.7", "private"),
            ("::ffff:169.254.169.254", "link-local"),
            ("::10.0.0.7", "reserved"),
            ("64:ff9b::a00:7", "private"),
            ("64:ff9b:1::1", "translator"),
            ("100::1", "reserved"),
            ("2001::1", "Teredo"),
            ("2001:1::1", "reserved"),
            ("2001:db8::1", "documentation"),
            ("2002:a00:7::1", "6to4"),
            ("3fff::1", "documentation"),
            ("4000::1", "reserved"),
            ("5f00::1", "reserved"),
            ("8000::1", "reserved"),
            ("fc00::1", "unique local"),
            ("fdff::1", "unique local"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            ("ffff::1", "multicast"),
        ];
        for (address, kind) in barred {
            let said = admits(&reach, address).unwrap_err();
            assert!(said.contains(kind) && said.contains("allow_networks"), "{address}: {said}");
        }
    }

    #[test]
    fn what_is_private_is_let_in_by_one_word_and_the_rest_by_its_network() {
        let private = Reach::new(true, &[]).unwrap();
        for address in ["10.0.0.7", "127.0.0.1", "::1", "::ffff:127.0.0.1", "100.64.0.1", "fd00::1"]
        {
            assert_eq!(admits(&private, address), Ok(()), "{address}");
        }
        // Where clouds hand out keys, and what no platform can be at.
        for address in [
            "169.254.169.254",
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
            "168.63.129.16",
            "fe80::1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            let said = admits(&private, address).unwrap_err();
            assert!(!said.contains("allow_private"), "{said}");
        }
        let networks = ["10.20.0.0/16", "169.254.7.0/24", "fd00:1::/32"].map(str::to_owned);
        let named = Reach::new(false, &networks).unwrap();
        for address in ["10.20.255.1", "::ffff:10.20.0.1", "169.254.7.1", "fd00:1::9", "1.1.1.1"] {
            assert_eq!(admits(&named, address), Ok(()), "{address}");
        }
        for address in ["10.21.0.1", "169.254.8.1", "fd00:2::9", "127.0.0.1"] {
            assert!(admits(&named, address).is_err(), "{address}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        for text in ["10.0.0.7", "10.0.0.0/33", "market.example/8", ""] {
            let error = Reach::new(false, &[text.to_owned()]).unwrap_err();
            assert!(error.contains("is no network"), "{error}");
        }
        let many = vec!["10.0.0.0/8".to_owned(); NETWORKS_MAX + 1];
        assert!(Reach::new(false, &many).unwrap_err().contains("at most 32"));
    }
}
