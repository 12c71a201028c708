//! localtime_r.

use crate::local_time::LocalTime;
use std::mem;

pub(crate) fn at(unix_s: i64) -> Option<LocalTime> {
    let seconds: libc::time_t = unix_s;
    // SAFETY: all-zero is a valid tm: numbers and a null pointer.
    let mut local: libc::tm = unsafe { mem::zeroed() };
    // SAFETY: both pointers are valid for the call, which keeps neither.
    let filled = unsafe { libc::localtime_r(&seconds, &mut local) };
    if filled.is_null() {
        return None;
    }
    Some(LocalTime {
        year: i64::from(local.tm_year) + 1900,
        month: u8::try_from(local.tm_mon + 1).ok()?,
        day: u8::try_from(local.tm_mday).ok()?,
        hour: u8::try_from(local.tm_hour).ok()?,
        minute: u8::try_from(local.tm_min).ok()?,
        second: u8::try_from(local.tm_sec).ok()?,
        weekday: u8::try_from(local.tm_wday).ok()?,
        ahead_of_utc_s: i32::try_from(local.tm_gmtoff).ok()?,
    })
}
