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

// Whole seconds towards zero; what does not fit becomes the least integer, as on the peers' machines.
inline int64_t whole_seconds(double v) {
    return std::fabs(v) < 0x1p63 ? static_cast<int64_t>(v) : std::numeric_limits<int64_t>::min();
}

}  // namespace narthex
