//! Days of the calendar, in the time zone of the user.

use std::time::Duration;

use jiff::{SignedDuration, ZonedDateTime};

use crate::dialog::question::Date;

/// The day on which a time from now ends.
pub(super) fn day_after(time: Duration) -> Date {
    let now = ZonedDateTime::now();
    let then = SignedDuration::try_from(time).ok().and_then(|time| now.checked_add(time).ok());
    let day = then.unwrap_or(now).date();
    Date {
        year: day.year().into(),
        month: day.month().unsigned_abs(),
        day: day.day().unsigned_abs(),
    }
}
