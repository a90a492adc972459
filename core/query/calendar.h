// Civil dates of Unix times, UTC (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace narthex {

struct CivilDate {
    int64_t year;
    int64_t month;  // 1 to 12
    int64_t day;    // 1 to 31
};

inline int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

inline CivilDate civil_date(int64_t days_since_epoch) {
    int64_t z = days_since_epoch + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_index = (5 * day_of_year + 2) / 153;
    int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
    return {year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * month_index + 2) / 5 + 1};
}

inline bool leap_year(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

inline int64_t days_in_month(int64_t year, int64_t month) {
    constexpr int8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && leap_year(year) ? 29 : kDays[month - 1];
}

inline int64_t day_of_year(CivilDate d) {
    constexpr int16_t kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    return kBefore[d.month - 1] + d.day + (d.month > 2 && leap_year(d.year));
}

struct DayTime {
    int64_t days;     // since the epoch
    int64_t seconds;  // of that day
};

// Unix time to its day. As on the peers' machines, seconds are whole, what does not fit becomes the least
// integer, and days are counted from 1 March of the year -292277022400 in 64 bits without a sign: a time
// before that, NaN and infinities among them, wraps around to the year 292277026596.
inline DayTime day_time(double v) {
    constexpr int64_t kEpoch = 106'751'991'073'400;  // days from the start of the count
    int64_t whole = std::fabs(v) < 0x1p63 ? static_cast<int64_t>(v) : std::numeric_limits<int64_t>::min();
    uint64_t seconds = static_cast<uint64_t>(whole) + static_cast<uint64_t>(kEpoch) * 86400;
    return {static_cast<int64_t>(seconds / 86400) - kEpoch, static_cast<int64_t>(seconds % 86400)};
}

}  // namespace narthex
