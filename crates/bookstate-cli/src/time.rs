//! Times as people read them: where they are, with the zone named, to the second. JSON and logs have UTC.

use bookstate_domain::Timestamp;
use jiff::tz::TimeZone;

/// A time in the zone of this machine.
pub(crate) fn local(at: Timestamp) -> String {
    in_zone(at, TimeZone::system())
}

fn in_zone(at: Timestamp, zone: TimeZone) -> String {
    // What is written of a time is what another reads: both are of the same standard.
    match at.to_string().parse::<jiff::Timestamp>() {
        Ok(at) => at.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_local_and_says_of_which_zone() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let summer = Timestamp::from_nanos(1_751_328_000_500_000_000);
        assert_eq!(in_zone(summer, zone.clone()), "2025-07-01 02:00:00 CEST");
        assert_eq!(in_zone(Timestamp::from_nanos(0), zone), "1970-01-01 01:00:00 CET");
        assert_eq!(in_zone(summer, TimeZone::UTC), "2025-07-01 00:00:00 UTC");
    }
}
