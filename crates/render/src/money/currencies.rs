//! ISO 4217: which currencies there are, and how many digits stand behind the point of an amount.

/// Currencies that people pay with, by the digits of their smallest unit.
const KNOWN: [(u32, &str); 4] = [
    (
        2,
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF \
         CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
         IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN \
         MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS \
         SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (
        0,
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// The digits behind the point of a currency, by its code in upper case.
pub(super) fn digits(code: &str) -> Option<u32> {
    let has = |codes: &str| codes.split(' ').any(|known| known == code);
    let found = KNOWN.iter().find(|(_, codes)| has(codes));
    found.map(|(digits, _)| *digits)
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, digits};

    #[test]
    fn every_code_is_three_letters_and_known_once() {
        let mut codes: Vec<&str> = KNOWN
            .iter()
            .flat_map(|(_, codes)| codes.split(' '))
            .collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert!(
            codes
                .iter()
                .all(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        );
        assert_eq!(
            ["EUR", "JPY", "KWD", "CLF", "XXX", "eur", ""].map(digits),
            [Some(2), Some(0), Some(3), Some(4), None, None, None]
        );
    }
}
